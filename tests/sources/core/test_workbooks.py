"""Workbooks in both forms: the same cells, no bytes that crash, nothing unpacked beyond a bound."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from datetime import datetime

import pytest

from crfs.sources.core.workbooks import MOST_BYTES, read_workbook
from tests.samples.workbooks import Cells, xls, xlsx

SHEETS: dict[str, Cells] = {
    "Notes": [["a text", None, "another & one"]],
    "Data": [["Date", "Value"], [35826.0, -1.25], [None, None], ["31-Jan-1998", 0.0]],
}
EXPECTED = {
    "Notes": {0: {0: "a text", 2: "another & one"}},
    "Data": {0: {0: "Date", 1: "Value"}, 1: {0: 35826.0, 1: -1.25}, 3: {0: "31-Jan-1998", 1: 0.0}},
}


@pytest.mark.parametrize("body", [xls(SHEETS), xlsx(SHEETS), xlsx(SHEETS, shared=False)], ids=["xls", "xlsx", "inline"])
def test_both_forms_give_the_same_cells(body: bytes) -> None:
    assert {sheet.name: sheet.rows for sheet in read_workbook(body).sheets} == EXPECTED


def test_a_number_with_a_dates_style_is_a_date() -> None:
    data = read_workbook(xlsx(SHEETS, dates=[0])).sheets[1]
    assert data.rows[1][0] == datetime(1998, 1, 31)  # noqa: DTZ001 - a spreadsheet's dates have no zone


def _part(name: str, old: str, new: str, body: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as there, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as here:
        for item in there.namelist():
            text = there.read(item).decode()
            here.writestr(item, text.replace(old, new) if item == name else text)
    return stream.getvalue()


def test_a_cell_in_the_last_row_and_column_costs_nothing() -> None:
    """Five kilobytes on which readers that allocate the rectangle around the cells end the process."""
    body = _part(
        "xl/worksheets/sheet1.xml", "</sheetData>", '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>', xlsx(SHEETS)
    )
    rows = read_workbook(body).sheets[0].rows
    assert rows[1_048_575] == {16_383: 1.0}


def test_cells_without_references_errors_and_formulas_are_read_as_they_are_shown() -> None:
    new = (
        '<row><c><v>7</v></c><c t="e"><v>#N/A</v></c><c t="str"><f>A1</f><v>x</v></c><c t="b"><v>1</v></c><c><f>1</f></c></row></sheetData>'
    )
    rows = read_workbook(_part("xl/worksheets/sheet1.xml", "</sheetData>", new, xlsx(SHEETS))).sheets[0].rows
    assert rows[1] == {0: 7.0, 2: "x", 3: True}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Date,GSCPI",
        b"PK\x03\x04",
        xls(SHEETS)[:700],
        xlsx(SHEETS)[:-30],
        _part("xl/worksheets/sheet1.xml", "<sheetData>", "<!DOCTYPE a [<!ENTITY x 'y'>]><sheetData>", xlsx(SHEETS)),
        _part("xl/worksheets/sheet1.xml", "<sheetData>", "<sheetData>" + "<row/>" * 500_000, xlsx(SHEETS)),
        _part("xl/workbook.xml", "<sheets>", "<sheets>" + " " * MOST_BYTES, xlsx(SHEETS)),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(MOST_BYTES),
    ],
)
def test_what_is_no_workbook_of_a_sane_size_has_a_problem_and_no_sheet(body: bytes) -> None:
    book = read_workbook(body)
    assert book.problem
    assert book.sheets == ()


@pytest.mark.parametrize("make", [xls, xlsx])
def test_no_bytes_crash_the_reading_of_a_workbook(make: Callable[..., bytes], seed: int) -> None:
    draw, whole = random.Random(seed), make(SHEETS)
    for _ in range(1500):
        body = bytearray(whole)
        for _ in range(draw.randint(1, 12)):
            body[draw.randrange(min(len(body), 2600))] = draw.randrange(256)
        read_workbook(bytes(body[: draw.randrange(len(body))] if draw.random() < 0.2 else body))
