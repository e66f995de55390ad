"""The threads that a run works with; they change its time and no bit of its answer."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.pool import Pool, ThreadPool
from typing import Any, TypeAlias

from crfs.features.one_blas_thread import one_blas_thread
from crfs.risk.arguments import check_workers

MapTasks: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""``map``, or what runs tasks as it does: a pool's ``map``."""


@contextmanager
def workers(map_tasks: MapTasks | None, threads: int | None) -> Iterator[MapTasks]:
    """``map_tasks`` itself, or the map of a pool of ``threads`` (None: one a core) for the time of the block.

    A map of processes is handed the work that can be sent to them.
    Products of matrices stay on the thread that asks for them (:func:`~crfs.features.one_blas_thread.one_blas_thread`).
    """
    check_workers(threads=threads, map_blocks=map_tasks)
    with one_blas_thread():
        if map_tasks is not None:
            owner = getattr(map_tasks, "__self__", None)
            processes = isinstance(owner, ProcessPoolExecutor) or (isinstance(owner, Pool) and not isinstance(owner, ThreadPool))
            yield _by_processes(map_tasks) if processes else map_tasks
            return
        count = (
            threads if threads is not None else len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        )
        with ThreadPoolExecutor(max_workers=count, thread_name_prefix="risk") as pool:

            def mapped(work: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterable[Any]:
                some = list(tasks)
                # A thread takes longer to start than one small task takes.
                return pool.map(work, some) if len(some) > 1 and count > 1 else [work(task) for task in some]

            yield mapped


def _by_processes(map_tasks: MapTasks) -> MapTasks:
    """A map of processes: work that leans on what this one holds, and cannot be sent, is done here."""

    def mapped(work: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterable[Any]:
        try:
            pickle.dumps(work)
        except (AttributeError, TypeError, pickle.PicklingError):
            return map(work, tasks)
        return map_tasks(work, tasks)

    return mapped
