"""How the rows of an answer are compared, and which it gave before, where its bytes are parsed again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from crfs.store.conditions import by_source
from crfs.store.publication import BatchKind

OWN_BATCHES = (
    "SELECT p.batch_id FROM crfs.batch_payload AS p WHERE p.sha256 = ANY(:payloads) AND p.dataset IN ('', :dataset) "
    "AND NOT EXISTS (SELECT 1 FROM crfs.batch_payload AS q WHERE q.batch_id = p.batch_id AND q.dataset IN ('', :dataset) "
    "AND q.sha256 <> ALL(:payloads)) AND (cardinality(CAST(:fetches AS timestamptz[])) = 0 OR EXISTS (SELECT 1 FROM crfs.batch_dataset AS d "
    "WHERE d.batch_id = p.batch_id AND d.dataset = :dataset AND coalesce(d.fetched_at = ANY(CAST(:fetches AS timestamptz[])), true))) "
    f"AND {by_source('p')}"
)
"""SQL: the batches in which the source spoke, whose rows of a dataset (``:dataset``) came from the named payloads alone, in those fetches: bytes
may come more than once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """Payloads that are parsed again, and the fetches in which they came (none: files, which come at no time); false where there are none."""

    payloads: Sequence[str] = ()
    fetches: Sequence[datetime] = ()

    def __bool__(self) -> bool:
        return bool(self.payloads)

    @property
    def parameters(self) -> dict[str, object]:
        """What :data:`OWN_BATCHES` takes, besides the dataset."""
        return {"payloads": list(self.payloads), "fetches": list(self.fetches)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How staged rows of a dataset are compared: the batch's kind, when its answer was fetched, and the payload that it parses again.

    Rows whose keys only batches up to ``since`` have were settled before.
    """

    kind: BatchKind
    fetched_at: datetime | None = None
    payloads: Sequence[str] = ()
    fetches: Sequence[datetime] = ()
    since: int = 0

    @property
    def speaks(self) -> bool:
        """Whether the rows are what the source says, and not what somebody makes of it."""
        return self.kind in {BatchKind.INGEST, BatchKind.REPARSE}

    @property
    def parsed_again(self) -> Spoken:
        """The payloads that a reparse reads again."""
        return Spoken(payloads=self.payloads, fetches=self.fetches) if self.kind is BatchKind.REPARSE else Spoken()
