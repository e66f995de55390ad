"""Ratios: what they are made of, what makes them null, and that each is made of what was known of its inputs then."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime
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


def test_what_a_later_filing_adds_is_known_from_then(catalogue: Catalogue) -> None:
    other = {"accession": "0000000001-25-000007", "filed": "2025-05-01", "form": "10-Q"}
    tags = {"Assets": [fact(1000)], "Liabilities": [fact(600, **other)], "StockholdersEquity": [fact(400, **other)]}
    first, then = ratios(tags, catalogue)
    assert (first["form"], first["assets"], first["liabilities"], first["leverage"]) == ("10-K", 1000.0, None, None)
    assert (then["form"], then["assets"], then["liabilities"], then["leverage"]) == ("10-Q", 1000.0, 600.0, 0.6)
    assert then["knowledge_time"] == datetime(2025, 5, 2, 4, tzinfo=UTC)


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


BALANCES = [tag for tag, facts in STATEMENTS.items() if "start" not in facts[0]]
OVER_ASSETS = {
    "leverage", "debt_to_assets", "working_capital_to_assets", "retained_earnings_to_assets", "return_on_assets", "ebit_to_assets", "altman_z2",
}  # fmt: skip
FLOW_ITEMS = ("interest_coverage", "operating_margin", "net_margin", "months")


def said_again(tags: list[str], filing: dict[str, str], **values: float) -> dict[str, Any]:
    """The statements, with a second filing that says these of their tags once more, of the first's newest period."""
    again = {tag: [*facts, {**facts[0], **_filed(filing), "val": values.get(tag, facts[0]["val"])}] for tag, facts in STATEMENTS.items()}
    return {tag: again[tag] if tag in tags else facts for tag, facts in STATEMENTS.items()}


@pytest.mark.parametrize("form", ["10-K", "10-K/A"])
def test_a_later_filing_that_says_less_of_a_day_blanks_nothing(form: str, catalogue: Catalogue) -> None:
    """The table of five years has a year's totals and flows again; an amendment may have one fact."""
    later = {"accession": "0000000001-25-000011", "filed": "2025-11-20", "form": form}
    for dataset in ("edgar_ratios", "edgar_annual_ratios"):
        for repeated in (["Assets", "StockholdersEquity", "Revenues"], list(STATEMENTS)):
            assert ratios(said_again(repeated, later), catalogue, dataset) == ratios(STATEMENTS, catalogue, dataset)
        before = ratios(STATEMENTS, catalogue, dataset)[0]
        _, row = ratios(said_again(["Assets", "Revenues"], later, Assets=990, Revenues=1900), catalogue, dataset)
        assert [name for name in row if row[name] is None] == [name for name in before if before[name] is None]
        assert (row["form"], row["vintage_date"]) == (form, date(2025, 11, 20))


@pytest.mark.parametrize(
    ("filing", "at"),
    [
        ({"accession": "0000000001-25-000007", "filed": "2025-05-01", "form": "10-Q"}, datetime(2025, 5, 2, 4, tzinfo=UTC)),
        ({"accession": "0000000001-25-000002", "filed": "2025-02-20", "form": "10-K/A"}, datetime(2025, 2, 21, 5, 0, 0, 1, tzinfo=UTC)),
    ],
)
def test_a_sheet_said_anew_revises_the_ratios_of_balances_and_keeps_the_flows(
    filing: dict[str, str], at: datetime, catalogue: Catalogue
) -> None:
    """The next 10-Q has the year's sheet beside its own; an amendment of the same day may have nothing else."""
    tags = said_again(BALANCES, filing, Liabilities=700, StockholdersEquity=300)
    before, after = ratios(tags, catalogue)
    assert (before["leverage"], after["leverage"], after["accession"], after["knowledge_time"]) == (0.6, 0.7, filing["accession"], at)
    assert [after[name] for name in FLOW_ITEMS] == [before[name] for name in FLOW_ITEMS] == [4.0, 0.06, 0.035, 12]
    old, new = ratios(tags, catalogue, "edgar_annual_ratios")
    assert new["altman_z2"] == pytest.approx(old["altman_z2"] + 1.05 * (3 / 7 - 4 / 6))
    assert new["debt_to_ebitda"] == old["debt_to_ebitda"]


def test_one_restated_amount_revises_what_is_made_of_it(catalogue: Catalogue) -> None:
    later = {"accession": "0000000001-25-000011", "filed": "2025-11-20", "form": "10-K"}
    before, after = ratios(said_again(["Assets", "LiabilitiesCurrent"], later, LiabilitiesCurrent=250), catalogue)
    assert (before["current_ratio"], after["current_ratio"], after["quick_ratio"]) == (2.0, 1.6, 1.2)
    assert {name for name in before if before[name] != after[name]} == {
        "knowledge_time", "vintage_date", "accession", "current_liabilities", "current_ratio", "quick_ratio",
        "working_capital_to_assets",
    }  # fmt: skip


def test_an_item_that_got_another_name_is_taken_by_it(catalogue: Catalogue) -> None:
    later = {"accession": "0000000001-25-000011", "filed": "2025-11-20"}
    renamed = {"Assets": [fact(1000)], "Revenues": [fact(100, **YEAR)]}
    renamed["RevenueFromContractWithCustomerExcludingAssessedTax"] = [fact(95, **YEAR, **later)]
    assert [row["revenue"] for row in ratios(renamed, catalogue, "edgar_annual_ratios")] == [100.0, 95.0]
    part = {**renamed, "RevenueFromContractWithCustomerExcludingAssessedTax": [fact(90, **YEAR), fact(90, **YEAR, **later)]}
    assert [row["revenue"] for row in ratios(part, catalogue, "edgar_annual_ratios")] == [100.0]


def test_a_longer_period_takes_the_place_of_a_shorter_one_only_where_it_has_all_of_it(catalogue: Catalogue) -> None:
    later = {"accession": "0000000001-25-000011", "filed": "2025-11-20"}
    quarter = {"start": "2024-10-01"}
    tags = {"Assets": [fact(1000)], "Revenues": [fact(50, **quarter)], "NetIncomeLoss": [fact(5, **quarter)]}
    tags["Revenues"].append(fact(200, **YEAR, **later))
    assert [(row["months"], row["net_margin"]) for row in ratios(tags, catalogue)] == [(3, 0.1)]
    tags["NetIncomeLoss"].append(fact(30, **YEAR, **later))
    assert [(row["months"], row["net_margin"]) for row in ratios(tags, catalogue)] == [(3, 0.1), (12, 0.15)]


@pytest.mark.parametrize(
    ("tag", "value", "item", "null"),
    [
        ("AssetsCurrent", -900, "current_assets", {"current_ratio", "quick_ratio", "working_capital_to_assets", "altman_z2"}),
        (
            "LiabilitiesCurrent",
            -450,
            "current_liabilities",
            {"current_ratio", "quick_ratio", "cash_ratio", "working_capital_to_assets", "altman_z2"},
        ),
        ("Liabilities", -1800, "liabilities", {"leverage", "equity_to_liabilities", "altman_z2"}),
        ("Liabilities", 1e19, "liabilities", {"leverage", "equity_to_liabilities", "altman_z2"}),
        ("InventoryNet", -1, "inventory", {"quick_ratio"}),
        ("LongTermDebtNoncurrent", -600, "total_debt", {"debt_to_assets", "debt_to_ebitda"}),
        ("Assets", 1e308, "assets", OVER_ASSETS),
        ("DepreciationDepletionAndAmortization", 1e19, "depreciation", {"debt_to_ebitda", "ebitda"}),
        ("CashAndCashEquivalentsAtCarryingValue", -180, "cash", {"cash_ratio"}),
    ],
)
def test_what_is_made_of_an_impossible_amount_is_null_and_the_amount_is_rejected(
    tag: str, value: float, item: str, null: set[str], catalogue: Catalogue
) -> None:
    good = {"CashAndCashEquivalentsAtCarryingValue": [fact(60)], **STATEMENTS}
    body = company_facts({**good, tag: [{**good[tag][0], "val": value}]})
    parsed = SOURCE.parse(sample("edgar", body), catalogue)
    ((row, reason, detail),) = parsed.rejected.filter(pl.col("column") == item).select("row", "reason", "detail").rows()
    assert reason == "out_of_range"
    assert f"{value:g} on 2024-12-31 by 0000000001-25-000001" in detail or item == "total_debt"
    facts = [(name, fact_) for name, listed in {**good, tag: [good[tag][0]]}.items() for fact_ in listed]
    assert facts[row - 1][0] == tag
    lost: set[str] = set()
    for dataset in ("edgar_ratios", "edgar_annual_ratios"):
        (made,) = parsed.tables[dataset].to_dicts()
        (whole,) = ratios(good, catalogue, dataset)
        lost |= {name for name in made if made[name] is None and whole[name] is not None}
        assert all(made[name] == whole[name] for name in made if made[name] is not None)
    assert lost - {item} == null


def test_losses_and_deficits_are_possible(catalogue: Catalogue) -> None:
    below = {"StockholdersEquity": -50, "RetainedEarningsAccumulatedDeficit": -700, "NetIncomeLoss": -80, "OperatingIncomeLoss": -20}
    tags = {tag: [{**facts[0], "val": below.get(tag, facts[0]["val"])}] for tag, facts in STATEMENTS.items()}
    parsed = SOURCE.parse(sample("edgar", company_facts(tags)), catalogue)
    assert parsed.rejected.is_empty()
    (row,) = parsed.tables["edgar_ratios"].to_dicts()
    assert (row["equity"], row["retained_earnings_to_assets"], row["net_margin"]) == (-50.0, -0.7, -0.04)


def test_a_score_is_not_made_of_a_ratio_beyond_its_bounds(catalogue: Catalogue) -> None:
    tags = {**STATEMENTS, "Liabilities": [fact(1e-9)]}
    parsed = SOURCE.parse(sample("edgar", company_facts(tags)), catalogue)
    assert parsed.rejected.select("column", "reason").rows() == [("equity_to_liabilities", "out_of_range")]
    (row,) = parsed.tables["edgar_annual_ratios"].to_dicts()
    assert (row["altman_z2"], row["return_on_assets"]) == (None, 0.07)


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
