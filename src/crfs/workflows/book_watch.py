"""What early-warning rules see of the books that were loaded under a name: the use of limits, and the economic capital of their risk runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crfs.workflows.session import Session

if TYPE_CHECKING:
    import polars as pl

    from crfs.monitoring.early_warning import Limit, Position
    from crfs.store.runs import Run

LIMIT_COLUMNS = frozenset({"limit_use"})
CAPITAL_COLUMNS = frozenset({"ec", "ec_se"})
"""The columns that rules look at here."""

_NEWEST = 12
"""So many books of a name, and runs of a book, are looked at: what was alarming before them, the alerts remember."""
_RUNS = 2_000
"""So many of the newest risk runs of the store are looked through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookWatch:
    """Tables by scope for rules; ``why_not`` says why there is none, ``notes`` what else is to know."""

    tables: Mapping[str, pl.DataFrame]
    why_not: str = ""
    notes: tuple[str, ...] = ()


def watch_limits(session: Session, batch_id: int, limits: Sequence[Limit], *, at: datetime) -> BookWatch:
    """How much of each limit was used by the books in force up to ``at``, as the store had them at a batch.

    A book counts from when it is in force on, whenever it was loaded. The exposure of a facility is its ``ead``, else the greater of what
    is drawn and what may be.
    """
    from crfs.monitoring.early_warning import Position, limit_use, limits_of_nobody
    from crfs.workflows.books import book_versions

    if not limits:
        return BookWatch(tables={}, why_not="it needs limits of books, sectors or obligors: a file of them (--limits FILE)")
    books = book_versions(session, batch_id)
    positions: list[Position] = []
    notes = []
    for name in dict.fromkeys(limit.portfolio for limit in limits):
        begun = books.filter((books["portfolio"] == name) & (books["valid_time"] <= at))
        if begun.is_empty():
            notes.append(f"limits of {name}: no book was in force under that name; crfs portfolio list shows those that there are")
        for row in begun.tail(_NEWEST).iter_rows(named=True):
            exposures = _exposures(session, row["sha256"], row["file_format"])
            basis = f"batch {row['batch_id']}, {row['file_name']} of {row['valid_time']:%Y-%m-%d}"
            positions.append(Position(portfolio=name, valid_time=row["valid_time"], exposures=exposures, rests_on=basis))
    tables = limit_use(positions, limits)
    notes += limits_of_nobody(positions, limits)
    return BookWatch(tables=tables, why_not="" if tables else "no book that the limits name was in force", notes=tuple(notes))


def _exposures(session: Session, sha256: str, file_format: str) -> pl.DataFrame:
    """``obligor_id``, ``sector`` if the book has it, and ``exposure`` of the facilities of a book."""
    import polars as pl

    from crfs.quality.checks import check_columns
    from crfs.workflows.book_columns import book_schema
    from crfs.workflows.books import Book

    table = Book(body=session.landed(sha256), file_format=file_format, file_name=sha256).table()
    typed, _ = check_columns(table, book_schema(), allow_blank=("pd_12m", "lgd", "ead", "r2", "group"))
    there = set(typed.columns)
    owed = pl.max_horizontal(name for name in ("drawn", "limit") if name in there) if there & {"drawn", "limit"} else pl.lit(None)
    exposure = pl.coalesce(pl.col("ead"), owed) if "ead" in there else owed
    return typed.select(
        "obligor_id", *(["sector"] if "sector" in there else []), exposure.cast(pl.Float64).fill_null(0.0).alias("exposure")
    )


def watch_capital(session: Session, *, at: datetime) -> BookWatch:
    """The economic capital of the newest risk runs of each loaded book up to ``at``, with its error.

    A run counts from the time that it is about on, whenever it was done. Of a book those runs are compared that have the settings of its newest
    one; the seed may differ, for what it does is what the errors measure, and so may the versions of the models that fill the book.
    The capital is that at the highest confidence.
    """
    import polars as pl

    from crfs.store.runs import runs

    by_book: dict[str, list[Run]] = {}
    for run in runs(session.database, kind="risk", limit=_RUNS):
        name = run.specification.get("book", {}).get("name")
        if name is not None and _about(run) <= at:
            by_book.setdefault(name, []).append(run)
    rows: list[dict[str, Any]] = []
    notes = []
    for name, found in sorted(by_book.items()):
        newest = max(found, key=lambda run: (_about(run), run.created_at))
        alike = [run for run in found if _settings(run) == _settings(newest)]
        last = {_about(run): run for run in sorted(alike, key=lambda run: run.created_at)}  # done again: the last one counts
        if len(last) == 1:
            notes.append(f"capital of {name}: {newest.run_id} is the only run with its settings, and there is none to compare it with")
        rows += [_capital(session, name, run) for _, run in sorted(last.items())[-_NEWEST:]]
    if not rows:
        way = "crfs portfolio load NAME FILE, then crfs portfolio risk NAME"
        return BookWatch(tables={}, why_not=f"it needs risk runs of a book that was loaded under a name: {way}")
    instants = dict.fromkeys(("valid_time", "knowledge_time"), pl.Datetime("us", "UTC"))
    table = pl.DataFrame(rows, schema_overrides={**instants, "ec": pl.Float64(), "ec_se": pl.Float64()})
    return BookWatch(tables={"portfolio": table}, notes=tuple(notes))


def _about(run: Run) -> datetime:
    """The time that a run is about: that which was asked about, else when it was done."""
    return run.as_of or run.created_at


def _settings(run: Run) -> str:
    """What two runs must have in common for their capital to be compared."""
    own = {name: value for name, value in run.specification.items() if name not in {"book", "as_of", "seed", "models"}}
    return json.dumps({**own, "filled by": sorted(run.specification.get("models", {}))}, sort_keys=True)


def _capital(session: Session, name: str, run: Run) -> dict[str, Any]:
    from crfs.workflows.runs import run_result

    measures = json.loads(run_result(session, run.run_id)[1])["measures"]
    worst = max(measures, key=lambda measure: measure["confidence"])
    about = _about(run)
    return {
        "entity": name,
        "valid_time": about,
        "knowledge_time": about,
        "ec": worst["ec"],
        "ec_se": worst["ec_se"],
        "rests_on": f"run {run.run_id}",
    }
