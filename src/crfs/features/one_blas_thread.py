"""Sums in one order: while somebody computes with matrices, the whole process's BLAS has one thread.

A threaded BLAS sums in an order that depends on its threads. How many it has is a setting of the process, so whoever runs beside whom shares it: the
first to come sets it, the last to go puts it back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


class _Inside:
    """How many blocks are running, and what puts back the setting that the first of them found."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.count = 0
        self.limit: Any = None


_INSIDE = _Inside()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Products of matrices stay on the thread that asks for them, for the time of the block; blocks may overlap, in any number of threads."""
    libraries = _libraries()
    with _INSIDE.lock:
        if not _INSIDE.count:
            _free(libraries)
            _INSIDE.limit = libraries.limit(limits=1, user_api="blas")
        _INSIDE.count += 1
    try:
        yield
    finally:
        with _INSIDE.lock:
            _INSIDE.count -= 1
            if not _INSIDE.count:
                _free(libraries)
                _INSIDE.limit.restore_original_limits()
                _free(libraries)


def _free(libraries: ThreadpoolController) -> None:
    """Let this thread set what another has set: from 3.8 on threadpoolctl does nothing, and says nothing, where a second thread asks."""
    for library in libraries.lib_controllers:
        clear = getattr(library, "clear_controlling_thread", None)
        if clear is not None:
            clear(force=True)


@cache
def _libraries() -> ThreadpoolController:
    """The BLAS of numpy and of scipy: looked for once, when both are loaded, since that takes longer than many a run."""
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
