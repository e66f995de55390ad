"""Books: the facilities that a risk run is about, from a file that was landed or from the bureau as it was known."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput, NotFound, in_file
from crfs.workflows.session import Session
from crfs.workflows.spines import require
from crfs.workflows.times import as_told, parse_instant, refuse_unmeant

if TYPE_CHECKING:
    import polars as pl

    from crfs.bitemporal.tenor import Tenor
    from crfs.store.scan import StoreReader

DATASET = "portfolio_file"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LOADED = "portfolio:"
"""What says before a name that a loaded book is meant, where a file of that name is there too; no name has a colon."""
_OF_FILES = (".csv", ".json", ".jsonl", ".ndjson", ".md", ".parquet", ".toml", ".tsv", ".txt", ".xls", ".xlsx", ".zip", ".gz")
"""How files end: a name that ends so would be taken for one."""


def build_book(session: Session, reader: StoreReader, specification: Mapping[str, Any]) -> pl.DataFrame:
    """The book of a specification: ``kind = "payload"``, a landed file as read (text cells), or ``kind = "bureau"``."""
    kind = specification.get("kind")
    if kind == "payload":
        from crfs.credit.portfolio import FileFormat, read_portfolio
        from crfs.store.payloads import payload

        require(specification, "book", ("kind", "sha256"), ("format", "name"))
        return read_portfolio(
            payload(session.database, specification["sha256"]), file_format=FileFormat(specification.get("format", "csv"))
        )
    if kind == "bureau":
        require(specification, "book", ("kind", "at", "groups", "r2"), ("max_age", "currency"))
        key = ("bureau book", json.dumps(specification, sort_keys=True))
        return session.shared(reader, key, lambda own: _bureau_book(own, specification))
    raise InvalidInput(f"book.kind = {kind!r}; it is payload or bureau")


def load_portfolio(session: Session, name: str, file: Path, *, valid_at: datetime | None = None) -> dict[str, Any]:
    """Keep a book file under a name: the bytes are landed, and from now on the name means them."""
    body, file_format = read_book_file(file)
    return load_book(session, name, body, file_format=file_format, file_name=file.name, valid_at=valid_at)


def load_book(
    session: Session, name: str, body: bytes, *, file_format: Any = None, file_name: str | None = None, valid_at: datetime | None = None
) -> dict[str, Any]:
    """Keep the bytes of a book under a name; a book with a wrong cell is refused whole, with every one of them, before anything is kept.

    ``valid_at`` is when it comes into force (now, if not given): it may lie ahead, but a year that cannot be meant is refused. Blank ``pd_12m`` and
    ``lgd`` are for a model to fill; what only a factor model can tell (an unknown group) is said by the risk run.
    """
    import polars as pl

    from crfs.credit.portfolio import FileFormat, read_portfolio
    from crfs.store.append import Delivery, append
    from crfs.store.publication import BatchKind, BatchNote

    check_name(name)
    _refuse_name_of_a_file(session, name)
    now = session.clock.now()
    if valid_at is not None:
        refuse_unmeant(valid_at, now=now, what="valid_at")
    file_format = file_format or (FileFormat.PARQUET if body[:4] == b"PAR1" else FileFormat.CSV)
    with nullcontext() if file_name is None else in_file(file_name):
        table = read_portfolio(body, file_format=file_format)
        check_cells(table)
    file_name = file_name or "body"
    sha256 = land_book(session, body, Path(file_name))
    in_force = valid_at or now
    rows = pl.DataFrame(
        {
            "entity": [name],
            "valid_time": [in_force],
            "knowledge_time": [now],
            "knowledge_basis": ["observed"],
            "row_state": ["value"],
            "sha256": [sha256],
            "file_format": [str(file_format)],
            "file_name": [file_name],
            "facilities": [table.height],
        },
        schema_overrides={"valid_time": pl.Datetime("us", "UTC"), "knowledge_time": pl.Datetime("us", "UTC")},
    )
    note = BatchNote(kind=BatchKind.INGEST, at=now, source=f"portfolio:{name}", parser_version="1", payloads=[sha256])
    receipt = append(session.database, [Delivery(definition=session.catalogue().dataset(DATASET), rows=rows)], note)
    return {
        "portfolio": name,
        "valid_time": in_force.isoformat(),
        "facilities": table.height,
        "sha256": sha256,
        "batch_id": receipt.batch_id,
    }


def list_portfolios(session: Session, *, batch_id: int | None = None) -> pl.DataFrame:
    """The newest book under each name: ``portfolio``, ``valid_time``, ``facilities``, ``file_name``, ``sha256``; it may come into force later."""
    books = book_versions(session, session.pin().batch_id if batch_id is None else batch_id).drop("batch_id")
    return books.unique("portfolio", keep="last", maintain_order=True)


def book_versions(session: Session, batch_id: int) -> pl.DataFrame:
    """Every book under every name as the store had them at a batch, each name's in the order in which they come into force, and the
    batch that brought it."""
    import polars as pl

    from crfs.bitemporal.resolve import as_of

    reader = session.reader(batch_id)
    if DATASET not in reader.catalogue.datasets:  # before the first definitions there was no book either
        texts = dict.fromkeys(("file_name", "file_format", "sha256"), pl.String)
        numbers = {"facilities": pl.Int64, **texts, "batch_id": pl.Int64}
        return pl.DataFrame(schema={"portfolio": pl.String, "valid_time": pl.Datetime("us", "UTC"), **numbers})
    known = as_of(reader.rows(DATASET)).sort("entity", "valid_time")
    return known.select(pl.col("entity").alias("portfolio"), "valid_time", "facilities", "file_name", "file_format", "sha256", "batch_id")


def show_portfolio(session: Session, name: str, *, batch_id: int | None = None) -> dict[str, Any]:
    """The newest book under a name: what :func:`list_portfolios` has of it."""
    found = list_portfolios(session, batch_id=batch_id).filter(portfolio=name)
    if found.is_empty():
        raise _unknown(name)
    return found.row(0, named=True)


def book_in_force(session: Session, name: str, at: datetime, *, batch_id: int) -> dict[str, Any]:
    """The book under a name that was in force at ``at``, as the store had it at a batch: what :func:`list_portfolios` has of it, and the
    ``batch_id`` that it was loaded by.

    It is the newest whose valid time, ``valid_at`` of when it was loaded or else that moment, is not after ``at``. When it was loaded plays no
    part: positions of a day come in after it, and which loads count is what the batch says. A name that nobody loaded, and a time before its
    first book, are :class:`~crfs.errors.NotFound`.
    """
    import polars as pl

    books = book_versions(session, batch_id).filter(portfolio=name)
    if books.is_empty():
        raise _unknown(name)
    begun = books.filter(pl.col("valid_time") <= at)
    if begun.is_empty():
        first = as_told(books["valid_time"][0])
        raise NotFound(
            f"no book was in force under {name!r} at {as_told(at)}: the first is of {first}; crfs portfolio load has --valid-at",
            argument="name",
        )
    return begun.row(-1, named=True)


def was_in_force(session: Session, book: Book, *, at: datetime, batch_id: int) -> bool:
    """Whether a book's name meant the same bytes at ``at``, as the store had it at a batch; one without a name is what it is at any time."""
    if book.name is None:
        return True
    try:
        row = book_in_force(session, book.name, at, batch_id=batch_id)
    except NotFound:
        return False
    return bool(row["sha256"] == hashlib.sha256(book.body).hexdigest() and row["file_format"] == book.file_format)


def _unknown(name: str) -> NotFound:
    return NotFound(f"no portfolio is called {name!r}; crfs portfolio list shows the names", argument="name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A book of facilities as bytes; ``name`` is what it was loaded under, None where the bytes came with the question.

    ``file`` is the file that it was read from, which errors name; None where there is none.
    """

    body: bytes
    file_format: str
    file_name: str
    name: str | None = None
    file: Path | None = None

    def table(self) -> pl.DataFrame:
        """The rows as they came."""
        from crfs.credit.portfolio import FileFormat, read_portfolio

        with nullcontext() if self.file is None else in_file(self.file):
            return read_portfolio(self.body, file_format=FileFormat(self.file_format))

    def keep(self, session: Session) -> dict[str, Any]:
        """What a run keeps of the book; bytes that are not under a name are landed now."""
        if self.name is None:
            return {"kind": "payload", "sha256": land_book(session, self.body, Path(self.file_name)), "format": self.file_format}
        return {"kind": "payload", "sha256": hashlib.sha256(self.body).hexdigest(), "format": self.file_format, "name": self.name}


def book_of_bytes(body: bytes, *, file_name: str) -> Book:
    """A book that came with the question; its first bytes tell Parquet from CSV."""
    return Book(body=body, file_format="parquet" if body[:4] == b"PAR1" else "csv", file_name=file_name)


def named_book(session: Session, name: str, *, at: datetime, batch_id: int) -> Book:
    """The book under a name, or ``portfolio:NAME``, that was in force at ``at`` (:func:`book_in_force`); no file is ever looked for."""
    name = name.removeprefix(LOADED)
    row = book_in_force(session, name, at, batch_id=batch_id)
    return Book(body=session.landed(row["sha256"]), file_format=row["file_format"], file_name=row["file_name"], name=name)


def find_book(session: Session, name_or_file: str, *, at: datetime, batch_id: int) -> Book:
    """The book in force at ``at`` under a name that had been loaded by a batch, else the file.

    Where both are there neither is guessed: ``./NAME`` is the file, and ``portfolio:NAME`` the loaded book.
    """
    if not name_or_file.strip():
        raise InvalidInput("no book is named: give the name of one that was loaded, or a file", argument="book")
    file, loaded = Path(name_or_file), name_or_file.removeprefix(LOADED)
    if loaded != name_or_file:
        return named_book(session, loaded, at=at, batch_id=batch_id)
    if not list_portfolios(session, batch_id=batch_id).filter(portfolio=name_or_file).is_empty():
        if true_of(file.is_file):
            raise InvalidInput(
                f"a book is loaded under the name {name_or_file!r}, and there is a file of that name: write ./{name_or_file} for the file, "
                f"{LOADED}{name_or_file} for the loaded book",
                argument="book",
            )
        return named_book(session, name_or_file, at=at, batch_id=batch_id)
    if not true_of(file.exists):
        raise NotFound(f"no portfolio is called {name_or_file!r}, and there is no such file; crfs portfolio list shows the names")
    body, file_format = read_book_file(file)
    return Book(body=body, file_format=str(file_format), file_name=file.name, file=file)


def true_of(asked: Callable[[], bool]) -> bool:
    """What is asked of a file; of one that no system could hold, for its name is too long, nothing is so."""
    try:
        return asked()
    except OSError:
        return False


def read_book_file(file: Path) -> tuple[bytes, Any]:
    """The bytes of a book file and how they are to be read."""
    from crfs.credit.portfolio import FileFormat

    try:
        body = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from None
    return body, FileFormat.PARQUET if file.suffix == ".parquet" else FileFormat.CSV


def check_name(name: str) -> None:
    """Refuse a name that no address could hold."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"portfolio {name!r}: a name is letters, digits, '.', '_' and '-', at most 64 of them")


def _refuse_name_of_a_file(session: Session, name: str) -> None:
    """Refuse a new name that ends like a file; one that had been loaded before this was asked of names takes its next books."""
    ending = next((ending for ending in _OF_FILES if name.lower().endswith(ending)), None)
    if ending is not None and list_portfolios(session).filter(portfolio=name).is_empty():
        raise InvalidInput(
            f"portfolio {name!r}: a name that ends in {ending} would be taken for a file; call it {name[: -len(ending)] or 'mine'!r}, say",
            argument="name",
        )


def check_cells(book: pl.DataFrame) -> None:
    """Refuse a book with a wrong cell: types, ranges, facilities that are there twice, columns that nobody knows, connected
    clients that contradict each other, a second currency; and one without exposure."""
    from crfs.quality.checks import Checked, check_columns
    from crfs.quality.connected_clients import check_connected_clients
    from crfs.quality.one_currency import check_one_currency
    from crfs.quality.portfolio import require_exposure
    from crfs.workflows.book_columns import book_schema

    typed, faults = check_columns(book, book_schema(), allow_blank=("pd_12m", "lgd", "ead", "r2", "group"))
    check_connected_clients(typed, faults)
    check_one_currency(typed, faults)
    Checked(accepted=typed.filter(~faults.bad), rejected=faults.table()).require_all("the book")
    require_exposure(typed)


def land_book(session: Session, body: bytes, file: Path) -> str:
    """Land the bytes of a book file; their hash."""
    return land_file(session, body, file, source="portfolio")


def land_file(session: Session, body: bytes, file: Path, *, source: str) -> str:
    """Land the bytes of a file that a user gave; their hash."""
    from crfs.store.payloads import FetchNote, land

    now = session.clock.now()
    note = FetchNote(
        source=source,
        stream=file.name,
        url=f"file:{file.name}",
        status=200,
        headers={},
        classification="OK",
        parser_version="1",
        started_at=now,
        fetched_at=now,
    )
    return land(session.database, body, note)


def _oldest(at: datetime, *spans: str | Tenor) -> datetime | None:
    """A time before which no record begins that can still count at ``at``, spans of time after its beginning; a month has 31 days at most."""
    from crfs.bitemporal.tenor import Tenor

    tenors = [Tenor.parse(span) for span in spans]
    days = sum(31 * tenor.months + tenor.days + tenor.seconds // 86_400 + 1 for tenor in tenors)
    return at - timedelta(days=days) if days < at.toordinal() else None


def _bureau_book(reader: StoreReader, specification: Mapping[str, Any]) -> pl.DataFrame:
    """Every facility of the bureau that is on the books and not in default at ``at``, as it was known then.

    ``groups`` says which group of the factor model an obligor belongs to: by ``corporate`` sector or ``retail`` region, as a text with a
    place for the name; ``r2`` is by obligor segment.
    """
    import polars as pl

    from crfs.bitemporal.join import answers

    at = parse_instant(specification["at"], what="book.at")
    facility, obligor = reader.catalogue.dataset("bureau_facility"), reader.catalogue.dataset("bureau_obligor")
    columns = [
        "obligor_id",
        "facility_type",
        "balance",
        "credit_limit",
        "remaining_months",
        "interest_rate",
        "days_past_due",
        "in_default",
        "months_on_book",
        "collateral_value",
    ]
    age = specification.get("max_age", "P3M")

    facilities = reader.rows(facility.name, columns=columns, known_by=at, valid_from=_oldest(at, facility.period, age))
    tags = ["segment", "sector", "region", "in_default"]
    obligors = reader.rows(obligor.name, columns=tags, known_by=at, valid_from=_oldest(at, obligor.period, age))

    def newest(rows: pl.DataFrame, period: Any) -> pl.DataFrame:
        asked = rows.select(pl.col("entity").unique().sort()).with_columns(at=pl.lit(at).cast(pl.Datetime("us", "UTC")))
        positions = answers(asked, rows, period=period, max_age=age).drop_nulls()
        return rows[positions.to_list()]

    alive = newest(facilities, facility.period).filter(pl.col("in_default") == 0).rename({"entity": "facility_id"})
    known = newest(obligors, obligor.period).filter(pl.col("in_default") == 0)
    groups, r2 = specification["groups"], specification["r2"]
    corporate = pl.col("segment") == "corporate"
    return (
        alive.join(known.select(pl.col("entity").alias("obligor_id"), "segment", "sector", "region"), on="obligor_id", how="inner")
        .filter(pl.max_horizontal("balance", "credit_limit") > 0)
        .select(
            "facility_id",
            "obligor_id",
            pl.col("balance").alias("drawn"),
            pl.col("credit_limit").alias("limit"),
            "facility_type",
            "segment",
            "sector",
            "region",
            "months_on_book",
            "days_past_due",
            ltv=pl.col("balance") / pl.col("collateral_value"),
            # Its loans are repaid in equal payments; what revolves has no end.
            amortisation=pl.when(pl.col("remaining_months").is_null()).then(pl.lit("bullet")).otherwise(pl.lit("annuity")),
            maturity_years=(pl.col("remaining_months") / 12.0).clip(1.0 / 12.0, 30.0),
            effective_interest_rate="interest_rate",
            group=pl.when(corporate).then(pl.format(groups["corporate"], "sector")).otherwise(pl.format(groups["retail"], "region")),
            r2=pl.when(corporate).then(pl.lit(float(r2["corporate"]))).otherwise(pl.lit(float(r2["retail"]))),
            currency=pl.lit(specification.get("currency", "USD")),
        )
        .sort("facility_id")
    )
