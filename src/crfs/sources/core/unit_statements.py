"""What delimited text and SDMX messages say of the units of their series, whichever provider sent them.

Three ways are known. A line of metadata above the data (or right below the names) has a cell a column: ``Unit:``, ``Multiplier:``. A table in
long form has a column of units beside one that names the series. An SDMX message has attributes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator

from crfs.sources.core.sdmx import read_sdmx, stated_units
from crfs.sources.core.text import read_delimited

_UNIT = re.compile(
    r"^(units?|unit[ _]?(name|measure|code)|units[ _]short|currency|multiplier|powercode|unit[ _]?mult(iplier)?)$", re.IGNORECASE
)
_SERIES = re.compile(
    r"^(key|series([ _]?(id|name|code))?|id|unique[ _]?identifier|identifier|symbol|ticker|entity|mnemonic|code|name)$", re.IGNORECASE
)
_DATA = re.compile(r"^\d[\d\s.:/QMWTZ-]*$")
_HEAD_LINES = 40
_HEAD_BYTES = 4_000_000
_MOST = 2_000
_LONGEST = 100


def stated_in(body: bytes) -> dict[str, str]:
    """What a body says, like ``unit of IP.B50001.S`` is ``Index:_2017_100``; at most two thousand, and none in a body of another kind.

    >>> stated_in(b"Unit:,Percent,Index\\nTime Period,A,B\\n2024-01,1,2\\n")
    {'unit of A': 'Percent', 'unit of B': 'Index'}
    """
    start = body[:4_000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith((b"{", b"[", b"<")):
        is_sdmx = b"dataSets" in body if start.startswith(b"{") else b"GenericData" in start or b"GenericTimeSeriesData" in start
        return _of_sdmx(body) if is_sdmx else {}
    lines = _head(body)
    if not lines:
        return {}
    header = [name.strip() for name in lines[0]]
    codes = {name.partition(":")[0].strip() for name in header}
    if {"TIME_PERIOD", "OBS_VALUE"} <= codes:
        return _of_sdmx(body)
    found = dict(_gathered(_of_lines(lines)))
    columns = [name for name in header if _UNIT.match(label_of(name))]
    return found or (_of_columns(body, header, columns) if columns else {})


def _of_sdmx(body: bytes) -> dict[str, str]:
    message = read_sdmx(body)
    if message.problem is not None:
        return {}
    told = stated_units(message, prefix="").unpivot(index="entity", variable_name="name", value_name="text").drop_nulls()
    return dict(_gathered(told.select("name", "entity", "text").iter_rows()))


def _of_lines(lines: list[list[str]]) -> Iterator[tuple[str, str, str]]:
    """Lines of units above the first line of data; the last other line there names the columns."""
    data = next((place for place, cells in enumerate(lines) if _DATA.match(cells[0].strip())), None)
    above = lines[:data] if data is not None else []
    names = next((cells for cells in reversed(above) if not _UNIT.match(label_of(cells[0])) and cells[0].strip()), [])
    for cells in above if names else []:
        label = label_of(cells[0])
        if cells is names or not _UNIT.match(label):
            continue
        for name, text in zip(names[1:], cells[1:], strict=False):
            if name.strip():
                yield label, name.strip(), text.strip()


def _of_columns(body: bytes, header: list[str], columns: list[str]) -> dict[str, str]:
    """Columns of units of a table in long form, by the column that names the series; without one, what all rows say."""
    text = read_delimited(body)
    if text.problem is not None:
        return {}
    name = next((name for name in header if _SERIES.match(label_of(name)) and name not in columns), None)
    if name is None:
        told = {column: text.table[column].unique().to_list() for column in columns}
        return {label_of(column): texts[0][:_LONGEST] for column, texts in told.items() if len(texts) == 1}
    long = text.table.select(name, *columns).unique().unpivot(on=columns, index=name, variable_name="column", value_name="text")
    long = long.unique().sort("column", name, "text").head(10 * _MOST)
    return dict(_gathered((label_of(column), series, unit) for column, series, unit in long.select("column", name, "text").iter_rows()))


def _gathered(told: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, str]]:
    """What is told of each series; several texts of one series together."""
    found: dict[str, dict[str, None]] = {}
    for label, series, text in told:
        key = f"{label} of {series[:_LONGEST]}"
        if key in found or len(found) < _MOST:
            found.setdefault(key, {})[text] = None
    for key, texts in found.items():
        yield key, " | ".join(texts)[:_LONGEST]


def _head(body: bytes) -> list[list[str]]:
    """The cells of the first lines that are not blank."""
    lines = body[:_HEAD_BYTES].decode("utf-8-sig", "replace").replace("\x00", "\ufffd").split("\n", _HEAD_LINES)[:_HEAD_LINES]
    try:
        return [cells for cells in csv.reader(lines) if any(cell.strip() for cell in cells)]
    except csv.Error:
        return []


def label_of(text: str) -> str:
    """How the name of a line in front of a table is compared: without quotes, colon and capitals.

    >>> label_of('"Unique Identifier: "'), label_of("UNIT_MULT")
    ('unique identifier', 'unit_mult')
    """
    return text.strip().strip('"').strip().rstrip(":").strip().lower()
