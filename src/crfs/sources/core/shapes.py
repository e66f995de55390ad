"""What an answer looks like from outside, whoever sent it: names of its fields, units that it states, typical sizes of its series."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

import polars as pl

from crfs.quality.thresholds import Shape
from crfs.sources.core.contract import Payload
from crfs.sources.core.json_text import read_json
from crfs.sources.core.tables import ACCEPTED

_UNIT = re.compile(r"^(units?|unit_?name|units_short|currency|multiplier|unit_?mult(iplier)?)$", re.IGNORECASE)
_PLACES = {"offset", "limit", "page", "per_page", "page[number]", "page[size]", "period1", "period2", "startyear", "endyear"}
_DAY = re.compile(r"(^|\D)(1[6-9]|2[01])\d{2}(-?\d{2}){0,2}(\D|$)")
_MOST_NAMES = 200
_MOST_SERIES = 200
_MOST_JSON = 4 * 1024 * 1024
_DEPTH = 4


def shape_of(payload: Payload, tables: Mapping[str, pl.DataFrame]) -> Shape:
    """The shape of an answer of which these accepted tables were made."""
    header, units = _names(payload)
    newest = [day for table in tables.values() if isinstance(day := table["valid_time"].dt.date().max(), date)]
    return Shape(
        question=payload.url or payload.stream,
        row_count=sum(table.height for table in tables.values()),
        header=header,
        units=units,
        sizes=_sizes(tables),
        newest=max(newest, default=None),
    )


def kind_of_answer(payload: Payload) -> str:
    """Which answers are of one kind: those of a stream from one address, whatever days and pages of it were asked for."""
    address, _, query = payload.url.partition("#")[0].partition("?")
    kept = [f"{name}={value}" for name, value in sorted(parse_qsl(query)) if name.lower() not in _PLACES and not _DAY.search(value)]
    return f"{payload.stream}|{address}|{'&'.join(kept)}"


def _sizes(tables: Mapping[str, pl.DataFrame]) -> dict[str, float]:
    """Medians of absolute values by dataset, column and entity, where an answer has at least five of them; of few series only."""
    found: dict[str, float] = {}
    for dataset, table in tables.items():
        numbers = [name for name, dtype in table.schema.items() if dtype == pl.Float64 and name not in ACCEPTED]
        if not numbers or table["entity"].n_unique() > _MOST_SERIES:
            continue
        medians = table.group_by("entity").agg(
            *(pl.col(name).filter(pl.col(name) != 0).abs().median().alias(name) for name in numbers),
            *(pl.col(name).count().alias(f"{name}:n") for name in numbers),
        )
        for row in medians.sort("entity").to_dicts():
            for name in numbers:
                if row[f"{name}:n"] >= 5 and row[name]:
                    found[f"{dataset}.{name} of {row['entity']}"] = row[name]
    return dict(list(found.items())[:_MOST_SERIES])


def _names(payload: Payload) -> tuple[tuple[str, ...], dict[str, str]]:
    start = payload.body[:400].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] in (b"{", b"["):
        if len(payload.body) > _MOST_JSON:
            return (), {}
        names: dict[str, None] = {}
        units: dict[str, str] = {}
        _walk(read_json(payload.body).value, "", names, units, depth=0)
        return tuple(sorted(names))[:_MOST_NAMES], units
    if start[:1] == b"<" or b"," not in start:
        return (), {}
    line = payload.body.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").partition(b"\n")[0].decode("utf-8", "replace")
    cells = [cell.strip().strip('"') for cell in line.split(",")]
    worded = [cell for cell in cells if cell and not cell[:1].isdigit()]
    return (tuple(cells[:_MOST_NAMES]), {}) if len(worded) > len(cells) / 2 and len(cells) <= _MOST_NAMES else ((), {})


def _walk(value: Any, place: str, names: dict[str, None], units: dict[str, str], *, depth: int) -> None:
    """Names of fields down to a depth; of a list only the first object, since rows of one table are alike.

    An object of many fields is a mapping from data (days, tags) to rows: its keys are no names.
    """
    if depth > _DEPTH or len(names) > _MOST_NAMES:
        return
    if isinstance(value, list):
        first = next((item for item in value[:5] if isinstance(item, dict)), None)
        if first is not None:
            _walk(first, f"{place}[]", names, units, depth=depth + 1)
    elif isinstance(value, dict) and len(value) <= 60:
        for key, item in value.items():
            where = f"{place}.{key}" if place else str(key)
            names[where] = None
            if _UNIT.match(str(key)) and isinstance(item, str):
                units[where] = item[:100]
            _walk(item, where, names, units, depth=depth + 1)
