"""Whatever a table holds comes back from PostgreSQL as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput, ServiceUnavailable
from crfs.store import binary_copy
from crfs.store.database import Database
from crfs.store.staging import copy_into
from tests.store.conftest import administering
from tests.store.deliveries import dataset, rows, stored, write

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


@given(rows=_TABLES)
def test_a_table_comes_back_as_it_was(module_database: Database, rows: list[dict[str, Any]]) -> None:
    table = _table(rows)
    assert _back(module_database, table).equals(table)


@given(rows=_TABLES.filter(len))
def test_few_rows_written_cell_by_cell_are_the_block_that_their_columns_make(rows: list[dict[str, Any]]) -> None:
    table = _table(rows)
    assert binary_copy._cell_by_cell(table) == binary_copy._block(table)


def test_what_has_no_binary_form_is_refused_however_many_rows_there_are() -> None:
    for count in (1, 1_000):
        with pytest.raises(InvalidInput, match="column odd: no binary form of UInt8 is known"):
            list(binary_copy.encoded(pl.DataFrame({"odd": pl.Series([1] * count, dtype=pl.UInt8)})))


@pytest.mark.parametrize("many", [1, 1_000], ids=["ahead", "in turn"])
def test_rows_of_many_blocks_come_back_in_their_order(module_database: Database, monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    """Long texts make blocks short, whole columns of nulls have no bytes at all; blocks are encoded ahead of their being sent, or in turn."""
    monkeypatch.setattr(binary_copy, "_BLOCK_BYTES", 2_000)
    monkeypatch.setattr(binary_copy, "_MANY", many)
    rows = [dict.fromkeys(SCHEMA, None) | {"whole": number, "text": "x" * (number % 7 * 3_000)} for number in range(200)]
    table = _table(rows)
    blocks = list(binary_copy.encoded(table))
    assert len(blocks) > 20
    assert _back(module_database, table).equals(table)


def _copy(database: Database, columns: str, table: pl.DataFrame, *, first: str = "SELECT 1") -> None:
    """Copy into a table of its own, after somebody else has done something ``first``."""
    with database.writing() as connection:
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE there ({columns}) ON COMMIT DROP")
        with administering(database.url) as administrator:
            administrator.exec_driver_sql(first)
        copy_into(connection, "there", table)


def test_what_a_copy_breaks_is_told_as_what_a_statement_breaks(module_database: Database) -> None:
    with pytest.raises(sa.exc.IntegrityError, match="duplicate key"):
        _copy(module_database, "n bigint PRIMARY KEY", pl.DataFrame({"n": [1, 1]}))
    with pytest.raises(InvalidInput, match="cannot take a value"):
        _copy(module_database, "n text", pl.DataFrame({"n": ["a\0b"]}))


def test_a_server_that_goes_away_under_a_copy_does_not_answer_and_the_next_write_works(own_database: Database) -> None:
    end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with pytest.raises(ServiceUnavailable, match=r"PostgreSQL does not answer .*terminat"):
        _copy(own_database, "n bigint", pl.DataFrame({"n": [1]}), first=end)
    assert write(own_database, dataset(), rows([1.0])).batch_id is not None


@pytest.fixture
def small_place(own_database: Database) -> Iterator[Path]:
    """A disk of 2 MB where what the database makes next lies."""
    with administering(own_database.url) as administrator:
        cluster = Path(administrator.exec_driver_sql("SHOW data_directory").scalar_one())
    place, owner = cluster.parent / "small place", cluster.stat()
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(place)], capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk needs root with CAP_SYS_ADMIN")
    try:
        os.chown(place, owner.st_uid, owner.st_gid)
        name = own_database.url.database
        with administering(own_database.url) as administrator:
            administrator.exec_driver_sql(f"CREATE TABLESPACE small LOCATION '{place}'")
            administrator.exec_driver_sql("GRANT CREATE ON TABLESPACE small TO PUBLIC")
            administrator.exec_driver_sql(f"ALTER DATABASE {name} SET default_tablespace = small")
        yield place
        own_database.close()
        with administering(own_database.url.set(database="postgres")) as administrator:
            administrator.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
            administrator.exec_driver_sql("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
        shutil.rmtree(place, ignore_errors=True)


def test_a_disk_that_is_full_under_a_copy_is_named_and_nothing_is_kept(own_database: Database, small_place: Path) -> None:
    definition = dataset()
    write(own_database, definition, rows([0.5], valid=-1))
    with pytest.raises(ServiceUnavailable, match=r"the disk of the store is full .* free some space and run the same command again"):
        write(own_database, definition, rows([1.0] * 40_000, valid=list(range(40_000))))
    assert stored(own_database, definition) == [(0.5,)]
    subprocess.run(["mount", "-o", "remount,size=100m", str(small_place)], check=True)
    write(own_database, definition, rows([1.0], valid=0))
