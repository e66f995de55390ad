"""Supervisory stress-test scenarios: a table of quarters → a row a quarter and scenario, domestic or international.

A scenario's path is a forecast: the quarter is the valid time, and the whole path was known when its set was published, never at the
quarter itself. Growth and inflation are percent at an annual rate, rates percent, indices levels; a blank is absent.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import MappingProxyType

import polars as pl

from crfs.bitemporal.release import end_of_day
from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import ColumnType, DatasetDefinition
from crfs.sources.core.contract import Parsed, Payload, RejectReason
from crfs.sources.core.tables import FIRST_DAY, LAST_DAY, accept, reject_all, rejected_table, rejected_where
from crfs.sources.core.text import DelimitedText, cell, day_instant, read_delimited

DOMESTIC, INTERNATIONAL = "fed_scenario_domestic", "fed_scenario_international"

PUBLISHED: Mapping[str, date] = MappingProxyType(
    {
        "2013": date(2012, 11, 15),
        "2014": date(2013, 11, 1),
        "2015": date(2014, 10, 23),
        "2016": date(2016, 1, 28),
        "2017": date(2017, 2, 3),
        "2018": date(2018, 2, 1),
        "2019": date(2019, 2, 5),
        "2020": date(2020, 2, 6),
        "2021": date(2021, 2, 12),
        "2022": date(2022, 2, 10),
        "2023": date(2023, 2, 9),
        "2024": date(2024, 2, 15),
        "2025": date(2025, 2, 5),
        "2026-proposed": date(2025, 10, 24),
        "2026": date(2026, 2, 4),
    }
)
"""The day on which the Board's press release published each set (Banking and Consumer Regulatory Policy press releases, ``bcreg``).

A day without its hour: a set is known from the end of the day in Washington.
"""

_NEAR = timedelta(days=100)
_NAMES = {
    DOMESTIC: {
        "real gdp growth": "real_gdp_growth",
        "nominal gdp growth": "nominal_gdp_growth",
        "real disposable income growth": "real_disposable_income_growth",
        "nominal disposable income growth": "nominal_disposable_income_growth",
        "unemployment rate": "unemployment_rate",
        "cpi inflation rate": "cpi_inflation_rate",
        "cpi inflation": "cpi_inflation_rate",
        "3 month treasury rate": "treasury_3m",
        "3 month treasury yield": "treasury_3m",
        "3 month treasury bill rate": "treasury_3m",
        "5 year treasury yield": "treasury_5y",
        "5 year treasury rate": "treasury_5y",
        "10 year treasury yield": "treasury_10y",
        "10 year treasury rate": "treasury_10y",
        "bbb corporate yield": "bbb_yield",
        "bbb corporate rate": "bbb_yield",
        "mortgage rate": "mortgage_rate",
        "prime rate": "prime_rate",
        "dow jones total stock market index": "equity_index",
        "u.s. dow jones total stock market index": "equity_index",
        "house price index": "house_price_index",
        "national house price index": "house_price_index",
        "commercial real estate price index": "commercial_property_index",
        "market volatility index": "volatility_index",
        "us market volatility index": "volatility_index",
    },
    INTERNATIONAL: {
        f"{place} {name}": f"{column}_{what}"
        for place, column in (("euro area", "euro_area"), ("developing asia", "developing_asia"), ("japan", "japan"), ("uk", "uk"))
        for name, what in (
            ("real gdp growth", "real_gdp_growth"),
            ("inflation", "inflation"),
            ("cpi inflation", "inflation"),
            ("bilateral dollar exchange rate", "exchange_rate"),
            ("bilateral exchange rate", "exchange_rate"),
        )
    },
}
_QUOTES = {
    "euro_area_exchange_rate": "usd/euro",
    "developing_asia_exchange_rate": "f/usd",
    "japan_exchange_rate": "yen/usd",
    "uk_exchange_rate": "usd/pound",
}
_SCENARIOS = {"actual": "historic", "historical": "historic", "history": "historic"}


def is_scenarios(body: bytes) -> bool:
    """Whether a body's first line is the header of a scenario table: a date, and variables that the sets have."""
    names = header(body)
    return "date" in names and ("scenario name" in names or any(variable(name) for name in names))


def header(body: bytes) -> list[str]:
    """The names in a body's first line, in lower case."""
    line = body[:20_000].decode("utf-8-sig", errors="replace").lstrip().partition("\n")[0]
    try:
        return [name.strip().lower() for name in next(csv.reader([line]), [])]
    except csv.Error:
        return []


def variable(header: str) -> tuple[str, str] | None:
    """The dataset and column that a header names; None for a header that no set has, or a rate quoted the other way round.

    >>> variable("Dow Jones Total Stock Market Index (Level)")
    ('fed_scenario_domestic', 'equity_index')
    >>> variable("U.K. bilateral dollar exchange rate (USD/pound)")
    ('fed_scenario_international', 'uk_exchange_rate')
    >>> variable("Euro area bilateral dollar exchange rate (euro/USD)") is None
    True
    """
    plain, _, unit = header.lower().replace("u.k.", "uk").replace("u.s. ", "us ").partition("(")
    name = " ".join(plain.replace("-", " ").split())
    for dataset, names in _NAMES.items():
        column = names.get(name) or names.get(name.removeprefix("us "))
        if column is not None:
            quote = _QUOTES.get(column)
            return None if quote and unit and not unit.replace(" ", "").startswith(quote) else (dataset, column)
    return None


def parse(payload: Payload, catalogue: Catalogue) -> Parsed:
    """Rows of the domestic or the international table (or of both, where a file has both)."""
    text = read_delimited(payload.body)
    if text.problem is not None:
        return reject_all(*text.problem)
    columns: dict[str, tuple[str, str]] = {}
    for name in text.header:
        found = variable(name)
        # Of two headers for one variable the first stands; the other is noted as unknown.
        if found is not None and found not in columns.values():
            columns[name] = found
    by_label = {name.lower(): name for name in text.header}
    if "date" not in by_label or not columns:
        return reject_all(RejectReason.UNEXPECTED_SHAPE, "a scenario table has a Date and the variables of the supervisory scenarios")
    if "scenario name" not in by_label:
        return reject_all(RejectReason.MISSING_FIELD, "a scenario table has a column Scenario Name")
    quarters, rejected = _quarters(text, list(columns), scenario=by_label["scenario name"], day=by_label["date"])
    known = _with_knowledge(quarters, payload, catalogue.dataset(DOMESTIC).zone)
    rejected.append(rejected_table(_header_notes(text, columns)))
    tables: dict[str, pl.DataFrame] = {}
    for dataset in (catalogue.dataset(DOMESTIC), catalogue.dataset(INTERNATIONAL)):
        own = {name: column for name, (where, column) in columns.items() if where == dataset.name}
        if own:
            accepted, refused = _rows(known, own, dataset, payload.fetched_at)
            rejected.append(refused)
            if accepted.height:
                tables[dataset.name] = accepted
    return Parsed(tables=tables, rejected=pl.concat([rejected_table(text.rejected), *rejected]).sort("row", maintain_order=True))


def _rows(
    known: pl.DataFrame, own: Mapping[str, str], dataset: DatasetDefinition, fetched_at: datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    kind = "domestic" if dataset.name == DOMESTIC else "international"
    typed = known.with_columns(
        *(cell(name, ColumnType.FLOAT8).alias(column) for name, column in own.items()),
        entity=pl.format("{}/{}/{}", "set", "scenario", pl.lit(kind)),
    )
    rejected = [
        rejected_where(
            typed,
            (pl.col(name).str.strip_chars() != "") & pl.col(column).is_null(),
            column,
            RejectReason.NOT_A_NUMBER,
            "not a number",
            shown=name,
        )
        for name, column in own.items()
    ]
    # A cell that is no number makes no row with a hole in it that would look like "not given".
    bad = pl.any_horizontal((pl.col(name).str.strip_chars() != "") & pl.col(column).is_null() for name, column in own.items())
    accepted, refused = accept(typed.filter(~bad), dataset, fetched_at=fetched_at)
    return accepted, pl.concat([*rejected, refused])


def _header_notes(text: DelimitedText, columns: Mapping[str, tuple[str, str]]) -> list[tuple[int | None, str | None, RejectReason, str]]:
    """Columns that no set has, and those of a table that are not there; the rows stand without them."""
    notes: list[tuple[int | None, str | None, RejectReason, str]] = [
        (None, name[:80], RejectReason.UNKNOWN_COLUMN, "no variable of the supervisory scenarios is called so")
        for name in text.header
        if name not in columns and name.lower() not in ("scenario name", "date")
    ]
    for dataset, names in _NAMES.items():
        there = {column for where, column in columns.values() if where == dataset}
        # One stray column of the other table does not make that table incomplete.
        if len(there) > 1 or (there and len({where for where, _ in columns.values()}) == 1):
            absent = [column for column in dict.fromkeys(names.values()) if column not in there]
            notes += [(None, column, RejectReason.MISSING_FIELD, "the table lacks this variable") for column in absent]
    return notes


def _quarters(text: DelimitedText, variables: list[str], *, scenario: str, day: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Rows with ``quarter`` (its first day) and ``scenario`` (``baseline``, ``severely_adverse``, ``historic`` …)."""
    year = pl.coalesce(
        pl.col(day).str.extract(r"^\s*(\d{4})\s*[-:]?\s*[Qq][1-4]\s*$"), pl.col(day).str.extract(r"^\s*[Qq][1-4]\s*[-:]?\s*(\d{4})\s*$")
    )
    quarter = pl.coalesce(
        pl.col(day).str.extract(r"^\s*\d{4}\s*[-:]?\s*[Qq]([1-4])\s*$"), pl.col(day).str.extract(r"^\s*[Qq]([1-4])\s*[-:]?\s*\d{4}\s*$")
    ).cast(pl.Int32)
    name = (
        pl.col(scenario)
        .str.to_lowercase()
        .str.replace(r"^\s*supervisory\s+", "")
        .str.replace(r"\s+scenario\s*$", "")
        .str.replace_all(r"[^a-z0-9]+", "_")
        .str.strip_chars("_")
        .replace(_SCENARIOS)
    )
    read = text.table.with_columns(
        _quarter=pl.format("{}-{}-01", year, (quarter * 3 - 2).cast(pl.String).str.zfill(2)).str.to_date("%Y-%m-%d", strict=False),
        _scenario=name,
    )
    no_quarter, no_name = pl.col("_quarter").is_null(), (pl.col("_scenario") == "") | (pl.col("_scenario").str.len_chars() > 60)
    outside = ~pl.col("_quarter").is_between(FIRST_DAY, LAST_DAY)
    rejected = [
        rejected_where(read, no_quarter, "date", RejectReason.NOT_A_DATE, "no quarter like 2025 Q1", shown=day),
        rejected_where(read, outside, "date", RejectReason.OUT_OF_RANGE, "not within 1600 to 2199", shown=day),
        rejected_where(read, no_name, "scenario name", RejectReason.MISSING_FIELD, "no scenario's name", shown=scenario),
    ]
    good = read.filter(~(no_quarter | no_name | outside.fill_null(True)))
    return good.select("row", *variables, quarter="_quarter", scenario="_scenario", valid_time=day_instant("_quarter")), rejected


def _with_knowledge(rows: pl.DataFrame, payload: Payload, zone: str) -> pl.DataFrame:
    """``rows`` with the ``set`` that they belong to and from when it was known.

    A scenario is known from its set's declared day where its path agrees with it: a path begins, and history ends, within 100 days of the
    publication. Else (another set under that name, a cut file, an undeclared set) it is known from the file's Last-Modified, else from the
    fetch: both are upper bounds.
    """
    named = scenario_set(payload)
    edges = rows.group_by("scenario", maintain_order=True).agg(first=pl.col("quarter").min(), last=pl.col("quarter").max())
    modified = _modified(payload)
    known: list[dict[str, object]] = []
    for scenario, first, last in edges.iter_rows():
        # The first quarter of a path is in the year of its set; history ends with the quarter before.
        edge = last + timedelta(days=92) if scenario == "historic" else first
        name = named or str(edge.year)
        published = PUBLISHED.get(name) if named else None
        near = published is not None and abs(edge - published) <= _NEAR
        declared = end_of_day(pl.Series([published]), zone)[0] if near else None
        by_rule = declared is not None and declared <= payload.fetched_at
        known.append(
            {
                "scenario": scenario,
                "set": name,
                "knowledge_time": declared if by_rule else modified,
                "knowledge_basis": "calendar" if by_rule else "observed",
                "vintage_date": published if by_rule else None,
                "clipped": not by_rule,
            }
        )
    schema = {
        "scenario": pl.String(),
        "set": pl.String(),
        "knowledge_time": pl.Datetime("us", "UTC"),
        "knowledge_basis": pl.String(),
        "vintage_date": pl.Date(),
        "clipped": pl.Boolean(),
    }
    return rows.join(pl.DataFrame(known, schema=schema, orient="row"), on="scenario", how="left", maintain_order="left")


def scenario_set(payload: Payload) -> str | None:
    """The set that the file's name says (the url's last part, else the stream): ``2025``, ``2026-proposed``; None where it says none.

    >>> from types import SimpleNamespace
    >>> scenario_set(SimpleNamespace(url="https://www.federalreserve.gov/x/2026_Proposed_Historic_Domestic.csv", stream=""))
    '2026-proposed'
    """
    for name in (payload.url.partition("?")[0].partition("#")[0].rpartition("/")[2], payload.stream):
        found = re.search(r"(?<!\d)(20[0-4]\d)(?!\d)", name)
        if found:
            return found.group(1) + ("-proposed" if "proposed" in name.lower() else "")
    return None


def _modified(payload: Payload) -> datetime:
    """When the file was last changed on the server, if it says so and that is before the fetch; else the fetch."""
    try:
        moment = parsedate_to_datetime(payload.headers.get("last-modified", ""))
    except (ValueError, TypeError, IndexError):
        return payload.fetched_at
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        return payload.fetched_at
    return min(moment, payload.fetched_at)
