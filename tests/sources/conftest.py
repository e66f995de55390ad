"""Where the shared recordings lie, and the catalogue that ships with crfs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crfs.credit.catalogue import Catalogue, packaged_catalogue

SHARED = Path(os.environ.get("CRFS_SHARED") or Path(__file__).parents[2].parent / "shared")


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recordings, or a skip that says so."""
    folder = SHARED / "recordings"
    if not folder.is_dir():
        pytest.skip(f"the shared recordings are not at {folder} (CRFS_SHARED)")
    return folder


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The definitions that ship with crfs."""
    return packaged_catalogue()
