"""The shape of a source, the tables it hands on, and the ways that payloads come: HTTP, recordings, files."""

from crfs.sources.core.contract import (
    Classification,
    Limit,
    Parsed,
    Payload,
    Provider,
    Query,
    RejectReason,
    Request,
    Source,
    Transport,
)
from crfs.sources.core.registry import load_source, source_names

__all__ = [
    "Classification",
    "Limit",
    "Parsed",
    "Payload",
    "Provider",
    "Query",
    "RejectReason",
    "Request",
    "Source",
    "Transport",
    "load_source",
    "source_names",
]
