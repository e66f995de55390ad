"""Tables as bytes: CSV, JSON, Arrow and Parquet."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from crfs.errors import InvalidInput

if TYPE_CHECKING:
    import polars as pl

FORMATS = ("csv", "json", "arrow", "parquet")
BINARY = frozenset({"arrow", "parquet"})


def encoded(table: pl.DataFrame, file_format: str) -> bytes:
    """The table in a format: CSV with RFC 3339 instants, JSON rows, an Arrow IPC file, or Parquet."""
    buffer = io.BytesIO()
    if file_format == "csv":
        table.write_csv(buffer, datetime_format="%Y-%m-%dT%H:%M:%S%.fZ")
    elif file_format == "json":
        table.write_json(buffer)
    elif file_format == "arrow":
        table.write_ipc(buffer)
    elif file_format == "parquet":
        table.write_parquet(buffer)
    else:
        raise InvalidInput(f"format {file_format!r}; it is one of {', '.join(FORMATS)}")
    return buffer.getvalue()
