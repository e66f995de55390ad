"""The registry: versions in order, roles that are acts of their own, and both as they were at a batch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from crfs.errors import InvalidInput, NotFound
from crfs.store.database import Database
from crfs.store.heads import pin
from crfs.store.registry import ModelVersion, champion, model_version, model_versions, promote, register
from crfs.store.runs import RunInputs
from tests.store.deliveries import NOW
from tests.store.keeping import described


def registered(database: Database, model: str) -> ModelVersion:
    return register(
        database, model=model, kind="scorecard", run=described(b"{}"), artefact=b"{}", card={"auc": 0.8}, inputs=RunInputs(batches={})
    )


def roles(database: Database, model: str, batch_id: int = 2**40) -> dict[int, str | None]:
    return {version.version: version.role for version in model_versions(database, model=model, batch_id=batch_id)}


def test_versions_count_up_also_when_several_register_at_once(module_database: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: registered(module_database, "pd"), range(6)))
    assert sorted(version.version for version in made) == [1, 2, 3, 4, 5, 6]
    assert [version.version for version in sorted(made, key=lambda version: version.batch_id)] == [1, 2, 3, 4, 5, 6]
    assert model_version(module_database, "pd").version == 6
    assert registered(module_database, "lgd").version == 1


def test_a_challenger_leaves_the_champion_and_a_new_champion_takes_the_old_ones_place(module_database: Database) -> None:
    for _ in range(3):
        registered(module_database, "ead")
    with pytest.raises(NotFound, match="has no champion"):
        champion(module_database, "ead")
    states = []
    for version, role in [(1, "champion"), (2, "challenger"), (2, "champion"), (3, "challenger"), (2, "retired"), (1, "champion")]:
        promote(module_database, "ead", version, reason="a test", at=NOW, role=role)
        states.append((pin(module_database).batch_id, roles(module_database, "ead")))
    assert [state for _, state in states] == [
        {1: "champion", 2: None, 3: None},
        {1: "champion", 2: "challenger", 3: None},
        {1: None, 2: "champion", 3: None},
        {1: None, 2: "champion", 3: "challenger"},
        {1: None, 2: "retired", 3: "challenger"},
        {1: "champion", 2: "retired", 3: "challenger"},
    ]
    for batch_id, state in states:
        assert roles(module_database, "ead", batch_id) == state
    assert champion(module_database, "ead").version == 1
    assert champion(module_database, "ead", batch_id=states[2][0]).version == 2
    with pytest.raises(NotFound):
        champion(module_database, "ead", batch_id=states[4][0])


def test_a_promotion_says_why_and_of_what(module_database: Database) -> None:
    registered(module_database, "survival")
    for error, version, reason, role in [
        (InvalidInput, 1, " ", "champion"),
        (InvalidInput, 1, "good", "king"),
        (NotFound, 2, "good", "champion"),
    ]:
        with pytest.raises(error):
            promote(module_database, "survival", version, reason=reason, at=NOW, role=role)
    assert roles(module_database, "survival") == {1: None}
