"""The HTTP door: the REST API and the pages, one FastAPI application over one open store."""

from __future__ import annotations

from crfs.apps.api.app import create_app

__all__ = ["create_app"]
