"""Appending rows, staging, comparison and head lock included, against raw binary COPY into the same indexed table (medians of five)."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.report import keep, machine

SHAPES = {"narrow": (200_000, 1), "records": (100_000, 30)}
ROUNDS = 5


def run() -> int:
    """Measure both shapes, interleaved; nothing is barred here, the ratio is reported."""
    from crfs.bitemporal.tenor import Tenor
    from crfs.credit.definitions import ColumnDefinition, DatasetDefinition
    from crfs.ops.datatier import start
    from crfs.store.append import Delivery, append
    from crfs.store.database import Database, ensure_schema
    from crfs.store.publication import BatchKind, BatchNote
    from crfs.store.relations import ensure_relation

    before = machine()
    figures = {}
    with tempfile.TemporaryDirectory() as folder, start(Path(folder) / "data") as tier:
        database = Database(tier.store_url, actor="benchmark")
        ensure_schema(database)
        for shape, (rows, columns) in SHAPES.items():
            seconds: dict[str, list[float]] = {"append": [], "copy": []}
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
                table = _rows(rows, columns, number)
                begun = time.perf_counter()
                append(
                    database,
                    [Delivery(definition=definition, rows=table)],
                    BatchNote(kind=BatchKind.INGEST, at=datetime.now(UTC), source="benchmark"),
                )
                seconds["append"].append(time.perf_counter() - begun)
                seconds["copy"].append(_raw_copy(tier.store_url, shape, number))
            medians = {name: statistics.median(values) for name, values in seconds.items()}
            figures[shape] = {
                "rows": rows,
                "columns": columns,
                "append_rows_per_second": round(rows / medians["append"]),
                "copy_rows_per_second": round(rows / medians["copy"]),
                "ratio": round(medians["copy"] / medians["append"], 3),
            }
        database.close()
    keep("append", {"rounds": ROUNDS, "shapes": figures, "summary": {name: item["ratio"] for name, item in figures.items()}}, before)
    return 0


def _rows(rows: int, columns: int, number: int) -> pl.DataFrame:
    random = np.random.default_rng(number)
    month = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=31 * number)
    return pl.DataFrame(
        {
            "entity": [f"thing-{i:07d}" for i in range(rows)],
            "valid_time": [month] * rows,
            "knowledge_time": [month + timedelta(days=40)] * rows,
            "knowledge_basis": ["observed"] * rows,
            "row_state": ["value"] * rows,
            **{f"c{i}": random.normal(size=rows) for i in range(columns)},
        }
    )


def _raw_copy(url: str, shape: str, number: int) -> float:
    """Seconds of binary COPY of the newest batch's rows into a table like the dataset's with the same index and the earlier batches in it."""
    import psycopg

    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True) as connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS public.raw_{shape} (LIKE data.{shape} INCLUDING ALL)")
        with connection.cursor().copy(
            f"COPY (SELECT * FROM data.{shape} WHERE batch_id = (SELECT max(batch_id) FROM data.{shape})) TO STDOUT BINARY"
        ) as out:
            blocks = list(out)
        begun = time.perf_counter()
        with connection.cursor().copy(f"COPY public.raw_{shape} FROM STDIN BINARY") as into:
            for block in blocks:
                into.write(block)
        return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(run())
