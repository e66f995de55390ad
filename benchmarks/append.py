"""Appending rows, comparison and head lock included, against raw binary COPY into the same indexed table (medians of seven, interleaved).

Three deliveries are measured: ``new`` periods, which have nothing to be compared with; ``known`` periods, a later revision of every row that
is there, so that each row is staged, compared and published; and ``again``, the same rows once more, of which nothing is published. The bar is
held by the first: what a provider brings day by day is new periods.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from benchmarks.report import keep, machine

if TYPE_CHECKING:
    from crfs.credit.definitions import DatasetDefinition
    from crfs.store.database import Database

SHAPES = {"narrow": (200_000, 1), "records": (100_000, 30)}
ROUNDS = 7
_BLOCK_BYTES = 4 * 1024 * 1024
BAR = 0.5
"""At least this share of raw COPY's speed."""


def run() -> int:
    """Measure both shapes, interleaved; the number of bars missed."""
    from crfs.bitemporal.tenor import Tenor
    from crfs.credit.definitions import ColumnDefinition, DatasetDefinition
    from crfs.ops.datatier import start
    from crfs.store.database import Database, ensure_schema
    from crfs.store.relations import ensure_relation

    before = machine()
    figures = {}
    with tempfile.TemporaryDirectory() as folder, start(Path(folder) / "data") as tier:
        database = Database(tier.store_url, actor="benchmark")
        ensure_schema(database)
        for shape, (rows, columns) in SHAPES.items():
            seconds: dict[str, list[float]] = {"new": [], "copy": [], "known": [], "again": []}
            definition = DatasetDefinition(
                name=shape,
                title=shape,
                source="benchmark",
                entity_kind="thing",
                period=Tenor.parse("P1M"),
                zone="UTC",
                columns=tuple(ColumnDefinition(name=f"c{number}", title="value") for number in range(columns)),
            )
            ensure_relation(database, definition)
            for number in range(ROUNDS):
                for what, table in (("new", _rows(rows, columns, number)), ("known", _rows(rows, columns, number, revision=1))):
                    seconds[what].append(_appended(database, definition, table))
                    if what == "new":
                        seconds["copy"].append(_raw_copy(tier.store_url, shape))
                seconds["again"].append(_appended(database, definition, table))
            medians = {name: statistics.median(values) for name, values in seconds.items()}
            figures[shape] = {
                "rows": rows,
                "columns": columns,
                "copy_rows_per_second": round(rows / medians["copy"]),
                **{f"{what}_rows_per_second": round(rows / medians[what]) for what in ("new", "known", "again")},
                **{f"{what}_ratio": round(medians["copy"] / medians[what], 3) for what in ("new", "known", "again")},
            }
        database.close()
    summary = {name: {what: item[f"{what}_ratio"] for what in ("new", "known", "again")} for name, item in figures.items()}
    keep("append", {"rounds": ROUNDS, "bar": BAR, "shapes": figures, "summary": summary}, before)
    return sum(item["new_ratio"] < BAR for item in figures.values())


def _appended(database: Database, definition: DatasetDefinition, table: pl.DataFrame) -> float:
    from crfs.store.append import Delivery, append
    from crfs.store.publication import BatchKind, BatchNote

    begun = time.perf_counter()
    append(
        database,
        [Delivery(definition=definition, rows=table)],
        BatchNote(kind=BatchKind.INGEST, at=datetime.now(UTC), source="benchmark"),
    )
    return time.perf_counter() - begun


def _rows(rows: int, columns: int, number: int, *, revision: int = 0) -> pl.DataFrame:
    random = np.random.default_rng((number, revision))
    month = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=31 * number)
    return pl.DataFrame(
        {
            "entity": [f"thing-{i:07d}" for i in range(rows)],
            "valid_time": [month] * rows,
            "knowledge_time": [month + timedelta(days=40 + revision)] * rows,
            "knowledge_basis": ["observed"] * rows,
            "row_state": ["value"] * rows,
            **{f"c{i}": random.normal(size=rows) for i in range(columns)},
        }
    )


def _raw_copy(url: str, shape: str) -> float:
    """Seconds of binary COPY of the newest batch's rows into a table like the dataset's with the same index and the earlier batches in it."""
    import psycopg

    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True) as connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS public.raw_{shape} (LIKE data.{shape} INCLUDING ALL)")
        with connection.cursor().copy(
            f"COPY (SELECT * FROM data.{shape} WHERE batch_id = (SELECT max(batch_id) FROM data.{shape})) TO STDOUT BINARY"
        ) as out:
            sent = b"".join(out)
        # As large as our own: what comes out is a block a row, and to send as many would slow the peer down.
        blocks = [sent[place : place + _BLOCK_BYTES] for place in range(0, len(sent), _BLOCK_BYTES)]
        begun = time.perf_counter()
        with connection.cursor().copy(f"COPY public.raw_{shape} FROM STDIN BINARY") as into:
            for block in blocks:
                into.write(block)
        return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(run())
