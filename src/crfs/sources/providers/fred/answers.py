"""What an answer of FRED is: which kind of document, or which error, by its body before its status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from crfs.sources.core.asked import other_than_asked
from crfs.sources.core.contract import Classification, Payload, by_status
from crfs.sources.core.json_text import read_json
from crfs.sources.core.xml_text import read_xml


class Kind(Enum):
    """The documents that FRED sends."""

    OBSERVATIONS = "observations"
    METADATA = "metadata"
    TABLE = "table"
    PANEL = "panel"
    ERROR = "error"
    HTML = "html"
    NOTHING = "nothing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A body that was looked into: its kind, its fields (JSON's, or the attributes of XML's root), its rows, an error's words.

    ``named`` are the series that it says it is about, where it does: a table in its header, a description by ``id``.
    """

    kind: Kind
    fields: Mapping[str, Any] = field(default_factory=dict)
    rows: list[Any] = field(default_factory=list)
    error_code: int | None = None
    words: str = ""
    delimiter: str = ","
    named: tuple[str, ...] = ()


METADATA_KEYS = ("seriess", "releases", "release_dates", "vintage_dates", "categories", "tags", "sources", "elements")
_TABLE_HEADERS = ("date", "observation_date")
_PANEL_HEADER = b"sasdate"


def look(payload: Payload) -> Answer:
    """Look into a body: never raises, whatever the bytes are."""
    start = payload.body[:400].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not payload.body.strip():
        return Answer(kind=Kind.NOTHING)
    if start[:1] in (b"{", b"["):
        return _json(payload.body)
    low = start.lower()
    if low.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) or b"<html" in low:
        return Answer(kind=Kind.HTML, words="an HTML page")
    if start.startswith(b"<"):
        return _xml(payload.body)
    header = start.split(b"\n", 1)[0]
    first = header.replace(b"\t", b",").split(b",", 1)[0].strip().strip(b'"').lower()
    if first in (name.encode() for name in _TABLE_HEADERS):
        return _table(payload.body, "\t" if b"\t" in header else ",")
    if any(name.strip().strip(b'"').lower() == _PANEL_HEADER for name in header.split(b",")):
        return Answer(kind=Kind.PANEL)
    return Answer(kind=Kind.UNKNOWN, words=start[:120].decode("utf-8", "replace"))


def hints(payload: Payload) -> dict[str, str]:
    """What the connector knew when it asked: the fragment of the payload's url."""
    try:
        return dict(parse_qsl(urlsplit(payload.url).fragment))
    except ValueError:
        return {}


def classify(payload: Payload) -> Classification:
    """The classification of a FRED answer.

    Documents about series, releases, tags … are OK although they have no observations. "Does not exist in ALFRED" is EMPTY when a
    real-time period was asked for (the archive may begin later) and a BAD_REQUEST otherwise. A page shorter than its own count is a
    RETRY: what is missing would look like a withdrawal. So is another page than the one that was asked for. An answer about other series
    than were asked for is of no shape that we know. A table of a header alone is EMPTY.
    """
    answer = look(payload)
    low = answer.words.lower()
    if payload.status == 429 or answer.error_code == 429 or "too many requests" in low or "rate limit" in low:
        return Classification.RETRY
    if answer.kind is Kind.ERROR:
        if "api_key" in low or answer.error_code in (401, 403):
            return Classification.AUTH
        if "does not exist in alfred" in low:
            return Classification.EMPTY if "realtime_start" in payload.parameters else Classification.BAD_REQUEST
        return Classification.RETRY if (answer.error_code or 400) >= 500 else Classification.BAD_REQUEST
    refusal = by_status(payload.status)
    if refusal is not None:
        return refusal
    if _is_another_page(answer, payload):
        return Classification.RETRY
    match answer.kind:
        case Kind.NOTHING:
            return Classification.RETRY
        case Kind.OBSERVATIONS:
            return _observations(answer, payload)
        case Kind.METADATA | Kind.TABLE if other_series(answer, payload) is not None:
            return Classification.SCHEMA
        case Kind.TABLE if not answer.rows:
            return Classification.EMPTY
        case Kind.METADATA | Kind.TABLE | Kind.PANEL:
            return Classification.OK
        case _:
            return Classification.SCHEMA


def other_series(answer: Answer, payload: Payload) -> str | None:
    """What is wrong where an answer names other series than the url asked for: both, in words. None where they are the same, or either is
    silent: an answer with observations does not name its series.
    """
    parameter = {Kind.TABLE: "id", Kind.METADATA: "series_id"}.get(answer.kind, "")
    asked = [name for name in payload.parameters.get(parameter, "").split(",") if name]
    if not asked or (answer.kind is Kind.METADATA and not answer.named):
        return None
    return other_than_asked(asked, answer.named)


def page(answer: Answer) -> tuple[int, int, int]:
    """Offset, rows and total count of a page of observations; a count that is absent is what is there."""
    offset = as_int(answer.fields.get("offset"), 0)
    count = as_int(answer.fields.get("count"), offset + len(answer.rows))
    return offset, len(answer.rows), count


def as_int(value: object, default: int) -> int:
    """The whole number that a field holds, as a number or as text; ``default`` if it holds none."""
    if isinstance(value, int):
        return value
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else default


def _is_another_page(answer: Answer, payload: Payload) -> bool:
    asked, answered = (as_int(fields.get("offset"), -1) for fields in (payload.parameters, answer.fields))
    return asked >= 0 and answered >= 0 and asked != answered


def is_transformed(answer: Answer, payload: Payload) -> bool:
    """Whether observations are not the series as it is: FRED says the units that it answered in, and the url those that were asked for."""
    params = payload.parameters
    units = {str(answer.fields.get("units", "lin")), params.get("units", "lin")}
    return not units <= {"lin", ""} or "frequency" in params


def _observations(answer: Answer, payload: Payload) -> Classification:
    if is_transformed(answer, payload):
        return Classification.SCHEMA
    offset, rows, count = page(answer)
    if rows == 0 and count <= offset:
        return Classification.EMPTY
    limit = as_int(answer.fields.get("limit"), 100_000)
    one_row_each = as_int(answer.fields.get("output_type"), 1) in (1, 4)
    return Classification.RETRY if one_row_each and rows < min(count - offset, limit) else Classification.OK


def _table(body: bytes, delimiter: str) -> Answer:
    """A table: the series are what its columns but the first are called; ``rows`` has its second line, if there is one."""
    header, _, rest = body.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").partition(b"\n")
    _, *names = (name.strip().strip('"') for name in header.decode("utf-8", "replace").split(delimiter))
    return Answer(kind=Kind.TABLE, delimiter=delimiter, named=tuple(names), rows=[rest[:200]] if rest.strip() else [])


def _json(body: bytes) -> Answer:
    read = read_json(body)
    if read.problem is not None:
        return Answer(kind=Kind.UNKNOWN, words=read.problem)
    data = read.value
    if not isinstance(data, dict):
        return Answer(kind=Kind.UNKNOWN, words="a JSON list where an object is expected")
    if "error_message" in data or "error_code" in data:
        return Answer(kind=Kind.ERROR, error_code=as_int(data.get("error_code"), 400), words=str(data.get("error_message", "")))
    fields = {key: value for key, value in data.items() if not isinstance(value, list)}
    if isinstance(data.get("observations"), list):
        return Answer(kind=Kind.OBSERVATIONS, fields=fields, rows=data["observations"])
    for key in METADATA_KEYS:
        if isinstance(data.get(key), (list, dict)):
            rows = data[key] if isinstance(data[key], list) else []
            named = [str(row.get("id")) for row in rows if isinstance(row, dict)] if key == "seriess" and len(rows) == 1 else []
            return Answer(kind=Kind.METADATA, fields=fields, rows=rows, named=tuple(named))
    return Answer(kind=Kind.UNKNOWN, words=f"an object with {', '.join(sorted(data)[:8]) or 'nothing in it'}")


def _xml(body: bytes) -> Answer:
    text = read_xml(body)
    root = text.root
    if root is None:
        return Answer(kind=Kind.UNKNOWN, words=text.problem or "")
    if root.tag == "error":
        return Answer(kind=Kind.ERROR, error_code=as_int(root.get("code"), 400), words=root.get("message", ""))
    if root.tag == "observations":
        rows = [dict(child.attrib) for child in root if child.tag == "observation"]
        return Answer(kind=Kind.OBSERVATIONS, fields=dict(root.attrib), rows=rows)
    if root.tag in METADATA_KEYS or root.tag in {"vintage_dates", "release_dates"}:
        named = [child.get("id", "") for child in root] if root.tag == "seriess" and len(root) == 1 else []
        return Answer(kind=Kind.METADATA, fields=dict(root.attrib), named=tuple(named))
    return Answer(kind=Kind.UNKNOWN, words=f"XML with the root {root.tag[:60]}")
