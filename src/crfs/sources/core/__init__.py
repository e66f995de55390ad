"""The shape of a source, the tables it hands on, and the ways that payloads come: HTTP, recordings, files."""

from crfs.sources.core.contract import (
    Classification,
    Parsed,
    Payload,
    Provider,
    Query,
    RejectReason,
    Request,
    Source,
    Transport,
)
from crfs.sources.core.registry import SOURCES, load_source

__all__ = [
    "SOURCES",
    "Classification",
    "Parsed",
    "Payload",
    "Provider",
    "Query",
    "RejectReason",
    "Request",
    "Source",
    "Transport",
    "load_source",
]
