"""The Federal Reserve Bank of New York: vintages of its nowcast's data, as ``statsmodels`` keeps two of them with its tests.

A vintage is a CSV named by its day: a row a month, a column a series. A blank cell gives no row: in a grid of monthly and quarterly
series it does not say that there is no value. A quarterly value stands in the last month of its quarter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from crfs.bitemporal.release import vintage_instants
from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import ColumnType
from crfs.errors import SourceUnavailable
from crfs.sources.core.contract import Classification, Parsed, Payload, Provider, Query, RejectReason, Transport
from crfs.sources.core.package_files import package_folder, package_payload
from crfs.sources.core.tables import accept, reject_all, rejected_table, rejected_where
from crfs.sources.core.text import DelimitedText, cell, day_instant, read_delimited

DATASET = "nyfed_nowcast_panel"
FOLDER = "tsa/statespace/tests/results/frbny_nowcast/Nowcasting/data/US"
_PROVIDER = Provider()
_VINTAGE = re.compile(r"(\d{4}-\d{2}-\d{2})(?!.*\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class NyFed:
    """The source ``nyfed``; the series of a query are vintage dates like 2016-06-29 (none: all that are there)."""

    name: str = "nyfed"
    parser_version: str = "1"
    hosts: tuple[str, ...] = ()
    provider: Provider = _PROVIDER

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """The vintages that lie in the package."""
        return {"nowcast vintages": Query()}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """The vintages in order of their dates; :class:`~crfs.errors.SourceUnavailable` where statsmodels is installed without its tests."""
        folder = package_folder("statsmodels")[0] / FOLDER
        files = sorted(folder.glob("????-??-??.csv")) if folder.is_dir() else []
        wanted = [file for file in files if not query.series or file.stem in query.series]
        if not wanted:
            raise SourceUnavailable(
                "nyfed: statsmodels is not installed with its test data, so its nowcast vintages are not here; "
                "save them as YYYY-MM-DD.csv and use --replay instead"
            )
        for file in wanted:
            yield package_payload("statsmodels", f"{FOLDER}/{file.name}", source=self.name, stream=file.stem, transport=transport)

    def classify(self, payload: Payload) -> Classification:
        """OK for a nowcast vintage, SCHEMA for any other file."""
        read = _read(payload)
        if isinstance(read, Parsed):
            return Classification.SCHEMA
        return Classification.OK if read[0].table.height else Classification.EMPTY

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of one vintage, known from the end of its day in New York at the latest: so each is ``clipped``."""
        read = _read(payload)
        if isinstance(read, Parsed):
            return read
        text, vintage = read
        dataset = catalogue.dataset(DATASET)
        day, *series = text.header
        cells = text.table.unpivot(on=series, index=["row", day], variable_name="entity", value_name="text").rename({day: "date"})
        shown = pl.col("date").str.replace(r"^(\d{1,2}/\d{1,2}/)(\d{2})$", "${1}19${2}")
        # Two digits of a year: no vintage knows a month after its own day, so 16 is 2016 and 85 is 1985.
        nineteen = shown.str.to_date("%m/%d/%Y", strict=False)
        twenty = pl.col("date").str.replace(r"^(\d{1,2}/\d{1,2}/)(\d{2})$", "${1}20${2}").str.to_date("%m/%d/%Y", strict=False)
        typed = cells.filter(pl.col("text") != "").with_columns(
            _date=pl.when(twenty <= vintage).then(twenty).otherwise(nineteen), value=cell("text", ColumnType.FLOAT8)
        )
        no_date = pl.col("_date").is_null() | ~pl.col("_date").is_between(date(1900, 1, 1), vintage)
        rejected = [rejected_where(typed, no_date, day, RejectReason.NOT_A_DATE, "no month up to the vintage", shown="date")]
        for name in series:
            column = typed.filter(pl.col("entity") == name)
            rejected.append(
                rejected_where(column, pl.col("value").is_null(), name, RejectReason.NOT_A_NUMBER, "not a number", shown="text")
            )
        known = vintage_instants(pl.Series([vintage]), dataset.zone)
        good = typed.filter(~no_date.fill_null(True) & pl.col("value").is_not_null()).with_columns(
            valid_time=day_instant("_date"),
            knowledge_time=pl.lit(known[0]),
            knowledge_basis=pl.lit("observed"),
            vintage_date=pl.lit(vintage),
            clipped=pl.lit(True),
        )
        accepted, refused = accept(good, dataset)
        return Parsed(
            tables={DATASET: accepted} if accepted.height else {},
            rejected=pl.concat([rejected_table(text.rejected), *rejected, refused]).sort("row", maintain_order=True),
        )


def _read(payload: Payload) -> tuple[DelimitedText, date] | Parsed:
    text = read_delimited(payload.body)
    if text.problem is not None:
        return reject_all(*text.problem)
    if text.header[0] != "Date" or len(text.header) < 2 or "" in text.header:
        return reject_all(RejectReason.UNEXPECTED_SHAPE, "a nowcast vintage begins with Date and then names its series")
    vintage = _vintage(payload.url.rpartition("/")[2]) or _vintage(payload.stream)
    if vintage is None:
        return reject_all(RejectReason.NO_KNOWLEDGE_TIME, "neither the url nor the file's name has the vintage's date, like 2016-06-29")
    return text, vintage


def _vintage(name: str) -> date | None:
    found = _VINTAGE.search(name)
    try:
        return date.fromisoformat(found.group(1)) if found else None
    except ValueError:
        return None


SOURCE = NyFed()
