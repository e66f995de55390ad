"""A body of the Treasury → cells of text: one row for each day and series, from the XML feed or from the CSV."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from crfs.sources.core.asked import in_words
from crfs.sources.core.contract import Payload, RejectReason
from crfs.sources.core.tables import Rejection, Rejections
from crfs.sources.core.text import beginning, read_delimited
from crfs.sources.core.xml_text import read_xml
from crfs.sources.providers.treasury.columns import KINDS, RATE_TYPES, REAL_LONG_TERM, Series, is_unknown_tenor, of_field, of_headers

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

CELLS = {
    "row": pl.Int64(), "date": pl.String(), "date_field": pl.String(), "dataset": pl.String(), "entity": pl.String(),
    "column": pl.String(), "field": pl.String(), "text": pl.String(),
}  # fmt: skip
"""``row`` counts days (entries of the feed, lines of the CSV) from 1; ``field`` is the provider's name for the cell."""

_DATE_FIELDS = ("NEW_DATE", "INDEX_DATE", "QUOTE_DATE")
_NOTHING = ("", "N/A", "n/a")
_NAMED = {name: kind.name for kind in KINDS for name in (kind.name, kind.short)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """What was read: ``days`` says how many entries or lines there were; ``problem`` is set where the body is no table of the Treasury."""

    table: pl.DataFrame
    rejected: tuple[Rejection, ...] = ()
    days: int = 0
    problem: tuple[RejectReason, str] | None = None


def first_lines(payload: Payload) -> Payload:
    """The payload with the first lines of a CSV, which say what it is; XML stays whole."""
    return payload if _is_xml(payload.body) else replace(payload, body=beginning(payload.body))


def read_cells(payload: Payload) -> Cells:
    """The cells of a payload: XML where it begins so, else CSV. Blank cells and absent elements give no row.

    Cells of another kind of table than its url asks for are a problem; so are those of a CSV without one, whose stream names another kind.
    """
    cells = _of_feed(payload.body) if _is_xml(payload.body) else _of_csv(payload)
    named = (
        (payload.parameters.get("data"), payload.parameters.get("type"))
        if payload.parameters or _is_xml(payload.body)
        else (_kind(payload),)
    )
    asked = next((kind for kind in KINDS if kind.name in named), None)
    told = cells.table["dataset"].unique(maintain_order=True).to_list()
    if cells.problem is None and asked is not None and not set(told) <= {asked.dataset}:
        return _problem(RejectReason.UNKNOWN_SERIES, in_words(asked.name, told))
    return cells


def _is_xml(body: bytes) -> bool:
    return body[:400].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _problem(reason: RejectReason, detail: str) -> Cells:
    return Cells(table=pl.DataFrame(schema=CELLS), problem=(reason, detail))


def _of_feed(body: bytes) -> Cells:
    read = read_xml(body)
    if read.root is None:
        return _problem(RejectReason.MALFORMED, read.problem or "not XML")
    if _local(read.root.tag) != "feed":
        return _problem(RejectReason.UNEXPECTED_SHAPE, f"the root is {_local(read.root.tag)[:60]}, not an Atom feed")
    rows: list[tuple[object, ...]] = []
    rejected: list[Rejection] = []
    series_of: dict[str, Series | None] = {}
    days = 0
    for entry in read.root.iter():
        if not entry.tag.endswith("properties") or _local(entry.tag) != "properties":
            continue
        days += 1
        fields = {field.tag.rpartition("}")[2]: _text(field) for field in entry}
        date_field = next((name for name in _DATE_FIELDS if fields.get(name)), None)
        if date_field is None:
            rejected.append((days, _DATE_FIELDS[0], RejectReason.MISSING_FIELD, "the entry has no date"))
            continue
        date = fields[date_field]
        rate_type, rate = fields.get("RATE_TYPE"), fields.get("RATE")
        if rate_type and rate_type.lower() not in RATE_TYPES:
            rejected.append((days, "RATE_TYPE", RejectReason.UNKNOWN_SERIES, f"no such rate is known: {rate_type[:80]}"))
        elif rate:
            series = RATE_TYPES[rate_type.lower()] if rate_type else REAL_LONG_TERM
            rows.append((days, date, date_field, series.dataset, series.entity, series.column, "RATE", rate))
        for field in entry:  # a tenor that is told twice is two cells, to be compared
            name = field.tag.rpartition("}")[2]
            if name not in series_of:
                series_of[name] = of_field(name)
            found, text = series_of[name], _text(field)
            if found is not None and text:
                rows.append((days, date, date_field, found.dataset, found.entity, found.column, name, text))
    unknown = sorted(name for name in series_of if is_unknown_tenor(name))
    rejected += [(None, name[:80], RejectReason.UNKNOWN_COLUMN, "no tenor can be read from this name") for name in unknown]
    return Cells(table=pl.DataFrame(rows, schema=CELLS, orient="row"), rejected=tuple(rejected), days=days)


def _of_csv(payload: Payload) -> Cells:
    text = read_delimited(payload.body)
    if text.problem is not None:
        return _problem(*text.problem)
    day = next((name for name in text.header if name.lower() in ("date", "quote date", "observation_date")), None)
    series = of_headers(list(text.header), _kind(payload))
    if day is None or not series:
        return _problem(RejectReason.UNEXPECTED_SHAPE, "the header has no Date, or no tenor or rate of the Treasury")
    rejected = Rejections(text.rejected)
    for name in text.header:
        if name != day and name not in series and (name or (text.table[name] != "").any()):
            rejected.append((None, name[:80], RejectReason.UNKNOWN_COLUMN, "no tenor or rate can be read from this name"))
    cells = text.table.unpivot(on=list(series), index=["row", day], variable_name="field", value_name="text").rename({day: "date"})
    told = pl.DataFrame([(name, *_place(found)) for name, found in series.items()], schema=_PLACE, orient="row")
    table = (
        cells.filter(~pl.col("text").is_in(list(_NOTHING)))
        .with_columns(date_field=pl.lit(day))
        .join(told, on="field", how="left", maintain_order="left")
    )
    bad_dates = text.table.filter(pl.col(day) == "")["row"]
    rejected.extend((row, day, RejectReason.MISSING_FIELD, "the line has no date") for row in bad_dates)
    return Cells(
        table=table.filter(pl.col("date") != "").select(list(CELLS)).sort("row", maintain_order=True),
        rejected=tuple(rejected.listed()),
        days=text.table.height + len(text.rejected),
    )


_PLACE = {"field": pl.String(), "dataset": pl.String(), "entity": pl.String(), "column": pl.String()}


def _place(series: Series) -> tuple[str, str, str]:
    return series.dataset, series.entity, series.column


def _kind(payload: Payload) -> str | None:
    """What the payload's url or stream says that was asked for; the name of a saved file may say it too."""
    params = payload.parameters
    for said in (params.get("type"), params.get("data"), payload.stream):
        if said in _NAMED:
            return _NAMED[said]
    low = payload.stream.lower().replace("-", "_")
    return next((kind.name for kind in KINDS if kind.name in low), None)


def _local(tag: str) -> str:
    """The name of an element without its namespace."""
    return tag.rpartition("}")[2]


def _text(field: Element) -> str:
    """The text of a field; empty where it is null (``m:null="true"``)."""
    text = (field.text or "").strip()
    if text in _NOTHING or any(value.lower() == "true" and _local(name) == "null" for name, value in field.attrib.items()):
        return ""
    return text
