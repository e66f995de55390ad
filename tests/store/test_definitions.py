"""Definitions on the system clock, and the relations that they make."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from crfs.bitemporal import Tenor
from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import ColumnDefinition, ColumnType, DatasetDefinition, Definitions, FactorDefinition, Scope
from crfs.errors import Conflict, InvalidInput
from crfs.store.database import Database, ensure_schema
from crfs.store.definitions import altered_definitions, catalogue_at, define, defined_at
from crfs.store.heads import pin
from crfs.store.relations import ensure_relation
from crfs.store.scan import StoreReader
from tests.store.deliveries import NOW, dataset, rows, stored, write


def factor(definition: DatasetDefinition, *, title: str = "a factor", column: str = "value") -> FactorDefinition:
    return FactorDefinition(
        mnemonic=f"test.{definition.name}", title=title, dataset=definition.name, column=column, unit="1", category="test"
    )


def with_column(definition: DatasetDefinition, name: str, kind: ColumnType = ColumnType.FLOAT8) -> DatasetDefinition:
    return replace(definition, columns=(*definition.columns, ColumnDefinition(name=name, title="", type=kind)))


def test_each_batch_has_the_definitions_of_its_time(own_database: Database) -> None:
    first = dataset(name="prices")
    second = replace(first, title="Prices, mended", period=Tenor.parse("P1M"))
    assert define(own_database, [first], [factor(first)], at=NOW, source="a") == 1
    assert define(own_database, [first], [factor(first)], at=NOW, source="a") is None
    write(own_database, first, rows([1.0]))
    assert define(own_database, [second], [factor(first, title="better")], at=NOW, source="b") == 3
    assert define(own_database, [first], [], at=NOW, source="back again") == 4

    assert catalogue_at(own_database, 0) == Catalogue(datasets={}, factors={})
    for batch, definition, title in [(1, first, "a factor"), (2, first, "a factor"), (3, second, "better"), (4, first, "better")]:
        catalogue = catalogue_at(own_database, batch)
        assert catalogue.dataset("prices") == definition
        assert catalogue.factor("test.prices").title == title
    assert [defined_at(own_database, batch) for batch in (0, 1, 2, 3, None)] == [0, 1, 1, 3, 4]


def test_what_cannot_change_is_a_conflict(module_database: Database) -> None:
    definition = with_column(dataset(), "count", ColumnType.INT8)
    define(module_database, [definition], [], at=NOW, source="a")
    head = pin(module_database).batch_id
    for changed, message in [
        (replace(definition, columns=definition.columns[:1]), "column count is in the store and cannot be dropped"),
        (with_column(replace(definition, columns=definition.columns[:1]), "count"), "column count cannot change its type"),
        (replace(definition, entity_kind="other"), "entity_kind and scope cannot change"),
        (replace(definition, scope=Scope.TENANT), "entity_kind and scope cannot change"),
    ]:
        with pytest.raises(Conflict, match=message):
            define(module_database, [changed], [], at=NOW, source="a")
    assert pin(module_database).batch_id == head


def test_a_factor_of_a_dataset_or_column_that_is_not_there_is_refused(module_database: Database) -> None:
    definition = dataset()
    with pytest.raises(InvalidInput, match="no dataset is called"):
        define(module_database, [], [factor(definition)], at=NOW, source="a")
    with pytest.raises(InvalidInput, match="no column 'price'"):
        define(module_database, [definition], [factor(definition, column="price")], at=NOW, source="a")
    assert define(module_database, [definition], [factor(definition)], at=NOW, source="a") is not None


def test_the_same_definitions_put_in_force_by_several_at_once_are_one_batch(own_database: Database) -> None:
    definition = dataset()
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: define(own_database, [definition], [factor(definition)], at=NOW, source="a"), range(6)))
    assert sorted(made, key=str) == [1, None, None, None, None, None]
    assert pin(own_database).batch_id == 1


def test_an_added_column_is_null_in_rows_from_before_it(module_database: Database) -> None:
    definition = dataset()
    write(module_database, definition, rows([1.0]))
    wider = with_column(definition, "count", ColumnType.INT8)
    write(module_database, wider, rows([2.0], valid=1, count=[7]))
    assert stored(module_database, wider, columns='value, "count"') == [(1.0, None), (2.0, 7)]
    # Who still has the older definition reads and writes on.
    write(module_database, definition, rows([3.0], valid=2))
    old = StoreReader(module_database, Catalogue.of([Definitions(datasets=(definition,), factors=())]), batch_id=2**40)
    assert old.rows(definition.name).sort("valid_time")["value"].to_list() == [1.0, 2.0, 3.0]
    # A cell that was never delivered is not the value that is delivered now: to fill it is an amendment.
    with pytest.raises(Conflict):
        write(module_database, wider, rows([1.0], count=[5]))


def test_two_definitions_of_one_relation_at_once_leave_the_columns_of_both(server_url: sa.URL, connect: Callable[..., Database]) -> None:
    from tests.store.conftest import new_database

    url = new_database(server_url)
    ensure_schema(connect(url))
    for number in range(6):
        base = dataset()
        wide = [with_column(base, f"column_{letter}") for letter in "abcd"]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda definition: ensure_relation(connect(url), definition), wide))
        columns = ", ".join(f"column_{letter}" for letter in "abcd")
        assert stored(connect(url), base, columns=columns) == [], number


def test_a_relation_whose_column_has_another_type_is_a_conflict(module_database: Database) -> None:
    definition = dataset()
    ensure_relation(module_database, definition)
    changed = replace(definition, columns=(replace(definition.columns[0], type=ColumnType.TEXT),))
    with pytest.raises(Conflict, match="is float8 in the store and text in the definition"):
        ensure_relation(module_database, changed)


def test_a_definition_goes_through_the_store_whole(module_database: Database) -> None:
    from crfs.credit.catalogue import packaged_definitions

    parts = packaged_definitions()
    datasets = [item for part in parts for item in part.datasets]
    factors = [item for part in parts for item in part.factors]
    batch = define(module_database, datasets, factors, at=NOW + timedelta(days=1), source="catalogue")
    assert batch is not None
    catalogue = catalogue_at(module_database, batch)
    assert {name: catalogue.datasets[name] for name in (item.name for item in datasets)} == {item.name: item for item in datasets}
    assert {name: catalogue.factors[name] for name in (item.mnemonic for item in factors)} == {item.mnemonic: item for item in factors}
    assert define(module_database, datasets, factors, at=NOW, source="catalogue") is None


@pytest.mark.parametrize("bound", [1e16, 1e18, -1e18, 1.5e300, 123456789012345680.0, 1e15, 1e-7, -0.0, 0.1, 5e-324])
def test_a_definition_with_any_bound_is_what_was_put_in_force(module_database: Database, bound: float) -> None:
    """PostgreSQL writes a number of JSON in its own way; the hash that was kept holds for it all the same."""
    base = dataset()
    definition = replace(base, columns=(replace(base.columns[0], minimum=bound, maximum=2e300), *base.columns[1:]))
    batch = define(module_database, [definition], [replace(factor(definition), minimum=bound, maximum=2e300)], at=NOW, source="a")
    assert batch is not None
    assert define(module_database, [definition], [], at=NOW, source="a") is None
    with module_database.reading() as connection:
        assert altered_definitions(connection) == []
    assert batch is not None
    assert catalogue_at(module_database, batch).dataset(definition.name) == definition
