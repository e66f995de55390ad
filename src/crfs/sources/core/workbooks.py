"""Bytes of a spreadsheet, .xls (BIFF) or .xlsx (OOXML) → the cells of its sheets; never raises, and bounded before anything is unpacked.

OOXML is read here, on the bounded readers of zips and XML. calamine reads both forms and is faster, but it allocates the whole rectangle
around the cells: five kilobytes with a cell in the last row and column end the process, which no handler can catch.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from crfs.sources.core.archives import MAGIC as ZIP_MAGIC
from crfs.sources.core.archives import Archive, open_archive
from crfs.sources.core.xml_text import read_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from xlrd.sheet import Sheet as XlrdSheet

BIFF_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MOST_BYTES = 16 * 1024 * 1024
_MOST_BIFF_BYTES = 4 * 1024 * 1024
_MOST_TAGS = 400_000
_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384
_EPOCH, _EPOCH_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001 - a spreadsheet's dates have no zone
_REFERENCE = re.compile(r"^([A-Z]{1,3})([1-9]\d{0,6})$")
_DATE_FORMATS = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
Cell = str | float | bool | datetime
"""A text, a number, a truth value, or a date without a zone; an empty cell is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One sheet: its cells by row and column, both from 0, in rows and columns that need not be dense."""

    name: str
    rows: Mapping[int, Mapping[int, Cell]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbook:
    """A body that was read: its ``sheets`` in order, or the ``problem`` why there are none."""

    sheets: tuple[Sheet, ...] = ()
    problem: str | None = None


def is_workbook(body: bytes) -> bool:
    """Whether the first bytes are those of an .xls or .xlsx."""
    return body.startswith((BIFF_MAGIC, ZIP_MAGIC))


def read_workbook(body: bytes) -> Workbook:
    """The sheets of a workbook; errors of formulas (#N/A) count as empty cells.

    >>> read_workbook(b"Date,GSCPI").problem
    'neither an .xls nor an .xlsx workbook'
    """
    most = _MOST_BIFF_BYTES if body.startswith(BIFF_MAGIC) else MOST_BYTES
    if len(body) > most:
        return Workbook(problem=f"a workbook larger than {most} bytes")
    if body.startswith(BIFF_MAGIC):
        return _read_biff(body)
    if body.startswith(ZIP_MAGIC):
        return _read_ooxml(body)
    return Workbook(problem="neither an .xls nor an .xlsx workbook")


def _read_biff(body: bytes) -> Workbook:
    from xlrd import open_workbook
    from xlrd.biffh import XLRDError
    from xlrd.compdoc import CompDocError
    from xlrd.formula import FormulaError

    # What xlrd raises on bytes that are no workbook: it checks little and unpacks much.
    broken = (
        XLRDError, CompDocError, FormulaError, ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, NameError, OSError,
        RuntimeError, TypeError, ValueError, struct.error,
    )  # fmt: skip
    try:
        book = open_workbook(file_contents=body, logfile=io.StringIO(), ragged_rows=True)
        return Workbook(sheets=tuple(Sheet(name=sheet.name, rows=dict(_biff_rows(sheet, book.datemode))) for sheet in book.sheets()))
    except broken as error:
        return Workbook(problem=f"not an .xls workbook: {type(error).__name__}: {str(error)[:200]}")


def _biff_rows(sheet: XlrdSheet, datemode: int) -> Iterator[tuple[int, dict[int, Cell]]]:
    for number in range(sheet.nrows):
        kinds, values = sheet.row_types(number), sheet.row_values(number)
        cells: dict[int, Cell] = {}
        for column, (kind, value) in enumerate(zip(kinds, values, strict=True)):
            match kind:
                case 1 if value != "":
                    cells[column] = str(value)
                case 2:
                    cells[column] = float(value)
                case 3:
                    cells[column] = _date(float(value), since_1904=bool(datemode))
                case 4:
                    cells[column] = bool(value)
                case _:
                    pass
        if cells:
            yield number, cells


def _read_ooxml(body: bytes) -> Workbook:
    archive = open_archive(body, most_bytes=MOST_BYTES)
    if archive.problem is not None:
        return Workbook(problem=archive.problem)
    book = _part(archive, "xl/workbook.xml")
    relations = _part(archive, "xl/_rels/workbook.xml.rels")
    if book is None or relations is None:
        return Workbook(problem="a zip without xl/workbook.xml, or with one that is broken")
    targets = {item.get("Id"): item.get("Target", "") for item in relations}
    strings = _strings(_part(archive, "xl/sharedStrings.xml"))
    dates = _date_styles(_part(archive, "xl/styles.xml"))
    since_1904 = any(item.get("date1904") in ("1", "true") for item in _named(book, "workbookPr"))
    sheets: list[Sheet] = []
    for item in _named(book, "sheet"):
        target = targets.get(item.get(_RELATION), "")
        path = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        part = _part(archive, path)
        if part is None:
            return Workbook(problem=f"the sheet {item.get('name', '')[:60]!r} cannot be read")
        sheets.append(Sheet(name=item.get("name", ""), rows=_ooxml_rows(part, strings, dates, since_1904=since_1904)))
    return Workbook(sheets=tuple(sheets)) if sheets else Workbook(problem="a workbook without a sheet")


def _part(archive: Archive, name: str) -> Element | None:
    data = archive.read(name) if name in archive.names else None
    if data is None or data.count(b"<") > _MOST_TAGS:
        return None
    return read_xml(data).root


def _local(element: Element) -> str:
    """An element's name without its namespace: strict and transitional OOXML differ in it."""
    return str(element.tag).rpartition("}")[2]


def _named(root: Element, name: str) -> Iterator[Element]:
    return (item for item in root.iter() if _local(item) == name)


def _strings(root: Element | None) -> list[str]:
    """The shared texts; what is written above a text to say how it sounds (``rPh``) is no part of it."""
    return [] if root is None else [_text(item) for item in root if _local(item) == "si"]


def _text(item: Element) -> str:
    parts: list[str] = []
    for child in item:
        match _local(child):
            case "t":
                parts.append(child.text or "")
            case "r":
                parts += [run.text or "" for run in child if _local(run) == "t"]
            case _:
                pass
    return "".join(parts)


def _date_styles(root: Element | None) -> set[str]:
    """The numbers of the cell styles that show a number as a date."""
    if root is None:
        return set()
    own = {item.get("numFmtId"): item.get("formatCode", "") for item in _named(root, "numFmt")}
    styles: set[str] = set()
    for group in _named(root, "cellXfs"):
        for number, style in enumerate(group):
            code = style.get("numFmtId", "")
            shown = re.sub(r"\[[^\]]{0,40}\]|\"[^\"]{0,200}\"|\\.", "", own.get(code, "")[:500]).lower()
            if (code.isascii() and code.isdigit() and len(code) < 6 and int(code) in _DATE_FORMATS) or re.search(r"[ymdh]", shown):
                styles.add(str(number))
    return styles


def _ooxml_rows(root: Element, strings: list[str], dates: set[str], *, since_1904: bool) -> dict[int, dict[int, Cell]]:
    rows: dict[int, dict[int, Cell]] = {}
    below = 0
    for row in (item for data in root if _local(data) == "sheetData" for item in data if _local(item) == "row"):
        number = _whole(row.get("r"), below + 1, _MOST_ROWS)
        below = number
        right = 0
        cells: dict[int, Cell] = {}
        for item in row:
            if _local(item) != "c":
                continue
            found = _REFERENCE.match(item.get("r") or "")
            right = _column(found.group(1)) if found else right + 1
            value = _value(item, strings, dates, since_1904=since_1904)
            if value is not None and right <= _MOST_COLUMNS:
                cells[right - 1] = value
        if cells and number <= _MOST_ROWS:
            rows[number - 1] = cells
    return rows


def _value(item: Element, strings: list[str], dates: set[str], *, since_1904: bool) -> Cell | None:
    kind = item.get("t") or "n"
    inner = {_local(child): child for child in item}
    if kind == "inlineStr":
        return (_text(inner["is"]) if "is" in inner else "") or None
    text = (inner["v"].text or "").strip() if "v" in inner else ""
    match kind:
        case "s":
            place = _whole(text, len(strings), len(strings))
            return (strings[place] if place < len(strings) else "") or None
        case "str":
            return text or None
        case "b":
            return text in ("1", "true")
        case "d":
            try:
                return datetime.fromisoformat(text).replace(tzinfo=None)
            except ValueError:
                return text or None
        case "n":
            try:
                number = float(text)
            except ValueError:
                return text or None
            return _date(number, since_1904=since_1904) if item.get("s") in dates else number
        case _:
            return None


def _date(number: float, *, since_1904: bool) -> Cell:
    """The date that a serial number stands for; the number itself where it stands for none (1900 had no 29 February, so not before March)."""
    if not (since_1904 or number >= 61) or not 0 <= number < 2_958_466:
        return number
    return (_EPOCH_1904 if since_1904 else _EPOCH) + timedelta(days=number)


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number


def _whole(text: str | None, default: int, most: int) -> int:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 9:
        return default
    return min(int(text), most)
