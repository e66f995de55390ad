"""Ratios of one filing: what they are made of, what makes them null, and that nothing of another filing enters."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from crfs import bitemporal
from crfs.credit.catalogue import Catalogue
from crfs.sources.core import load_source
from tests.samples import sample
from tests.samples.edgar import STATEMENTS, company_facts, fact
from tests.sources.edgar.conftest import Recorded

SOURCE = load_source("edgar")
YEAR = {"start": "2024-01-01"}


def ratios(tags: dict[str, Any], catalogue: Catalogue, dataset: str = "edgar_ratios", **shape: str) -> list[dict[str, Any]]:
    tables = SOURCE.parse(sample("edgar", company_facts(tags, **shape)), catalogue).tables
    return tables[dataset].to_dicts() if dataset in tables else []


def test_ratios_are_what_a_reader_of_the_filing_computes(catalogue: Catalogue) -> None:
    (row,) = ratios(STATEMENTS, catalogue)
    assert row["entity"] == "CIK0001234567"
    assert (row["valid_time"], row["knowledge_time"]) == (datetime(2024, 12, 31, tzinfo=UTC), datetime(2025, 2, 21, 5, tzinfo=UTC))
    assert (row["months"], row["accession"], row["form"]) == (12, "0000000001-25-000001", "10-K")
    expected = {
        "leverage": 0.6, "debt_to_assets": 0.3, "current_ratio": 2.0, "quick_ratio": 1.5, "working_capital_to_assets": 0.2,
        "retained_earnings_to_assets": 0.25, "equity_to_liabilities": 400 / 600, "interest_coverage": 4.0, "operating_margin": 0.06,
        "net_margin": 0.035, "total_debt": 300.0, "cash_ratio": None,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == pytest.approx(expected)
    (annual,) = ratios(STATEMENTS, catalogue, "edgar_annual_ratios")
    assert annual["debt_to_ebitda"] == pytest.approx(2.0)
    assert annual["ebit_to_assets"] == pytest.approx(0.12)
    assert annual["altman_z2"] == pytest.approx(6.56 * 0.2 + 3.26 * 0.25 + 6.72 * 0.12 + 1.05 * 400 / 600)


@pytest.mark.parametrize(
    ("missing", "null"),
    [
        ("AssetsCurrent", {"current_ratio", "quick_ratio", "working_capital_to_assets"}),
        ("InventoryNet", {"quick_ratio"}),
        ("LongTermDebtCurrent", {"total_debt", "debt_to_assets"}),
        ("InterestExpense", {"interest_coverage"}),
        ("RetainedEarningsAccumulatedDeficit", {"retained_earnings_to_assets"}),
    ],
)
def test_a_ratio_whose_input_is_missing_is_null_and_the_others_stand(missing: str, null: set[str], catalogue: Catalogue) -> None:
    (whole,) = ratios(STATEMENTS, catalogue)
    (row,) = ratios({tag: facts for tag, facts in STATEMENTS.items() if tag != missing}, catalogue)
    assert {name for name in whole if whole[name] is not None and row[name] is None} >= null
    assert row["leverage"] == whole["leverage"]
    if missing in ("AssetsCurrent", "RetainedEarningsAccumulatedDeficit"):
        annual = ratios({tag: facts for tag, facts in STATEMENTS.items() if tag != missing}, catalogue, "edgar_annual_ratios")
        assert annual[0]["altman_z2"] is None


@pytest.mark.parametrize(
    ("tags", "liabilities"),
    [
        ({"LiabilitiesAndStockholdersEquity": 1000, "StockholdersEquity": 400}, 600.0),
        ({"LiabilitiesAndStockholdersEquity": 1000, "StockholdersEquity": 400, "MinorityInterest": 50}, 550.0),
        (
            {
                "LiabilitiesAndStockholdersEquity": 1000,
                "StockholdersEquity": 400,
                "StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest": 450,
            },
            550.0,
        ),
        ({"LiabilitiesAndStockholdersEquity": 1000}, None),
        ({"Liabilities": 650, "LiabilitiesAndStockholdersEquity": 1000, "StockholdersEquity": 400}, 650.0),
    ],
)
def test_liabilities_that_are_not_stated_are_what_is_not_equity(
    tags: dict[str, int], liabilities: float | None, catalogue: Catalogue
) -> None:
    (row,) = ratios({"Assets": [fact(1000)], **{tag: [fact(value)] for tag, value in tags.items()}}, catalogue)
    assert row["liabilities"] == liabilities


@pytest.mark.parametrize("tag", ["Revenues", "RevenueFromContractWithCustomerExcludingAssessedTax", "SalesRevenueNet"])
def test_revenue_has_had_many_tags(tag: str, catalogue: Catalogue) -> None:
    (row,) = ratios({"Assets": [fact(1000)], tag: [fact(200, **YEAR)]}, catalogue, "edgar_annual_ratios")
    assert row["revenue"] == 200.0


def test_foreign_filers_are_read_in_their_taxonomy_and_currency(catalogue: Catalogue) -> None:
    tags = {"Assets": [fact(1000)], "Liabilities": [fact(700)], "ProfitLoss": [fact(20, **YEAR)]}
    (row,) = ratios(tags, catalogue, "edgar_annual_ratios", taxonomy="ifrs-full", unit="EUR")
    assert row["return_on_assets"] == 0.02


def test_a_quarter_has_no_ratio_of_its_flow_to_a_balance(catalogue: Catalogue) -> None:
    tags = copy.deepcopy(STATEMENTS)
    for facts in tags.values():
        for item in facts:
            if "start" in item:
                item["start"] = "2024-10-01"
    assert ratios(tags, catalogue, "edgar_annual_ratios") == []
    (row,) = ratios(tags, catalogue)
    assert row["months"] == 3


def test_only_facts_of_the_same_filing_enter(catalogue: Catalogue) -> None:
    other = {"accession": "0000000001-25-000007", "filed": "2025-05-01", "form": "10-Q"}
    tags = {"Assets": [fact(1000)], "Liabilities": [fact(600, **other)], "StockholdersEquity": [fact(400, **other)]}
    (row,) = ratios(tags, catalogue)
    assert (row["assets"], row["liabilities"], row["leverage"]) == (1000.0, None, None)


def test_a_later_filing_of_the_same_period_is_a_revision(catalogue: Catalogue) -> None:
    later = {"accession": "0000000001-26-000001", "filed": "2025-12-20"}
    tags = {
        "Assets": [fact(1000), fact(800, **later), fact(1200, "2025-12-31", **later)],
        "Liabilities": [fact(600), fact(640, **later), fact(700, "2025-12-31", **later)],
        "Revenues": [fact(50, **YEAR), fact(50, **YEAR, **later), fact(60, "2025-12-31", "2025-01-01", **later)],
    }
    table = SOURCE.parse(sample("edgar", company_facts(tags)), catalogue).tables["edgar_ratios"].with_columns(batch_id=1)
    end = table.filter(table["valid_time"] == datetime(2024, 12, 31, tzinfo=UTC))
    assert bitemporal.as_of(end, as_of=datetime(2025, 12, 1, tzinfo=UTC))["leverage"].to_list() == [0.6]
    assert bitemporal.as_of(end)["leverage"].to_list() == [0.8]


@pytest.mark.parametrize("form", ["10-K", "10-K/A"])
def test_a_later_filing_that_says_less_of_a_day_blanks_nothing(form: str, catalogue: Catalogue) -> None:
    """The table of five years has a year's totals and flows again; an amendment may have one fact."""
    later = {"accession": "0000000001-29-000001", "filed": "2029-02-20", "form": form}
    repeated = {"Assets": [fact(990, **later)], "StockholdersEquity": [fact(390, **later)], "Revenues": [fact(90, **YEAR, **later)]}
    tags = {tag: [*facts, *repeated.get(tag, [])] for tag, facts in STATEMENTS.items()}
    for dataset in ("edgar_ratios", "edgar_annual_ratios"):
        assert ratios(tags, catalogue, dataset) == ratios(STATEMENTS, catalogue, dataset)
    full = {tag: [*facts, *({**one, **_filed(later)} for one in facts)] for tag, facts in STATEMENTS.items()}
    assert [row["accession"] for row in ratios(full, catalogue)] == ["0000000001-25-000001", "0000000001-29-000001"]


def _filed(later: dict[str, str]) -> dict[str, str]:
    return {"accn": later["accession"], "filed": later["filed"], "form": later["form"]}


def test_what_is_divided_by_nothing_or_less_is_null(catalogue: Catalogue) -> None:
    tags = {
        "Assets": [fact(0)],
        "Liabilities": [fact(600)],
        "OperatingIncomeLoss": [fact(-5, **YEAR)],
        "InterestExpense": [fact(-1, **YEAR)],
    }
    (row,) = ratios(tags, catalogue)
    assert row["leverage"] is None
    assert row["interest_coverage"] is None
    huge = {"Assets": [fact(5e-300)], "Liabilities": [fact(1e300)]}
    (row,) = ratios(huge, catalogue)
    assert row["leverage"] is None  # beyond what a number holds


def test_apple_and_marvell_as_their_annual_reports_say(recorded: Recorded, catalogue: Catalogue) -> None:
    apple = SOURCE.parse(recorded("companyfacts_CIK0000320193"), catalogue).tables["edgar_annual_ratios"]
    (row,) = apple.filter(pl.col("valid_time") == datetime(2025, 9, 27, tzinfo=UTC)).to_dicts()
    assert row["form"] == "10-K"
    assert (row["revenue"], row["ebit"]) == (416_161e6, 133_050e6)
    marvell = SOURCE.parse(recorded("companyfacts_CIK0001835632"), catalogue).tables["edgar_ratios"]
    (last,) = marvell.filter(marvell["valid_time"] == datetime(2026, 5, 2, tzinfo=UTC)).to_dicts()
    assert (last["form"], last["months"]) == ("10-Q", 3)
    assert last["leverage"] == pytest.approx(last["liabilities"] / last["assets"])
