"""Runs beside each other: none of them loses its one thread to another that ends, and the process gets its own setting back."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Barrier, Event, Thread

import numpy as np
import pytest
from threadpoolctl import OpenBLASController, threadpool_info, threadpool_limits

from crfs.models.logistic import fit_logistic
from crfs.risk.workers import workers


def threads_of_blas() -> set[int]:
    return {int(library["num_threads"]) for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.fixture
def two_threads() -> Iterator[None]:
    """A process whose BLAS has two threads, which no thread of Python has asked for, on any machine."""
    import scipy.linalg  # noqa: F401

    limit = threadpool_limits(limits=2, user_api="blas")
    OpenBLASController.clear_controlling_thread(force=True)
    assert threads_of_blas() == {2}
    yield
    OpenBLASController.clear_controlling_thread(force=True)
    limit.restore_original_limits()
    OpenBLASController.clear_controlling_thread(force=True)


@pytest.mark.usefixtures("two_threads")
def test_the_first_of_overlapping_runs_sets_one_thread_and_the_last_puts_the_setting_back() -> None:
    first_in, both_in, first_out, last_out = Event(), Event(), Event(), Barrier(2, timeout=60.0)
    seen: dict[str, set[int]] = {}

    def first() -> None:
        with workers(map, None):
            first_in.set()
            both_in.wait(60.0)
        first_out.set()
        last_out.wait()  # a thread that lives on, as those of a server do

    def last() -> None:
        first_in.wait(60.0)
        with workers(map, None):
            seen["both"] = threads_of_blas()
            both_in.set()
            first_out.wait(60.0)
            seen["one"] = threads_of_blas()
            fit_logistic(np.column_stack([np.ones(8), np.arange(8.0)]), [0, 1, 0, 0, 1, 1, 0, 1])
            seen["after a fit"] = threads_of_blas()
        seen["none"] = threads_of_blas()
        last_out.wait()

    runs = [Thread(target=first), Thread(target=last)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert seen == {"both": {1}, "one": {1}, "after a fit": {1}, "none": {2}}
    assert threads_of_blas() == {2}


@pytest.mark.usefixtures("two_threads")
def test_a_run_that_fails_puts_the_setting_back_too() -> None:
    def failing() -> None:
        with workers(None, 2):
            assert threads_of_blas() == {1}
            raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        failing()
    assert threads_of_blas() == {2}
