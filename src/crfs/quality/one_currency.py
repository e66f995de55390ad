"""One currency a book: amounts of several have no sum, and nothing here converts them."""

from __future__ import annotations

from functools import partial

import polars as pl

from crfs.credit.schemas import Reason
from crfs.quality.checks import Faults, quoted


def check_one_currency(typed: pl.DataFrame, faults: Faults) -> None:
    """Note each row whose ``currency`` is not that of the first row that has one, and each blank one beside it.

    ``typed`` is a table whose cells were read; a currency that could not be read has its fault already. A table that never says one is fine.

    >>> from crfs.quality.checks import check_columns
    >>> from crfs.credit.schemas import PORTFOLIO
    >>> rows = [{"facility_id": f, "obligor_id": f, "ead": 1.0, "lgd": 0.4, "pd_12m": 0.1, "currency": c} for f, c in (("A", "USD"), ("B", "EUR"), ("C", None))]
    >>> typed, faults = check_columns(pl.DataFrame(rows), PORTFOLIO)
    >>> check_one_currency(typed, faults)
    >>> faults.table().select("row", "reason").rows()
    [(2, 'inconsistent'), (3, 'missing')]
    """
    if "currency" not in typed.columns or typed["currency"].null_count() == typed.height:
        return
    first = typed["currency"].drop_nulls()[0]
    blank = typed["currency"].is_null() & ~faults.in_column("currency")
    faults.add(blank, column="currency", reason=Reason.MISSING, detail=f"other rows are in {first}; say this one's currency")
    detail = partial(
        quoted, typed["currency"], before="'", after=f"' where the book began with {first}; a book has one currency: convert it first"
    )
    faults.add(typed["currency"] != first, column="currency", reason=Reason.INCONSISTENT, detail=detail)
