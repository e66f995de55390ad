"""The same specification gives the same bytes on one worker and on several, on one thread and on many."""

from __future__ import annotations

import pytest

from tests.journeys.world import REPLAY, World, in_a_fresh_process

pytestmark = [pytest.mark.servers, pytest.mark.journey]

LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@pytest.mark.parametrize(("workers", "threads"), [(1, 1), (3, 4)])
def test_models_and_risk_have_the_same_hash_whatever_the_workers_and_threads(own_world: World, workers: int, threads: int) -> None:
    runs = dict(own_world.runs)
    surroundings = {"CRFS_COMPUTE__WORKERS": str(workers), "POLARS_MAX_THREADS": str(threads), **dict.fromkeys(LIBRARIES, str(threads))}
    found = in_a_fresh_process(REPLAY, own_world.address, *runs.values(), **surroundings)
    assert {name: found[run]["sha256"] for name, run in runs.items()} == {name: found[run]["recorded_sha256"] for name, run in runs.items()}
