"""Bodies of nothing but bad rows: each is classified as one of them would be, ten thousand are listed, and all are counted."""

from __future__ import annotations

import json
from collections.abc import Mapping

import polars as pl
import pytest

from crfs.credit.catalogue import Catalogue
from crfs.sources.core import load_source
from crfs.sources.core.contract import MOST_LISTED, Parsed, RejectReason, rejection_count
from crfs.sources.core.tables import rejected_where
from crfs.workflows.quarantine import bad_rows
from tests.samples import sample

MANY = 30_000
FRED = {"realtime_start": "2020-01-01", "realtime_end": "9999-12-31"}
CENSUS = ["cell_value", "category_code", "data_type_code", "time"]
SERIES = "https://api.stlouisfed.org/fred/series/observations?series_id=GDP"
FEED = b'<feed xmlns="http://www.w3.org/2005/Atom" xmlns:m="m">%s</feed>'


def table(header: str, row: str) -> tuple[bytes, bytes]:
    """A table of one row, and one of many."""
    return _table(header, row, 1), _table(header, row, MANY)


def document(fields: Mapping[str, object], name: str, row: object) -> tuple[bytes, bytes]:
    """A document with a list of one row, and one with a list of many."""
    return _dumped({**fields, name: [row]}), _dumped({**fields, name: [row] * MANY})


def rows(header: list[str], row: object) -> tuple[bytes, bytes]:
    """A list with a header and one row, and one with many."""
    return _dumped([header, row]), _dumped([header, *[row] * MANY])


def _table(header: str, row: str, count: int) -> bytes:
    return "\n".join([header, *[row] * count, ""]).encode()


def _dumped(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("source", "stream", "url", "bodies"),
    [
        pytest.param("csv", "wti_daily", "", table("entity,valid_time,price", "US,1"), id="csv with too few cells"),
        pytest.param("csv", "wti_daily", "", table("entity,valid_time,price", "US,x,1"), id="csv without a date"),
        pytest.param("fred", "GDP", SERIES, document(FRED, "observations", 1), id="fred: no objects"),
        pytest.param("fred", "GDP", SERIES, document(FRED, "observations", {}), id="fred: nothing in them"),
        pytest.param("fred", "GDP", SERIES, document({**FRED, "output_type": 2}, "observations", {"date": "2020-01-01", "x": 1}), id="fred: wide"),
        pytest.param("fred", "GDP", "", table("observation_date,GDP", "x,1"), id="fred: a table"),
        pytest.param("treasury", "2024", "", table("Date,1 Mo", "x,1"), id="treasury csv without a date"),
        pytest.param("treasury", "2024", "", table("Date,1 Mo", "x"), id="treasury csv with too few cells"),
        pytest.param("treasury", "2024", "", (FEED % b"<m:properties/>", FEED % (b"<m:properties/>" * MANY)), id="treasury xml"),
        pytest.param("gdelt", "x", "", document({}, "articles", {}), id="gdelt: nothing in them"),
        pytest.param("gdelt", "x", "", document({}, "articles", {"url": "u", "seendate": "x"}), id="gdelt: no time"),
        pytest.param("census", "eits/m3", "", rows(CENSUS, []), id="census: no cells"),
        pytest.param("census", "eits/m3", "", rows(CENSUS, ["1", "A", "B", "x"]), id="census: no time"),
        pytest.param("fiscaldata", "debt_to_penny", "", document({}, "data", {}), id="fiscaldata"),
        pytest.param("newsapi", "x", "", document({"status": "ok"}, "articles", {}), id="newsapi"),
        pytest.param("federal_reserve", "G17", "", table("Time Period,IP.B50001.S", "x,1"), id="federal reserve"),
        pytest.param("alpha_vantage", "WTI:daily", "", document({"interval": "daily"}, "data", {}), id="alpha vantage"),
    ],
)  # fmt: skip
def test_many_bad_rows_are_listed_in_part_counted_in_whole_and_classified_as_one(
    catalogue: Catalogue, source: str, stream: str, url: str, bodies: tuple[bytes, bytes]
) -> None:
    one, many = (sample(source, body, stream=stream, url=url) for body in bodies)
    reader = load_source(source)
    assert reader.classify(many) is reader.classify(one)
    alone, parsed = reader.parse(one, catalogue), reader.parse(many, catalogue)
    assert (alone.tables, alone.rejected.height) == ({}, 1)
    assert parsed.tables == {}
    assert (parsed.rejected.height, rejection_count(parsed.rejected)) == (MOST_LISTED + 1, MANY)
    reason = alone.rejected["reason"][0]
    assert set(parsed.rejected["reason"]) == {reason}
    assert parsed.rejected.row(MOST_LISTED) == (None, None, reason, f"{MANY - MOST_LISTED} more are not listed")
    assert parsed.rejected["row"].to_list()[:MOST_LISTED] == list(range(1, MOST_LISTED + 1))


def test_an_answer_of_more_bad_rows_than_are_listed_is_held_for_their_share() -> None:
    """Ten thousand listed of a million bad ones beside a hundred thousand good ones: the million counts."""
    frame = pl.DataFrame({"row": pl.int_range(1, 1_000_001, eager=True)}).with_columns(value=pl.lit("x"))
    parsed = Parsed(tables={}, rejected=rejected_where(frame, pl.lit(True), "value", RejectReason.NOT_A_NUMBER, "no number"))
    assert bad_rows(parsed) == 1_000_000
