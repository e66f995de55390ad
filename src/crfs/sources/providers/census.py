"""The US Census Bureau's data API: the American Community Survey over five years, and the economic indicators (EITS).

A table is a JSON list of lists of text: the header first, then a row each; what was asked *for* (``state``, ``time``) comes as columns
behind those that were asked to *get*. No rows is HTTP 204 without a body; an error is plain text; a bad or absent key is a redirect to, or
an HTML page called, "Missing Key".

A survey's estimate that is not there is a number far below zero (-666666666 and its like); an indicator's is (NA), (S) and so on. There are
no vintages: values are known by the calendar of their release, else from the fetch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import ColumnType
from crfs.errors import InvalidInput
from crfs.sources.core.asked import in_words
from crfs.sources.core.contract import Classification, Limit, Parsed, Payload, Provider, Query, RejectReason, Request, Transport, by_status
from crfs.sources.core.json_text import as_text, read_json, texts
from crfs.sources.core.shutdowns import COMMERCE, put_off
from crfs.sources.core.tables import accept, known_by_entity, reject_all, rejected_table, rejected_where
from crfs.sources.core.text import cell, day_instant

API = "https://api.census.gov/data/"
SURVEY, HOUSEHOLDS, INDICATORS, QUARTERLY = "census_acs5", "census_acs5_households", "census_eits", "census_eits_quarterly"
MOST_VARIABLES = 50
_MOST_COLUMNS = 1_000
FIRST_SURVEY = 2009
PROGRAMS = (
    "advm3", "bfs", "ftd", "ftdadv", "hv", "m3", "marts", "mhs", "mrts", "mrtsadv", "mtis", "mwts", "mwtsadv", "qfr", "qpr", "qss", "qtax",
    "resconst", "ressales", "vip",
)  # fmt: skip
_BY_REGION = ("hv", "resconst", "ressales")
"""Programs that have values of regions beside those of the country."""
WIDE: Mapping[str, str] = {
    "population": "B01003_001E",
    "median_household_income": "B19013_001E",
    "gini": "B19083_001E",
    "median_home_value": "B25077_001E",
    "median_gross_rent": "B25064_001E",
    "poverty_universe": "B17001_001E",
    "below_poverty": "B17001_002E",
    "labour_force": "B23025_003E",
    "unemployed": "B23025_005E",
    "housing_units": "B25002_001E",
    "vacant_units": "B25002_003E",
    "occupied_units": "B25003_001E",
    "owner_occupied": "B25003_002E",
}
"""The columns of ``census_acs5_households`` and their variables: what is asked for where nothing else is named."""
_RATES: Mapping[str, tuple[str, str]] = {
    "poverty_rate": ("below_poverty", "poverty_universe"),
    "unemployment_rate": ("unemployed", "labour_force"),
    "vacancy_rate": ("vacant_units", "housing_units"),
    "owner_share": ("owner_occupied", "occupied_units"),
}
_SENTINELS = [float(f"-{digit * 9}") for digit in "235689"]
_NOT_THERE = ["", "(NA)", "(S)", "(D)", "(X)", "(N)", "(NR)", "NA", "N/A", "null", "None", "-", "**"]
_VARIABLE = re.compile(r"^[A-Z]{1,3}\d{2,5}[A-Z]{0,3}(_C\d{2})?_\d{3,4}P?[EM]$")
_GEOGRAPHY = re.compile(r"^[a-z][a-z0-9 /().,'-]{0,99}$")
_ORDER = ("us", "region", "division", "state", "county", "county subdivision", "place", "tract", "block group")
_PREDICATE = re.compile(r"([a-z][a-z /()]*?):([A-Za-z0-9*,]+)")
_CODE = r"^[A-Za-z0-9_.-]{1,40}$"
_PLACE = re.compile(r"/data/(?:(?P<year>\d{4})/acs/acs5(?:/(?:subject|profile|cprofile))?|timeseries/eits/(?P<program>[a-z0-9]+))/?$")
_KEY_PAGE = re.compile(r"(missing|invalid)[ _]key")
_PROVIDER = Provider(
    title="US Census Bureau, data API",
    limits=(Limit(2, 1.0), Limit(500, 86_400)),
    keyed_limits=(Limit(5, 1.0),),
    quota_zone="America/New_York",
    key_parameter="key",
    key_page="api.census.gov/data/key_signup.html",
    terms="Public domain; say that the product uses the Census Bureau data API but is not endorsed or certified by it.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """The source ``census``; a series of a query is ``acs5`` or ``acs5/2023``, or a program of the indicators, like ``m3``.

    Options for ``acs5``: ``for`` (``state:*``), ``in`` (``state:42 county:101``) and ``get`` (variables with commas between; none: those
    of ``census_acs5_households``). ``acs5`` without a year is every year from ``since`` to ``until``, or the year before the last one.
    """

    name: str = "census"
    parser_version: str = "5"
    hosts: tuple[str, ...] = ("api.census.gov",)
    provider: Provider = _PROVIDER

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """One year of the survey for the country."""
        return {"survey": Query(series=("acs5",), options={"for": "us:1"}), "indicators": Query(series=("marts",))}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """A request a year of the survey and group of variables, and one a program."""
        for series in query.series or (*_named(catalogue),):
            name, _, year = series.lower().partition("/")
            if name == "acs5":
                for each in _years(year, query, transport):
                    yield from (transport.send(request) for request in _surveys(each, query))
            elif name in PROGRAMS and not year:
                yield transport.send(_indicators(name, query))
            else:
                raise InvalidInput(f"census: {series!r} is neither acs5, nor acs5/YEAR, nor one of {', '.join(PROGRAMS)}")

    def classify(self, payload: Payload) -> Classification:
        """What the answer is, by its body before its status."""
        start = payload.body[:2000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        if not start.startswith(b"[") and _KEY_PAGE.search(start.decode("utf-8", "replace") + payload.headers.get("location", "").lower()):
            return Classification.AUTH
        if payload.status == 204:
            return Classification.EMPTY
        table = _table(payload.body) if start.startswith(b"[") else None
        if table is not None:
            if _two_columns(table) is not None or _others(table, payload) is not None:
                return Classification.SCHEMA
            return Classification.OK if len(table) > 1 else Classification.EMPTY
        refusal = by_status(payload.status)
        if refusal is not None:
            return refusal
        if not start and payload.status == 200:
            return Classification.RETRY
        return Classification.BAD_REQUEST if start.startswith(b"error") else Classification.SCHEMA

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of the survey or of an indicator, whichever the url (else the header) says."""
        if payload.status == 204 and not payload.body:
            return Parsed(tables={}, rejected=rejected_table())
        rows = _table(payload.body)
        if rows is None:
            detail = read_json(payload.body).problem or "no list of rows whose first one names the columns"
            return reject_all(RejectReason.UNEXPECTED_SHAPE, f"{detail}: {payload.body[:200].decode('utf-8', 'replace')}")
        twice = _two_columns(rows)
        if twice is not None:
            return reject_all(RejectReason.UNEXPECTED_SHAPE, f"two columns are called {twice[:80]!r}, and they differ")
        if (other := _others(rows, payload)) is not None:
            return reject_all(RejectReason.UNKNOWN_SERIES, other)
        table, uneven = _cells(rows)
        if {"cell_value", "category_code", "data_type_code"} <= set(table.columns):
            return _parse_indicators(table, uneven, payload, catalogue)
        return _parse_survey(table, uneven, payload, catalogue)


def _named(catalogue: Catalogue) -> list[str]:
    """What the catalogue's factors rest on."""
    entities = catalogue.entities(INDICATORS, QUARTERLY)
    return [*dict.fromkeys(entity.partition("/")[0] for entity in entities), "acs5"]


def _years(year: str, query: Query, transport: Transport) -> Sequence[int]:
    if year:
        if not re.fullmatch(r"\d{4}", year) or int(year) < FIRST_SURVEY:
            raise InvalidInput(f"census: acs5/{year}: the survey begins with {FIRST_SURVEY}")
        return [int(year)]
    last = query.until.year if query.until else transport.now.year - 2
    first = max(query.since.year, FIRST_SURVEY) if query.since else last
    return range(first, last + 1)


def _surveys(year: int, query: Query) -> Iterator[Request]:
    options = query.options
    wanted = [name.strip().upper() for name in str(options.get("get") or ",".join(WIDE.values())).split(",") if name.strip()]
    place = str(options.get("for") or "state:*")
    within = str(options.get("in") or "")
    wanted = [name for name in dict.fromkeys(wanted) if name != "NAME"]
    for start in range(0, len(wanted), MOST_VARIABLES - 1):
        params = [("get", ",".join(["NAME", *wanted[start : start + MOST_VARIABLES - 1]])), ("for", place)]
        params += [("in", within)] if within else []
        stream = "/".join(part for part in ("acs5", str(year), within, place) if part)
        yield Request(url=f"{API}{year}/acs/acs5", params=tuple(params), stream=stream)


def _indicators(program: str, query: Query) -> Request:
    columns = ["data_type_code", "time_slot_id", "seasonally_adj", "category_code", "cell_value", "error_data"]
    columns += ["geo_level_code"] if program in _BY_REGION else []
    time = f"from {query.since:%Y-%m}" if query.since else "from 1900"
    time += f" to {query.until:%Y-%m}" if query.until else ""
    return Request(url=f"{API}timeseries/eits/{program}", params=(("get", ",".join(columns)), ("time", time)), stream=f"eits/{program}")


def _table(body: bytes) -> list[Any] | None:
    """The rows of a body, the header first; None where it is no such table."""
    value = read_json(body).value
    if not isinstance(value, list) or not value or not isinstance(value[0], list) or not value[0]:
        return None
    return value if len(value[0]) <= _MOST_COLUMNS and all(isinstance(name, str) for name in value[0]) else None


def _two_columns(rows: list[Any]) -> str | None:
    """A name that two columns have whose cells differ; those of a predicate that was asked for as a variable too are the same."""
    header = [as_text(name).strip() for name in rows[0]]
    whole = [row for row in rows[1:] if isinstance(row, list) and len(row) == len(header)]
    for place, name in enumerate(header):
        first = header.index(name)
        if name and first < place and any(row[place] != row[first] for row in whole):
            return name
    return None


def _others(rows: list[Any], payload: Payload) -> str | None:
    """What is wrong where a table has none of the variables that the url asks for, or is of another program, geography or place; None where
    it is not.
    """
    header = [as_text(name).strip() for name in rows[0]]
    asked = [name.strip() for name in payload.parameters.get("get", "").split(",")]
    wanted, variables = [name for name in asked if _VARIABLE.match(name)], [name for name in header if _VARIABLE.match(name)]
    if wanted and variables and not {*wanted} & {*variables}:
        return in_words(", ".join(wanted[:5]), variables)
    return _other_program(header, rows, payload) or _other_place(header, rows, payload)


def _other_program(header: list[str], rows: list[Any], payload: Payload) -> str | None:
    """A program that rows name, where another one was asked for. The endpoint ``advm3`` calls itself M3ADV."""
    program = _program(payload)
    if program is None or "program_code" not in header:
        return None
    others = [code for code in _column(rows, header.index("program_code")) if sorted(code.lower()) != sorted(program)]
    return in_words(program, others) if others else None


def _other_place(header: list[str], rows: list[Any], payload: Payload) -> str | None:
    """A geography (``state``) or a code of one, where another was asked for; indicators are asked for the country."""
    given = [payload.parameters.get(name, "") for name in ("in", "for")]
    asked = {found[1]: found[2] for text in given for found in _PREDICATE.finditer(text)}
    place = _place(payload)
    level = payload.parameters.get("for", "").partition(":")[0].strip() or ("us" if place and place.group("program") else "")
    places = [name for name in header if name != "time" and _GEOGRAPHY.match(name)]
    if level and places and (level not in places or (level == "us" and {*places} != {"us"})):
        return in_words(level, [name for name in places if name != level])
    for name in places:
        codes = asked.get(name, "*").split(",")
        others = [] if "*" in codes else [f"{name} {code}" for code in _column(rows, header.index(name)) if code not in codes]
        if others:
            return in_words(f"{name} {','.join(codes)}", others)
    return None


def _column(rows: list[Any], place: int) -> list[str]:
    """What stands in a column of the rows that are as long as the header, each text once; blanks say nothing."""
    told = dict.fromkeys(as_text(row[place]).strip() for row in rows[1:] if isinstance(row, list) and len(row) == len(rows[0]))
    return [text for text in told if text]


def _cells(rows: list[Any]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """``row`` and the cells as text, and the rejected rows; two columns of one name are the same, see :func:`_two_columns`."""
    header = [as_text(name).strip() for name in rows[0]]
    width = len(header)
    numbers = [number for number, row in enumerate(rows) if isinstance(row, list) and len(row) == width][1:]
    columns: dict[str, pl.Series] = {"row": pl.Series(numbers, dtype=pl.Int64)}
    for place, name in enumerate(header):
        if name and name not in columns:
            columns[name] = texts(name, [rows[number][place] for number in numbers]).str.strip_chars()
    every = pl.DataFrame({"row": pl.int_range(1, len(rows), eager=True)}).join(pl.DataFrame({"row": columns["row"]}), on="row", how="anti")
    uneven = rejected_where(every, pl.lit(True), "row", RejectReason.UNEXPECTED_SHAPE, f"no list of {width} cells, as the header is; row")
    return pl.DataFrame(columns), uneven.with_columns(column=pl.lit(None, dtype=pl.String))


def _place(payload: Payload) -> re.Match[str] | None:
    try:
        return _PLACE.search(urlsplit(payload.url).path)
    except ValueError:
        return None


def _program(payload: Payload) -> str | None:
    """The program of the indicators that the url, else the stream, names."""
    place = _place(payload)
    named = re.search(rf"(?:^|[^a-z0-9])({'|'.join(PROGRAMS)})(?![a-z0-9])", payload.stream.lower())
    return (place.group("program") if place else None) or (named.group(1) if named else None)


def _parse_survey(table: pl.DataFrame, uneven: pl.DataFrame, payload: Payload, catalogue: Catalogue) -> Parsed:
    place = _place(payload)
    year = place.group("year") if place else None
    if year is None:
        named = re.search(r"(?:acs5\D*)((?:19|20)\d\d)(?!\d)", payload.stream.lower()) if not payload.url else None
        year = named.group(1) if named else None
    if year is None:
        return reject_all(
            RejectReason.UNKNOWN_SERIES, "neither the url (/data/2023/acs/acs5) nor the stream (acs5_2023) says survey and year"
        )
    variables = [name for name in table.columns if _VARIABLE.match(name)]
    geography = sorted(
        (name for name in table.columns if name != "row" and _GEOGRAPHY.match(name)),
        key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name),
    )
    if not variables or not geography or int(year) < FIRST_SURVEY or int(year) > 2199:
        return reject_all(
            RejectReason.UNEXPECTED_SHAPE, "no variable like B19013_001E, or no geography like state, or no year of the survey"
        )
    bad = pl.any_horizontal(~pl.col(name).str.contains(_CODE) for name in geography)
    rejected = [
        uneven,
        rejected_where(table, bad, geography[-1], RejectReason.MISSING_FIELD, "a geography without its code"),
    ]
    where = pl.concat_str([pl.lit(f"{name}:") + pl.col(name) for name in geography], separator="/")
    placed = table.filter(~bad).select("row", *variables, place=where, valid_time=pl.lit(f"{int(year) - 4}-01-01").str.to_date())
    placed = placed.with_columns(valid_time=day_instant("valid_time"))
    cells = placed.unpivot(on=variables, index=["row", "place", "valid_time"], variable_name="variable", value_name="text")
    number = cell("text", ColumnType.FLOAT8)
    none = pl.col("text").is_in(_NOT_THERE) | number.is_in(_SENTINELS).fill_null(False)
    typed = cells.with_columns(
        entity=pl.col("variable") + "/" + pl.col("place"),
        value=pl.when(~none).then(number),
        row_state=pl.when(none).then(pl.lit("missing")).otherwise(pl.lit("value")),
        _bad=~none & number.is_null(),
    )
    rejected.append(rejected_where(typed, pl.col("_bad"), "value", RejectReason.NOT_A_NUMBER, "not a number", shown="text"))
    good = typed.filter(~pl.col("_bad")).select("row", "entity", "valid_time", "value", "row_state")
    frames = {SURVEY: good}
    if set(WIDE.values()) <= set(variables):
        frames[HOUSEHOLDS] = _households(typed.filter(~pl.col("_bad").any().over("row")))
    return _accepted(frames, rejected, payload, catalogue)


def _households(cells: pl.DataFrame) -> pl.DataFrame:
    """A row a place with the columns of ``census_acs5_households``; a share of none is null."""
    index = ["row", "place", "valid_time"]
    wide = cells.filter(pl.col("variable").is_in(list(WIDE.values()))).pivot(
        on="variable", index=index, values="value", on_columns=list(WIDE.values())
    )
    wide = wide.select("row", "valid_time", *(pl.col(code).alias(name) for name, code in WIDE.items()), entity=pl.col("place"))
    return wide.with_columns(
        pl.when(pl.col(whole) > 0).then(pl.col(part) / pl.col(whole)).alias(name) for name, (part, whole) in _RATES.items()
    )


def _parse_indicators(table: pl.DataFrame, uneven: pl.DataFrame, payload: Payload, catalogue: Catalogue) -> Parsed:
    if "time" not in table.columns:
        return reject_all(RejectReason.MISSING_FIELD, "no column time; ask for time=from YYYY-MM")
    program = _program(payload)
    if program is None and "program_code" not in table.columns:
        return reject_all(RejectReason.UNKNOWN_SERIES, "neither url, nor stream, nor a column program_code names the program, like m3")
    elsewhere = [name for name in table.columns if name not in ("row", "time", "us") and _GEOGRAPHY.match(name)]
    if elsewhere and "geo_level_code" not in table.columns:
        return reject_all(
            RejectReason.UNKNOWN_SERIES, f"values of one {elsewhere[0]} are none of the country, and no column geo_level_code says whose"
        )
    absent = {"seasonally_adj": "", "geo_level_code": "US", "error_data": "no"}
    missing = [name for name in absent if name not in table.columns]
    table = table.with_columns(pl.lit(absent[name]).alias(name) for name in missing)
    if "geo_level_code" in missing and (program is None or program in _BY_REGION) and _several(table):
        return reject_all(RejectReason.MISSING_FIELD, "one month has several values, and no column geo_level_code says of which regions")
    own = pl.lit(program) if program else pl.col("program_code").str.to_lowercase()
    low = pl.col("seasonally_adj").str.to_lowercase()
    adjusted = (
        pl.when(low.is_in(["yes", "y", "sa"]))
        .then(pl.lit("/SA"))
        .when(low.is_in(["no", "n", "nsa"]))
        .then(pl.lit("/NSA"))
        .otherwise(pl.lit(""))
    )
    error = pl.when(pl.col("error_data").str.to_lowercase() == "yes").then(pl.lit("/error")).otherwise(pl.lit(""))
    region = pl.when(pl.col("geo_level_code").is_in(["", "1"])).then(pl.lit("US")).otherwise(pl.col("geo_level_code"))
    month = pl.col("time").str.extract(r"^(\d{4}-(?:0[1-9]|1[0-2]))(?:-\d\d)?$")
    quarter = pl.col("time").str.extract(r"^\d{4}-?[Qq]([1-4])$").cast(pl.Int32, strict=False)
    quarters = pl.date(pl.col("time").str.slice(0, 4).cast(pl.Int32, strict=False), 3 * quarter - 2, 1)
    none = pl.col("cell_value").is_in(_NOT_THERE)
    number = cell("cell_value", ColumnType.FLOAT8)
    parts = ["category_code", "data_type_code", "geo_level_code", "_program"]
    typed = table.with_columns(_program=own, geo_level_code=region).with_columns(
        entity=pl.concat_str("_program", "category_code", "data_type_code", "geo_level_code", separator="/") + adjusted + error,
        _dataset=pl.when(quarter.is_not_null()).then(pl.lit(QUARTERLY)).otherwise(pl.lit(INDICATORS)),
        _day=pl.coalesce((month + "-01").str.to_date(strict=False), pl.when(quarter.is_not_null()).then(quarters)),
        value=pl.when(~none).then(number),
        row_state=pl.when(none).then(pl.lit("missing")).otherwise(pl.lit("value")),
    )
    checks = [
        (pl.any_horizontal(~pl.col(name).str.contains(_CODE) for name in parts), "category_code", RejectReason.MISSING_FIELD, "no code"),
        (pl.col("_day").is_null(), "time", RejectReason.NOT_A_DATE, "no month like 2020-01 and no quarter like 2020-Q1"),
        (~none & number.is_null(), "cell_value", RejectReason.NOT_A_NUMBER, "not a number"),
    ]
    rejected = [uneven, *(rejected_where(typed, *check) for check in checks)]
    good = typed.filter(~pl.any_horizontal(check.fill_null(True) for check, *_ in checks)).with_columns(valid_time=day_instant("_day"))
    kept = ["row", "entity", "valid_time", "value", "row_state"]
    frames = {name: good.filter(pl.col("_dataset") == name).select(kept) for name in (INDICATORS, QUARTERLY)}
    return _accepted(frames, rejected, payload, catalogue)


def _several(table: pl.DataFrame) -> bool:
    """Whether any value of one kind and time is told twice, and not the same."""
    key = [
        "category_code",
        "data_type_code",
        "seasonally_adj",
        "error_data",
        "time",
        *(["program_code"] if "program_code" in table.columns else []),
    ]
    return bool(table.select(*key, "cell_value").unique().select(pl.struct(key).is_duplicated().any()).item())


def _accepted(frames: Mapping[str, pl.DataFrame], rejected: list[pl.DataFrame], payload: Payload, catalogue: Catalogue) -> Parsed:
    """The frames with their knowledge times, checked."""
    tables: dict[str, pl.DataFrame] = {}
    for name, frame in frames.items():
        if frame.height:
            dataset = catalogue.dataset(name)
            known = put_off(known_by_entity(frame, dataset, catalogue, payload.fetched_at), COMMERCE, payload.fetched_at)
            tables[name], refused = accept(known, dataset, catalogue, fetched_at=payload.fetched_at)
            rejected.append(refused)
    return Parsed(
        tables={name: table for name, table in tables.items() if table.height},
        rejected=pl.concat(rejected).sort("row", maintain_order=True),
    )


SOURCE = Census()
