"""Providers' limits, kept in ``crfs.rate_limit`` and shared by every process and machine that uses the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from crfs.errors import QuotaExhausted
from crfs.store.database import Database

# One statement, so that no lock outlives it. ON CONFLICT takes the row's lock first and reads the clock after that: those who wait for the
# row are served in turn. No row comes back where nothing was taken.
_TAKE = """
INSERT INTO crfs.rate_limit AS kept (source, next_at, quota_day, used, used_by_backfills)
SELECT :source, now + :spacing * interval '1 second', (now AT TIME ZONE :zone)::date, :counted, :counted * :backfill
FROM (SELECT {clock} AS now) AS moment
WHERE :room
ON CONFLICT (source) DO UPDATE SET (next_at, quota_day, used, used_by_backfills) = (
    SELECT greatest(kept.next_at, now) + :spacing * interval '1 second', today,
        CASE WHEN kept.quota_day = today THEN kept.used ELSE 0 END + :counted,
        CASE WHEN kept.quota_day = today THEN kept.used_by_backfills ELSE 0 END + :counted * :backfill
    FROM (SELECT {clock} AS now, ({clock} AT TIME ZONE :zone)::date AS today OFFSET 0) AS moment
)
WHERE kept.next_at <= {clock} + :patience * interval '1 second' AND (
    kept.quota_day <> ({clock} AT TIME ZONE :zone)::date OR (
        (CAST(:a_day AS integer) IS NULL OR kept.used < :a_day)
        AND (CAST(:share AS integer) IS NULL OR kept.used_by_backfills < :share)
    )
)
RETURNING extract(epoch FROM kept.next_at - {clock})::float8 - :spacing
"""

_WHY = """
SELECT kept.next_at, now, ((now AT TIME ZONE :zone)::date + 1)::timestamp AT TIME ZONE :zone AS midnight,
    kept.quota_day = (now AT TIME ZONE :zone)::date AS today, kept.used, kept.used_by_backfills
FROM (SELECT {clock} AS now) AS moment LEFT JOIN crfs.rate_limit AS kept ON kept.source = :source
"""

_LIFT = """
UPDATE crfs.rate_limit AS kept SET next_at = before.now FROM (
    SELECT next_at, {clock} AS now FROM crfs.rate_limit WHERE source = :source FOR UPDATE
) AS before WHERE kept.source = :source AND before.next_at > before.now + interval '10 seconds' RETURNING before.next_at
"""

_HOLD = """
INSERT INTO crfs.rate_limit AS kept (source, next_at, quota_day, used, used_by_backfills)
SELECT :source, now + :seconds * interval '1 second', now::date, 0, 0 FROM (SELECT {clock} AS now) AS moment
ON CONFLICT (source) DO UPDATE SET next_at = greatest(kept.next_at, excluded.next_at)
"""


class StoredBudget:
    """The budget of everybody who shares a store: a row a source, by PostgreSQL's own clock, since machines differ about the time.

    ``now`` replaces that clock (tests pass a day by with it).
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime] | None = None) -> None:
        self._database, self._now = database, now
        clock = "clock_timestamp()" if now is None else "CAST(:now AS timestamptz)"
        self._take, self._why, self._hold, self._lift = (
            sa.text(statement.format(clock=clock)) for statement in (_TAKE, _WHY, _HOLD, _LIFT)
        )

    def take(
        self, source: str, *, spacing: float, a_day: int | None, for_backfills: int | None, zone: str, backfill: bool, patience: float
    ) -> float:
        """Take the next slot; the seconds until it comes, which the caller waits, holding nothing.

        Slots lie ``spacing`` seconds apart. At most ``a_day`` are given between two midnights of ``zone`` (None: no count is kept), of
        which backfills get at most ``for_backfills``. Nothing is taken, and :class:`~crfs.errors.QuotaExhausted` says until when, where the
        day's count is used up or the slot would come later than in ``patience`` seconds.
        """
        share = for_backfills if backfill and a_day is not None else None
        asked = {
            "source": source, "spacing": spacing, "zone": zone, "patience": patience, "a_day": a_day, "share": share,
            "counted": int(a_day is not None), "backfill": int(backfill), "room": share is None or share > 0,
        }  # fmt: skip
        while True:
            with self._database.asking() as connection:
                wait = connection.execute(self._take, self._with_clock(asked)).scalar()
            if wait is not None:
                return max(0.0, float(wait))
            with self._database.asking() as connection:
                why = connection.execute(self._why, self._with_clock({"source": source, "zone": zone})).one()
            used, by_backfills = (why.used, why.used_by_backfills) if why.today else (0, 0)
            if a_day is not None and (used >= a_day or (share is not None and by_backfills >= share)):
                raise QuotaExhausted.of_the_day(source, a_day=a_day, share=share if used < a_day else None, until=why.midnight)
            if why.next_at is not None and (why.next_at - why.now).total_seconds() > patience:
                raise QuotaExhausted.held(source, until=why.next_at)
            # What stood in the way has passed between the two statements.

    def hold(self, source: str, seconds: float) -> None:
        """Give no slot that comes sooner than in ``seconds``: the provider said so."""
        with self._database.asking() as connection:
            connection.execute(self._hold, self._with_clock({"source": source, "seconds": seconds}))

    def lift(self, source: str) -> datetime | None:
        """End a pause that the provider asked for, and say until when it would have lasted; None where there was none.

        The spacing of requests, which keeps the next one some seconds away, is no pause, and the day's count stays.
        """
        with self._database.asking() as connection:
            held: datetime | None = connection.execute(self._lift, self._with_clock({"source": source})).scalar()
        return held

    def _with_clock(self, asked: dict[str, object]) -> dict[str, object]:
        return asked if self._now is None else {**asked, "now": self._now()}
