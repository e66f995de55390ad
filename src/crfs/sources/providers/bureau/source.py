"""The simulated bureau as a source: its deliveries as payloads, and the parser that reads any of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from crfs.bitemporal.rows import INSTANT, ROW_STATE, KnowledgeBasis, RowState
from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import ColumnType
from crfs.errors import InvalidInput
from crfs.sources.core.contract import DELIVERY, Classification, Parsed, Payload, Provider, Query, RejectReason, Transport, by_status
from crfs.sources.core.tables import Rejection, accept, reject_all, rejected_table, rejected_where
from crfs.sources.core.text import DelimitedText, cell, iso_instant, read_delimited
from crfs.sources.providers.bureau.deliveries import DELIVERED, FILES, FIRST_DELIVERED, KEYS, Cut, Delivery, Sending, deliver
from crfs.sources.providers.bureau.manifest import MANIFEST, Agreement, agreement, manifest_of
from crfs.sources.providers.bureau.spec import BureauSpec
from crfs.sources.providers.bureau.world import simulate_months

_NO_PROVIDER = Provider(title="A simulated credit bureau", terms="Synthetic: it says nothing about real people.")


@dataclass(frozen=True, slots=True)
class BureauSource:
    """A credit bureau that exists only as a seed.

    ``fetch`` takes ``spec`` (a :class:`~crfs.sources.providers.bureau.spec.BureauSpec`) and ``macro`` (a table of
    :data:`~crfs.sources.providers.bureau.spec.MACRO_COLUMNS`) from the query's options; ``since`` and ``until`` pick deliveries by the month that
    they report, ``series`` files by name. The seed is part of every url, stream and id, so two bureaus never meet in one store.
    """

    name: str = "bureau"
    parser_version: str = "2"
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
            bodies = {f"{name}.csv": table.write_csv().encode() for name, table in delivery.files.items()}
            came = {name: _what_came(body, delivery.cuts.get(name.removesuffix(".csv"))) for name, body in bodies.items()}
            unnoticed = {f"{name}.csv" for name, cut in delivery.cuts.items() if cut.unnoticed}
            manifest = manifest_of({name: came[name] if name in unnoticed else body for name, body in bodies.items()})
            folder, label = _address(spec, delivery)
            for name, body in came.items():
                stem = name.removesuffix(".csv")
                if not query.series or stem in query.series:
                    now = transport.now
                    yield Payload(
                        source=self.name,
                        stream=f"seed-{spec.seed}/{stem}",
                        body=body,
                        url=f"bureau://{folder}/{name}",
                        status=200,
                        headers={"content-type": "text/csv; charset=utf-8", DELIVERY: label, MANIFEST: manifest},
                        started_at=now,
                        fetched_at=now,
                    )

    def classify(self, payload: Payload) -> Classification:
        """``OK`` where the header is one of a bureau's files, ``EMPTY`` where nothing follows it, else ``SCHEMA``.

        A file that is shorter than its manifest says is ``RETRY``: it comes again whole. One that is another is ``SCHEMA``.
        """
        refusal = by_status(payload.status)
        if refusal is not None:
            return refusal
        match agreement(payload)[0]:
            case Agreement.SHORT:
                return Classification.RETRY
            case Agreement.DIFFERS:
                return Classification.SCHEMA
            case Agreement.AGREES | Agreement.SILENT:
                pass
        if not payload.body.strip():
            return Classification.EMPTY
        header, _, rest = payload.body.removeprefix(b"\xef\xbb\xbf").partition(b"\n")
        names = {part.strip().strip('"') for part in header.decode("utf-8", "replace").split(",")}
        if _file_of(names, payload.url) is None:
            return Classification.SCHEMA
        return Classification.OK if rest.strip() else Classification.EMPTY

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """Rows of one file; knowledge time is the delivery's own stamp, which the file carries in each row.

        Rows that were sent before (``first_delivered_at``) are ``clipped``: where the store knows the same already they say nothing new.
        Of a file that its manifest contradicts no row is taken.
        """
        verdict, contradiction = agreement(payload)
        if verdict in {Agreement.SHORT, Agreement.DIFFERS}:
            return reject_all(RejectReason.CONTRADICTION, contradiction)
        fast = self._parse_clean(payload, catalogue)
        if fast is not None:
            return fast
        text = read_delimited(payload.body)
        if text.problem is not None:
            return reject_all(*text.problem)
        name = _file_of(set(text.header), payload.url)
        if name is None:
            return reject_all(RejectReason.UNEXPECTED_SHAPE, f"no file of a bureau has the columns {', '.join(text.header)}")
        if name == "retraction":
            return _withdrawn(text, catalogue)
        dataset = catalogue.dataset(f"bureau_{name}")
        entity, valid = KEYS[name]
        wanted = {entity, valid, DELIVERED, *(column.name for column in dataset.columns)}
        again = {FIRST_DELIVERED} & set(text.header)
        absent = sorted(wanted - set(text.header))
        if absent:  # a delivery carries every column: one without is another format, of which no row can be trusted
            return reject_all(RejectReason.MISSING_FIELD, f"{dataset.name} needs the columns {', '.join(absent)}, which the header lacks")
        rejected: list[Rejection] = list(text.rejected)
        rejected += [
            (None, column, RejectReason.UNKNOWN_COLUMN, f"{dataset.name} has no such column")
            for column in text.header
            if column not in wanted | again
        ]
        parts = [rejected_table(rejected)]
        raw, good = text.table, pl.lit(True)
        readers = {column.name: cell(column.name, column.type) for column in dataset.columns}
        readers[valid] = cell(valid, ColumnType.DATE)
        readers |= {column: iso_instant(pl.col(column)) for column in (DELIVERED, *again)}
        for column, reader in readers.items():
            unread = (pl.col(column) != "") & reader.is_null()
            kind = ColumnType.DATE if column in (valid, DELIVERED, FIRST_DELIVERED) else dataset.column(column).type
            reason = _REASONS.get(kind, RejectReason.WRONG_TYPE)
            parts.append(rejected_where(raw, unread, column, reason, f"cannot be read as {kind.value}"))
            good = good & ~unread.fill_null(value=False)
        frame = raw.filter(good).select("row", pl.col(entity), *(reader.alias(column) for column, reader in readers.items()))
        accepted, refused = accept(_clocked(frame, entity, valid), dataset, fetched_at=None)
        parts.append(refused)
        return Parsed(tables={dataset.name: accepted}, rejected=pl.concat(parts).sort("row", maintain_order=True, nulls_last=False))

    def _parse_clean(self, payload: Payload, catalogue: Catalogue) -> Parsed | None:
        """The quick way for a file without a fault; None where anything is odd, so that the careful way says what."""
        header = payload.body.partition(b"\n")[0].decode("utf-8", "replace").strip().split(",")
        name = _file_of(set(header), payload.url)
        if name is None or name == "retraction" or b'"' in payload.body:
            return None
        dataset = catalogue.dataset(f"bureau_{name}")
        entity, valid = KEYS[name]
        stamped = [column for column in (DELIVERED, FIRST_DELIVERED) if column == DELIVERED or column in header]
        schema = {**dataset.schema(), entity: pl.String(), valid: pl.Date(), **dict.fromkeys(stamped, pl.String())}
        if set(header) != set(schema) or len(header) != len(schema):
            return None
        try:
            frame = pl.read_csv(payload.body, schema={column: schema[column] for column in header}, quote_char=None, encoding="utf8")
        except (pl.exceptions.PolarsError, ValueError):
            return None
        if frame.height != payload.body.rstrip(b"\n").count(b"\n"):
            return None
        for column in stamped:
            stamps = frame.select(pl.col(column).unique()).with_columns(iso_instant(pl.col(column)).alias("at"))
            if stamps["at"].null_count():
                return None
            frame = frame.with_columns(pl.col(column).replace_strict(stamps[column], stamps["at"], return_dtype=INSTANT))
        clocked = _clocked(frame.with_row_index("row", offset=1), entity, valid)
        accepted, refused = accept(clocked, dataset, fetched_at=None)
        return None if refused.height else Parsed(tables={dataset.name: accepted}, rejected=refused)


_REASONS = {
    ColumnType.FLOAT8: RejectReason.NOT_A_NUMBER,
    ColumnType.INT8: RejectReason.NOT_A_NUMBER,
    ColumnType.DATE: RejectReason.NOT_A_DATE,
}

SOURCE = BureauSource()


def _clocked(frame: pl.DataFrame, entity: str, valid: str) -> pl.DataFrame:
    clocked = frame.rename({entity: "entity", DELIVERED: "knowledge_time"}).with_columns(
        valid_time=pl.col(valid).cast(INSTANT), knowledge_basis=pl.lit(KnowledgeBasis.OBSERVED.value)
    )
    if FIRST_DELIVERED not in frame.columns:
        return clocked
    return clocked.with_columns(clipped=(pl.col(FIRST_DELIVERED) < pl.col("knowledge_time")).fill_null(value=False))


def _withdrawn(text: DelimitedText, catalogue: Catalogue) -> Parsed:
    """Records that are withdrawn, by the dataset that has them: rows without values, known from the stamp. Each says why, or is refused."""
    entity, valid = KEYS["retraction"]
    wanted = ("file", entity, valid, "reason", DELIVERED)
    absent = sorted(set(wanted) - set(text.header))
    if absent:
        return reject_all(RejectReason.MISSING_FIELD, f"a withdrawal needs the columns {', '.join(absent)}, which the header lacks")
    named = [name for name in FILES if f"bureau_{name}" in catalogue.datasets]
    known = pl.col("file").is_in(named)
    raw = text.table
    day, stamp = cell(valid, ColumnType.DATE), iso_instant(pl.col(DELIVERED))
    faults = [
        (~known, "file", RejectReason.UNKNOWN_SERIES, "no file of a bureau"),
        (pl.col("reason") == "", "reason", RejectReason.MISSING_FIELD, "a withdrawal gives its reason"),
        ((pl.col(valid) != "") & day.is_null(), valid, RejectReason.NOT_A_DATE, "cannot be read as date"),
        ((pl.col(DELIVERED) != "") & stamp.is_null(), DELIVERED, RejectReason.NOT_A_DATE, "cannot be read as date"),
    ]
    parts = [rejected_table(text.rejected), *(rejected_where(raw, bad, column, reason, detail) for bad, column, reason, detail in faults)]
    bad = pl.any_horizontal(fault.fill_null(value=False) for fault, *_ in faults)
    good = raw.filter(~bad).select("row", "file", entity, day.alias(valid), stamp.alias(DELIVERED))
    tables: dict[str, pl.DataFrame] = {}
    for name in named:
        rows = good.filter(pl.col("file") == name)
        if rows.height:
            clocked = _clocked(rows, entity, valid).with_columns(row_state=pl.lit(RowState.RETRACTED.value, dtype=ROW_STATE))
            accepted, refused = accept(clocked, catalogue.dataset(f"bureau_{name}"), fetched_at=None)
            tables[f"bureau_{name}"] = accepted
            parts.append(refused)
    return Parsed(tables=tables, rejected=pl.concat(parts).sort("row", maintain_order=True, nulls_last=False))


def _what_came(body: bytes, cut: Cut | None) -> bytes:
    """The bytes of a file that arrived."""
    if cut is None:
        return body
    header = body.index(b"\n") + 1
    return body[: header + max(1, int(cut.kept * (len(body) - header)))]


def _address(spec: BureauSpec, delivery: Delivery) -> tuple[str, str]:
    """The folder that a delivery's files lie in, and its label: files of one label arrived together."""
    month = f"seed-{spec.seed}/{delivery.month:%Y-%m}"
    match delivery.sending:
        case Sending.REGULAR:
            return month, month
        case Sending.RESENT:
            return f"{month}/resent", f"{month}/resent"
        case Sending.REPEATED:  # the same file at the same place, fetched once more
            return month, f"{month}/repeated"


def _file_of(names: set[str], url: str) -> str | None:
    """Which file has these columns: the one that the url names if it may be, else the one whose keys and telling column are there."""
    stem = url.rsplit("/", 1)[-1].removesuffix(".csv")
    order = ([stem] if stem in KEYS else []) + [name for name in FILES if name != stem]
    for name in order:
        if {*KEYS[name], DELIVERED, _TELLING[name]} <= names:
            return name
    return None


_TELLING = {
    "facility": "balance",
    "obligor": "score",
    "default": "ead",
    "recovery": "amount",
    "dispute": "disputed_on",
    "retraction": "reason",
}


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
