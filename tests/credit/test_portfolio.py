"""Bytes of a book: CSV and Parquet are read, and what cannot be read is named by byte, line and row."""

from __future__ import annotations

import io

import polars as pl
import pytest

from crfs.credit.portfolio import FileFormat, read_portfolio
from crfs.errors import InvalidInput


def problem_of(data: bytes) -> tuple[int | None, str | None, str, str]:
    with pytest.raises(InvalidInput) as caught:
        read_portfolio(data)
    problem = caught.value.problems[0]
    return problem.row, problem.column, problem.reason, problem.detail


def test_a_byte_order_mark_quotes_windows_line_ends_and_blank_lines_are_read() -> None:
    table = read_portfolio(b'\xef\xbb\xbffacility_id, sector\r\nF1,"oil, gas"\r\n\r\nF2,\r\n')
    assert table.columns == ["facility_id", "sector"]
    assert table.rows() == [("F1", "oil, gas"), ("F2", None)]


def test_parquet_is_told_by_its_bytes() -> None:
    table = pl.DataFrame({"facility_id": ["F1"], "ead": [1.5]})
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    assert read_portfolio(buffer.getvalue()).equals(table)
    with pytest.raises(InvalidInput, match="not Parquet"):
        read_portfolio(b"PAR1 no more", file_format=FileFormat.PARQUET)


def test_a_broken_encoding_names_byte_line_row_and_column() -> None:
    row, column, reason, detail = problem_of(b"facility_id,sector\nF1,bank\nF2,caf\xe9\n")
    assert (row, column, reason) == (2, "sector", "broken_encoding")
    assert "byte 0xe9 at offset 33" in detail
    assert "line 3" in detail
    # the byte order mark counts
    assert "offset 36" in problem_of(b"\xef\xbb\xbffacility_id,sector\nF1,bank\nF2,caf\xe9\n")[3]


@pytest.mark.parametrize(
    ("data", "row", "reason", "text"),
    [
        (b"", None, "empty", "empty"),
        (b" \n", None, "empty", "empty"),
        (b"facility_id,ead\n", None, "empty", "no rows"),
        (b"facility_id,ead\nF1,1\nF2\n", 2, "broken_row", "line 3 has 1 cells, the header has 2"),
        (b"facility_id,ead\nF1,1,2\n", 1, "broken_row", "3 cells"),
        (b'facility_id,ead\nF1,"1\n', 1, "broken_row", "quotation mark"),
        (b"facility_id,ead,ead\nF1,1,2\n", None, "duplicate", "more than once"),
        (b"facility_id;ead\nF1;1\n", None, "broken_file", "semicolons"),
        ("facility_id,ead\nF1,1\n".encode("utf-16"), None, "broken_encoding", "UTF-16"),
        (b"facility_id,ead\nF1,\x001\n", 1, "broken_encoding", "byte 0x00"),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(data: bytes, row: int | None, reason: str, text: str) -> None:
    found_row, _, found_reason, detail = problem_of(data)
    assert (found_row, found_reason) == (row, reason)
    assert text in detail


def test_every_ragged_row_is_reported() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_portfolio(b"a,b\n1\n1,2\n1,2,3\n")
    assert [problem.row for problem in caught.value.problems] == [1, 3]


def test_parquet_under_the_name_of_a_csv_file_is_told() -> None:
    with pytest.raises(InvalidInput, match="begins as Parquet does"):
        read_portfolio(b"PAR1\x15\x04,\nabc", file_format=FileFormat.CSV)
