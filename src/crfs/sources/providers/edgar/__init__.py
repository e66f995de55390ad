"""EDGAR, the filing system of the Securities and Exchange Commission: filings, facts and ratios of statements, events, earnings releases."""

from crfs.sources.providers.edgar.source import Edgar

SOURCE = Edgar()

__all__ = ["SOURCE", "Edgar"]
