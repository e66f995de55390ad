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

    from crfs.monitoring.early_warning import Limit, Position, Rule
    from crfs.store.runs import BookRun

LIMIT_COLUMNS = frozenset({"limit_use"})
CAPITAL_COLUMNS = frozenset({"ec", "ec_se"})
"""The columns that rules look at here."""

_LEAST = 12
"""So many of the newest books of a name, and runs of a book, are looked at, and more where the rules look further back."""


_APART = ("as_of", "seed")
"""What two risk runs may differ in for their capital to be compared, besides the book and the versions of the models that fill it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookWatch:
    """Tables by scope for rules; ``why_not`` says why there is none, ``notes`` what else is to know."""

    tables: Mapping[str, pl.DataFrame]
    why_not: str = ""
    notes: tuple[str, ...] = ()


def watch_limits(session: Session, batch_id: int, limits: Sequence[Limit], rules: Sequence[Rule], *, at: datetime) -> BookWatch:
    """How much of each limit was used by the books in force up to ``at``, as the store had them at a batch, as far back as ``rules`` look.

    A book counts from when it is in force on, whenever it was loaded. The exposure of a facility is its ``ead``, else the greater of what
    is drawn and what may be.
    """
    from crfs.monitoring.early_warning import Position, first_needed, limit_use, limits_of_nobody
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
        newest = begun.slice(first_needed(begun["valid_time"].to_list(), rules, least=_LEAST))
        notes += _cut(f"books of {name} in force", newest.height, begun.height)
        for row in newest.iter_rows(named=True):
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


def watch_capital(session: Session, rules: Sequence[Rule], *, at: datetime) -> BookWatch:
    """The economic capital of the newest risk runs of each loaded book up to ``at``, with its error, as far back as ``rules`` look.

    A run counts from the time that it is about on, whenever it was done. Of a book those runs are compared that have the settings of its newest
    one; the seed may differ, for what it does is what the errors measure, and so may the versions of the models that fill the book.
    The capital is that at the highest confidence.
    """
    import polars as pl

    from crfs.monitoring.early_warning import first_needed
    from crfs.store.runs import book_runs

    by_book: dict[str, list[BookRun]] = {}
    for run in book_runs(session.database, "risk", until=at, apart_from=_APART):
        by_book.setdefault(run.book, []).append(run)
    rows: list[dict[str, Any]] = []
    notes = []
    for name, found in sorted(by_book.items()):
        newest = max(found, key=lambda run: (run.about, run.created_at))
        last = {run.about: run for run in found if run.settings == newest.settings}  # done again: the last one counts
        if len(last) == 1:
            notes.append(f"capital of {name}: {newest.run_id} is the only run with its settings, and there is none to compare it with")
        times = sorted(last)
        needed = times[first_needed(times, rules, least=_LEAST) :]
        notes += _cut(f"risk runs of {name} with these settings", len(needed), len(times))
        rows += [_capital(session, last[time]) for time in needed]
    if not rows:
        way = "crfs portfolio load NAME FILE, then crfs portfolio risk NAME"
        return BookWatch(tables={}, why_not=f"it needs risk runs of a book that was loaded under a name: {way}")
    instants = dict.fromkeys(("valid_time", "knowledge_time"), pl.Datetime("us", "UTC"))
    table = pl.DataFrame(rows, schema_overrides={**instants, "ec": pl.Float64(), "ec_se": pl.Float64()})
    return BookWatch(tables={"portfolio": table}, notes=tuple(notes))


def _cut(what: str, looked_at: int, there: int) -> list[str]:
    """A sentence where the oldest of a history were not looked at."""
    if looked_at == there:
        return []
    return [
        f"{what}: the newest {looked_at:,} of {there:,} were looked at, as far back as the rules look; what was alarming before them, and has not "
        "recovered, the alerts of earlier evaluations have"
    ]


def _capital(session: Session, run: BookRun) -> dict[str, Any]:
    from crfs.workflows.runs import run_result

    measures = json.loads(run_result(session, run.run_id)[1])["measures"]
    worst = max(measures, key=lambda measure: measure["confidence"])
    return {
        "entity": run.book,
        "valid_time": run.about,
        "knowledge_time": run.about,
        "ec": worst["ec"],
        "ec_se": worst["ec_se"],
        "rests_on": f"run {run.run_id}",
    }
