"""Opening a store: settings, the data tier, the schema and the catalogue are wired here and nowhere else."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from crfs.ops.clock import Clock, SystemClock

if TYPE_CHECKING:
    from crfs.credit.catalogue import Catalogue
    from crfs.credit.streams import StreamDefinition
    from crfs.ops.datatier import DataTier
    from crfs.ops.settings import Settings
    from crfs.store.database import Database
    from crfs.store.heads import Pin
    from crfs.store.scan import StoreReader

_GRACE = timedelta(minutes=5)
"""How long after its lease a job may still be taken over, before it counts as failed."""

_log = logging.getLogger("crfs.session")
_Made = TypeVar("_Made")
Progress = Callable[[str, int, int | None], None]
"""Told of a step: its name, how much is done, of how much (None where nobody knows)."""


def no_progress(_step: str, _done: int, _total: int | None) -> None:
    """Tells nobody."""


class Session:
    """An open store, for one tenant and one actor; a context manager.

    ``database`` is PostgreSQL, ``clock`` tells the time, ``stopping`` is set where the process was told to end, ``workers`` is how many threads
    heavy work may use, ``device`` what PyTorch may use for it beside them (results depend on neither).
    """

    def __init__(self, *, database: Database, settings: Settings, clock: Clock, tier: DataTier | None, redis_url: str | None) -> None:
        self.database = database
        self.settings = settings
        self.clock = clock
        self.redis_url = redis_url
        self.workers = settings.compute.workers or os.cpu_count() or 1
        self.device: str | None = None
        self._tier = tier
        self.stopping = threading.Event()
        self._shelves = threading.local()
        self._lock = threading.Lock()
        self._catalogues: dict[int, Catalogue] = {}

    @cached_property
    def data_dir(self) -> Path | None:
        """The folder of the embedded data tier, None where the store is served from elsewhere."""
        return self._tier.data_dir if self._tier is not None else None

    @cached_property
    def streams(self) -> Mapping[str, StreamDefinition]:
        """The streams of the catalogue that ships with crfs, by their ids."""
        from crfs.credit.catalogue import packaged_catalogue

        return packaged_catalogue().streams

    @cached_property
    def salt(self) -> str:
        """What tells this installation from others, for times at which not everybody should ask at once."""
        import platform

        return f"{platform.node()}:{self.database.url.database}:{self.data_dir or ''}"

    def set_clock(self) -> None:
        """Have the session's clock go by the store's server, if it is the machine's; a machine that is off is told to its users.

        Opening a session does it, and a worker does it again from time to time.
        """
        if isinstance(self.clock, SystemClock) and (behind := self.clock.set_by(self.database.time)):
            way = "behind" if behind > timedelta(0) else "ahead of"
            _log.warning("this machine's clock is %.0f s %s the store's, which counts: set it", abs(behind.total_seconds()), way)

    def revive(self) -> None:
        """Start the servers of the embedded data tier again where they have died; nothing where the store is served from elsewhere."""
        if self._tier is not None:
            from crfs.ops.datatier import start

            start(self._tier.data_dir).close()  # this session's own hold keeps them

    def on(self, device: str | None) -> Session:
        """This session with another device: for one question, while others are asked without."""
        from copy import copy

        same = copy(self)
        same.device = device
        return same

    def pin(self, recorded_as_of: datetime | int | None = None) -> Pin:
        """The state of the store at ``recorded_as_of``; the head where it is None."""
        from crfs.store.heads import pin

        return pin(self.database, recorded_as_of)

    def latest(self, pin: Pin) -> datetime:
        """The latest moment of which anything can be known in a state of the store: now, or when it was recorded by a machine whose clock is ahead."""
        return max(self.clock.now(), pin.recorded_at)

    def catalogue(self, batch_id: int | None = None) -> Catalogue:
        """The definitions in force at a batch; those at the head where it is None."""
        from crfs.store.definitions import catalogue_at, defined_at

        batch = defined_at(self.database, batch_id)
        with self._lock:
            found = self._catalogues.get(batch)
        if found is None:
            found = catalogue_at(self.database, batch)
            with self._lock:
                self._catalogues[batch] = found
        return found

    def reader(self, batch_id: int) -> StoreReader:
        """A reader of the store as it was at a batch, with the definitions of that time."""
        from crfs.store.scan import StoreReader

        return StoreReader(self.database, self.catalogue(batch_id), batch_id=batch_id)

    @contextmanager
    def sharing(self) -> Iterator[None]:
        """Within this, what a thread reads alike at one batch is read once (:meth:`shared`): a book is built, and its obligors scored, once.

        A run shares what it reads between its check and its answer; within another such block it shares with the other runs there.
        """
        outer = self._shelf
        if outer is None:
            self._shelves.shelf = {}
        try:
            yield
        finally:
            self._shelves.shelf = outer

    @property
    def _shelf(self) -> dict[tuple[Any, ...], tuple[Any, dict[str, set[int]]]] | None:
        return getattr(self._shelves, "shelf", None)

    def shared(self, reader: StoreReader, key: tuple[Any, ...], make: Callable[[StoreReader], _Made]) -> _Made:
        """What ``make`` reads at the reader's batch, a function of ``key`` alone; taken over where it was made before within :meth:`sharing`.

        The reader notes the batches that it rests on either way.
        """
        shelf = self._shelf
        if shelf is None:
            return make(reader)
        place = (reader.batch_id, *key)
        if place not in shelf:
            own = self.reader(reader.batch_id)
            shelf[place] = make(own), own.batches_read
        made, batches = shelf[place]
        for dataset, found in batches.items():
            reader.batches_read.setdefault(dataset, set()).update(found)
        return made  # type: ignore[no-any-return]  # what was made under this key

    def landed(self, sha256: str) -> bytes:
        """The bytes of a payload, checked."""
        from crfs.store.payloads import payload

        return payload(self.database, sha256)

    def close(self) -> None:
        """Close the connections, and leave the embedded data tier: its last client stops it."""
        self.database.close()
        if self._tier is not None:
            self._tier.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def open_session(
    url: str | None = None,
    *,
    data_dir: Path | str | None = None,
    clock: Clock | None = None,
    progress: Callable[[str], None] | None = None,
) -> Session:
    """Open the store at ``url``, else at ``CRFS_STORE__URL``, else the embedded one in ``data_dir`` (started if it is not running).

    The schema is brought up to date and the definitions that ship with crfs are put in force.
    """
    from crfs.credit.catalogue import packaged_definitions
    from crfs.ops.settings import load_settings
    from crfs.store.database import WHEN_DOWN, Database, ensure_schema
    from crfs.store.definitions import define
    from crfs.store.jobs import retire_lapsed
    from crfs.store.staging import sweep_staging
    from crfs.workflows.holders import retire_jobs_of_the_dead

    settings = load_settings()
    given = url or (settings.store.url if data_dir is None else None)
    tier: DataTier | None = None
    when_down = WHEN_DOWN
    redis_url = settings.redis.url
    if given is None:
        from crfs.ops.datatier import default_data_dir, start

        tier = start(Path(data_dir or settings.data_dir or default_data_dir()), progress=progress)
        given, redis_url = tier.store_url, redis_url or tier.redis_url
        when_down = "the embedded server has died: run the same command again, which starts it anew"
    try:
        database = Database(given, actor=settings.actor_name, pool_size=settings.store.pool_size, when_down=when_down)
        ensure_schema(database)
        session = Session(database=database, settings=settings, clock=clock or SystemClock(), tier=tier, redis_url=redis_url)
        session.set_clock()
        parts = packaged_definitions()
        define(
            database,
            [dataset for part in parts for dataset in part.datasets],
            [factor for part in parts for factor in part.factors],
            at=session.clock.now(),
            source="crfs catalogue",
            tell=progress,
        )
        sweep_staging(database)
        retire_jobs_of_the_dead(database, at=session.clock.now())
        retire_lapsed(database, at=session.clock.now(), grace=_GRACE)
        return session
    except BaseException:
        if tier is not None:
            tier.close()
        raise
