"""The New York Fed: vintages of the nowcast as CSV and as workbook, and the supply chain index, estimated again with each file."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.errors import NotFound, SourceRejected
from crfs.sources.core import Classification, Payload, Query, Request
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.core.tables import settle_clipped
from crfs.sources.providers.nyfed import DOWNLOADS, SOURCE
from tests.samples.nyfed import INDEX, URL
from tests.samples.workbooks import Cells, xls, xlsx

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MONTHLY = "GSCPI Monthly Data"


def payload(body: bytes, *, url: str = URL, stream: str = "gscpi", status: int = 200, headers: dict[str, str] | None = None) -> Payload:
    return Payload(source="nyfed", stream=stream, body=body, url=url, status=status, headers=headers or {}, started_at=NOW, fetched_at=NOW)


def recorded(recordings: Path, folder: str, catalogue: Catalogue) -> dict[str, pl.DataFrame]:
    tables: dict[str, pl.DataFrame] = {}
    for item in recorded_payloads(recordings / folder, source="nyfed", now=NOW):
        assert SOURCE.classify(item.payload) is Classification.OK
        parsed = SOURCE.parse(item.payload, catalogue)
        assert parsed.rejected.is_empty()
        (tables[item.path.name],) = parsed.tables.values()
    return tables


def values(table: pl.DataFrame) -> dict[date, float | None]:
    return {at.date(): value for at, value in table.select("valid_time", "value").rows()}


def test_the_recorded_index_gives_its_first_and_last_months(recordings: Path, catalogue: Catalogue) -> None:
    tables = recorded(recordings, "gscpi", catalogue)
    workbook, export = tables["gscpi_data_original.xls"], tables["gscpi_2col.csv"]
    assert (workbook.height, export.height) == (338, 319)
    index = values(workbook)
    assert index[date(1998, 1, 1)] == pytest.approx(-1.085512807320722, abs=0)
    assert index[date(2026, 2, 1)] == pytest.approx(0.4935899721307661, abs=0)
    assert values(export)[date(1998, 1, 1)] == -1.06
    assert values(export)[date(2024, 7, 1)] == -0.09
    assert set(workbook["knowledge_time"]) == {datetime(2026, 4, 6, tzinfo=UTC)}  # the end of the day of the commit that has it
    assert workbook["clipped"].all()


def test_two_files_of_the_index_are_two_vintages_of_its_whole_history(recordings: Path, catalogue: Catalogue) -> None:
    tables = recorded(recordings, "gscpi", catalogue)
    both = settle_clipped(pl.concat([tables["gscpi_2col.csv"], tables["gscpi_data_original.xls"]]))
    january = both.filter(pl.col("valid_time") == datetime(1998, 1, 1, tzinfo=UTC)).sort("knowledge_time")
    assert january["value"].round(2).to_list() == [-1.06, -1.09]


def test_a_vintage_says_the_same_as_a_workbook_and_as_csv(recordings: Path, catalogue: Catalogue) -> None:
    tables = recorded(recordings, "alfred_vintages", catalogue)
    for day, height in (("2016-06-29", 8653), ("2016-07-29", 8676)):
        csv, book = (tables[f"frbny_nowcast_vintage_{day}{end}"] for end in (".csv", "_xls.xls"))
        assert csv.height == book.height == height
        same = csv.join(book, on=["entity", "valid_time", "knowledge_time"], suffix="_book")
        assert same.height == height
        assert ((same["value"] - same["value_book"]).abs() <= 1e-9 * (1 + same["value"].abs())).all()
    june = tables["frbny_nowcast_vintage_2016-06-29_xls.xls"]
    payrolls = june.row(
        by_predicate=(pl.col("entity") == "PAYEMS") & (pl.col("valid_time") == datetime(2016, 5, 1, tzinfo=UTC)), named=True
    )
    assert (payrolls["value"], payrolls["vintage_date"]) == (143894.0, date(2016, 6, 29))
    assert payrolls["knowledge_time"] == datetime(2016, 6, 30, 4, tzinfo=UTC)


@pytest.mark.parametrize("case", range(20))
def test_the_form_of_the_workbook_its_sheets_order_and_other_columns_make_no_difference(catalogue: Catalogue, case: int) -> None:
    draw = random.Random(case)
    months = pl.date_range(date(1998, 1, 1), date(2001, 12, 1), "1mo", eager=True).dt.month_end().to_list()
    said = {day: round(draw.gauss(0, 1), 12) for day in months}

    def shown(day: date, as_text: bool) -> str | float:
        return f"{day:%d-%b-%Y}" if as_text else float((day - date(1899, 12, 30)).days)

    def sheet(as_text: bool) -> Cells:
        order = draw.sample(["Date", "GSCPI", "Other", None], 4)
        below: list[dict[str | None, Any]] = [{} for _ in range(draw.randrange(6))]
        below += [{"Date": shown(day, as_text), "GSCPI": value, "Other": "x"} for day, value in said.items()]
        return [order, *([cells.get(name) for name in order] for cells in below)]

    table = values(SOURCE.parse(payload(xls({MONTHLY: sheet(True)})), catalogue).tables["nyfed_gscpi"])
    assert table == {day.replace(day=1): value for day, value in said.items()}
    dates = sheet(False)
    column = list(dates[0]).index("Date")
    sheets = {"Overview": [["GSCPI", "a text"]], MONTHLY: dates, "Notes": [["Date", "GSCPI"]]}
    mixed = {name: sheets[name] for name in draw.sample(list(sheets), 3)}
    again = SOURCE.parse(payload(xlsx(mixed, dates=[column], shared=draw.random() < 0.5), url="", stream="saved"), catalogue)
    assert values(again.tables["nyfed_gscpi"]) == table
    assert again.rejected.is_empty()


def test_bad_cells_are_rejected_beside_the_good_ones_and_blank_ones_are_missing(catalogue: Catalogue) -> None:
    rows: Cells = [
        ["Date", "GSCPI"],
        ["31-Jan-1998", 1.0],
        ["31-Foo-1998", 2.0],
        ["31-Mar-1998", "high"],
        ["30-Apr-1998", None],
        ["31-May-1998", 99.0],
    ]
    for make in (xls, xlsx):
        parsed = SOURCE.parse(payload(make({MONTHLY: rows})), catalogue)
        assert parsed.tables["nyfed_gscpi"].select("value", "row_state").rows() == [(1.0, "value"), (None, "missing")]
        assert parsed.rejected.select("row", "column", "reason").rows() == [
            (2, "Date", "not_a_date"),
            (3, "GSCPI", "not_a_number"),
            (5, "value", "out_of_range"),
        ]


def test_the_index_is_known_from_when_the_bank_put_it_there_else_from_the_fetch(catalogue: Catalogue) -> None:
    moment = {"last-modified": "Thu, 05 Nov 2026 15:00:00 GMT"}
    for url, headers, expected in [
        (URL, moment, (datetime(2026, 11, 5, 15, tzinfo=UTC), date(2026, 11, 5))),
        ("https://example.org/gscpi.xls", moment, (NOW, None)),
        (URL, {"last-modified": "Thu, 03 Dec 2026 15:00:00 GMT"}, (NOW, None)),
        (URL, {}, (NOW, None)),
    ]:
        table = SOURCE.parse(payload(xls(INDEX), url=url, headers=headers), catalogue).tables["nyfed_gscpi"]
        assert set(table.select("knowledge_time", "vintage_date").rows()) == {expected}
        assert set(table["knowledge_basis"]) == {"observed"}


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (xls(INDEX), 200, "OK"),
        (xlsx(INDEX), 200, "OK"),
        (xlsx(INDEX)[:500], 200, "RETRY"),
        (xls(INDEX)[:1500], 200, "RETRY"),
        (xlsx({"Other": [["a", "b"], ["c", 1.0]]}), 200, "SCHEMA"),
        (xls({MONTHLY: [["Date", "GSCPI"]]}), 200, "EMPTY"),
        (b"<html>moved</html>", 200, "SCHEMA"),
        (b"<html>not found</html>", 404, "BAD_REQUEST"),
        (b"<html>busy</html>", 503, "RETRY"),
    ],
)
def test_an_answer_is_told_by_its_body(body: bytes, status: int, expected: str) -> None:
    assert SOURCE.classify(payload(body, status=status)) is Classification(expected)


@dataclass(frozen=True, kw_only=True)
class Bank:
    """Has the index under one of the two addresses."""

    ending: str
    has_key: bool = False
    now: datetime = NOW
    asked: list[Request] = field(default_factory=list)

    def send(self, request: Request) -> Payload:
        self.asked.append(request)
        if not request.url.endswith(self.ending):
            raise SourceRejected("HTTP 404")
        return payload(xls(INDEX), url=request.full_url)


@pytest.mark.parametrize("ending", [".xlsx", ".xls"])
def test_the_index_is_asked_for_under_both_addresses(catalogue: Catalogue, ending: str) -> None:
    bank = Bank(ending=ending)
    (answer,) = SOURCE.fetch(Query(series=("gscpi",)), bank, catalogue)
    assert answer.url == f"{DOWNLOADS}gscpi_data{ending}"
    assert [request.stream for request in bank.asked] == ["gscpi"] * len(bank.asked)


def test_what_is_neither_the_index_nor_a_vintage_is_not_asked_for(catalogue: Catalogue) -> None:
    with pytest.raises(NotFound, match="neither gscpi"):
        list(SOURCE.fetch(Query(series=("gdp",)), Bank(ending=".xls"), catalogue))
