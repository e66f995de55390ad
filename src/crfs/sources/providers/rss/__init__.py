"""Feeds (RSS 0.9x to 2.0, RDF, Atom) of central banks, supervisors and news searches → articles."""

from crfs.sources.providers.rss.source import SOURCE

__all__ = ["SOURCE"]
