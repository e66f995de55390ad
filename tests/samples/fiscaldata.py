"""Good bodies of the source ``fiscaldata``: a page of each table, as its contract has them, all values as text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from tests.samples import sample

API = "https://api.fiscaldata.treasury.gov/services/api/fiscal_service/"
PATHS = {
    "debt_to_penny": "v2/accounting/od/debt_to_penny",
    "avg_interest_rates": "v2/accounting/od/avg_interest_rates",
    "interest_expense": "v2/accounting/od/interest_expense",
    "mspd_table_1": "v1/debt/mspd/mspd_table_1",
    "operating_cash_balance": "v1/accounting/dts/operating_cash_balance",
    "rates_of_exchange": "v1/accounting/od/rates_of_exchange",
    "upcoming_auctions": "v1/accounting/od/upcoming_auctions",
}
CASH = {"open_month_bal": "700000", "open_fiscal_year_bal": "600000", "table_nbr": "I", "src_line_nbr": "1"}
ROWS: dict[str, list[dict[str, str]]] = {
    "debt_to_penny": [
        {
            "record_date": "2024-03-28", "debt_held_public_amt": "27461043170170.93", "intragov_hold_amt": "7115426240046.84",
            "tot_pub_debt_out_amt": "34576469410217.77", "src_line_nbr": "1", "record_fiscal_year": "2024",
        },
        {
            "record_date": "1993-04-01", "debt_held_public_amt": "null", "intragov_hold_amt": "null",
            "tot_pub_debt_out_amt": "4225873987843.44", "src_line_nbr": "1",
        },
    ],
    "avg_interest_rates": [
        {"record_date": "2024-02-29", "security_type_desc": "Marketable", "security_desc": "Treasury Bills", "avg_interest_rate_amt": "5.340"},
        {"record_date": "2024-02-29", "security_type_desc": "Marketable", "security_desc": "Treasury Notes", "avg_interest_rate_amt": "null"},
    ],
    "interest_expense": [
        {
            "record_date": "2024-02-29", "expense_catg_desc": "INTEREST EXPENSE ON PUBLIC ISSUES",
            "expense_group_desc": "ACCRUED INTEREST EXPENSE", "expense_type_desc": "Treasury Notes",
            "month_expense_amt": "-24876543210.55", "fytd_expense_amt": "120000000000.00",
        }
    ],
    "mspd_table_1": [
        {
            "record_date": "2024-02-29", "security_type_desc": "Total Marketable", "security_class_desc": "_",
            "debt_held_public_mil_amt": "26900000.1", "intragov_hold_mil_amt": "20000.0", "total_mil_amt": "26920000.1",
        }
    ],
    "operating_cash_balance": [
        {
            "record_date": "2021-09-30", "account_type": "Federal Reserve Account", "close_today_bal": "215160",
            "open_today_bal": "173719", **CASH,
        },
        {
            "record_date": "2024-03-28", "account_type": "Treasury General Account (TGA) Closing Balance", "close_today_bal": "null",
            "open_today_bal": "765233", **CASH,
        },
    ],
    "rates_of_exchange": [
        {
            "record_date": "2024-03-31", "country": "Canada", "currency": "Dollar", "country_currency_desc": "Canada-Dollar",
            "exchange_rate": "1.355", "effective_date": "2024-03-31",
        }
    ],
    "upcoming_auctions": [
        {
            "record_date": "2024-03-08", "security_type": "Bill", "security_term": "8-Week", "reopening": "Yes", "cusip": "912797JW8",
            "offering_amt": "null", "announcemt_date": "2024-03-12", "auction_date": "2024-03-14", "issue_date": "2024-03-19",
        }
    ],
}  # fmt: skip


def page(rows: Sequence[object], *, total: int | None = None, pages: int = 1, number: int = 1) -> bytes:
    """One page as the API writes it; ``total`` rows in ``pages`` pages."""
    names = list(rows[0]) if rows and isinstance(rows[0], Mapping) else []
    meta = {
        "count": len(rows), "labels": {name: name for name in names}, "dataTypes": {}, "dataFormats": {},
        "total-count": len(rows) if total is None else total, "total-pages": pages,
    }  # fmt: skip
    links = {"self": f"&page%5Bnumber%5D={number}", "first": "&page%5Bnumber%5D=1", "prev": None, "next": None, "last": None}
    return json.dumps({"data": list(rows), "meta": meta, "links": links}).encode()


SAMPLES = [
    *(sample("fiscaldata", page(rows), url=API + PATHS[name], stream=name) for name, rows in ROWS.items()),
    sample("fiscaldata", page(ROWS["rates_of_exchange"]), stream="saved"),
    sample("fiscaldata", b"record_date,tot_pub_debt_out_amt,debt_held_public_amt\n2024-03-28,34576469410217.77,null\n", stream="saved"),
]
