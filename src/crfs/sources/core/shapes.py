"""What an answer looks like from outside, whoever sent it: names of its fields, units that it states, sizes of its newest values."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from statistics import median
from typing import Any
from urllib.parse import parse_qsl

import polars as pl

from crfs.errors import plain
from crfs.quality.thresholds import Scale, Shape
from crfs.sources.core.contract import Payload
from crfs.sources.core.json_text import read_json
from crfs.sources.core.tables import ACCEPTED
from crfs.sources.core.unit_statements import stated_in

_UNIT = re.compile(
    r"^(units?|unit_?(name|measure|code)|units_short|measure_data_type|(reported_?)?currency|multiplier|powercode|unit_?mult(iplier)?)$",
    re.IGNORECASE,
)
_TYPES = "dataTypes"
"""Where Fiscal Data says of each field whether it is an amount of money, a percentage, or none of them."""
_NAMED = re.compile(
    r"^(id|series|series_?id|series_?name|name|symbol|ticker|entity|key|code|mnemonic|unique_?identifier|identifier)$", re.IGNORECASE
)
_PLACES = {"offset", "limit", "page", "per_page", "page[number]", "page[size]", "period1", "period2", "startyear", "endyear"}
_DAY = re.compile(r"(^|\D)(1[6-9]|2[01])\d{2}(-?\d{2}){0,2}(\D|$)")
_DATA = re.compile(r"^[\d\s.:/TZ+-]+$")
"""A key that is a day or a number: what it stands in is a table of rows, and no row of fields."""
_WORD = re.compile(r"^(?!https?:)(?=.*[A-Za-z]).{1,200}$")
_MOST_NAMES = 200
_MOST_SERIES = 200
_MOST_JSON = 4 * 1024 * 1024
_SAMPLE = 50
_LEAST_ROWS = 5
_DEPTH = 6
_NEWEST = 5
_LEAST_DAYS = 3
_LEAST_EVEN, _EVEN = 4, 1.01
"""So many different values at least, and so alike are their ratios, where all days have changed by one factor."""


def shape_of(payload: Payload, tables: Mapping[str, pl.DataFrame]) -> Shape:
    """The shape of an answer of which these accepted tables were made; its names as they are kept (:func:`~crfs.errors.plain`)."""
    names = _Names()
    names.read(payload.body)
    newest = [day for table in tables.values() if isinstance(day := table["valid_time"].dt.date().max(), date)]
    return Shape(
        question="" if any(_passes_by(table) for table in tables.values()) else payload.url or payload.stream,
        row_count=sum(table.height for table in tables.values()),
        header={plain(table): tuple(map(plain, fields)) for table, fields in names.of_every_row.items()},
        seen={plain(table): tuple(map(plain, fields)) for table, fields in names.of_any_row.items()},
        units={plain(place): plain(unit) for place, unit in names.units.items()},
        sizes={series: dict(list(days.items())[-_NEWEST:]) for series, days in sizes_of(tables).items() if len(days) >= _LEAST_DAYS},
        newest=max(newest, default=None),
    )


def kind_of_answer(payload: Payload) -> str:
    """Which answers are of one kind: those of a stream from one address, whatever days and pages of it were asked for."""
    address, _, query = payload.url.partition("#")[0].partition("?")
    kept = [f"{name}={value}" for name, value in sorted(parse_qsl(query)) if name.lower() not in _PLACES and not _DAY.search(value)]
    return f"{payload.stream}|{address}|{'&'.join(kept)}"


def scales_of(before: Shape, tables: Mapping[str, pl.DataFrame]) -> dict[str, Scale]:
    """How many times what they were in the answer ``before`` the values of each series are, on the days that both have.

    Where they have no three days in common, the first days after are compared instead, if no more time lies between than some four days of the
    series: values do not grow fifty-fold from one month to the next, but they do in fifty years.
    """
    found: dict[str, Scale] = {}
    for series, days in sizes_of(tables).items():
        old = before.sizes.get(series, {})
        common = [days[day] / size for day, size in old.items() if day in days]
        if len(common) >= _LEAST_DAYS:
            sizes = {size for day, size in old.items() if day in days}
            is_even = len(sizes) >= _LEAST_EVEN and max(common) <= min(common) * _EVEN
            found[series] = Scale(median(common), is_even)
        elif len(old) >= _LEAST_DAYS and len(days) >= _LEAST_DAYS:
            last, first = max(old), min(days)
            step = (last - min(old)) / (len(old) - 1)
            if timedelta(0) < first - last <= max(4 * step, timedelta(days=4)):
                found[series] = Scale(median(list(days.values())[:_NEWEST]) / median(old.values()))
    return found


def _passes_by(table: pl.DataFrame) -> bool:
    """Whether rows are of things that happen (articles, documents, filings): hardly an entity has two, and they lie on many days."""
    return table.height > 1 and table["entity"].n_unique() > 0.8 * table.height and table["valid_time"].dt.date().n_unique() > 1


def sizes_of(tables: Mapping[str, pl.DataFrame]) -> dict[str, dict[date, float]]:
    """Absolute values other than zero by dataset, column and entity, and by day in their order, the newest knowledge of each; of few series only."""
    found: dict[str, dict[date, float]] = {}
    for dataset, table in tables.items():
        numbers = [name for name, dtype in table.schema.items() if dtype == pl.Float64 and name not in ACCEPTED]
        if not numbers or table["entity"].n_unique() > _MOST_SERIES or _passes_by(table):
            continue
        newest = table.sort("entity", "valid_time", "knowledge_time").unique(["entity", "valid_time"], keep="last", maintain_order=True)
        for (entity,), rows in newest.group_by(["entity"], maintain_order=True):
            days = rows["valid_time"].dt.date()
            for name in numbers:
                if len(found) >= _MOST_SERIES:
                    return found
                there = rows[name].is_finite() & (rows[name] != 0)
                if there.any():
                    found[f"{dataset}.{name} of {entity}"] = dict(zip(days.filter(there), rows[name].filter(there).abs(), strict=True))
    return found


class _Names:
    """Names of fields by the table that they stand in (its place in a JSON document; empty for a CSV), and units by their place."""

    def __init__(self) -> None:
        self.of_every_row: dict[str, tuple[str, ...]] = {}
        self.of_any_row: dict[str, tuple[str, ...]] = {}
        self.units: dict[str, str] = {}
        self._count = 0

    def read(self, body: bytes) -> None:
        """Read a JSON document, or the first line and the units of a CSV; other XML than SDMX has neither."""
        start = body[:400].lstrip(b"\xef\xbb\xbf \t\r\n")
        if start[:1] in (b"{", b"["):
            if len(body) <= _MOST_JSON:
                self._walk([read_json(body).value], "", 0)
        elif start[:1] != b"<" and b"," in start:
            self._header(body)
        self.units |= stated_in(body)

    def _header(self, body: bytes) -> None:
        """A first line is a header where all of its cells are words, and the line after it has as many."""
        text = body[:100_000].decode("utf-8-sig", "replace").lstrip("\r\n")
        try:
            lines = csv.reader(text.splitlines()[:2])
            cells, following = [cell.strip() for cell in next(lines)], next(lines, [])
        except (csv.Error, StopIteration):
            return
        if 1 < len(cells) == len(following) <= _MOST_NAMES and all(map(_WORD.match, cells)):
            self.of_every_row[""] = self.of_any_row[""] = tuple(cells)

    def _walk(self, values: Sequence[Any], place: str, depth: int) -> None:
        """Look at values that stand at one place, one of each row there."""
        if depth > _DEPTH or self._count > _MOST_NAMES:
            return
        items = [item for value in values if isinstance(value, list) for item in _some(value)]
        if items:
            self._walk(_some(items), f"{place}[]", depth + 1)
        objects = [value for value in values if isinstance(value, dict)]
        tables = [value for value in objects if value and all(map(_DATA.match, map(str, value)))]
        rows = [item for value in tables for item in _some(list(value.values()))]
        if rows:
            self._walk(_some(rows), f"{place}{{}}", depth + 1)
            return
        if not objects:
            return
        keys = list(dict.fromkeys(str(key) for value in objects for key in value))
        every = [key for key in keys if all(key in value for value in objects)]
        if len(objects) >= _LEAST_ROWS:
            self._table(place, every, keys)
        elif len(columns := _columns(objects[0])) > 1:
            self._table(f"{place}|", columns, columns)
        for key in keys[:_MOST_NAMES]:
            there = [value[key] for value in objects if key in value]
            where = f"{place}.{key}" if place else key
            if _UNIT.match(key) or place.rpartition(".")[2] == _TYPES:
                self._unit(where, key, objects)
            self._walk(there, where, depth + 1)

    def _unit(self, where: str, key: str, objects: Sequence[dict[str, Any]]) -> None:
        """Note a unit that all objects say, and what each of them says whose name is told beside it."""
        told = [value.get(key) for value in objects]
        if all(isinstance(unit, str | int) for unit in told) and len({str(unit) for unit in told}) == 1:
            self.units[where] = str(told[0])[:100]
        name = next((name for name in objects[0] if _NAMED.match(str(name))), None) if len(objects) > 1 else None
        for value, unit in zip(objects, told, strict=True):
            if name is not None and isinstance(unit, str | int) and isinstance(value.get(name), str):
                self.units.setdefault(f"{where} of {value[name][:100]}", str(unit)[:100])

    def _table(self, place: str, every: list[str], any_: list[str]) -> None:
        if len(any_) <= _MOST_NAMES:
            self.of_every_row[place], self.of_any_row[place] = tuple(every), tuple(any_)
            self._count += len(any_)


def _columns(value: Mapping[str, Any]) -> list[str]:
    """The fields of an object that are lists of one length, as where a table is told by its columns."""
    lengths = {str(key): len(item) for key, item in value.items() if isinstance(item, list) and len(item) >= _LEAST_ROWS}
    longest = max(lengths.values(), default=0)
    return [key for key, length in lengths.items() if length == longest]


def _some(items: list[Any]) -> list[Any]:
    """The first and the last items of many."""
    return items if len(items) <= 2 * _SAMPLE else [*items[:_SAMPLE], *items[-_SAMPLE:]]
