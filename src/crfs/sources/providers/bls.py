"""The US Bureau of Labor Statistics, public API version 2: employment, prices, job openings and unemployment, the latest values only.

Series are asked for by POST, 25 of them over 10 years without a key and 50 over 20 with one. Failures come with HTTP 200, so an answer is
told by its ``status``; on success, ``message`` says which series do not exist and that a range was shortened.

A row is a year and a period: M01 to M12 are months, Q01 to Q04 quarters, S01 and S02 half years, A01 a year, and M13, Q05 and S03 averages
of the year; each length of period has a dataset of its own. A value of "-" means that there is none. There are no vintages: values without
a publication time are known by the calendar of their factor's release, else from the fetch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson
import polars as pl

from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import ColumnType
from crfs.errors import InvalidInput
from crfs.sources.core.asked import beside_asked
from crfs.sources.core.contract import Classification, Limit, Parsed, Payload, Provider, Query, RejectReason, Request, Transport, by_status
from crfs.sources.core.json_text import as_text, object_cells, read_json
from crfs.sources.core.shutdowns import LABOR, put_off
from crfs.sources.core.tables import Rejection, accept, known_by_entity, reject_all, rejected_table, rejected_where
from crfs.sources.core.text import cell, day_instant
from crfs.sources.core.units import of_expected_units

URL = "https://api.bls.gov/publicAPI/v2/timeseries/data/"
MONTHLY, QUARTERLY, SEMIANNUAL, ANNUAL = "bls_monthly", "bls_quarterly", "bls_semiannual", "bls_annual"
_DATASETS = (MONTHLY, QUARTERLY, SEMIANNUAL, ANNUAL)
_PERIODS: Mapping[str, tuple[str, int]] = {
    **{f"M{month:02}": (MONTHLY, month) for month in range(1, 13)},
    **{f"Q{quarter:02}": (QUARTERLY, 3 * quarter - 2) for quarter in range(1, 5)},
    **{f"S{half:02}": (SEMIANNUAL, 6 * half - 5) for half in (1, 2)},
    **dict.fromkeys(("M13", "Q05", "S03", "A01"), (ANNUAL, 1)),
}
"""A period's dataset and the month in which it starts."""
_SUCCEEDED = ("REQUEST_SUCCEEDED", "REQUEST_PARTIALLY_PROCESSED")
_NONE = ("-", "")
_MOST_SERIES, _MOST_ROWS = 1_000, 200_000
"""Far more than an answer may have, which is 50 series of 20 years."""
_PROVIDER = Provider(
    title="US Bureau of Labor Statistics, public data API 2.0",
    limits=(Limit(1, 1.0), Limit(25, 86_400)),
    keyed_limits=(Limit(1, 1.0), Limit(500, 86_400)),
    quota_zone="America/New_York",
    key_field="registrationkey",
    key_page="data.bls.gov/registrationEngine/",
    terms="Public domain; BLS asks to be named as the source, with the date of access, and does not vouch for what is made of its data.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bls:
    """The source ``bls``; the series of a query are BLS' own ids like LNS14000000 (none: all that the catalogue names).

    ``since`` and ``until`` are widened to whole years, as the API has it. Without ``since`` the newest years of one request are asked for:
    10 without a key, 20 with one.
    """

    name: str = "bls"
    parser_version: str = "3"
    hosts: tuple[str, ...] = ("api.bls.gov",)
    provider: Provider = _PROVIDER

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """The newest values of one series."""
        return {"series": Query(series=("LNS14000000",))}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """Answers for every group of series and every slice of years, the oldest years first."""
        series = tuple(dict.fromkeys(name.strip().upper() for name in query.series)) or _named(catalogue)
        if not all(name.isascii() and name.replace("_", "").replace("-", "").replace("#", "").isalnum() for name in series):
            raise InvalidInput("bls: a series id is letters and digits, like LNS14000000")
        most_series, most_years = (50, 20) if transport.has_key else (25, 10)
        last = query.until.year if query.until else transport.now.year
        first = query.since.year if query.since else last - most_years + 1
        if first > last:
            raise InvalidInput(f"bls: since {first} lies after {last}")
        for place in range(0, len(series), most_series):
            group = series[place : place + most_series]
            for start in range(first, last + 1, most_years):
                yield transport.send(_request(group, start, min(start + most_years - 1, last), averages=transport.has_key))

    def classify(self, payload: Payload) -> Classification:
        """What the answer is, by its ``status``; only a body without one is judged by the HTTP status.

        REQUEST_NOT_PROCESSED is a QUOTA where it speaks of a threshold or limit and AUTH where it speaks of the key. A success without any
        row is EMPTY, or a BAD_REQUEST where it says that the series do not exist.
        """
        text = read_json(payload.body)
        status, words = str(text.fields.get("status", "")), " ".join(_messages(text.fields)).lower()
        if status in _SUCCEEDED:
            series = _series(text.fields)
            if series is None or _others(series, payload) is not None:
                return Classification.SCHEMA
            if any(isinstance(item, dict) and item.get("data") for item in series):
                return Classification.OK
            return Classification.BAD_REQUEST if _says_unknown(words) else Classification.EMPTY
        if status == "REQUEST_NOT_PROCESSED":
            return _not_processed(words)
        if status.startswith("REQUEST_FAILED"):
            return Classification.BAD_REQUEST if "INVALID" in status else Classification.RETRY
        return _by_http(payload, words, empty=not payload.body.strip())

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of the four datasets; ``row`` of a rejected one counts the rows of all series in the order of the body."""
        text = read_json(payload.body)
        if text.problem is not None:
            return reject_all(RejectReason.UNEXPECTED_SHAPE, text.problem)
        status, series = text.fields.get("status"), _series(text.fields)
        if status not in _SUCCEEDED:
            return reject_all(RejectReason.UNSUPPORTED, f"status {str(status)[:60]}: {' '.join(_messages(text.fields))[:300]}")
        if series is None:
            return reject_all(RejectReason.UNEXPECTED_SHAPE, "Results has no list of series")
        if (beside := _others(series, payload)) is not None:
            return reject_all(RejectReason.UNKNOWN_SERIES, beside)
        if len(series) > _MOST_SERIES or sum(map(_length, series)) > _MOST_ROWS:
            return reject_all(RejectReason.UNEXPECTED_SHAPE, f"more than {_MOST_SERIES} series or {_MOST_ROWS} rows: no answer of BLS")
        table, rejections = _cells(series)
        typed = _typed(table)
        rejected = [
            rejected_table([*_told(text.fields), *rejections]),
            rejected_where(
                typed, pl.col("_day").is_null(), "period", RejectReason.NOT_A_DATE, "no year and period like 2020 M01", shown="_when"
            ),
            rejected_where(
                typed, ~pl.col("_none") & pl.col("value").is_null(), "value", RejectReason.NOT_A_NUMBER, "not a number", shown="_text"
            ),
        ]
        good = typed.filter(pl.col("_day").is_not_null() & (pl.col("_none") | pl.col("value").is_not_null()))
        told = _units(series)
        tables: dict[str, pl.DataFrame] = {}
        for name in _DATASETS:
            rows = good.filter(pl.col("_dataset") == name).select(
                "row", "entity", "value", "footnotes", "row_state", valid_time=day_instant("_day")
            )
            if rows.is_empty():
                continue
            dataset = catalogue.dataset(name)
            rows, other = of_expected_units(rows, told, dataset, catalogue)
            rejected.append(other)
            known = put_off(known_by_entity(rows, dataset, catalogue, payload.fetched_at), LABOR, payload.fetched_at)
            tables[name], refused = accept(known, dataset, catalogue, fetched_at=payload.fetched_at)
            rejected.append(refused)
        return Parsed(
            tables={name: accepted for name, accepted in tables.items() if accepted.height},
            rejected=pl.concat(rejected).sort("row", maintain_order=True),
        )


def _named(catalogue: Catalogue) -> tuple[str, ...]:
    """The series that factors of the catalogue rest on, in their order."""
    return catalogue.entities(*_DATASETS)


def _request(series: tuple[str, ...], first: int, last: int, *, averages: bool) -> Request:
    asked: dict[str, Any] = {"seriesid": list(series), "startyear": str(first), "endyear": str(last)}
    if averages:  # only the registered may ask for more than the values
        asked["annualaverage"] = True
    more = f"+{len(series) - 1}" if len(series) > 1 else ""
    return Request(
        url=URL,
        stream=f"{series[0]}{more}",
        headers=(("content-type", "application/json"),),
        fragment=urlencode({"seriesid": ",".join(series), "startyear": first, "endyear": last}),
        content=orjson.dumps(asked),
    )


def _series(fields: Mapping[str, Any]) -> list[Any] | None:
    """The list of series: ``Results`` is an object, or (in old answers) a list of such objects; None where there is no such list."""
    results = fields.get("Results")
    parts = results if isinstance(results, list) else [results]
    found: list[Any] | None = None
    for part in parts:
        if isinstance(part, dict) and isinstance(part.get("series"), list):
            found = [*(found or []), *part["series"]] if found else part["series"]
    return [] if found is None and results in ([], {}, [{}]) else found


def _others(series: list[Any], payload: Payload) -> str | None:
    """What is wrong where an answer has series that the request, whose ids the url keeps behind its "#", did not ask for; None where it has not."""
    try:
        asked = parse_qs(urlsplit(payload.url).fragment).get("seriesid", [])
    except ValueError:
        return None
    told = [item.get("seriesID") for item in series if isinstance(item, dict)]
    names = [name.encode("utf-8", "replace").decode().strip() for name in told if isinstance(name, str) and name.strip()]
    return beside_asked(asked[-1].split(","), names) if asked else None


def _messages(fields: Mapping[str, Any]) -> list[str]:
    said = fields.get("message")
    said = said if isinstance(said, list) else [said]
    return [line.encode("utf-8", "replace").decode() for line in said if isinstance(line, str) and line.strip()]


def _says_unknown(words: str) -> bool:
    return "does not exist" in words or "invalid series" in words


def _not_processed(words: str) -> Classification:
    if "threshold" in words or "quota" in words or "number of requests" in words:
        return Classification.QUOTA
    if "key" in words or "register" in words:
        return Classification.AUTH
    return Classification.BAD_REQUEST if words else Classification.QUOTA


def _by_http(payload: Payload, words: str, *, empty: bool) -> Classification:
    if payload.status == 429 and "threshold" in words:
        return Classification.QUOTA
    refusal = by_status(payload.status)
    if refusal is not None:
        return refusal
    return Classification.RETRY if empty else Classification.SCHEMA


def _told(fields: Mapping[str, Any]) -> list[Rejection]:
    """What a success says besides: series that do not exist, a range that was shortened. "No data available" for a year is no news."""
    told: list[Rejection] = []
    for line in _messages(fields)[:1000]:
        low = line.lower()
        if _says_unknown(low):
            told.append((None, "seriesID", RejectReason.UNKNOWN_SERIES, line))
        elif "reduced" in low or "truncated" in low or "limit" in low:
            told.append((None, "year", RejectReason.UNSUPPORTED, f"BLS gave less than was asked for: {line}"))
    return told


def _length(item: object) -> int:
    data = item.get("data") if isinstance(item, dict) else None
    return len(data) if isinstance(data, list) else 0


def _cells(series: list[Any]) -> tuple[pl.DataFrame, list[Rejection]]:
    """The rows of all series as text, with the series' id as ``entity`` and the codes of their footnotes."""
    rows: list[Any] = []
    owners: list[str | None] = []
    rejections: list[Rejection] = []
    for item in series:
        data = item.get("data") if isinstance(item, dict) else None
        name = item.get("seriesID") if isinstance(item, dict) else None
        if not isinstance(data, list):
            rejections.append((None, "data", RejectReason.UNEXPECTED_SHAPE, f"the series {str(name)[:40]!r} has no list of data"))
            continue
        if not isinstance(name, str) or not name.strip():
            if data:
                rejections.append((len(rows) + 1, "seriesID", RejectReason.MISSING_FIELD, f"{len(data)} rows of a series without an id"))
            name = None
        rows += data
        owners += [name] * len(data)
    table, bad = object_cells(rows, ("year", "period", "value"))
    places = table["row"] - 1
    notes = [_footnotes(rows[place]) for place in places]
    owner = pl.Series("entity", [name and name.encode("utf-8", "replace").decode().strip() for name in owners], dtype=pl.String)
    table = table.with_columns(
        entity=owner.gather(places) if table.height else pl.Series([], dtype=pl.String),
        footnotes=pl.Series(notes, dtype=pl.String),
    )
    return table.filter(pl.col("entity").is_not_null()), [*rejections, *bad]


def _units(series: list[Any]) -> pl.DataFrame:
    """What the descriptions of series (which only come where ``catalog`` was asked for) say that they measure."""
    told: list[tuple[str, str]] = []
    for item in series:
        about = item.get("catalog") if isinstance(item, dict) else None
        name, unit = (item.get("seriesID"), about.get("measure_data_type")) if isinstance(about, dict) else (None, None)
        if isinstance(name, str) and isinstance(unit, str):
            told.append((as_text(name).strip(), as_text(unit)))
    table = pl.DataFrame(told, schema=dict.fromkeys(("entity", "unit"), pl.String()), orient="row")
    return table.with_columns(multiplier=pl.lit(None, dtype=pl.String))


def _footnotes(row: Mapping[str, Any]) -> str | None:
    """The codes of a row's footnotes, in their order: ``P`` preliminary, ``R`` revised, ``1`` …; None without any."""
    notes = row.get("footnotes")
    if not isinstance(notes, list):
        return None
    codes = [note["code"] for note in notes if isinstance(note, dict) and isinstance(note.get("code"), str) and note["code"]]
    text = ",".join(codes).encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    return text[:100] or None


def _typed(table: pl.DataFrame) -> pl.DataFrame:
    """Cells as numbers, and as the first day (``_day``) of a period of a dataset (``_dataset``); null where they cannot be read."""
    text = pl.col("value").str.strip_chars()
    period = pl.col("period").str.strip_chars()
    month = period.replace_strict({code: start for code, (_, start) in _PERIODS.items()}, default=None, return_dtype=pl.Int32)
    year = pl.when(pl.col("year").str.contains(r"^\s*\d{4}\s*$")).then(pl.col("year").str.strip_chars()).cast(pl.Int32, strict=False)
    none = text.is_in(list(_NONE))
    value = pl.when(~none).then(cell("value", ColumnType.FLOAT8))
    return table.with_columns(
        _when=pl.col("year") + " " + pl.col("period"),
        _text=text,
        _none=none,
        _dataset=period.replace_strict({code: name for code, (name, _) in _PERIODS.items()}, default=None, return_dtype=pl.String),
        _day=pl.when(year.is_between(1600, 2199)).then(pl.date(year, month, 1)),
        value=value,
        row_state=pl.when(none).then(pl.lit("missing")).otherwise(pl.lit("value")),
    )


SOURCE = Bls()
