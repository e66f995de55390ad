"""How the rows of an answer, or of somebody who amends one, are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from crfs.store.publication import BatchKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How staged rows of a dataset are compared: the batch's kind, when its answer was fetched, and the payloads that it was.

    Rows whose keys only batches up to ``since`` have were settled before.
    """

    kind: BatchKind
    fetched_at: datetime | None = None
    payloads: Sequence[str] = ()
    since: int = 0
