"""Good bodies of every source, written small from its contract: ``SAMPLES`` of the module with the source's name.

Each gives at least one accepted row and none that is rejected; the suite of the contract mutates them too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from crfs.sources.core import Payload

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def sample(
    source: str, body: bytes, *, url: str = "", stream: str = "", status: int = 200, headers: Mapping[str, str] | None = None
) -> Payload:
    """A body as if it had just come."""
    return Payload(source=source, stream=stream, body=body, url=url, status=status, headers=headers or {}, started_at=NOW, fetched_at=NOW)
