"""Ratios of the recorded issuers as of several days, against a computation that looks at every fact anew for each of those days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from math import nan
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs import bitemporal
from crfs.credit.catalogue import Catalogue, packaged_catalogue
from crfs.sources.core import Payload, load_source
from crfs.sources.providers.edgar.statement_items import DURATIONS, INSTANTS, Sum
from tests.samples import sample
from tests.samples.edgar import company_facts, fact
from tests.sources.edgar.conftest import Recorded

SOURCE = load_source("edgar")
RECORDINGS = ["companyfacts_CIK0000320193", "companyfacts_CIK0001835632"]
MOMENTS = [datetime(year, month, 15, 12, tzinfo=UTC) for year in (2009, 2010, 2012, 2015, 2019, 2022, 2026) for month in (2, 8, 11)]
CLASSES = {3: (80, 100), 6: (170, 192), 9: (260, 285), 12: (350, 380)}
BALANCES = ("assets", "current_assets", "inventory", "cash", "current_liabilities", "liabilities", "total_debt")
Filing = tuple[str, str]
Said = Mapping[Filing, Mapping[str, float]]
RATIOS: dict[str, Callable[[Mapping[str, float]], float]] = {
    "leverage": lambda item: over(item["liabilities"], item["assets"]),
    "debt_to_assets": lambda item: over(item["total_debt"], item["assets"]),
    "current_ratio": lambda item: over(item["current_assets"], item["current_liabilities"]),
    "quick_ratio": lambda item: over(item["current_assets"] - item["inventory"], item["current_liabilities"]),
    "cash_ratio": lambda item: over(item["cash"], item["current_liabilities"]),
    "interest_coverage": lambda item: over(item["ebit"], item["interest_expense"]),
    "operating_margin": lambda item: over(item["ebit"], item["revenue"]),
    "net_margin": lambda item: over(item["net_income"], item["revenue"]),
}
ANNUAL: dict[str, Callable[[Mapping[str, float]], float]] = {
    "debt_to_ebitda": lambda item: over(item["total_debt"], item["ebit"] + item["depreciation"]),
    "return_on_assets": lambda item: over(item["net_income"], item["assets"]),
    "altman_z2": lambda item: (
        6.56 * over(item["current_assets"] - item["current_liabilities"], item["assets"])
        + 3.26 * over(item["retained_earnings"], item["assets"])
        + 6.72 * over(item["ebit"], item["assets"])
        + 1.05 * over(item["equity"], item["liabilities"])
    ),
}


def over(above: float, below: float) -> float:
    return above / below if below > 0 else nan


def item(ways: tuple[Sum, ...], said: Said) -> float:
    """The newest value of an item by filings in their order."""
    known: dict[str, float] = {}
    way: Sum | None = None
    told: list[Sum] = []
    for filing in sorted(said):
        known |= said[filing]
        whole = [each for each in ways if {*each.plus, *each.minus} <= {*known}]
        own = [each for each in ways if {*each.plus, *each.minus} <= {*said[filing]}]
        if way is None:
            way = whole[0] if whole else None
        elif own and (ways.index(own[0]) < ways.index(way) or own[0] not in told):
            way = own[0]
        told += own
    if way is None:
        return nan
    more = sum((-1 if tag[0] == "-" else 1) * known.get(tag.removeprefix("-"), 0.0) for tag in way.if_stated)
    return sum(known[tag] for tag in way.plus) - sum(known[tag] for tag in way.minus) + more


def as_known(body: Mapping[str, Any], moment: datetime) -> dict[tuple[str, date], dict[str, float]]:
    """Items and ratios by dataset and day, of all facts that had been filed by ``moment``."""
    facts = [
        (tag, one["end"], (one["filed"], one["accn"]), one["val"], length(one))
        for tag, about in body["facts"]["us-gaap"].items()
        for one in about["units"].get("USD", [])
        if datetime.combine(date.fromisoformat(one["filed"]) + timedelta(days=1), datetime.min.time(), ZoneInfo("America/New_York"))
        <= moment
    ]
    sheets: dict[Filing, set[str]] = defaultdict(set)
    for tag, end, filing, _, days in facts:
        if tag == "Assets" and days == 0:
            sheets[filing].add(end)
    wanted = {tag for ways in DURATIONS.values() for way in ways for tag in way.tags}
    annual = {(filing, end) for tag, end, filing, _, days in facts if tag in wanted and 350 <= days <= 380}
    opened = {
        end: filing for filing, ends in sorted(sheets.items(), reverse=True) for end in ends if end == max(ends) or (filing, end) in annual
    }
    found: dict[tuple[str, date], dict[str, float]] = {}
    for end, first in opened.items():
        of_day = [each for each in facts if each[1] == end]
        said = by_filing(of_day, 0, 0)
        items = {name: item(ways, said) for name, ways in INSTANTS.items()}
        months, flows = None, dict.fromkeys(DURATIONS, nan)
        for filing in sorted({each[2] for each in of_day if each[2] >= first}):
            then = [each for each in of_day if each[2] <= filing]
            if months is not None:
                said = by_filing(then, *CLASSES[months])
                flows = {name: item(ways, said) for name, ways in DURATIONS.items()}
            for longer in sorted(CLASSES, reverse=True):
                if months is not None and longer <= months:
                    break
                said = by_filing(then, *CLASSES[longer])
                other = {name: item(ways, said) for name, ways in DURATIONS.items()}
                has, had = {name for name in other if other[name] == other[name]}, {name for name in flows if flows[name] == flows[name]}
                if has and had <= has:
                    months, flows = longer, other
                    break
        items |= flows
        items |= {name: nan for name in BALANCES if items[name] < 0}  # which is refused
        day = date.fromisoformat(end)
        found["edgar_ratios", day] = {name: ratio(items) for name, ratio in RATIOS.items()} | {"assets": items["assets"]}
        if months == 12:
            found["edgar_annual_ratios", day] = {name: ratio(items) for name, ratio in ANNUAL.items()} | {"revenue": items["revenue"]}
    return found


def length(one: Mapping[str, Any]) -> int:
    return (date.fromisoformat(one["end"]) - date.fromisoformat(one["start"])).days + 1 if "start" in one else 0


def by_filing(facts: list[tuple[str, str, Filing, float, int]], shortest: int, longest: int) -> Said:
    said: dict[Filing, dict[str, float]] = defaultdict(dict)
    for tag, _, filing, value, days in facts:
        if shortest <= days <= longest:
            said[filing].setdefault(tag, value)
    return said


@pytest.mark.parametrize("name", RECORDINGS)
def test_ratios_as_of_a_day_are_made_of_the_newest_facts_that_were_filed_by_then(
    name: str, recorded: Recorded, catalogue: Catalogue
) -> None:
    assert compared_as_of(recorded(name), MOMENTS, catalogue) > 500


def compared_as_of(payload: Payload, moments: Sequence[datetime], catalogue: Catalogue) -> int:
    """How many values the source and :func:`as_known` agree on at all of the moments."""
    tables = SOURCE.parse(payload, catalogue).tables
    body = orjson.loads(payload.body)
    compared = 0
    for moment in moments:
        expected = as_known(body, moment)
        for dataset in ("edgar_ratios", "edgar_annual_ratios"):
            seen = bitemporal.as_of(tables[dataset].with_columns(batch_id=1), as_of=moment).to_dicts() if dataset in tables else []
            rows = {row["valid_time"].date(): row for row in seen}
            assert set(rows) == {day for which, day in expected if which == dataset}
            for day, row in rows.items():
                values = expected[dataset, day]
                found = {each: nan if row[each] is None else row[each] for each in values}
                assert found == pytest.approx(values, rel=1e-12, nan_ok=True), (moment, day)
                compared += len(values)
    return compared


FLOWS = dict.fromkeys(("Revenues", "RevenueFromContractWithCustomerExcludingAssessedTax", "NetIncomeLoss"), ("2024-01-01", "2024-10-01"))
SHEET = dict.fromkeys(("Assets", "Liabilities", "LiabilitiesAndStockholdersEquity", "StockholdersEquity", "MinorityInterest"), (None,))
FILED = ["2025-02-20", "2025-02-20", "2025-05-06", "2025-05-06", "2025-11-06"]
SAID = st.tuples(
    st.sampled_from([(tag, start) for tag, starts in (SHEET | FLOWS).items() for start in starts]), st.integers(0, len(FILED) - 1)
)


@given(st.dictionaries(SAID, st.integers(1, 9), max_size=25))
def test_so_they_are_whatever_is_filed_and_in_whatever_order(said: dict[tuple[tuple[str, str | None], int], int]) -> None:
    """One day, five filings (two days have two of them), each of which says any part of the statements."""
    tags: dict[str, list[dict[str, object]]] = {}
    for ((tag, start), place), value in said.items():
        filing = {"filed": FILED[place], "accession": f"0000000001-25-00000{place}"}
        tags.setdefault(tag, []).append(fact(value, start=start, **filing))
    moments = [datetime.fromisoformat(f"{day}T12:00:00+00:00") + timedelta(days=1) for day in sorted({*FILED})]
    compared_as_of(sample("edgar", company_facts(tags)), moments, packaged_catalogue())


@pytest.mark.parametrize("name", RECORDINGS)
def test_no_later_filing_of_a_recording_blanks_what_was_known_of_a_day(name: str, recorded: Recorded, catalogue: Catalogue) -> None:
    tables = SOURCE.parse(recorded(name), catalogue).tables
    for dataset in ("edgar_ratios", "edgar_annual_ratios"):
        for _, rows in tables[dataset].group_by("valid_time"):
            values = rows.sort("knowledge_time").select(pl.selectors.numeric().is_not_null().cast(pl.Int8))
            assert values.select(pl.all().diff().min().fill_null(0) >= 0).transpose().to_series().all()


def test_apples_restated_years_have_their_first_and_their_later_ratios(recorded: Recorded, catalogue: Catalogue) -> None:
    """Subscription accounting was given up by the amended report of 2010-01-25, which says 2008 and 2009 anew."""
    table = SOURCE.parse(recorded(RECORDINGS[0]), catalogue).tables["edgar_annual_ratios"].with_columns(batch_id=1)
    names = ("revenue", "net_income", "debt_to_ebitda", "return_on_assets", "altman_z2")
    for day in (date(2008, 9, 27), date(2009, 9, 26)):
        of_day = table.filter(pl.col("valid_time").dt.date() == day)
        (last,) = bitemporal.as_of(of_day).to_dicts()
        (first,) = bitemporal.as_of(of_day, as_of=datetime(2010, 1, 20, tzinfo=UTC)).to_dicts()
        assert all(last[each] is not None for each in names if first[each] is not None)
        assert last["revenue"] > first["revenue"]
