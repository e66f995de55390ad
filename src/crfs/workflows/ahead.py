"""Fetching ahead: the next payloads are made while the present ones are stored."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

_Item = TypeVar("_Item")
_END = object()
_SIGNAL_SECONDS = 0.2
"""A wait without end would not hear Ctrl-C, where a library restarts what the signal has interrupted."""
_LEAVING_SECONDS = 5.0
"""A thread that reads from a slow provider is left behind: it stores nothing any more."""


@contextmanager
def ahead(items: Iterable[_Item], *, depth: int = 8) -> Iterator[Iterator[_Item]]:
    """Iterate over ``items`` in a thread of its own, at most ``depth`` ahead; an error in it is raised at the place of the next item.

    >>> with ahead(iter([1, 2, 3])) as numbers:
    ...     sum(numbers)
    6
    """
    waiting: queue.Queue[object] = queue.Queue(maxsize=depth)
    stopped = threading.Event()
    failure: list[BaseException] = []

    def put(item: object) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def run() -> None:
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as error:  # noqa: BLE001 (handed to the consumer, who raises it)
            failure.append(error)
        put(_END)

    def taken() -> Iterator[_Item]:
        while (item := _next(waiting)) is not _END:
            yield item  # type: ignore[misc]  # whatever is not the end was put by run()
        if failure:
            raise failure[0]

    thread = threading.Thread(target=run, name="crfs-ahead", daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        stopped.set()
        thread.join(timeout=_LEAVING_SECONDS)


def _next(waiting: queue.Queue[object]) -> object:
    while True:
        try:
            return waiting.get(timeout=_SIGNAL_SECONDS)
        except queue.Empty:
            continue
