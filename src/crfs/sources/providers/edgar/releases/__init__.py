"""Earnings releases, read by rules: columns and statements of tables, sentences, guidance, periods and currencies."""

from __future__ import annotations

from crfs.sources.providers.edgar.releases.release import Release, read

__all__ = ["Release", "read"]
