"""Notes: what answers said that is no row, and that decides how later ones are compared."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from crfs.credit.definitions import DatasetDefinition


def state_of_notes(connection: sa.Connection, definition: DatasetDefinition, entities: Sequence[int]) -> int:
    """A number that grows whenever something is noted of entities: what was seen again (sightings), what was told whole (extents)."""
    newest = "SELECT coalesce(max(note_id), 0) FROM crfs.{} WHERE dataset = :dataset AND entity_id = ANY(:entities)"
    query = sa.text(f"SELECT ({newest.format('sighting')}) + ({newest.format('extent')})")
    number: int = connection.execute(query, {"dataset": definition.name, "entities": list(entities)}).scalar_one()
    return number


def is_own(note: str) -> str:
    """SQL: whether a sighting is the payloads' (``:payloads``) own, of the fetch (``:fetched_at``) that brought them: the same bytes may come again."""
    return f"({note}.payloads && CAST(:payloads AS text[]) AND {note}.seen_at = :fetched_at)"


def is_of_another_answer(row: str, *, shown: bool) -> str:
    """SQL: whether an answer other than the payloads (``:payloads``) told of a row's period at the row's knowledge time (``:dataset``).

    Where answers are ``shown`` as the latest, another fetch (than that of ``:fetched_at``) of the same bytes is another answer.
    """
    period = f"n.dataset = :dataset AND n.entity_id = {row}.entity_id AND {row}.valid_time BETWEEN n.first_valid_time AND n.last_valid_time"
    sighted = is_own("n") if shown else "n.payloads && CAST(:payloads AS text[])"
    return " OR ".join(
        f"EXISTS (SELECT 1 FROM crfs.{table} AS n WHERE {period} AND n.{time} = {row}.knowledge_time AND NOT ({own}))"
        for table, time, own in (("sighting", "seen_at", sighted), ("extent", "known_at", "n.payloads && CAST(:payloads AS text[])"))
    )
