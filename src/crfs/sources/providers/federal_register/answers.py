"""What an answer of the Federal Register or of regulations.gov is, by its body before its status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from crfs.sources.core.contract import Classification, Payload, by_status
from crfs.sources.core.json_text import as_text, read_json

MOST_RESULTS = 2000
"""As many documents are given to one question, whatever their count is."""


class Kind(Enum):
    """The bodies that they send."""

    DOCUMENTS = "documents of the Federal Register"
    REGULATIONS = "documents of regulations.gov"
    ERROR = "an error"
    NOTHING = "nothing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A body that was looked into: its kind, its fields, its documents; an error's code (its own, else 0) and words."""

    kind: Kind
    fields: Mapping[str, Any] = field(default_factory=dict)
    documents: Sequence[object] = ()
    code: int = 0
    words: str = ""


_KEY_CODES = ("API_KEY_INVALID", "API_KEY_MISSING", "API_KEY_DISABLED", "API_KEY_UNAUTHORIZED", "API_KEY_UNVERIFIED")


def look(payload: Payload) -> Answer:
    """Look into a body: never raises, whatever the bytes are."""
    if not payload.body.strip():
        return Answer(kind=Kind.NOTHING)
    read = read_json(payload.body)
    if read.problem is not None or not isinstance(read.value, dict):
        return Answer(kind=Kind.UNKNOWN, words=read.problem or "JSON that is no object")
    fields = read.fields
    if fields.get("errors") or fields.get("error"):
        return _error(fields)
    if isinstance(fields.get("results"), list):
        return Answer(kind=Kind.DOCUMENTS, fields=fields, documents=fields["results"])
    if "document_number" in fields:
        return Answer(kind=Kind.DOCUMENTS, fields=fields, documents=[fields])
    if "count" in fields and "data" not in fields:  # a search without results has no list of them
        return Answer(kind=Kind.DOCUMENTS, fields=fields)
    data = fields.get("data")
    if isinstance(data, list | dict):
        return Answer(kind=Kind.REGULATIONS, fields=fields, documents=data if isinstance(data, list) else [data])
    if "message" in fields or "status" in fields:
        return Answer(kind=Kind.ERROR, fields=fields, code=whole(fields.get("status")), words=as_text(fields.get("message"))[:300])
    return Answer(kind=Kind.UNKNOWN, words=f"an object with {', '.join(sorted(map(str, fields))[:8]) or 'nothing in it'}"[:300])


def classify(payload: Payload) -> Classification:
    """The classification of an answer. A page shorter than it says it is is a RETRY."""
    answer = look(payload)
    if answer.kind is Kind.ERROR:
        return _of_error(answer, payload.status)
    refusal = by_status(payload.status)
    if refusal is not None:
        return refusal
    match answer.kind:
        case Kind.NOTHING:
            return Classification.EMPTY if payload.status == 204 else Classification.RETRY
        case Kind.DOCUMENTS:
            return _page(answer, payload)
        case Kind.REGULATIONS:
            meta = answer.fields.get("meta")
            said = meta.get("numberOfElements") if isinstance(meta, dict) else None
            if said is not None and len(answer.documents) < whole(said):
                return Classification.RETRY
            return Classification.OK if answer.documents else Classification.EMPTY
        case _:
            return Classification.SCHEMA


def whole(value: object) -> int:
    """The whole number that a field holds, as a number or as text; 0 if it holds none.

    >>> whole("110"), whole(22), whole(None)
    (110, 22, 0)
    """
    text = as_text(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _page(answer: Answer, payload: Payload) -> Classification:
    rows, count = len(answer.documents), whole(answer.fields.get("count"))
    params = payload.parameters
    if not rows:
        return Classification.RETRY if count and whole(params.get("page", "1")) <= 1 else Classification.EMPTY
    return Classification.RETRY if rows < _least_rows(answer, params, count) else Classification.OK


def _least_rows(answer: Answer, params: Mapping[str, str], count: int) -> int:
    """As many documents a page has to have: all that it may where another one follows, and what ``count`` leaves where it is the last."""
    size, page = whole(params.get("per_page")), whole(params.get("page", "1")) or 1
    if answer.fields.get("next_page_url"):
        return size
    if count > MOST_RESULTS and page > 1:  # which of its pages is the last is not for certain
        return 0
    if size:
        return min(size, count - (page - 1) * size)
    return min(count, MOST_RESULTS) if page == 1 else 0


def _error(fields: Mapping[str, Any]) -> Answer:
    """``errors`` of JSON:API (a list) or of the Federal Register (an object), and ``error`` of the gateway before regulations.gov."""
    found = fields.get("errors") or fields.get("error")
    first = found[0] if isinstance(found, list) and found else found
    if isinstance(first, dict):
        words = " ".join(as_text(first[name]) for name in ("code", "title", "detail", "message") if name in first) or as_text(first)
        return Answer(kind=Kind.ERROR, fields=fields, code=whole(first.get("status")), words=words[:300])
    return Answer(kind=Kind.ERROR, fields=fields, words=as_text(first)[:300])


def _of_error(answer: Answer, status: int) -> Classification:
    code = answer.code or (status if status >= 400 else 400)
    if "OVER_RATE_LIMIT" in answer.words:
        return Classification.QUOTA
    if code == 429 or code >= 500 or code == 408:
        return Classification.RETRY
    if code in (401, 403) or any(name in answer.words for name in _KEY_CODES):
        return Classification.AUTH
    return Classification.BAD_REQUEST
