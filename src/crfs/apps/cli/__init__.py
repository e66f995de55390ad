"""The command line: it parses, calls one workflow, and renders."""

from __future__ import annotations

from crfs.apps.cli.program import main

__all__ = ["main"]
