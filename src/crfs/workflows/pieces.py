"""Work in pieces: the session's threads do it, and after each piece the run tells that it goes on and can be stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crfs.risk.workers import MapTasks
    from crfs.workflows.session import Progress


@contextmanager
def in_pieces(workers: int, progress: Progress, doing: str, *, step: int, steps: int) -> Iterator[MapTasks]:
    """``map`` on ``workers`` threads for the time of the block; each result that is taken tells ``doing`` and how many pieces are done.

    What ``progress`` raises (:class:`~crfs.errors.Cancelled`, say) ends the work: pieces that nobody has begun are not begun.
    """
    from concurrent.futures import ThreadPoolExecutor

    done = 0
    with ThreadPoolExecutor(max_workers=workers) as pool:

        def mapped(work: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[Any]:
            nonlocal done
            for result in pool.map(work, tasks):
                done += 1
                progress(f"{doing}: {done} {'piece' if done == 1 else 'pieces'} of work", step, steps)
                yield result

        try:
            yield mapped
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
