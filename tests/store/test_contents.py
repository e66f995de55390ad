"""The content of rows that is found on this side is the one that the server finds, and it is the server's word that counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from crfs.credit.definitions import ColumnType, Scope
from crfs.store import contents, insertion
from crfs.store.contents import Content, content_of_rows
from crfs.store.database import Database
from crfs.store.publication import BatchKind
from crfs.store.relations import content_of
from crfs.store.staging import copy_into
from crfs.store.verification import verify_store
from tests.store.deliveries import dataset, day, rows, stored, write

FIXED: dict[str, Any] = {
    "entity_id": pl.Int64(),
    "valid_time": pl.Datetime("us", "UTC"),
    "knowledge_time": pl.Datetime("us", "UTC"),
    "row_state": pl.Int16(),
    "knowledge_basis": pl.Int16(),
    "vintage_date": pl.Date(),
}
VALUES = {"number": ColumnType.FLOAT8, "flag": ColumnType.BOOL, "word": ColumnType.TEXT, "whole": ColumnType.INT8, "due": ColumnType.DATE}
SCHEMA = {**FIXED, "number": pl.Float64(), "flag": pl.Boolean(), "word": pl.String(), "whole": pl.Int64(), "due": pl.Date()}
_TIMES = st.datetimes(datetime(1600, 1, 1), datetime(2199, 12, 31))  # noqa: DTZ001 (hypothesis wants naive bounds)
_ROWS = st.fixed_dictionaries(
    {
        "entity_id": st.integers(-(2**63), 2**63 - 1),
        "valid_time": _TIMES,
        "knowledge_time": _TIMES,
        "row_state": st.integers(0, 3),
        "knowledge_basis": st.integers(0, 3),
        "vintage_date": st.none() | st.dates(date(1600, 1, 1), date(2199, 12, 31)),
        "number": st.none() | st.floats(allow_nan=False),
        "flag": st.none() | st.booleans(),
        "word": st.none() | st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=20),
        "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
        "due": st.none() | st.dates(date(1600, 1, 1), date(2199, 12, 31)),
    }
)


@pytest.fixture(autouse=True)
def _all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows, and each unlike the others, are hashed here too; some rows at a time, so that there are several times."""
    monkeypatch.setattr(contents, "FEW", 1)
    monkeypatch.setattr(insertion, "FEW", 1)
    monkeypatch.setattr(contents, "_LAYOUTS", 10_000)
    monkeypatch.setattr(contents, "_SLICE", 16)
    monkeypatch.setattr(contents, "_AT_ONCE", 3)


def _table(given_rows: list[dict[str, Any]]) -> pl.DataFrame:
    naive = {name: pl.Datetime("us") if name in {"valid_time", "knowledge_time"} else dtype for name, dtype in SCHEMA.items()}
    return pl.DataFrame(given_rows, schema=naive).with_columns(pl.col("valid_time", "knowledge_time").dt.replace_time_zone("UTC"))


def _by_the_server(database: Database, table: pl.DataFrame) -> Content:
    kinds = "entity_id bigint, valid_time timestamptz, knowledge_time timestamptz, row_state smallint, knowledge_basis smallint, vintage_date date"
    columns = kinds + "".join(f", {name} {kind.value}" for name, kind in VALUES.items())
    with database.writing() as connection:
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE there ({columns}) ON COMMIT DROP")
        copy_into(connection, "there", table.head(1))
        found = content_of(list(VALUES), "d", exact=True)
        first = connection.exec_driver_sql(f"SELECT {found} FROM there AS d").scalar_one()
        copy_into(connection, "there", table.slice(1))
        return Content(total=int(connection.exec_driver_sql(f"SELECT {found} FROM there AS d").scalar_one()), first=int(first))


@given(given_rows=st.lists(_ROWS, min_size=1, max_size=40))
def test_the_content_of_any_rows_is_what_the_server_finds(module_database: Database, given_rows: list[dict[str, Any]]) -> None:
    table = _table(given_rows)
    assert content_of_rows(table, list(SCHEMA)) == _by_the_server(module_database, table)


@pytest.mark.parametrize("length", range(0, 26, 5))
def test_a_record_of_any_length_is_hashed_to_its_last_byte(module_database: Database, length: int) -> None:
    row = {**dict.fromkeys(SCHEMA), "entity_id": 7, "valid_time": datetime(2020, 1, 1), "knowledge_time": datetime(2020, 2, 1)}  # noqa: DTZ001
    for last in range(5):
        table = _table([{**row, "row_state": 0, "knowledge_basis": 1, "number": -0.0, "word": "ÿ" * length + "~" * last}])
        assert content_of_rows(table, list(SCHEMA)) == _by_the_server(module_database, table)


def test_many_columns_with_blanks_have_more_layouts_than_a_number_counts(module_database: Database) -> None:
    random = np.random.default_rng(3)
    names = [f"c{number}" for number in range(70)]
    values = {name: [None if blank else float(number) for number, blank in enumerate(random.random(40) < 0.5)] for name in names}
    definition = dataset(columns=[(name, ColumnType.FLOAT8) for name in names])
    table = rows([1.0] * 40, valid=list(range(40))).drop("value").with_columns(**{name: pl.Series(v) for name, v in values.items()})
    write(module_database, definition, table)
    assert verify_store(module_database).sound


@pytest.mark.parametrize("scope", list(Scope), ids=lambda scope: scope.value)
def test_the_books_say_the_same_whoever_hashed_the_rows(own_database: Database, monkeypatch: pytest.MonkeyPatch, scope: Scope) -> None:
    """Three ways: found here; left to the server; and found here otherwise than by the server, as a server of another kind would."""
    of_rows = content_of_rows

    def otherwise(table: pl.DataFrame, columns: list[str]) -> Content | None:
        found = of_rows(table, columns)
        return found and Content(total=found.total + 1, first=found.first + 1)

    ways: list[Any] = [of_rows, lambda *_: None, otherwise]
    said = []
    for number, way in enumerate(ways):
        monkeypatch.setattr(insertion, "content_of_rows", way)
        definition = replace(dataset(scope=scope, name=f"way{number}", columns=list(VALUES.items())), entity_kind="thing")
        for known, kind in ((10, BatchKind.INGEST), (11, BatchKind.INGEST), (11, BatchKind.CORRECTION)):
            write(own_database, definition, _delivery(known, kind), kind)
        with own_database.reading() as connection:
            books = connection.exec_driver_sql(
                "SELECT row_count, columns, content, first_valid_time, last_valid_time, first_knowledge_time, last_knowledge_time, fetched_at, exact "
                "FROM crfs.batch_dataset WHERE dataset = %s ORDER BY batch_id",
                (definition.name,),
            ).all()
        columns = ", ".join([*FIXED, *VALUES])
        said.append(([tuple(row) for row in books], stored(own_database, definition, columns=columns)))
    assert said[0] == said[1] == said[2]
    assert len(said[0][0]) == 3
    found = verify_store(own_database)
    assert (found.sound, found.batches) == (True, 9), found.book_errors


def test_a_row_that_was_stored_otherwise_than_it_was_sent_is_found_by_verification(
    own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The content is of what was sent: what becomes of it on its way is found too."""

    def otherwise(connection: sa.Connection, relation: str, table: pl.DataFrame) -> None:
        copy_into(connection, relation, table.with_columns(pl.col("value").replace({2.0: 3.0})))

    monkeypatch.setattr(insertion, "copy_into", otherwise)
    write(own_database, dataset(), rows([1.0, 2.0], valid=[0, 1]))
    assert any("rows of batch 1 are not what it wrote" in error for error in verify_store(own_database).book_errors)


def _delivery(known: int, kind: BatchKind) -> pl.DataFrame:
    count = 40
    shift = 0.5 if kind is BatchKind.CORRECTION else 0.0
    table = rows([None] * count, valid=[number // 2 for number in range(count)], known=known).drop("value")
    return table.with_columns(
        entity=pl.Series(["x", "y"] * (count // 2)),
        vintage_date=pl.Series([day(number).date() if number % 3 else None for number in range(count)]),
        number=pl.Series([None if number % 5 == 0 else number - 0.0 + shift for number in range(count)], dtype=pl.Float64),
        flag=pl.Series([number % 2 == 0 for number in range(count)]),
        word=pl.Series([None if number % 7 == 0 else "ü" * (number % 4) for number in range(count)]),
        whole=pl.Series(range(count), dtype=pl.Int64),
        due=pl.Series([(day(0) + timedelta(days=number)).date() for number in range(count)]),
    )


@pytest.mark.parametrize("lengths", [[300, 1], list(range(64))], ids=["long", "unlike"])
def test_rows_that_the_server_hashes_sooner_are_left_to_it(
    own_database: Database, monkeypatch: pytest.MonkeyPatch, lengths: list[int]
) -> None:
    monkeypatch.setattr(contents, "_LAYOUTS", 2)
    definition = dataset(columns=[("word", ColumnType.TEXT)])
    table = (
        rows([1.0] * len(lengths), valid=list(range(len(lengths)))).drop("value").with_columns(word=pl.Series(["x" * n for n in lengths]))
    )
    monkeypatch.setattr(contents, "_SLICE", 1_000)
    plain = table.select(pl.col("word"))
    assert content_of_rows(plain, ["word"]) is None
    write(own_database, definition, table)
    assert verify_store(own_database).sound
