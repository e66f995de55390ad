"""The head, and the pin: what a question's times resolve to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from crfs.errors import InvalidInput
from crfs.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One state of the store: every row of batches up to ``batch_id``, which was recorded at ``recorded_at``.

    ``resolved`` says that the question named no time, or one after the head, so that the head was taken.
    """

    batch_id: int
    recorded_at: datetime
    resolved: bool


def pin(database: Database, recorded_as_of: datetime | int | None = None) -> Pin:
    """The state that the store had at ``recorded_as_of`` (an instant, or a batch id, 0 before the first); the head if it is None or a later
    instant. A batch that the store has not reached is :class:`~crfs.errors.InvalidInput`: no state has its number.
    """
    if isinstance(recorded_as_of, bool) or not isinstance(recorded_as_of, datetime | int | None):
        raise InvalidInput(f"recorded_as_of is an instant or the number of a batch, not {recorded_as_of!r}", argument="recorded_as_of")
    if isinstance(recorded_as_of, datetime) and recorded_as_of.tzinfo is None:
        raise InvalidInput("recorded_as_of has no time zone; write 2026-06-30T00:00:00Z", argument="recorded_as_of")
    with database.reading() as connection:
        head = connection.execute(sa.text("SELECT batch_id, recorded_at FROM crfs.head")).one()
        if recorded_as_of is None:
            return Pin(batch_id=head.batch_id, recorded_at=head.recorded_at, resolved=True)
        if isinstance(recorded_as_of, int):
            if not 0 <= recorded_as_of <= head.batch_id:
                raise InvalidInput(
                    f"recorded_as_of names batch {recorded_as_of}, and the store is at batch {head.batch_id}", argument="recorded_as_of"
                )
            if recorded_as_of == head.batch_id:
                return Pin(batch_id=head.batch_id, recorded_at=head.recorded_at, resolved=False)
            row = connection.execute(
                sa.text("SELECT batch_id, recorded_at FROM crfs.batch WHERE batch_id = :batch"), {"batch": recorded_as_of}
            ).one_or_none()
        else:
            if recorded_as_of >= head.recorded_at:
                return Pin(batch_id=head.batch_id, recorded_at=head.recorded_at, resolved=recorded_as_of > head.recorded_at)
            row = connection.execute(
                sa.text("SELECT batch_id, recorded_at FROM crfs.batch WHERE recorded_at <= :at ORDER BY recorded_at DESC LIMIT 1"),
                {"at": recorded_as_of},
            ).one_or_none()
    if row is None:
        return Pin(batch_id=0, recorded_at=datetime.fromisoformat("1970-01-01T00:00:00+00:00"), resolved=False)
    return Pin(batch_id=row.batch_id, recorded_at=row.recorded_at, resolved=False)
