"""EDGAR's recordings as payloads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crfs.sources.core import Payload
from crfs.sources.core.recorded import META, recording

SNAPSHOT = datetime(2026, 11, 26, tzinfo=UTC)
Recorded = Callable[[str], Payload]


@pytest.fixture(scope="session")
def recorded(recordings: Path) -> Recorded:
    """A recording by the beginning of its file's name."""

    def find(name: str) -> Payload:
        folders = (recordings / "sec_edgar", recordings / "earnings_releases")
        (body,) = (path for folder in folders for path in folder.glob(f"{name}*") if not path.name.endswith(META))
        return recording(body, body.with_name(body.stem + META), source="edgar", now=SNAPSHOT).payload

    return find
