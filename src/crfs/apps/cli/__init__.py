"""The command line: it parses, calls one workflow, and renders."""

from __future__ import annotations

from crfs.apps.cli.main import main

__all__ = ["main"]
