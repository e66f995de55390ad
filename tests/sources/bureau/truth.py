"""A bureau of which everything goes wrong, and the truth of what it sent, read from the bytes with none of the parser's code.

A file that its manifest does not fit never came, of a line without its last cell nothing is known, and of all lines of one record the one
with the latest stamp counts.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import polars as pl

from crfs.credit.catalogue import Catalogue
from crfs.sources.core import Payload, Query
from crfs.sources.providers.bureau import SOURCE, BureauSpec
from crfs.sources.providers.bureau.manifest import MANIFEST

KEYS = {
    "facility": ("facility_id", "month"),
    "obligor": ("obligor_id", "month"),
    "default": ("facility_id", "default_date"),
    "recovery": ("facility_id", "month"),
    "dispute": ("facility_id", "opened_on"),
}
ROUGH: dict[str, Any] = {
    "late_share": 0.1,
    "correction_share": 0.1,
    "late_delivery_share": 0.3,
    "missing_share": 0.3,
    "cut_share": 0.2,
    "repeated_share": 0.3,
    "resent_share": 0.4,
    "dispute_share": 0.05,
    "withdrawn_share": 0.4,
    "disputed_error_share": 0.5,
    "wrong_person_share": 0.02,
    "expiry_months": 12,
}
Key = tuple[str, str, str]
Line = tuple[datetime, Key, tuple[str, ...] | None]


class Clock:
    """A transport for a source that asks nobody."""

    has_key = False
    now = datetime(2026, 1, 2, 3, tzinfo=UTC)

    def send(self, request: object) -> Payload:
        raise AssertionError(request)


def payloads_of(spec: BureauSpec, macro: pl.DataFrame, catalogue: Catalogue) -> list[Payload]:
    """All that the bureau sends, in its order."""
    return list(SOURCE.fetch(Query(options={"spec": spec, "macro": macro}), Clock(), catalogue))


def came_whole(payload: Payload) -> bool:
    """Whether the bytes are those that the delivery's manifest names."""
    entry = json.loads(payload.headers[MANIFEST])[payload.url.rsplit("/", 1)[-1]]
    return bool(entry["sha256"] == hashlib.sha256(payload.body).hexdigest())


def lines_of(payload: Payload) -> Iterator[Line]:
    """What a payload says, a line at a time: the stamp, whose record, and its cells (None: it is withdrawn)."""
    name = payload.url.rsplit("/", 1)[-1].removesuffix(".csv")
    header, *lines = csv.reader(payload.body.decode().splitlines())
    for cells in lines:
        line = dict(zip(header, cells, strict=False))
        if not line.get("delivered_at", "").endswith("Z") or len(cells) != len(header):
            continue
        stamp = datetime.fromisoformat(line["delivered_at"])
        if name == "retraction":
            yield stamp, (line["file"], line["entity_id"], line["valid_on"]), None
        else:
            entity, valid = KEYS[name]
            told = tuple(
                text for column, text in sorted(line.items()) if column not in {entity, valid, "delivered_at", "first_delivered_at"}
            )
            yield stamp, (name, line[entity], line[valid]), told


def truth(lines: Iterable[Line], at: datetime) -> dict[Key, tuple[str, ...]]:
    """What was known at ``at``: of each record the line with the latest stamp, if that does not withdraw it."""
    newest: dict[Key, tuple[datetime, tuple[str, ...] | None]] = {}
    for stamp, key, told in lines:
        if stamp <= at and (key not in newest or stamp >= newest[key][0]):
            newest[key] = (stamp, told)
    return {key: told for key, (_, told) in newest.items() if told is not None}
