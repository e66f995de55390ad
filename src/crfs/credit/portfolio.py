"""Read a book of facilities from the bytes of a file; checking what is in it comes after (``crfs.quality.portfolio``)."""

from __future__ import annotations

import csv
import io
from enum import StrEnum

import polars as pl

from crfs.credit.schemas import Reason
from crfs.errors import InvalidInput, Problem


class FileFormat(StrEnum):
    """What the bytes of a book are written in."""

    CSV = "csv"
    PARQUET = "parquet"


def read_portfolio(data: bytes, *, file_format: FileFormat | None = None) -> pl.DataFrame:
    """The table that ``data`` holds; every cell of a CSV is text still, null where it is blank.

    CSV is UTF-8 with commas, a header, and an optional byte order mark. With no ``file_format`` the first bytes tell Parquet from CSV.
    Bytes that are no UTF-8, and rows with too many or too few cells, are :class:`InvalidInput`: each is named by its row.

    >>> read_portfolio(b"facility_id,ead\\nF1,100\\nF2,\\n").rows()
    [('F1', '100'), ('F2', None)]
    """
    if file_format is None:
        file_format = FileFormat.PARQUET if data[:4] == b"PAR1" else FileFormat.CSV
    if file_format is FileFormat.PARQUET:
        try:
            return pl.read_parquet(io.BytesIO(data))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _whole(Reason.BROKEN_FILE, f"the file is not Parquet that can be read: {error}") from error
    return _read_csv(_decode(data))


def _decode(data: bytes) -> str:
    if not data.strip():
        raise _whole(Reason.EMPTY, "the file is empty; a book has a header and one row a facility")
    if data[:4] == b"PAR1":
        raise _whole(Reason.BROKEN_FILE, "the file begins as Parquet does (PAR1), not as CSV; give it a name that ends in .parquet")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise _whole(Reason.BROKEN_ENCODING, "the file is UTF-16; save it as CSV UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec skips the byte order mark before it counts.
        start = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        raise _at_byte(data, start, f"byte 0x{data[start]:02x} at offset {start} is not UTF-8; save the file as CSV UTF-8") from error
    if "\0" in text:
        start = data.index(b"\0")
        raise _at_byte(data, start, f"byte 0x00 at offset {start} has no place in text; is this a CSV file?")
    return text


def _at_byte(data: bytes, start: int, what: str) -> InvalidInput:
    line = data.count(b"\n", 0, start) + 1
    column = _column_of_byte(data, start)
    detail = f"line {line}: {what}"
    problem = Problem(row=line - 1 if line > 1 else None, column=column, reason=Reason.BROKEN_ENCODING.value, detail=detail)
    return InvalidInput(detail, problems=(problem,))


def _column_of_byte(data: bytes, start: int) -> str | None:
    """The header's name above a byte, as far as a comma count can tell; None in the header itself."""
    line_start = data.rfind(b"\n", 0, start) + 1
    if line_start == 0:
        return None
    header = data[: data.index(b"\n")].decode("utf-8-sig", errors="replace").strip().split(",")
    position = data.count(b",", line_start, start)
    return header[position].strip() if position < len(header) and b'"' not in data[line_start:start] else None


def _read_csv(text: str) -> pl.DataFrame:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    records: list[list[str]] = []
    problems: list[Problem] = []
    header: list[str] | None = None
    try:
        for cells in reader:
            if not cells:
                continue  # a line without anything is no row
            if header is None:
                header = [name.strip() for name in cells]
                _check_header(header)
                continue
            records.append(cells)
            if len(cells) != len(header):
                detail = f"line {reader.line_num} has {len(cells)} cells, the header has {len(header)}"
                problems.append(Problem(row=len(records), column=None, reason=Reason.BROKEN_ROW.value, detail=detail))
    except csv.Error as error:
        detail = f"line {reader.line_num}: {error}; look for a quotation mark that is not closed"
        raise InvalidInput(
            detail, problems=(Problem(row=len(records) + 1, column=None, reason=Reason.BROKEN_ROW.value, detail=detail),)
        ) from error
    if problems:
        raise InvalidInput(f"{len(problems)} row(s) have the wrong number of cells; first: {problems[0]}", problems=tuple(problems))
    if header is None or not records:
        raise _whole(Reason.EMPTY, "the file has no rows; a book has a header and one row a facility")
    columns = {
        name: [cell if cell.strip() else None for cell in column] for name, column in zip(header, zip(*records, strict=True), strict=True)
    }
    return pl.DataFrame(columns, schema=dict.fromkeys(header, pl.String))


def _check_header(header: list[str]) -> None:
    if len(header) == 1:
        for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if mark in header[0]:
                raise _whole(Reason.BROKEN_FILE, f"the cells are parted by {name}; save the file with commas")
    problems = [
        Problem(row=None, column=name, reason=Reason.DUPLICATE.value, detail=f"the header has {name!r} more than once")
        for name in sorted({name for name in header if header.count(name) > 1})
    ]
    if problems:
        raise InvalidInput("; ".join(problem.detail for problem in problems), problems=tuple(problems))


def _whole(reason: Reason, detail: str) -> InvalidInput:
    return InvalidInput(detail, problems=(Problem(row=None, column=None, reason=reason.value, detail=detail),))
