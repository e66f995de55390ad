"""Lists of filings, events, the feed, issuers and tickers: rows, clocks and flags."""

from __future__ import annotations

import copy
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.credit.catalogue import Catalogue
from crfs.sources.core import Parsed, load_source
from crfs.sources.core.tables import settle_clipped
from crfs.sources.providers.edgar.filings import filing_instant
from crfs.sources.providers.edgar.items import FLAGS
from tests.samples import NOW, sample
from tests.samples.edgar import COLUMNS, ENTRY, FEED, ISSUER, TICKERS
from tests.sources.edgar.conftest import Recorded

SOURCE = load_source("edgar")
PAGE = "https://data.sec.gov/submissions/CIK0001234567-submissions-001.json"


def page(columns: dict[str, Any], catalogue: Catalogue) -> Parsed:
    return SOURCE.parse(sample("edgar", json.dumps(columns).encode(), url=PAGE), catalogue)


def test_a_filing_is_a_row_of_its_issuer(catalogue: Catalogue) -> None:
    table = page(COLUMNS, catalogue).tables["edgar_filings"]
    assert table["entity"].unique().to_list() == ["CIK0001234567"]
    rows = table.select(
        "valid_time", "knowledge_time", "accession", "form", "filed", "report_date", "items", "primary_document", "size"
    ).rows()
    assert rows[2] == (
        datetime(2025, 3, 5, 0, 9, 18, 475105, tzinfo=UTC), datetime(2025, 3, 5, 21, 5, 9, tzinfo=UTC), "0000000001-25-000003", "8-K",
        date(2025, 3, 5), date(2025, 3, 1), "2.04,9.01", "a.htm", 1000,
    )  # fmt: skip


def test_the_later_reading_of_an_acceptance_is_taken_and_midnight_is_none(catalogue: Catalogue) -> None:
    table = page(COLUMNS, catalogue).tables["edgar_filings"].sort("accession")
    assert table["knowledge_time"].to_list() == [
        datetime(2025, 2, 21, 5, tzinfo=UTC),  # midnight stands for "not recorded": the end of the day of filing
        datetime(2025, 3, 4, 23, 30, 28, tzinfo=UTC),
        datetime(2025, 3, 5, 21, 5, 9, tzinfo=UTC),
    ]
    assert table["vintage_date"].to_list() == [date(2025, 2, 20), None, None]
    assert table["clipped"].all()


def test_a_filing_is_never_known_later_than_it_was_fetched(catalogue: Catalogue) -> None:
    columns = copy.deepcopy(COLUMNS)
    columns["acceptanceDateTime"][0] = "2026-01-01T23:00:00.000Z"  # read as New York's it lies an hour after the fetch
    columns["filingDate"][0] = "2026-01-02"
    table = page(columns, catalogue).tables["edgar_filings"].sort("accession")
    assert table["knowledge_time"][2] == NOW
    # The next fetch says the later reading: that row repeats what is known, and goes.
    again = table.with_columns(
        knowledge_time=pl.when(pl.int_range(pl.len()) == 2).then(datetime(2026, 1, 2, 4, tzinfo=UTC)).otherwise("knowledge_time")
    )
    assert settle_clipped(pl.concat([table.with_columns(clipped=pl.lit(False)), again])).height == 3


def test_an_acceptance_long_before_the_day_of_filing_is_none(catalogue: Catalogue) -> None:
    columns = copy.deepcopy(COLUMNS)
    columns["filingDate"][0] = "2025-02-21"
    for accepted, known in (
        ("2024-02-21T16:30:00.000Z", datetime(2025, 2, 22, 5, tzinfo=UTC)),
        ("2025-02-18T16:30:00.000Z", datetime(2025, 2, 18, 21, 30, tzinfo=UTC)),
    ):
        columns["acceptanceDateTime"][0] = accepted
        table = page(columns, catalogue).tables["edgar_filings"]
        row = table.filter(pl.col("accession") == columns["accessionNumber"][0])
        assert row["knowledge_time"].to_list() == [known]


@pytest.mark.parametrize("name", ["reportDate", "acceptanceDateTime", "items", "size", "primaryDocument", "isXBRL"])
def test_an_optional_column_that_is_absent_is_null(name: str, catalogue: Catalogue) -> None:
    parsed = page({key: value for key, value in COLUMNS.items() if key != name}, catalogue)
    assert (parsed.tables["edgar_filings"].height, parsed.rejected.height) == (3, 0)


@pytest.mark.parametrize("name", ["accessionNumber", "filingDate", "form"])
def test_a_required_column_that_is_absent_or_short_is_said(name: str, catalogue: Catalogue) -> None:
    assert page({key: value for key, value in COLUMNS.items() if key != name}, catalogue).rejected.height == 1
    if name != "accessionNumber":
        parsed = page({**COLUMNS, name: COLUMNS[name][:2]}, catalogue)
        assert (parsed.tables, parsed.rejected["reason"].to_list()) == ({}, ["unexpected_shape"])


def test_a_bad_row_is_rejected_beside_good_ones(catalogue: Catalogue) -> None:
    columns = copy.deepcopy(COLUMNS)
    columns["filingDate"][0] = "2025-02-30"
    columns["accessionNumber"][1] = "1-2-3"
    columns["reportDate"][2] = "soon"
    parsed = page(columns, catalogue)
    assert parsed.rejected.select("row", "column", "reason").rows() == [
        (1, "filingDate", "not_a_date"), (2, "accessionNumber", "malformed"), (3, "reportDate", "not_a_date"),
    ]  # fmt: skip
    assert parsed.tables["edgar_filings"].select("accession", "report_date").rows() == [("0000000001-25-000001", None)]


@pytest.mark.parametrize(
    ("form", "items", "flags"),
    [
        ("8-K", "1.03,9.01", {"bankruptcy", "early_warning"}),
        ("8-K", "2.04", {"acceleration", "early_warning"}),
        ("8-K/A", "4.02, 9.01", {"non_reliance", "early_warning"}),
        ("8-K", "2.06,2.05", {"impairment", "restructuring", "early_warning"}),
        ("8-K", "5.02,2.02", {"officer_change", "results"}),
        ("8-K", "3,7", {"bankruptcy", "early_warning"}),  # the numbers of before August 2004
        ("8-K", "12.03,11.03", set()),
        ("8-K", "Item 1.03", {"bankruptcy", "early_warning"}),
        ("8-K", "ITEM 2.06.,  item 9.01", {"impairment", "early_warning"}),
        ("8-K", "Items 4.01:", {"auditor_change", "early_warning"}),
        ("NT 10-Q", "", {"late_report", "early_warning"}),
        ("15-12G", "", {"registration_ended"}),
        ("25-NSE", "", {"registration_ended"}),
        ("10-K", "1.03", None),
        ("S-1", "", None),
        ("D", "3", None),
    ],
)
def test_events_warn_by_their_items(form: str, items: str, flags: set[str] | None, catalogue: Catalogue) -> None:
    columns = {"accessionNumber": ["0000000001-25-000001"], "filingDate": ["2025-01-02"], "form": [form], "items": [items]}
    tables = page(columns, catalogue).tables
    assert ("edgar_events" in tables) == (flags is not None)
    if flags is not None:
        row = tables["edgar_events"].to_dicts()[0]
        assert {name for name, value in row.items() if value == 1 and type(value) is int} == flags


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ("9.99", {}),
        ("1.03,9.99", {"bankruptcy": 1, "early_warning": 1}),
        ("2.02,9.99", {"results": 1}),
        ("Some title", {}),
        ("1.3", {}),
        ("13", {}),
        (",", {}),
        ("6.06", {"early_warning": 0, **dict.fromkeys(FLAGS, 0)}),
        ("12,", {"early_warning": 0, **dict.fromkeys(FLAGS, 0), "results": 1}),
    ],
)
def test_what_is_no_item_may_stand_for_any(items: str, told: dict[str, int], catalogue: Catalogue) -> None:
    columns = {"accessionNumber": ["0000000001-25-000001"], "filingDate": ["2025-01-02"], "form": ["8-K"], "items": [items]}
    row = page(columns, catalogue).tables["edgar_events"].to_dicts()[0]
    assert {name: row[name] for name in (*FLAGS, "early_warning") if row[name] is not None} == told


@given(
    st.lists(st.tuples(st.integers(0, 10**10 - 1), st.integers(0, 99), st.integers(0, 999_999)), min_size=2, max_size=40, unique=True),
    st.integers(1, 10**10 - 1),
)
def test_filings_of_one_issuer_and_day_have_a_time_each_that_depends_on_nothing_but_themselves(
    numbers: list[tuple[int, int, int]], issuer: int
) -> None:
    numbers = list(dict.fromkeys([*numbers, (issuer, 26, numbers[0][2]), (issuer, 25, numbers[0][2])]))
    frame = pl.DataFrame({"accession": [f"{filer:010}-{year:02}-{sequence:06}" for filer, year, sequence in numbers]}).with_columns(
        entity=pl.lit(f"CIK{issuer:010}"), filed=date(2026, 3, 2)
    )
    times = frame.select(filing_instant()).to_series()
    assert times.n_unique() == frame.height
    assert (times.dt.date() == date(2026, 3, 2)).all()
    assert times.max() < datetime(2026, 3, 2, 0, 10, 1, tzinfo=UTC)  # type: ignore[operator]  # a column of instants has one
    assert frame.reverse().select(filing_instant()).to_series().to_list() == times.reverse().to_list()
    own = times[numbers.index((issuer, 26, numbers[0][2]))]
    assert own == datetime(2026, 3, 2, tzinfo=UTC) + timedelta(microseconds=numbers[0][2])  # as before other filers were told apart


def test_two_filers_with_one_sequence_on_one_day_are_two_filings_in_lists_and_in_the_feed(catalogue: Catalogue) -> None:
    numbers = ["0000320193-26-000010", "0001104659-26-000010"]
    columns = {"accessionNumber": numbers, "filingDate": ["2026-01-02"] * 2, "form": ["8-K"] * 2, "items": ["2.02", "4.02"]}
    parsed = page(columns, catalogue)
    assert parsed.rejected.is_empty()
    assert sorted(parsed.tables["edgar_filings"]["accession"]) == numbers
    assert parsed.tables["edgar_events"].height == 2
    entries = b"".join(ENTRY.replace("0000000001-25-000003", number).encode() for number in numbers)
    feed = SOURCE.parse(sample("edgar", FEED.replace(ENTRY.encode(), entries)), catalogue).tables["edgar_feed"]
    moved = pl.col("valid_time").dt.time()  # the feed's are of another day
    assert feed.sort("accession").select(moved).equals(parsed.tables["edgar_filings"].sort("accession").select(moved))


@pytest.mark.parametrize("items", [None, [""], [None], [" "]])
def test_an_8k_whose_items_are_not_told_has_unknown_flags_and_a_late_report_none_of_items(items: Any, catalogue: Catalogue) -> None:
    def event(form: str) -> dict[str, Any]:
        columns = {"accessionNumber": ["0000000001-25-000001"], "filingDate": ["2025-01-02"], "form": [form]}
        return page(columns | ({} if items is None else {"items": items}), catalogue).tables["edgar_events"].to_dicts()[0]

    told = event("8-K")
    assert {name for name in (*FLAGS, "early_warning") if told[name] is None} == {*FLAGS, "early_warning"}
    assert (told["late_report"], told["registration_ended"]) == (0, 0)
    late = event("NT 10-K")
    assert {late[name] for name in FLAGS} == {0}
    assert (late["late_report"], late["early_warning"]) == (1, 1)


@pytest.mark.parametrize("name", ["reportDate", "acceptanceDateTime", "items", "size", "primaryDocument"])
@pytest.mark.parametrize("cells", [[], ["2.02"], ["2.02"] * 4, "2.02", {"0": "2.02"}])
def test_a_column_of_another_length_makes_the_list_unreadable(name: str, cells: Any, catalogue: Catalogue) -> None:
    parsed = page({**COLUMNS, name: cells}, catalogue)
    assert (parsed.tables, parsed.rejected["reason"].to_list()) == ({}, ["unexpected_shape"])
    assert name in parsed.rejected["detail"][0]


def test_an_issuer_is_described_on_the_day_of_the_fetch(catalogue: Catalogue) -> None:
    row = SOURCE.parse(sample("edgar", json.dumps(ISSUER).encode()), catalogue).tables["edgar_issuers"].to_dicts()[0]
    assert (row["name"], row["tickers"], row["exchanges"], row["lei"]) == ("Example Corp", "EXM,EXMB", "NYSE", None)
    assert row["filer_category"] == "Large accelerated filer"
    assert (row["valid_time"], row["knowledge_time"], row["clipped"]) == (datetime(2026, 1, 2, tzinfo=UTC), NOW, True)


def test_tickers_and_one_without_a_key(catalogue: Catalogue) -> None:
    listed = {**TICKERS, "2": {"cik_str": "x", "ticker": "BAD", "title": "Bad"}, "3": {"ticker": "NO"}}
    parsed = SOURCE.parse(sample("edgar", json.dumps(listed).encode()), catalogue)
    assert parsed.tables["edgar_tickers"].select("entity", "cik", "name").rows() == [
        ("EXM", "CIK0001234567", "Example Corp"), ("SVN", "CIK0000000007", "Seven & Co"),
    ]  # fmt: skip
    assert parsed.rejected.select("row", "reason").rows() == [(3, "not_a_number"), (4, "missing_field")]


def test_a_party_in_two_roles_is_one_row(catalogue: Catalogue) -> None:
    body = FEED.replace(b"</feed>", ENTRY.replace("(Filer)", "(Subject)").encode() + b"</feed>")
    table = SOURCE.parse(sample("edgar", body), catalogue).tables["edgar_feed"]
    assert table.select("entity", "form", "role", "knowledge_time").rows() == [
        ("CIK0001234567", "8-K", "Filer, Subject", datetime(2025, 3, 5, 21, 5, 9, tzinfo=UTC))
    ]


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        (b"(0001234567)", b"", "title"),
        (b"Filed:", b"Seen:", "summary"),
        (b"-05:00</updated>", b"</updated>", "updated"),
        (b"accession-number=", b"", "id"),
    ],
)
def test_a_broken_entry_is_rejected_by_what_it_lacks(old: bytes, new: bytes, column: str, catalogue: Catalogue) -> None:
    good = ENTRY.replace("000003", "000004").encode()
    parsed = SOURCE.parse(sample("edgar", FEED.replace(old, new).replace(b"</feed>", good + b"</feed>")), catalogue)
    assert parsed.rejected.select("row", "column").rows() == [(1, column)]
    assert parsed.tables["edgar_feed"]["accession"].to_list() == ["0000000001-25-000004"]


def test_recorded_lists(recorded: Recorded, catalogue: Catalogue) -> None:
    heights = {
        "submissions_AAPL": {"edgar_issuers": 1, "edgar_filings": 1000, "edgar_events": 111},
        "submissions_CIK0001462356": {"edgar_issuers": 1, "edgar_filings": 268},
        "submissions_CIK0001881551": {"edgar_issuers": 1, "edgar_filings": 211, "edgar_events": 59},
        "submissions_page_001": {"edgar_filings": 205, "edgar_events": 12},
        "browse_edgar_current_atom_40": {"edgar_feed": 40},
        "browse_edgar_current_form4_100": {"edgar_feed": 100},
        "company_tickers": {"edgar_tickers": 9610},
    }
    for name, expected in heights.items():
        parsed = SOURCE.parse(recorded(name), catalogue)
        assert ({table: rows.height for table, rows in parsed.tables.items()}, parsed.rejected.height) == (expected, 0)
    apple = SOURCE.parse(recorded("submissions_AAPL"), catalogue).tables["edgar_filings"]
    row = apple.row(by_predicate=pl.col("accession") == "0000320193-23-000079", named=True)
    assert row["knowledge_time"] == datetime(2023, 8, 8, 22, 30, 28, tzinfo=UTC)
    assert (row["entity"], row["form"], row["report_date"]) == ("CIK0000320193", "4", date(2023, 8, 5))
    solidion = SOURCE.parse(recorded("submissions_CIK0001881551"), catalogue).tables["edgar_events"]
    warned = solidion.filter(pl.col("non_reliance") == 1)
    assert warned["accession"].to_list()[-1] == "0001213900-26-033616"
    assert warned.height == 3
