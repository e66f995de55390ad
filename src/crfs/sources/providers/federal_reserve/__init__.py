"""The Board of Governors of the Federal Reserve System: its statistical releases, stress-test scenarios and monetary policy texts."""

from crfs.sources.providers.federal_reserve.source import SOURCE

__all__ = ["SOURCE"]
