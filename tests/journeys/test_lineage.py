"""From a number to the bytes that it rests on, and from damaged bytes to every number that rests on them."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterable

import pytest
import sqlalchemy as sa

from crfs.errors import VerificationFailed
from crfs.sources.core.package_files import package_folder
from crfs.sources.providers.packaged import FILES
from crfs.workflows.lineage import trace
from crfs.workflows.payload_bytes import payload_bytes
from crfs.workflows.session import open_session
from crfs.workflows.verification import verify
from tests.journeys.world import BOOK_FILE, World
from tests.store.conftest import administering

pytestmark = [pytest.mark.servers, pytest.mark.journey]


def payloads_by_run(connection: sa.Connection) -> dict[str, set[str]]:
    """Which payloads each run rests on, walked edge by edge."""
    inputs: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for run, kind, reference, dataset in connection.exec_driver_sql("SELECT run_id, kind, reference, dataset FROM crfs.run_input"):
        inputs[run].append((kind, reference, dataset))
    of_batch: dict[tuple[str, str], set[str]] = defaultdict(set)
    for batch, sha256, dataset in connection.exec_driver_sql("SELECT batch_id, sha256, dataset FROM crfs.batch_payload"):
        of_batch[str(batch), dataset].add(sha256)

    def below(run: str) -> set[str]:
        found: set[str] = set()
        for kind, reference, dataset in inputs[run]:
            if kind == "batch":
                found |= of_batch[reference, dataset] | of_batch[reference, ""]
            elif kind == "payload":
                found.add(reference)
            elif kind == "run":
                found |= below(reference)
        return found

    return {run: below(run) for run in connection.exec_driver_sql("SELECT run_id FROM crfs.run").scalars()}


def packaged_bytes(datasets: Iterable[str]) -> set[str]:
    """Hashes of the files that packages ship for the datasets, as they lie on this machine."""
    wanted = [file for file in FILES if file.dataset in set(datasets)]
    return {hashlib.sha256((package_folder(file.package)[0] / file.path).read_bytes()).hexdigest() for file in wanted}


def test_a_risk_run_ends_at_bytes_with_the_right_hash_those_of_the_training_too(own_world: World) -> None:
    with open_session(own_world.address) as session:
        chain = trace(session, own_world.runs["risk"])
    assert (chain["dangling"], chain["damaged"], chain["sound"]) == (0, [], True)
    assert {node["run_id"] for node in chain["runs"]} == {own_world.runs[name] for name in ("risk", "pd", "lgd", "ead")}
    reached = {node["sha256"] for node in chain["payloads"]}
    with administering(own_world.url) as connection:
        bodies = {sha256: bytes(body) for sha256, body in connection.exec_driver_sql("SELECT sha256, body FROM crfs.payload")}
        assert reached == payloads_by_run(connection)[own_world.runs["risk"]]
    assert all(hashlib.sha256(bodies[sha256]).hexdigest() == sha256 for sha256 in reached)
    # The economy, which no book mentions, is there through the model that was trained on it; what nobody read is not.
    assert packaged_bytes(["us_macro_quarterly", "moodys_yields"]) <= reached
    assert not packaged_bytes(["sp500_daily", "vix_daily"]) & reached
    assert all(node["url"] for node in chain["payloads"])


def test_the_risk_of_a_file_ends_at_the_file(own_world: World) -> None:
    with open_session(own_world.address) as session:
        chain = trace(session, own_world.runs["file_risk"])
        sha256 = hashlib.sha256(BOOK_FILE.encode()).hexdigest()
        assert [node["sha256"] for node in chain["payloads"]] == [sha256]
        assert payload_bytes(session, sha256) == BOOK_FILE.encode()


def test_one_flipped_byte_in_each_of_twenty_payloads_is_found_with_every_run_that_rests_on_it(own_world: World, seed: int) -> None:
    draw = random.Random(seed)
    with administering(own_world.url) as connection:
        rests = payloads_by_run(connection)
        kept = connection.exec_driver_sql("SELECT sha256, length(body) FROM crfs.payload ORDER BY sha256").all()
    with open_session(own_world.address) as session:
        assert verify(session)["sound"]
        always = [hashlib.sha256(BOOK_FILE.encode()).hexdigest(), *sorted(packaged_bytes(["us_macro_quarterly", "sp500_daily"]))]
        others = [sha256 for sha256, _ in kept if sha256 not in always]
        flipped = sorted([*always, *draw.sample(others, 20 - len(always))])
        length = {row.sha256: row.length for row in kept}
        with administering(own_world.url) as connection:
            for sha256 in flipped:
                place, bit = draw.randrange(length[sha256]), draw.randrange(8)
                connection.exec_driver_sql(
                    "UPDATE crfs.payload SET body = set_byte(body, %(place)s, get_byte(body, %(place)s) # %(mask)s) WHERE sha256 = %(sha256)s",
                    {"place": place, "mask": 1 << bit, "sha256": sha256},
                )
        found = verify(session)
        assert not found["sound"]
        expected = {sha256: sorted(run for run, payloads in rests.items() if sha256 in payloads) for sha256 in flipped}
        assert {entry["sha256"]: sorted(entry["runs"]) for entry in found["damaged_payloads"]} == expected
        assert expected[next(iter(packaged_bytes(["sp500_daily"])))] == []
        assert len(expected[next(iter(packaged_bytes(["us_macro_quarterly"])))]) == 3  # the scorecard, the risk on it, the training set
        assert (found["damaged_artefacts"], found["book_errors"]) == ([], [])
        chain = trace(session, own_world.runs["risk"])
        assert chain["damaged"] == [sha256 for sha256 in flipped if own_world.runs["risk"] in expected[sha256]]
        for sha256 in flipped:
            with pytest.raises(VerificationFailed, match=sha256):
                payload_bytes(session, sha256)


def test_a_damaged_result_and_a_lost_row_are_found(own_world: World) -> None:
    with administering(own_world.url) as connection:
        sha256 = connection.exec_driver_sql("SELECT result_sha256 FROM crfs.run ORDER BY created_at LIMIT 1").scalar_one()
        connection.exec_driver_sql("UPDATE crfs.artefact SET body = set_byte(body, 3, get_byte(body, 3) # 1) WHERE sha256 = %s", (sha256,))
        connection.exec_driver_sql("DELETE FROM data.vix_daily WHERE ctid = (SELECT min(ctid) FROM data.vix_daily)")
    with open_session(own_world.address) as session:
        found = verify(session)
    assert [entry["sha256"] for entry in found["damaged_artefacts"]] == [sha256]
    assert found["damaged_artefacts"][0]["runs"]
    assert len(found["book_errors"]) == 1
    assert "vix_daily" in found["book_errors"][0]


@pytest.mark.parametrize("table", ["promotion", "model_version"])
def test_a_lost_promotion_or_version_of_a_model_that_a_run_names_is_found_by_lineage_as_by_verification(
    own_world: World, table: str
) -> None:
    with open_session(own_world.address) as session, administering(session.database.url) as connection:
        assert trace(session, own_world.runs["risk"])["sound"]
        connection.exec_driver_sql("SET session_replication_role = replica")
        connection.exec_driver_sql(f"CREATE TABLE public.lost AS SELECT * FROM crfs.{table} WHERE model = 'lgd'")
        connection.exec_driver_sql(f"DELETE FROM crfs.{table} WHERE model = 'lgd'")
        try:
            assert not verify(session)["sound"]
            assert not trace(session, own_world.runs["risk"])["sound"]
        finally:
            connection.exec_driver_sql(f"INSERT INTO crfs.{table} SELECT * FROM public.lost")
            connection.exec_driver_sql("DROP TABLE public.lost")
