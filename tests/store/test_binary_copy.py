"""Whatever a table holds comes back from PostgreSQL as it was."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from crfs.store import binary_copy
from crfs.store.database import Database
from crfs.store.staging import copy_into

SCHEMA: dict[str, Any] = {
    "small": pl.Int16(),
    "whole": pl.Int64(),
    "number": pl.Float64(),
    "flag": pl.Boolean(),
    "day": pl.Date(),
    "instant": pl.Datetime("us", "UTC"),
    "text": pl.String(),
    "other": pl.String(),
}
_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
_CELLS = {
    "small": st.integers(-(2**15), 2**15 - 1),
    "whole": st.integers(-(2**63), 2**63 - 1),
    "number": st.floats(allow_nan=False),
    "flag": st.booleans(),
    "day": st.dates(date(1600, 1, 1), date(2199, 12, 31)),
    "instant": st.datetimes(datetime(1600, 1, 1), datetime(2199, 12, 31)),  # noqa: DTZ001 (hypothesis wants naive bounds)
    "text": _TEXT,
    "other": st.sampled_from(["", "a", "ü" * 300]),
}
_TABLES = st.lists(st.fixed_dictionaries({name: st.none() | cell for name, cell in _CELLS.items()}), max_size=30)


def _table(rows: list[dict[str, Any]]) -> pl.DataFrame:
    naive = {**SCHEMA, "instant": pl.Datetime("us")}
    return pl.DataFrame(rows, schema=naive).with_columns(pl.col("instant").dt.replace_time_zone("UTC"))


def _back(database: Database, table: pl.DataFrame) -> pl.DataFrame:
    columns = "small smallint, whole bigint, number float8, flag boolean, day date, instant timestamptz, text text, other text"
    with database.writing() as connection:
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE there (n bigint, {columns}) ON COMMIT DROP")
        copy_into(connection, "there", table.select(pl.int_range(pl.len()).cast(pl.Int64).alias("n"), pl.all()))
        rows = connection.exec_driver_sql(f"SELECT {', '.join(SCHEMA)} FROM there ORDER BY n").all()
    return pl.DataFrame([tuple(row) for row in rows], schema=SCHEMA, orient="row")


@settings(max_examples=150)
@given(rows=_TABLES)
def test_a_table_comes_back_as_it_was(module_database: Database, rows: list[dict[str, Any]]) -> None:
    table = _table(rows)
    assert _back(module_database, table).equals(table)


def test_rows_of_many_blocks_come_back_in_their_order(module_database: Database, monkeypatch: Any) -> None:
    """Long texts make blocks short, whole columns of nulls have no bytes at all."""
    monkeypatch.setattr(binary_copy, "_BLOCK_BYTES", 2_000)
    rows = [dict.fromkeys(SCHEMA, None) | {"whole": number, "text": "x" * (number % 7 * 3_000)} for number in range(200)]
    table = _table(rows)
    blocks = list(binary_copy.encoded(table))
    assert len(blocks) > 20
    assert _back(module_database, table).equals(table)
