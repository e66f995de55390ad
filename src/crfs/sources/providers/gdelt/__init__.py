"""GDELT: articles and timelines of the DOC 2.0 interface, and the files of events and mentions."""

from crfs.sources.providers.gdelt.source import SOURCE

__all__ = ["SOURCE"]
