"""FRED and ALFRED, the Federal Reserve Bank of St. Louis: series with every vintage (key), or the latest values only (no key)."""

from crfs.sources.providers.fred.source import SOURCE

__all__ = ["SOURCE"]
