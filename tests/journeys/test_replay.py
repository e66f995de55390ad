"""A number is computed again in a fresh process: the same bytes whatever was ingested since, or in words what differs."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from crfs.store.append import Delivery, append
from crfs.store.publication import BatchKind, BatchNote
from crfs.store.runs import run as find_run
from crfs.workflows.book_runs import run_answer
from crfs.workflows.run_documents import risk_run
from crfs.workflows.runs import replay, run_result
from crfs.workflows.session import Session, open_session
from crfs.workflows.verification import verify
from tests.journeys.world import REPLAY, World, in_a_fresh_process
from tests.store.conftest import administering

pytestmark = [pytest.mark.servers, pytest.mark.journey]


def revise(session: Session) -> set[str]:
    """Correct what the runs have read, and tell of later revisions; the datasets that moved."""
    catalogue, now = session.catalogue(), session.clock.now()
    reader = session.reader(session.pin().batch_id)
    changed = {
        "us_macro_quarterly": pl.col("unemp") + 1.5,
        "bureau_obligor": (pl.col("utilisation") * 0.5).alias("utilisation"),
        "bureau_default": (pl.col("ead") * 1.1).alias("ead"),
    }
    for name, change in changed.items():
        some = reader.rows(name, columns=[])["entity"].unique().sort().gather_every(3).to_list()
        rows = reader.rows(name, entities=some).drop("batch_id").with_columns(change)
        note = BatchNote(kind=BatchKind.CORRECTION, at=now, reason="the provider sent wrong numbers", source="test")
        assert append(session.database, [Delivery(definition=catalogue.dataset(name), rows=rows)], note).batch_id is not None
        later = rows.with_columns(knowledge_time=pl.col("knowledge_time").dt.offset_by("40y")).with_columns(change)
        append(session.database, [Delivery(definition=catalogue.dataset(name), rows=later)], BatchNote(kind=BatchKind.INGEST, at=now))
    return set(changed)


def test_every_run_matches_after_revisions_were_ingested_and_stored_results_deleted(own_world: World) -> None:
    with open_session(own_world.address) as session:
        revise(session)
    with administering(own_world.url) as connection:
        assert connection.exec_driver_sql("DELETE FROM crfs.artefact").rowcount >= 6
    runs = dict(own_world.runs)
    replays = in_a_fresh_process(REPLAY, own_world.address, *runs.values())
    assert {name: replays[run]["verdict"] for name, run in runs.items()} == dict.fromkeys(runs, "MATCH")
    for name, run in runs.items():
        assert replays[run]["sha256"] == replays[run]["recorded_sha256"], name
        assert replays[run]["largest_difference"] == 0.0
        assert replays[run]["moved"] == []
    # A replay that matches keeps the result again, and so does asking for one.
    with open_session(own_world.address) as session:
        risk, result = run_result(session, runs["risk"])
        assert run_answer(risk, json.loads(result))["measures"][0]["var"] > 0
    with administering(own_world.url) as connection:
        assert risk.result_sha256 in connection.exec_driver_sql("SELECT sha256 FROM crfs.artefact").scalars().all()


def test_damaged_results_and_model_files_are_named_with_their_runs_and_mended_by_what_computes_them_again(own_world: World) -> None:
    runs = own_world.runs
    with open_session(own_world.address) as session:
        results = {name: find_run(session.database, run_id).result_sha256 for name, run_id in runs.items()}
        with administering(own_world.url) as connection:
            connection.exec_driver_sql("UPDATE crfs.artefact SET body = set_byte(body, 9, get_byte(body, 9) # 1)")
        found = verify(session)
        named = {entry["sha256"]: entry["runs"] for entry in found["damaged_artefacts"]}
        assert set(named) == set(results.values())
        assert named[results["lgd"]] == sorted([runs["lgd"], runs["risk"]])
        # The page of the risk run is shown: its model files, damaged too, are fitted again on the way.
        assert risk_run(session, runs["risk"])["result_sha256"] == results["risk"]
        assert {entry["sha256"] for entry in verify(session)["damaged_artefacts"]} == {results["file_risk"], results["training_set"]}
        for name in ("file_risk", "training_set"):
            assert replay(session, runs[name]).verdict.value == "MATCH"
        assert verify(session)["sound"]


def test_another_state_of_the_store_gives_another_number_and_lists_what_moved(own_world: World) -> None:
    with open_session(own_world.address) as session:
        moved = revise(session)
        now = datetime.now(UTC)
        trained = replay(session, own_world.runs["pd"], recorded_as_of=now)
        assert trained.verdict.value == "OTHER STATE"
        assert trained.sha256 != trained.recorded_sha256
        found = {entry["dataset"]: entry for entry in trained.moved}
        assert set(found) == moved  # the scorecard reads all three, and nothing else has changed
        assert all(entry["new_batches"] for entry in found.values())
        lent = replay(session, own_world.runs["ead"], recorded_as_of=now)
        assert {entry["dataset"] for entry in lent.moved} == {"bureau_default"}
        assert lent.largest_difference is not None
        assert lent.largest_difference > 0.0
        # The same state under its other name is no other state.
        assert replay(session, own_world.runs["ead"], recorded_as_of=lent.batch_id - 6).verdict.value in {"MATCH", "OTHER STATE"}


OTHER_PACKAGES = """
import crfs.ops.environment as environment
closure = environment._closure
environment._closure = lambda name: {**closure(name), "numpy": "1.0.0"}
"""
OTHER_NUMBERS = """
import polars as pl
import crfs.workflows.portfolio_risk as risk
from dataclasses import replace
fill = risk.fill_and_check
def other(*given, **named):
    checked, filler = fill(*given, **named)
    return replace(checked, accepted=checked.accepted.with_columns(pl.col("lgd") * (1 + 1e-9))), filler
risk.fill_and_check = other
"""


def test_another_constraints_digest_says_environment_differs_and_how_to_rebuild_the_old_one(own_world: World) -> None:
    run = own_world.runs["risk"]
    found = in_a_fresh_process(OTHER_PACKAGES + REPLAY, own_world.address, run)[run]
    assert found["verdict"] == "ENVIRONMENT DIFFERS"
    assert found["largest_difference"] == 0.0
    assert any(line.startswith("numpy: ") and line.endswith("then, 1.0.0 now") for line in found["environment_differences"])
    import numpy as np

    assert f"numpy=={np.__version__}" in found["rebuild"]
    assert "polars==" not in found["rebuild"]  # only what differs


def test_another_environment_that_computes_otherwise_says_by_how_much(own_world: World) -> None:
    run = own_world.runs["risk"]
    found = in_a_fresh_process(OTHER_PACKAGES + OTHER_NUMBERS + REPLAY, own_world.address, run)[run]
    assert found["verdict"] == "ENVIRONMENT DIFFERS"
    assert found["sha256"] != found["recorded_sha256"]
    assert 1e-10 < found["largest_difference"] < 1e-6


def test_other_bytes_in_the_same_environment_are_a_mismatch(own_world: World) -> None:
    run = own_world.runs["risk"]
    found = in_a_fresh_process(OTHER_NUMBERS + REPLAY, own_world.address, run)[run]
    assert found["verdict"] == "MISMATCH"
    assert found["rebuild"] == ""
    assert 1e-10 < found["largest_difference"] < 1e-6
