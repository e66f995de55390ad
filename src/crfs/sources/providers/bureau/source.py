"""The simulated bureau as a source: its deliveries as payloads, and the parser that reads any of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from crfs.bitemporal.rows import INSTANT, KnowledgeBasis
from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import ColumnType
from crfs.errors import InvalidInput
from crfs.sources.core.contract import DELIVERY, Classification, Parsed, Payload, Provider, Query, RejectReason, Transport
from crfs.sources.core.tables import Rejection, accept, reject_all, rejected_table, rejected_where
from crfs.sources.core.text import cell, iso_instant, read_delimited
from crfs.sources.providers.bureau.deliveries import FILES, deliver
from crfs.sources.providers.bureau.spec import BureauSpec
from crfs.sources.providers.bureau.world import simulate_months

_NO_PROVIDER = Provider(title="A simulated credit bureau", terms="Synthetic: it says nothing about real people.")
DELIVERED = "delivered_at"
_KEYS = {
    "facility": ("facility_id", "month"),
    "obligor": ("obligor_id", "month"),
    "default": ("facility_id", "default_date"),
    "recovery": ("facility_id", "month"),
}
"""The columns of each file that say whose row it is and when it is true."""


@dataclass(frozen=True, slots=True)
class BureauSource:
    """A credit bureau that exists only as a seed.

    ``fetch`` takes ``spec`` (a :class:`~crfs.sources.providers.bureau.spec.BureauSpec`) and ``macro`` (a table of
    :data:`~crfs.sources.providers.bureau.spec.MACRO_COLUMNS`) from the query's options; ``since`` and ``until`` pick deliveries by the month that
    they report, ``series`` files by name. The seed is part of every url, stream and id, so two bureaus never meet in one store.
    """

    name: str = "bureau"
    parser_version: str = "1"
    hosts: tuple[str, ...] = ()
    provider: Provider = _NO_PROVIDER

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """Nothing: it is asked with a size of the user's choice."""
        return {}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """The deliveries, a payload a file, in the order in which they came; memory does not grow with the months."""
        spec, macro = _options(query)
        unknown = set(query.series) - set(FILES)
        if unknown:
            raise InvalidInput(f"the bureau has no file {min(unknown)!r}; it sends {', '.join(FILES)}")
        for delivery in deliver(spec, simulate_months(spec, macro)):
            if _outside(delivery.month, query):
                continue
            for name, table in delivery.files.items():
                if not query.series or name in query.series:
                    now = transport.now
                    yield Payload(
                        source=self.name,
                        stream=f"seed-{spec.seed}/{name}",
                        body=table.write_csv().encode(),
                        url=f"bureau://seed-{spec.seed}/{delivery.month:%Y-%m}/{name}.csv",
                        status=200,
                        headers={"content-type": "text/csv; charset=utf-8", DELIVERY: f"seed-{spec.seed}/{delivery.month:%Y-%m}"},
                        started_at=now,
                        fetched_at=now,
                    )

    def classify(self, payload: Payload) -> Classification:
        """``OK`` where the header is one of a bureau's files, ``EMPTY`` where nothing follows it, else ``SCHEMA``."""
        if payload.status >= 500 or payload.status == 429:
            return Classification.RETRY
        if payload.status in (401, 403):
            return Classification.AUTH
        if payload.status >= 400:
            return Classification.BAD_REQUEST
        if not payload.body.strip():
            return Classification.EMPTY
        header, _, rest = payload.body.removeprefix(b"\xef\xbb\xbf").partition(b"\n")
        names = {part.strip().strip('"') for part in header.decode("utf-8", "replace").split(",")}
        if _file_of(names, payload.url) is None:
            return Classification.SCHEMA
        return Classification.OK if rest.strip() else Classification.EMPTY

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of one file; knowledge time is the delivery's own stamp, which the file carries in each row."""
        fast = self._parse_clean(payload, catalogue)
        if fast is not None:
            return fast
        text = read_delimited(payload.body)
        if text.problem is not None:
            return reject_all(*text.problem)
        name = _file_of(set(text.header), payload.url)
        if name is None:
            return reject_all(RejectReason.UNEXPECTED_SHAPE, f"no file of a bureau has the columns {', '.join(text.header)}")
        dataset = catalogue.dataset(f"bureau_{name}")
        entity, valid = _KEYS[name]
        wanted = {entity, valid, DELIVERED, *(column.name for column in dataset.columns)}
        absent = sorted(wanted - set(text.header))
        if absent:  # a delivery carries every column: one without is another format, of which no row can be trusted
            return reject_all(RejectReason.MISSING_FIELD, f"{dataset.name} needs the columns {', '.join(absent)}, which the header lacks")
        rejected: list[Rejection] = list(text.rejected)
        rejected += [
            (None, column, RejectReason.UNKNOWN_COLUMN, f"{dataset.name} has no such column")
            for column in text.header
            if column not in wanted
        ]
        parts = [rejected_table(rejected)]
        raw, good = text.table, pl.lit(True)
        readers = {column.name: cell(column.name, column.type) for column in dataset.columns}
        readers[valid] = cell(valid, ColumnType.DATE)
        readers[DELIVERED] = iso_instant(pl.col(DELIVERED))
        for column, reader in readers.items():
            unread = (pl.col(column) != "") & reader.is_null()
            kind = ColumnType.DATE if column in (valid, DELIVERED) else dataset.column(column).type
            reason = _REASONS.get(kind, RejectReason.WRONG_TYPE)
            parts.append(rejected_where(raw, unread, column, reason, f"cannot be read as {kind.value}"))
            good = good & ~unread.fill_null(value=False)
        frame = raw.filter(good).select("row", pl.col(entity), *(reader.alias(column) for column, reader in readers.items()))
        accepted, refused = accept(_clocked(frame, entity, valid), dataset)
        parts.append(refused)
        return Parsed(tables={dataset.name: accepted}, rejected=pl.concat(parts).sort("row", maintain_order=True, nulls_last=False))

    def _parse_clean(self, payload: Payload, catalogue: Catalogue) -> Parsed | None:
        """The quick way for a file without a fault; None where anything is odd, so that the careful way says what."""
        header = payload.body.partition(b"\n")[0].decode("utf-8", "replace").strip().split(",")
        name = _file_of(set(header), payload.url)
        if name is None or b'"' in payload.body:
            return None
        dataset = catalogue.dataset(f"bureau_{name}")
        entity, valid = _KEYS[name]
        schema = {**dataset.schema(), entity: pl.String(), valid: pl.Date(), DELIVERED: pl.String()}
        if set(header) != set(schema) or len(header) != len(schema):
            return None
        try:
            frame = pl.read_csv(payload.body, schema={column: schema[column] for column in header}, quote_char=None, encoding="utf8")
        except (pl.exceptions.PolarsError, ValueError):
            return None
        stamps = frame.select(pl.col(DELIVERED).unique()).with_columns(iso_instant(pl.col(DELIVERED)).alias("at"))
        if stamps["at"].null_count() or frame.height != payload.body.rstrip(b"\n").count(b"\n"):
            return None
        instants = frame.select(pl.col(DELIVERED).replace_strict(stamps[DELIVERED], stamps["at"], return_dtype=INSTANT))
        clocked = _clocked(frame.with_columns(instants[DELIVERED]).with_row_index("row", offset=1), entity, valid)
        accepted, refused = accept(clocked, dataset)
        return None if refused.height else Parsed(tables={dataset.name: accepted}, rejected=refused)


_REASONS = {
    ColumnType.FLOAT8: RejectReason.NOT_A_NUMBER,
    ColumnType.INT8: RejectReason.NOT_A_NUMBER,
    ColumnType.DATE: RejectReason.NOT_A_DATE,
}

SOURCE = BureauSource()


def _clocked(frame: pl.DataFrame, entity: str, valid: str) -> pl.DataFrame:
    return frame.rename({entity: "entity", DELIVERED: "knowledge_time"}).with_columns(
        valid_time=pl.col(valid).cast(INSTANT), knowledge_basis=pl.lit(KnowledgeBasis.OBSERVED.value)
    )


def _file_of(names: set[str], url: str) -> str | None:
    """Which file has these columns: the one that the url names if it may be, else the one whose keys and telling column are there."""
    stem = url.rsplit("/", 1)[-1].removesuffix(".csv")
    order = ([stem] if stem in _KEYS else []) + [name for name in FILES if name != stem]
    for name in order:
        if {*_KEYS[name], DELIVERED, _TELLING[name]} <= names:
            return name
    return None


_TELLING = {"facility": "balance", "obligor": "score", "default": "ead", "recovery": "amount"}


def _outside(month: date, query: Query) -> bool:
    return (query.since is not None and month < query.since) or (query.until is not None and month > query.until)


def _options(query: Query) -> tuple[BureauSpec, pl.DataFrame]:
    spec: Any = query.options.get("spec")
    macro: Any = query.options.get("macro")
    if not isinstance(spec, BureauSpec):
        raise InvalidInput("the bureau needs options['spec'], a BureauSpec (seed, obligors, months)")
    if not isinstance(macro, pl.DataFrame):
        raise InvalidInput("the bureau needs options['macro'], a monthly table of unemployment_rate and credit_spread")
    return spec, macro
