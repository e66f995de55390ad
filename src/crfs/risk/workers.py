"""The threads that a run works with; they change its time and no bit of its answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeAlias

from crfs.features.one_blas_thread import one_blas_thread
from crfs.risk.arguments import check_workers

MapTasks: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""``map``, or what runs tasks as it does: a pool's ``map``."""


@contextmanager
def workers(map_tasks: MapTasks | None, threads: int | None) -> Iterator[MapTasks]:
    """``map_tasks`` itself, or the map of a pool of ``threads`` (None: one a core) for the time of the block.

    Products of matrices stay on the thread that asks for them (:func:`~crfs.features.one_blas_thread.one_blas_thread`).
    """
    check_workers(threads=threads, map_blocks=map_tasks)
    with one_blas_thread():
        if map_tasks is not None:
            yield map_tasks
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
