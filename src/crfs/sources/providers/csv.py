"""A user's own tidy CSV for a dataset of the catalogue: ``entity, valid_time, [knowledge_time]`` and every value column.

Times are ISO 8601: a date, or an instant with its zone. A ``knowledge_time`` that is a date is a vintage, known from the end of that
day in the dataset's zone; where the column or the cell is empty, the dataset's release rule says it, else the fetch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from crfs.bitemporal.release import vintage_instants
from crfs.bitemporal.rows import INSTANT, KNOWLEDGE_BASIS
from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import ColumnDefinition, DatasetDefinition
from crfs.errors import InvalidInput, NotFound
from crfs.sources.core.contract import Classification, Parsed, Payload, Provider, Query, RejectReason, Transport
from crfs.sources.core.tables import FIRST_DAY, LAST_DAY, accept, known_from, reject_all, rejected_table, rejected_where
from crfs.sources.core.text import DelimitedText, beginning, day_instant, iso_date, iso_instant, read_delimited, typed

_CLOCKS = ("entity", "valid_time", "knowledge_time")
_PROVIDER = Provider()


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFile:
    """The source ``csv``. A query names one dataset as its series and the file as the option ``path``; a payload's stream is the dataset."""

    name: str = "csv"
    parser_version: str = "2"
    hosts: tuple[str, ...] = ()
    provider: Provider = _PROVIDER

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """Nothing: the files are the user's."""
        return {}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """The file's bytes, for one dataset that the catalogue has."""
        path = query.options.get("path")
        if len(query.series) != 1 or path is None:
            raise InvalidInput("csv: name one dataset, and the file that has its rows")
        catalogue.dataset(query.series[0])
        yield payload_of_file(Path(path), dataset=query.series[0], at=transport.now)

    def classify(self, payload: Payload) -> Classification:
        """OK with at least one row under a header that names entity and valid_time; EMPTY without rows; else SCHEMA."""
        if not payload.body.strip():
            return Classification.EMPTY
        text = read_delimited(beginning(payload.body))
        if text.problem is not None or not {"entity", "valid_time"} <= set(text.header):
            return Classification.SCHEMA
        return Classification.OK if text.table.height or text.rejected else Classification.EMPTY

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Accepted rows of the dataset that the stream names; every cell that cannot be read with its row and column."""
        try:
            dataset = catalogue.dataset(payload.stream)
        except NotFound as error:
            return reject_all(RejectReason.UNKNOWN_SERIES, f"{error}; a CSV file is called by its dataset's name")
        text = read_delimited(beginning(payload.body))
        wrong = _header_problems(text, dataset, dataset.columns) if text.problem is None else reject_all(*text.problem)
        if wrong is not None:
            return wrong
        text = read_delimited(payload.body)
        table, bad_clocks = _clocks(
            text.table, dataset, payload.fetched_at, dataset.columns, with_knowledge="knowledge_time" in text.header
        )
        values, bad_values = typed(table, {column.name: column for column in dataset.columns})
        accepted, refused = accept(_known(values, dataset, payload), dataset, fetched_at=payload.fetched_at)
        return Parsed(
            tables={dataset.name: accepted} if accepted.height else {},
            rejected=pl.concat([rejected_table(text.rejected), bad_clocks, bad_values, refused]).sort("row", maintain_order=True),
        )


def payload_of_file(path: Path, *, dataset: str, at: datetime) -> Payload:
    """A file's bytes, read at ``at``."""
    try:
        body = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"csv: {path} cannot be read: {error.strerror}") from None
    return Payload(
        source=SOURCE.name, stream=dataset, body=body, url=f"file:{path.name}", status=200, headers={}, started_at=at, fetched_at=at
    )


def read_amendments(payload: Payload, dataset: DatasetDefinition, *, with_values: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows that speak of rows of the store: ``row``, the key that each names in full, and, ``with_values``, what stands there instead.

    The second table says what cannot be read: where it is not empty, the first is not the whole file.
    """
    columns = dataset.columns if with_values else ()
    text = read_delimited(payload.body)
    wrong = _header_problems(text, dataset, columns, needed=_CLOCKS) if text.problem is None else reject_all(*text.problem)
    if wrong is not None:
        return pl.DataFrame(), wrong.rejected
    blank = pl.col("knowledge_time").str.strip_chars() == ""
    detail = "say which row is meant: from when it was known"
    unnamed = rejected_where(text.table, blank, "knowledge_time", RejectReason.MISSING_FIELD, detail)
    table, bad_clocks = _clocks(text.table.filter(~blank), dataset, payload.fetched_at, columns, with_knowledge=True)
    rows, bad_values = typed(table, {column.name: column for column in columns})
    rejected = pl.concat([rejected_table(text.rejected), unnamed, bad_clocks, bad_values])
    return rows.drop("vintage_date"), rejected


def _header_problems(
    text: DelimitedText, dataset: DatasetDefinition, columns: Sequence[ColumnDefinition], *, needed: Sequence[str] = _CLOCKS[:2]
) -> Parsed | None:
    values = [column.name for column in columns]
    stray = (
        f"dataset {dataset.name} has no such column; it has {', '.join(values)}" if values else "only rows are named here, without values"
    )
    problems = [(None, name, RejectReason.UNKNOWN_COLUMN, stray) for name in text.header if name not in (*_CLOCKS, *values)]
    problems += [
        (None, name, RejectReason.MISSING_FIELD, "the header lacks this column") for name in (*needed, *values) if name not in text.header
    ]
    return Parsed(tables={}, rejected=rejected_table(problems)) if problems else None


def _clocks(
    table: pl.DataFrame,
    dataset: DatasetDefinition,
    fetched_at: datetime,
    columns: Sequence[ColumnDefinition],
    *,
    with_knowledge: bool,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """``valid_time``, ``knowledge_time`` (null: not given) and ``vintage_date`` of the rows whose cells can be read.

    Who writes that something will be known later than the file is read has written another day than was meant.
    """
    no_day, no_instant = pl.lit(None, dtype=pl.Date), pl.lit(None, dtype=INSTANT)
    known = pl.col("knowledge_time") if with_knowledge else pl.lit("")
    read = table.with_columns(
        _valid_day=iso_date(pl.col("valid_time")),
        _valid=iso_instant(pl.col("valid_time")),
        knowledge_time=known,
        vintage_date=iso_date(known) if with_knowledge else no_day,
        _known=iso_instant(known) if with_knowledge else no_instant,
    )
    far = ~pl.col("vintage_date").is_between(FIRST_DAY, LAST_DAY)
    no_valid = pl.col("_valid_day").is_null() & pl.col("_valid").is_null()
    no_known = (pl.col("knowledge_time") != "") & pl.col("vintage_date").is_null() & pl.col("_known").is_null()
    today = fetched_at.astimezone(ZoneInfo(dataset.zone)).date()
    later = ~far.fill_null(False) & ((pl.col("vintage_date") > today) | (pl.col("_known") > pl.lit(fetched_at).cast(INSTANT)))
    detail = "write a date like 2020-01-31, or an instant with its zone like 2020-01-31T12:00:00Z"
    rejected = [
        rejected_where(read, no_valid, "valid_time", RejectReason.NOT_A_DATE, detail),
        rejected_where(read, no_known, "knowledge_time", RejectReason.NOT_A_DATE, detail),
        rejected_where(read, far, "knowledge_time", RejectReason.OUT_OF_RANGE, "not within 1600 to 2199"),
        rejected_where(read, later, "knowledge_time", RejectReason.CONTRADICTION, f"later than the file was read ({fetched_at:%Y-%m-%d})"),
    ]
    good = read.filter(~(no_valid | no_known | far.fill_null(False) | later.fill_null(False)))
    by_vintage = vintage_instants(good["vintage_date"], dataset.zone)
    return good.select(
        "row",
        "entity",
        pl.coalesce(day_instant("_valid_day"), "_valid").alias("valid_time"),
        pl.coalesce(by_vintage, "_known").alias("knowledge_time"),
        "vintage_date",
        *(column.name for column in columns),
    ), pl.concat(rejected)


def _known(rows: pl.DataFrame, dataset: DatasetDefinition, payload: Payload) -> pl.DataFrame:
    """Knowledge times where none were given: the release rule's, else the fetch (then an upper bound: ``clipped``)."""
    in_time = pl.col("valid_time").dt.year().is_between(FIRST_DAY.year, LAST_DAY.year)
    asked = rows.filter(pl.col("knowledge_time").is_null() & in_time)
    given = rows.filter(pl.col("knowledge_time").is_not_null() | ~in_time).with_columns(
        knowledge_basis=pl.lit("observed", dtype=KNOWLEDGE_BASIS), clipped=pl.lit(False)
    )
    ruled = known_from(asked["valid_time"], dataset.release, dataset.period, payload.fetched_at)
    filled = asked.drop("knowledge_time").hstack(ruled).with_columns(clipped=pl.col("knowledge_basis") == "observed")
    return pl.concat([given, filled.select(given.columns)])


SOURCE = CsvFile()
