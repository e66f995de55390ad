"""Streams: what is asked of a provider again and again, when, and how far back; data of the catalogue, like the factors that they fill."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any, Literal

from crfs.bitemporal.release import Holidays, ReleaseCalendar, check_zone
from crfs.bitemporal.tenor import Tenor
from crfs.credit.reading import called, known, made
from crfs.errors import InvalidInput

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,47}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamDefinition:
    """One stream of a source: its ``series`` (as :class:`~crfs.sources.core.Query` has them) are asked for together.

    It is due at the local time ``at`` in ``zone``: on the days that ``calendar`` declares for the periods (of length ``period``) and on
    the business days after one until all series have it, and once a week in between for the sake of revisions; or on every day of ``days`` where
    there is no calendar (as where several releases a period bring the series); or every ``every_minutes``. Business days are those of
    the publisher: without the ``holidays`` that the calendar names, or the stream where it has none. To that a jitter of up to
    ``jitter_seconds`` is added, so that not everybody asks in the same second.

    A run asks from the last valid day that has come of the slowest series less ``overlap`` (how far back the provider revises; None asks for
    everything). ``vintages`` is what it asks for: the ``latest``, ``all``, or what is ``new``: every vintage since the last success, so that none
    is lost however late it is asked (the first time the newest; without a key, since vintages are told to those with one, the latest). A
    backfill of such a stream asks for all vintages.

    It goes back to ``backfill_since``, in slices of length ``slice``, or of one series each where they are made ``slice_by`` series: what is
    asked for a series at a time costs the same in any slices, and one that is done, or refused, stands for itself.

    ``stale_after`` is how long a stream may go without a success, and one that is asked at a time of day without news: it spans a period, the
    days on which nothing comes and the usual lag. Its newest day may be twice as old. After that it counts as stale.

    ``source`` and ``name`` are the stream's id: they never change, since its progress is kept under them.
    """

    source: str
    name: str
    title: str = ""
    series: tuple[str, ...] = ()
    at: time | None = None
    zone: str = "UTC"
    days: Literal["business", "all"] = "business"
    holidays: Holidays = "us_federal"
    calendar: ReleaseCalendar | None = None
    period: Tenor | None = None
    every_minutes: int | None = None
    jitter_seconds: float = 90.0
    overlap: Tenor | None = None
    backfill_since: date | None = None
    slice: Tenor | None = None
    slice_by: Literal["time", "series"] = "time"
    stale_after: Tenor | None = None
    vintages: Literal["all", "latest", "new"] = "latest"

    def __post_init__(self) -> None:
        what = f"stream {self.source}/{self.name}"
        if not _NAME.match(self.name):
            raise InvalidInput(f"{what}: a name is a lower case letter, then letters, digits and _")
        check_zone(self.zone)
        if (self.at is None) == (self.every_minutes is None):
            raise InvalidInput(f"{what}: give either at (a local time) or every_minutes")
        if self.every_minutes is not None and self.every_minutes < 1:
            raise InvalidInput(f"{what}: every_minutes = {self.every_minutes}: at least 1 is wanted")
        if self.calendar is not None and (self.at is None or self.period is None):
            raise InvalidInput(f"{what}: a calendar needs at and period")
        if self.slice is not None and self.backfill_since is None:
            raise InvalidInput(f"{what}: slice needs backfill_since")
        if self.slice_by == "series" and (self.backfill_since is None or self.slice is not None or not self.series):
            raise InvalidInput(
                f"{what}: slices by series need backfill_since and series, and no slice: each has the whole time of one series"
            )
        if self.jitter_seconds < 0:
            raise InvalidInput(f"{what}: jitter_seconds = {self.jitter_seconds:g}: it is not negative")

    @property
    def key(self) -> str:
        """The stable id: ``fred/employment``."""
        return f"{self.source}/{self.name}"


def stream_from_dict(data: Mapping[str, Any]) -> StreamDefinition:
    """A stream from its TOML form."""
    what = called("stream", data, "name")
    values = known(StreamDefinition, data, what)
    if isinstance(values.get("series"), list):
        values["series"] = tuple(str(item) for item in values["series"])
    if isinstance(values.get("calendar"), Mapping):
        inner = f"{what}: calendar"
        values["calendar"] = made(ReleaseCalendar, known(ReleaseCalendar, values["calendar"], inner), inner, at=read_time)
    return made(
        StreamDefinition, values, what, period=Tenor.parse, overlap=Tenor.parse, slice=Tenor.parse, stale_after=Tenor.parse, at=read_time
    )


def read_time(text: str | time) -> time:
    """A local time, as TOML has it or as text."""
    return text if isinstance(text, time) else time.fromisoformat(text)
