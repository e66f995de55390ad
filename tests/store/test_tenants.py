"""Row-level security: what is one tenant's is not there for another, and what is public is there for both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import polars as pl
import pytest
import sqlalchemy as sa

from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import DatasetDefinition, Definitions, Scope
from crfs.errors import NotFound
from crfs.store.alerts import Step, alert, looks, settle
from crfs.store.answers import AnswerKey
from crfs.store.database import Database
from crfs.store.entities import entity_names
from crfs.store.jobs import claim, job, jobs, submit
from crfs.store.lineage import lineage, runs_on_payloads
from crfs.store.lookup import value_at
from crfs.store.payloads import keep_rejected
from crfs.store.registry import model_versions, promote, register
from crfs.store.runs import RunInputs, run, runs
from crfs.store.scan import StoreReader
from crfs.store.verification import verify_store
from tests.store.conftest import administering
from tests.store.deliveries import NOW, dataset, day, rows, write
from tests.store.keeping import described, kept, landed


@pytest.fixture(scope="module")
def one(module_database: Database) -> Database:
    return module_database


@pytest.fixture(scope="module")
def other(module_database: Database, connect: Callable[..., Database]) -> Database:
    with administering(module_database.url) as connection:
        connection.exec_driver_sql("INSERT INTO crfs.tenant VALUES (2, 'second')")
    return connect(module_database.url, tenant_id=2)


def read(database: Database, definition: DatasetDefinition) -> list[tuple[str, float]]:
    reader = StoreReader(database, Catalogue.of([Definitions(datasets=(definition,), factors=())]), batch_id=2**40)
    return sorted(reader.rows(definition.name).select("entity", "value").rows())


def test_rows_and_entities_of_a_tenants_dataset_are_its_own(one: Database, other: Database) -> None:
    definition = dataset(scope=Scope.TENANT)
    write(one, definition, rows([1.0], entity="anna"))
    assert read(other, definition) == []
    assert value_at(other, definition, "anna", at=day(20), batch_id=2**40) is None
    assert entity_names(other, definition).is_empty()
    # The same natural key is another entity there: no conflict, no look at the other's value, no row of the other's counted as here.
    write(other, definition, rows([2.0], entity="anna"))
    assert read(one, definition) == [("anna", 1.0)]
    assert read(other, definition) == [("anna", 2.0)]
    mine, theirs = (value_at(database, definition, "anna", at=day(20), batch_id=2**40) for database in (one, other))
    assert mine is not None
    assert theirs is not None
    assert (mine["value"], theirs["value"]) == (1.0, 2.0)
    assert verify_store(one).sound
    assert verify_store(other).sound
    for statement in (f'SELECT count(*) FROM data."{definition.name}"', "SELECT count(*) FROM crfs.entity WHERE natural_key = 'anna'"):
        with other.reading() as connection:
            assert connection.exec_driver_sql(statement).scalar_one() == 1


def test_rows_of_a_public_dataset_are_everybodys(one: Database, other: Database) -> None:
    definition = dataset()
    write(one, definition, rows([1.0], entity="GDP"))
    assert read(other, definition) == [("GDP", 1.0)]
    assert write(other, definition, rows([1.0], entity="GDP")).batch_id is None


def test_a_row_cannot_be_written_in_another_tenants_name(one: Database, other: Database) -> None:
    definition = dataset(scope=Scope.TENANT)
    write(one, definition, rows([1.0]))
    statements = [
        "INSERT INTO crfs.entity (tenant_id, kind, natural_key) VALUES (1, 'k', 'forged')",
        f"INSERT INTO data.\"{definition.name}\" VALUES (1, now(), now(), 1, now(), 0, 0, NULL, 1, 5)",
    ]  # fmt: skip
    for statement in statements:
        with pytest.raises(sa.exc.ProgrammingError, match="row-level security"), other.writing() as connection:
            connection.exec_driver_sql(statement)


def test_runs_jobs_models_and_refused_rows_of_a_tenant_are_its_own(one: Database, other: Database) -> None:
    sha = landed(one, b"a book of one tenant")
    keep_rejected(
        one,
        AnswerKey("books", "positions", sha),
        "1",
        pl.DataFrame({"row": [1], "column": ["pd_12m"], "reason": ["range"], "detail": ["1.5"]}),
    )
    run_id = kept(one, payloads=[sha])
    task = submit(one, job_id=uuid4(), kind="risk", specification={}, at=NOW)
    register(one, model="pd", kind="scorecard", run=described(b"model"), artefact=b"model", card={}, inputs=RunInputs(batches={}))
    promote(one, "pd", 1, reason="the first", at=NOW)

    assert [found.run_id for found in runs(one) if found.kind == "risk"]
    assert runs(other) == []
    with pytest.raises(NotFound):
        run(other, run_id)
    assert runs_on_payloads(other, [sha]) == {sha: []}
    assert not lineage(other, run_id).payloads
    assert jobs(other) == []
    assert claim(other, holder="w", at=NOW, lease=timedelta(minutes=1)) is None
    with pytest.raises(NotFound):
        job(other, task.job_id)
    assert model_versions(other) == []
    with other.reading() as connection:
        for table in ("fetch", "rejected_row", "run", "run_input", "model_version", "promotion", "job"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM crfs.{table}").scalar_one() == 0, table


def test_every_table_with_a_tenant_is_secured_but_the_book_of_batches(one: Database) -> None:
    dataset_of_tenant = dataset(scope=Scope.TENANT)
    write(one, dataset_of_tenant, rows([1.0]))
    with one.reading() as connection:
        open_tables = connection.exec_driver_sql(
            "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' "
            "WHERE n.nspname IN ('crfs', 'data') AND c.relkind = 'r' AND NOT c.relrowsecurity ORDER BY 1"
        ).scalars()
        assert list(open_tables) == ["crfs.batch", "crfs.tenant"]


def test_a_tenants_rules_look_for_themselves(one: Database, other: Database) -> None:
    step = Step(alert=None, rule="obligor.late", subject="obligor/A", state="open", severity="info", title="t", evidence={})
    for database, at in ((one, NOW + timedelta(days=1)), (other, NOW)):
        assert looks(database, [step.rule]) == []
        [number] = settle(database, [step.rule], lambda _: [step], at=at, as_of=at)
        assert number is not None
        assert alert(database, number)[0].rule == step.rule
    assert [[look.as_of for look in looks(database, [step.rule])] for database in (one, other)] == [[NOW + timedelta(days=1)], [NOW]]
