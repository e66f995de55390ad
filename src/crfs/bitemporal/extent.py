"""Extents: what an answer told the whole of, so that what it left out is known to be gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from crfs.bitemporal.rows import KnowledgeBasis


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """An answer showed all that was known of an entity at ``known_at``, from the first to the last valid time.

    A period in between that the answer does not show had no value then. ``known_at`` is an upper bound: it may have been gone before. Where
    the answer tells of a span of knowledge, it says what every day from ``known_at`` to ``final_until`` (the end of a day) ended with.
    """

    entity: str
    first_valid_time: datetime
    last_valid_time: datetime
    known_at: datetime
    knowledge_basis: KnowledgeBasis
    vintage_date: date | None = None
    final_until: datetime | None = None
