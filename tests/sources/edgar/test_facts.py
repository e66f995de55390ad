"""companyfacts: what a fact is keyed on, from when it was known, and that nothing of a broken body takes sound facts with it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs import bitemporal
from crfs.credit.catalogue import Catalogue, packaged_catalogue
from crfs.sources.core import Classification, Parsed, load_source
from crfs.sources.providers.edgar.facts import duration
from tests.samples import sample
from tests.samples.edgar import STATEMENTS, company_facts, fact
from tests.sources.edgar.conftest import Recorded

SOURCE = load_source("edgar")
CATALOGUE = packaged_catalogue()
ASSETS = "CIK0001234567/us-gaap/Assets/USD"


def parse(body: bytes, catalogue: Catalogue) -> Parsed:
    return SOURCE.parse(sample("edgar", body), catalogue)


def new_york(year: int, month: int, day: int, hour: int) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def test_a_fact_is_known_from_the_end_of_its_day_of_filing_in_new_york(catalogue: Catalogue) -> None:
    facts = parse(company_facts({"Assets": [fact(1), fact(2, filed="2025-07-01", accession="0000000001-25-000009")]}), catalogue)
    table = facts.tables["edgar_facts"]
    assert table["entity"].to_list() == [ASSETS] * 2
    assert table["valid_time"].to_list() == [datetime(2024, 12, 31, tzinfo=UTC)] * 2
    assert table["knowledge_time"].to_list() == [new_york(2025, 2, 21, 5), new_york(2025, 7, 2, 4)]  # winter and summer
    assert table["vintage_date"].to_list() == table["filed"].to_list() == [date(2025, 2, 20), date(2025, 7, 1)]
    assert table.select("period_start", "period_end").rows() == [(None, date(2024, 12, 31))] * 2


def test_a_fact_of_the_day_of_the_fetch_is_known_from_the_fetch(catalogue: Catalogue) -> None:
    table = parse(company_facts({"Assets": [fact(1, filed="2026-01-01")]}), catalogue).tables["edgar_facts"]
    assert table["knowledge_time"].to_list() == [datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)]  # 22:04 in New York


def test_a_filing_of_a_day_to_come_is_known_from_the_fetch_and_so_are_its_ratios(catalogue: Catalogue) -> None:
    """Two of them keep their order."""
    later = [{**item, "filed": "2031-05-05", "accn": "0000000001-31-000001"} for item in STATEMENTS["Assets"]]
    again = [{**item, "filed": "2031-05-06", "accn": "0000000001-31-000002", "val": 901} for item in STATEMENTS["Assets"]]
    parsed = parse(company_facts({**STATEMENTS, "Assets": [*later, *again]}), catalogue)
    fetched = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assets = parsed.tables["edgar_facts"].filter(pl.col("entity") == ASSETS).sort("valid_time", "knowledge_time")
    assert set(assets["knowledge_time"]) == {fetched - timedelta(microseconds=1), fetched}
    assert assets.filter(pl.col("knowledge_time") == fetched)["accession"].unique().to_list() == ["0000000001-31-000002"]
    assert all((table["knowledge_time"] <= fetched).all() for table in parsed.tables.values())
    assert len(parsed.tables) > 1


def test_lengths_of_a_tag_are_entities_of_their_own_and_start_at_their_valid_time(catalogue: Catalogue) -> None:
    facts = [fact(1, "2024-09-30", "2024-07-01"), fact(3, "2024-09-30", "2024-01-01"), fact(4, "2024-02-10", "2024-01-01")]
    table = parse(company_facts({"Revenues": facts}), catalogue).tables["edgar_facts"]
    assert table.select(pl.col("entity").str.split("/").list.last(), "period_start", "value").rows() == [
        ("P3M", date(2024, 7, 1), 1.0),
        ("P41D", date(2024, 1, 1), 4.0),
        ("P9M", date(2024, 1, 1), 3.0),
    ]


@pytest.mark.parametrize(
    ("days", "name"), [(0, ""), (1, "/P1D"), (84, "/P3M"), (99, "/P3M"), (100, "/P100D"), (364, "/P12M"), (371, "/P12M")]
)
def test_thirteen_and_fourteen_weeks_are_a_quarter(days: int, name: str) -> None:
    assert duration(days) == name


def test_two_filings_of_one_day_are_both_kept_and_the_later_one_counts(catalogue: Catalogue) -> None:
    facts = [fact(2, accession="0000000001-25-000002", form="10-K/A"), fact(1, accession="0000000001-25-000001")]
    parsed = parse(company_facts({"Assets": facts}), catalogue)
    table = parsed.tables["edgar_facts"]
    assert table["value"].to_list() == [1.0, 2.0]
    assert table["knowledge_time"].to_list() == [datetime(2025, 2, 21, 5, tzinfo=UTC), datetime(2025, 2, 21, 5, 0, 0, 1, tzinfo=UTC)]
    assert parsed.rejected.height == 0
    assert bitemporal.as_of(table.with_columns(batch_id=1))["value"].to_list() == [2.0]


def test_of_two_values_of_one_fact_in_a_filing_neither_is_taken_in_facts_or_ratios(catalogue: Catalogue) -> None:
    for values in ([600, 600, 650], [650, 600]):
        parsed = parse(company_facts({**STATEMENTS, "Liabilities": [fact(value) for value in values]}), catalogue)
        facts = parsed.tables["edgar_facts"]
        assert facts.filter(pl.col("entity").str.contains("/Liabilities/")).is_empty()
        assert parsed.rejected.select("column", "reason").rows() == [("val", "contradiction")] * 2
        assert "600 and 650" in parsed.rejected["detail"][0]
        (row,) = parsed.tables["edgar_ratios"].to_dicts()
        assert (row["liabilities"], row["leverage"], row["current_ratio"]) == (None, None, 2.0)


def test_a_contradiction_of_one_filing_leaves_what_another_says(catalogue: Catalogue) -> None:
    other = {"accession": "0000000001-25-000002", "form": "10-K/A"}
    parsed = parse(company_facts({"Assets": [fact(600), fact(650), fact(700, **other)]}), catalogue)
    assert parsed.tables["edgar_facts"]["value"].to_list() == [700.0]
    assert parsed.rejected["row"].to_list() == [1, 2]


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([1, 1, 1], 1.0),
        ([1_200_000_000, 1_234_567_000], 1_234_567_000.0),  # a text's 1.2 billion and a table's thousands
        ([1_234_567_000, 1_235_000_000, 1_200_000_000], 1_234_567_000.0),
        ([0.12, 0.1187], 0.1187),
        ([-45_600_000, -45_642_000], -45_642_000.0),
        ([1_000, 1_004], 1_004.0),
        ([1_000, 1_060], None),  # one digit alone is no rounding
        ([1_234_000, 1_234_567], None),  # cut off, not rounded
        ([0, 400_000], None),
        ([45, -45], None),
        ([1_234_567_000, 1_200_000_000, 1_400_000_000], None),
    ],
)
def test_a_fact_said_in_full_and_rounded_is_kept_in_full(values: list[float], kept: float | None, catalogue: Catalogue) -> None:
    for order in (values, values[::-1]):
        parsed = parse(company_facts({"Assets": [fact(value) for value in order]}), catalogue)
        found = parsed.tables["edgar_facts"]["value"].to_list() if parsed.tables else []
        assert found == ([] if kept is None else [kept])
        assert parsed.rejected.filter(pl.col("column") == "val").height == (len(values) if kept is None else 0)
        if kept is not None and kept > 0:
            assert parsed.tables["edgar_ratios"]["assets"].to_list() == [kept]


def test_a_fact_whose_period_ends_after_its_filing_is_refused_in_facts_and_ratios(catalogue: Catalogue) -> None:
    facts = [fact(1000), fact(1100, "2025-02-21"), fact(900, "2025-02-22"), fact(800, "2202-12-31")]  # filed on 2025-02-20
    parsed = parse(company_facts({**STATEMENTS, "Assets": facts}), catalogue)
    assert parsed.rejected.select("row", "column", "reason").rows() == [(3, "end", "out_of_range"), (4, "end", "out_of_range")]
    assert parsed.rejected["detail"][0] == "the period ends (2025-02-22) after the day of filing (2025-02-20)"
    days = {row["valid_time"].date() for row in parsed.tables["edgar_ratios"].to_dicts()}
    assert max(days) == date(2025, 2, 21)
    assert parsed.tables["edgar_facts"].filter(pl.col("entity") == ASSETS)["value"].to_list() == [1000.0, 1100.0]


def test_fiscal_year_and_period_are_the_filings_and_play_no_part(catalogue: Catalogue) -> None:
    body = json.loads(company_facts(STATEMENTS))
    for about in body["facts"]["us-gaap"].values():
        for item in about["units"]["USD"]:
            item.update(fy=None, fp=None, frame="CY1999")
    changed = parse(json.dumps(body).encode(), catalogue).tables
    assert all(table.equals(changed[name]) for name, table in parse(company_facts(STATEMENTS), catalogue).tables.items())


def test_the_order_of_fields_and_fields_that_are_new_do_not_matter(catalogue: Catalogue) -> None:
    body = json.loads(company_facts(STATEMENTS))
    for about in body["facts"]["us-gaap"].values():
        about["units"]["USD"] = [{"new": [1], **dict(reversed(item.items()))} for item in about["units"]["USD"]]
    turned = dict(reversed({**body, "more": {"x": 1}}.items()))
    changed = parse(json.dumps(turned).encode(), catalogue).tables
    assert all(table.equals(changed[name]) for name, table in parse(company_facts(STATEMENTS), catalogue).tables.items())


def test_no_text_has_a_nul_which_the_store_cannot_hold(catalogue: Catalogue) -> None:
    table = parse(company_facts({"As\x00sets": [fact(1, form="10\x00K", accession="a\x00")]}), catalogue).tables["edgar_facts"]
    assert table.select("entity", "form", "accession").rows() == [("CIK0001234567/us-gaap/As\ufffdsets/USD", "10\ufffdK", "a\ufffd")]


BROKEN: list[tuple[Any, str | None, str]] = [
    (None, None, "unexpected_shape"),
    ([], None, "unexpected_shape"),
    ({**fact(1), "end": "2024-13-31"}, "end", "not_a_date"),
    ({**fact(1), "end": "2020-W01-1"}, "end", "not_a_date"),
    ({**fact(1), "filed": 20250220}, "filed", "not_a_date"),
    ({**fact(1), "start": "20240101"}, "start", "not_a_date"),
    ({**fact(1), "start": "2025-01-01"}, "start", "contradiction"),
    (fact("1"), "val", "not_a_number"),
    (fact(None), "val", "not_a_number"),
    (fact(True), "val", "not_a_number"),
    (fact([1]), "val", "not_a_number"),
    ({**fact(1), "accn": None}, "accn", "wrong_type"),
    ({**fact(1), "accn": ""}, "accn", "wrong_type"),
    ({**fact(1), "form": 8}, "form", "wrong_type"),
    ({key: value for key, value in fact(1).items() if key != "filed"}, "filed", "missing_field"),
]


@pytest.mark.parametrize(("broken", "column", "reason"), BROKEN)
def test_a_broken_fact_is_rejected_and_its_neighbours_are_not(broken: Any, column: str | None, reason: str, catalogue: Catalogue) -> None:
    facts: list[Any] = [fact(1), broken, fact(2, "2023-12-31")]
    parsed = parse(company_facts({"Assets": facts}), catalogue)
    assert parsed.rejected.select("row", "column", "reason").rows() == [(2, column, reason)]
    assert sorted(parsed.tables["edgar_facts"]["value"]) == [1.0, 2.0]


def test_a_day_beyond_the_store_is_rejected_alone(catalogue: Catalogue) -> None:
    parsed = parse(company_facts({"Assets": [fact(1), fact(2, "9999-12-31"), fact(3, "2023-12-31", filed="0001-01-01")]}), catalogue)
    assert parsed.rejected.select("row", "reason").rows() == [(2, "out_of_range"), (3, "out_of_range")]
    assert parsed.tables["edgar_facts"]["value"].to_list() == [1.0]
    assert parsed.tables["edgar_ratios"].height == 1


@pytest.mark.parametrize("place", ["us-gaap", "Assets", "units", "USD"])
def test_a_level_of_another_shape_is_rejected_by_its_name_and_the_rest_is_read(place: str, catalogue: Catalogue) -> None:
    body = json.loads(company_facts({"Assets": [fact(1)]}))
    other = json.loads(company_facts({"Assets": [fact(1)]}, taxonomy="ifrs-full"))["facts"]
    level = body["facts"]
    for name in ("us-gaap", "Assets", "units", "USD"):
        if name == place:
            level[name] = 5
            break
        level = level[name]
    body["facts"] |= other
    parsed = parse(json.dumps(body).encode(), catalogue)
    assert parsed.rejected["reason"].to_list() == ["unexpected_shape"]
    assert parsed.tables["edgar_facts"]["entity"].to_list() == ["CIK0001234567/ifrs-full/Assets/USD"]


def test_an_issuer_without_a_key_is_told_by_the_address(catalogue: Catalogue) -> None:
    body = json.loads(company_facts({"Assets": [fact(1)]}))
    body["cik"] = None
    text = json.dumps(body).encode()
    assert parse(text, catalogue).rejected["reason"].to_list() == ["missing_field"]
    named = sample("edgar", text, url="https://data.sec.gov/api/xbrl/companyfacts/CIK0001234567.json")
    assert SOURCE.parse(named, catalogue).tables["edgar_facts"]["entity"].to_list() == [ASSETS]


def test_no_facts_are_empty() -> None:
    assert SOURCE.classify(sample("edgar", b'{"cik":1,"entityName":"x","facts":{}}')) is Classification.EMPTY


_DAYS = st.dates(date(2015, 1, 1), date(2025, 12, 31))
_FACTS = st.lists(
    st.tuples(
        st.sampled_from(["Assets", "NetIncomeLoss"]), st.sampled_from([0, 90, 91, 364, 40]), _DAYS, st.integers(-(10**12), 10**12),
        st.integers(0, 6),
    ),
    max_size=40,
)  # fmt: skip


@given(_FACTS)
def test_every_fact_comes_out_once_whatever_the_order(drawn: list[tuple[str, int, date, int, int]]) -> None:
    tags: dict[str, list[dict[str, object]]] = {}
    expected: dict[tuple[str, str | None, str, str], float] = {}
    for tag, days, end, value, filing in drawn:
        start = None if days == 0 else date.fromordinal(end.toordinal() - days + 1).isoformat()
        accession, filed = f"0000000001-26-{filing:06d}", f"2026-01-0{1 + filing // 2}"
        key = (tag, start, end.isoformat(), accession)
        if key in expected:
            continue
        expected[key] = float(value)
        tags.setdefault(tag, []).append(fact(value, end.isoformat(), start, filed=filed, accession=accession))
    parsed = parse(company_facts(tags), CATALOGUE)
    assert set(parsed.rejected["column"]) <= {"assets"}  # no ratio is made of assets below zero
    rows = parsed.tables["edgar_facts"].select("entity", "period_start", "period_end", "accession", "value").rows() if expected else []
    found = {(e.split("/")[2], s.isoformat() if s else None, t.isoformat(), a): v for e, s, t, a, v in rows}
    assert found == expected
    assert len(rows) == len(expected)


@pytest.mark.parametrize(("name", "facts"), [("companyfacts_CIK0000320193", 24579), ("companyfacts_CIK0001835632", 8053)])
def test_every_fact_of_a_recording_is_kept_as_it_was_filed(name: str, facts: int, recorded: Recorded, catalogue: Catalogue) -> None:
    payload = recorded(name)
    parsed = SOURCE.parse(payload, catalogue)
    table = parsed.tables["edgar_facts"]
    assert (table.height, parsed.rejected.height) == (facts, 0)
    body = orjson.loads(payload.body)
    said = {
        (f"CIK{body['cik']:010d}/{taxonomy}/{tag}/{unit}{_suffix(item)}", item.get("start"), item["end"], item["accn"]): item["val"]
        for taxonomy, tags in body["facts"].items()
        for tag, about in tags.items()
        for unit, items in about["units"].items()
        for item in items
    }
    text = table.with_columns(pl.col("period_start", "period_end").cast(pl.String))
    assert dict(zip(text.select("entity", "period_start", "period_end", "accession").rows(), text["value"], strict=True)) == said


def _suffix(item: dict[str, Any]) -> str:
    if "start" not in item:
        return ""
    return duration((date.fromisoformat(item["end"]) - date.fromisoformat(item["start"])).days + 1)


def test_apple_as_of_a_date_shows_only_what_was_filed_by_then(recorded: Recorded, catalogue: Catalogue) -> None:
    table = SOURCE.parse(recorded("companyfacts_CIK0000320193"), catalogue).tables["edgar_facts"].with_columns(batch_id=1)
    net_sales = table.filter(pl.col("entity") == "CIK0000320193/us-gaap/NetIncomeLoss/USD/P12M")
    for moment in (datetime(2010, 1, 25, 12, tzinfo=UTC), datetime(2010, 1, 26, 6, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)):
        seen = bitemporal.as_of(table, as_of=moment)
        assert seen.height
        assert (seen["filed"] < moment.date()).all()
    # Net income of fiscal 2009 was 5,704 million as first filed; subscription accounting was given up, and it became 8,235 million.
    year = net_sales.filter(pl.col("valid_time") == datetime(2008, 9, 28, tzinfo=UTC))
    assert bitemporal.as_of(year, as_of=datetime(2010, 1, 26, tzinfo=UTC))["value"].to_list() == [5_704_000_000]
    assert bitemporal.as_of(year, as_of=datetime(2010, 1, 27, tzinfo=UTC))["value"].to_list() == [8_235_000_000]
