"""Real history that the packages ``arch`` and ``statsmodels`` ship as data files, read as bytes where the packages lie.

Neither package is imported. Every file is one late vintage; the datasets' release calendars (``catalog/packaged.toml``) say when a
first print was out, not what it said.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import ColumnDefinition
from crfs.errors import NotFound
from crfs.sources.core.contract import Classification, Parsed, Payload, Provider, Query, RejectReason, Transport
from crfs.sources.core.package_files import package_payload
from crfs.sources.core.tables import accept, known_from, reject_all, rejected_table, rejected_where
from crfs.sources.core.text import day_instant, read_delimited, typed

_MOST_BYTES = 64 * 1024 * 1024
_PROVIDER = Provider(title="History that installed packages ship", terms="Each package has its own licence; nothing is asked of anybody.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFile:
    """One data file: where it lies in its package, whose rows it has, and how its columns are called there.

    ``columns`` goes from the file's names to the dataset's; ``day`` makes ``valid_time`` of the cells, null where they are no date.
    """

    dataset: str
    package: str
    path: str
    entity: str
    columns: Mapping[str, str]
    day_columns: tuple[str, ...]
    day: Callable[[], pl.Expr]
    derived: Mapping[str, Callable[[], pl.Expr]]


def _american() -> pl.Expr:
    """Dates like 1/31/1999."""
    return pl.col("Date").str.to_date("%m/%d/%Y", strict=False)


def _quarter() -> pl.Expr:
    """The first day of a quarter given as year and number."""
    year, quarter = pl.col("year").cast(pl.Int32, strict=False), pl.col("quarter").cast(pl.Int32, strict=False)
    good = year.is_between(1600, 2199) & quarter.is_between(1, 4)
    return pl.when(good).then(pl.date(year, 3 * quarter - 2, 1))


def _spread_bp() -> pl.Expr:
    return ((pl.col("baa") - pl.col("aaa")) * 100).round(2)


def _of_arch(dataset: str, path: str, entity: str, columns: Mapping[str, str], **derived: Callable[[], pl.Expr]) -> PackageFile:
    return PackageFile(
        dataset=dataset, package="arch", path=path, entity=entity, columns=columns, day_columns=("Date",), day=_american, derived=derived
    )


_MACRO = ("realgdp", "realcons", "realinv", "realgovt", "realdpi", "cpi", "m1", "tbilrate", "unemp", "pop", "infl", "realint")
FILES: tuple[PackageFile, ...] = (
    _of_arch("moodys_yields", "data/default/default.csv.gz", "US", {"AAA": "aaa", "BAA": "baa"}, spread_bp=_spread_bp),
    _of_arch(
        "sp500_daily",
        "data/sp500/sp500.csv.gz",
        "SP500",
        {"Open": "open", "High": "high", "Low": "low", "Close": "close", "Volume": "volume"},
    ),
    _of_arch("vix_daily", "data/vix/vix.csv.gz", "VIX", {"vix": "close"}),
    _of_arch("wti_daily", "data/wti/wti.csv.gz", "WTI", {"DCOILWTICO": "price"}),
    _of_arch("core_cpi", "data/core_cpi/core-cpi.csv.gz", "US", {"CPILFESL": "index"}),
    PackageFile(
        dataset="us_macro_quarterly",
        package="statsmodels",
        path="datasets/macrodata/macrodata.csv",
        entity="US",
        columns={name: name for name in _MACRO},
        day_columns=("year", "quarter"),
        day=_quarter,
        derived={},
    ),
)
"""The files, in the order in which they are fetched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packaged:
    """The source ``packaged``; the series of a query are names of its datasets (none: all)."""

    name: str = "packaged"
    parser_version: str = "1"
    hosts: tuple[str, ...] = ()
    provider: Provider = _PROVIDER

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """One of the files."""
        return {"a file": Query(series=("vix_daily",))}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """The files' bytes as they lie, each a payload; files are whole, so a query's dates play no part."""
        known = {file.dataset for file in FILES}
        for name in query.series:
            if name not in known:
                raise NotFound(f"packaged: no file has the dataset {name!r}; there are {', '.join(sorted(known))}")
        for file in FILES:
            if query.series and file.dataset not in query.series:
                continue
            yield package_payload(file.package, file.path, source=self.name, stream=file.dataset, transport=transport)

    def classify(self, payload: Payload) -> Classification:
        """OK for a file with the columns that we know, SCHEMA otherwise."""
        read = _read(payload)
        if isinstance(read, Parsed):
            return Classification.SCHEMA
        return Classification.OK if read[1].height else Classification.EMPTY

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of one file, known from the release calendar of its dataset."""
        read = _read(payload)
        if isinstance(read, Parsed):
            return read
        file, table, left_out = read
        dataset = catalogue.dataset(file.dataset)
        days = table.with_columns(_day=file.day())
        no_day = pl.col("_day").is_null() | ~pl.col("_day").dt.year().is_between(1600, 2199)
        no_date = rejected_where(days, no_day, file.day_columns[0], RejectReason.NOT_A_DATE, "not a date of this file")
        definitions: dict[str, ColumnDefinition] = {there: dataset.column(here) for there, here in file.columns.items()}
        cells, unread = typed(days.filter(~no_day.fill_null(True)), definitions)
        derived = cells.with_columns(make().alias(name) for name, make in file.derived.items())
        dated = derived.with_columns(entity=pl.lit(file.entity), valid_time=day_instant("_day"))
        known = known_from(dated["valid_time"], dataset.release, dataset.period, payload.fetched_at)
        accepted, refused = accept(dated.hstack(known), dataset, fetched_at=payload.fetched_at)
        return Parsed(
            tables={file.dataset: accepted} if accepted.height else {},
            rejected=pl.concat([left_out, no_date, unread, refused]).sort("row", maintain_order=True),
            complete_history=True,
        )


def _file_of(payload: Payload) -> PackageFile | None:
    by_url = [file for file in FILES if payload.url.startswith(f"package://{file.package}/") and payload.url.endswith("/" + file.path)]
    by_stream = [file for file in FILES if payload.stream in (file.dataset, Path(file.path).name, Path(file.path).stem)]
    return next(iter([*by_url, *by_stream]), None)


def _read(payload: Payload) -> tuple[PackageFile, pl.DataFrame, pl.DataFrame] | Parsed:
    """The file, its cells and the rows left out; or why all of it is rejected."""
    file = _file_of(payload)
    if file is None:
        return reject_all(RejectReason.UNKNOWN_SERIES, f"no dataset belongs to {payload.url or payload.stream}")
    body = payload.body
    if body.startswith(b"\x1f\x8b"):
        try:
            inflate = zlib.decompressobj(wbits=31)
            body = inflate.decompress(body, _MOST_BYTES)
        except zlib.error as error:
            return reject_all(RejectReason.MALFORMED, f"not gzip: {error}")
        if not inflate.eof:
            return reject_all(RejectReason.MALFORMED, "the gzip stream is cut short, or larger than any file of these packages")
    text = read_delimited(body)
    if text.problem is not None:
        return reject_all(*text.problem)
    absent = [name for name in (*file.day_columns, *file.columns) if name not in text.header]
    if absent:
        return reject_all(RejectReason.UNEXPECTED_SHAPE, f"the file has no column {absent[0]!r}; it has {', '.join(text.header)[:200]}")
    # FRED's files, as arch ships them, write "." where there is no value.
    cells = text.table.with_columns(
        pl.when(pl.col(name) == ".").then(pl.lit("")).otherwise(pl.col(name)).alias(name) for name in file.columns
    )
    return file, cells, rejected_table(text.rejected)


SOURCE = Packaged()
