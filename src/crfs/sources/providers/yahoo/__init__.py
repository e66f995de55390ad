"""Yahoo Finance: daily quotes, dividends, splits and headlines, for those whom its terms allow it; off until it is switched on."""

from crfs.sources.providers.yahoo.source import SOURCE

__all__ = ["SOURCE"]
