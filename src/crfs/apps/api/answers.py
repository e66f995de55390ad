"""Answers: JSON with strong or weak ETags, what a cache may keep, tables in four formats, and cursors that name a snapshot."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Request
from starlette.responses import Response

from crfs.errors import InvalidInput

if TYPE_CHECKING:
    import polars as pl

FOR_EVER = "private, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
NEVER = "no-store"


class TableFormat(StrEnum):
    """How a table is written."""

    JSON = "json"
    CSV = "csv"
    ARROW = "arrow"
    PARQUET = "parquet"
    NDJSON = "ndjson"


MEDIA_TYPES = {
    TableFormat.JSON: "application/json",
    TableFormat.CSV: "text/csv; charset=utf-8",
    TableFormat.ARROW: "application/vnd.apache.arrow.stream",
    TableFormat.PARQUET: "application/vnd.apache.parquet",
    TableFormat.NDJSON: "application/x-ndjson",
}


def json_bytes(document: Any) -> bytes:
    """JSON as it goes out: UTC with Z, microseconds where there are any, no NaN (null instead)."""
    return orjson.dumps(document, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC, with Z.

    >>> instant(datetime(2020, 6, 5, 12, 30, tzinfo=UTC))
    '2020-06-05T12:30:00Z'
    """
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def respond(
    request: Request,
    document: Any,
    *,
    cache: str = ASK_AGAIN,
    digest: str | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A JSON answer; see :func:`respond_bytes` for ``digest``."""
    return respond_bytes(request, json_bytes(document), "application/json", cache=cache, digest=digest, status=status, headers=headers)


def respond_bytes(
    request: Request,
    body: bytes,
    media_type: str,
    *,
    cache: str = ASK_AGAIN,
    digest: str | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An answer, or 304 where the caller has it already.

    The ETag is strong, the SHA-256 of the bytes. ``digest`` makes it weak: that of what matters in the answer, where the bytes also name
    the moment of the question. What may not be kept (``no-store``) has none.
    """
    given = dict(headers or {}) | {"Cache-Control": cache}
    if status == 200 and cache != NEVER:
        tag = f'"{hashlib.sha256(body).hexdigest()}"' if digest is None else f'W/"{digest}"'
        given["ETag"] = tag
        if request.method in {"GET", "HEAD"} and _matches(request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=given)
    return Response(body, status_code=status, media_type=media_type, headers=given)


def _matches(asked: str, tag: str) -> bool:
    """Whether ``If-None-Match`` names the tag; the comparison is the weak one, as RFC 9110 has it for this header."""
    return asked.strip() == "*" or tag.removeprefix("W/") in {part.strip().removeprefix("W/") for part in asked.split(",")}


def table_bytes(table: pl.DataFrame, table_format: TableFormat, metadata: Mapping[str, str]) -> bytes:
    """A table in one of the formats that carry rows alone; Arrow and Parquet carry ``metadata`` in their schema."""
    if table_format is TableFormat.CSV:
        return table.write_csv(datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ").encode()
    if table_format is TableFormat.NDJSON:
        return b"".join(json_bytes(row) + b"\n" for row in table.iter_rows(named=True))
    import pyarrow as pa
    from pyarrow import parquet

    arrow = table.to_arrow().replace_schema_metadata({f"crfs.{name}": value for name, value in metadata.items()})
    if table_format is TableFormat.PARQUET:
        sink = io.BytesIO()
        parquet.write_table(arrow, sink)
        return sink.getvalue()
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, arrow.schema) as writer:
        writer.write_table(arrow)
    written: bytes = stream.getvalue().to_pybytes()
    return written


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where the next page begins, and of which snapshot: both clocks are inside, so a writer changes nothing under a reader."""

    question: str
    offset: int
    as_of: str | None = None
    batch_id: int | None = None

    def text(self) -> str:
        """The cursor as callers hand it back; opaque to them."""
        packed = json.dumps([self.question, self.offset, self.as_of, self.batch_id], separators=(",", ":"))
        return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def read_cursor(text: str, question: str) -> Cursor:
    """The cursor of a text; one that was made for another question is refused.

    >>> read_cursor(Cursor(question="q", offset=10, batch_id=7).text(), "q").batch_id
    7
    """
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        asked, offset, as_of, batch_id = found
        if not (isinstance(offset, int) and offset >= 0 and isinstance(as_of, str | None) and isinstance(batch_id, int | None)):
            raise ValueError(found)
    except (ValueError, TypeError, binascii.Error):
        raise InvalidInput("cursor is none that this service gave; begin without one", argument="cursor") from None
    if asked != question:
        raise InvalidInput(
            "cursor belongs to another question; keep the other parameters as they were, or begin without one", argument="cursor"
        )
    return Cursor(question=asked, offset=offset, as_of=as_of, batch_id=batch_id)


def question_digest(*parts: object) -> str:
    """What a cursor remembers of the question that it belongs to."""
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:16]
