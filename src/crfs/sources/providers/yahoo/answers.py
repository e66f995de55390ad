"""Yahoo's answers told apart: the envelope's error goes before the HTTP status, since errors come with 200 and texts in place of JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from crfs.sources.core.asked import beside_asked
from crfs.sources.core.contract import Classification, Payload, by_status
from crfs.sources.core.json_text import as_text, read_json

ENVELOPES = ("chart", "quoteResponse", "quoteSummary", "finance", "spark")
_BUSY_STATUS = 999
"""What Yahoo's edge answers to those whom it takes for a robot."""


def classify(payload: Payload) -> Classification:
    """What the answer is.

    A redirect leads to the consent page and means that no session is had: ``AUTH``, like a bad crumb. ``Too Many Requests`` comes as plain
    text with 429 and with 200. A symbol that is not known is ``BAD_REQUEST``; a range without a session, in which ``timestamp`` is absent,
    is ``EMPTY``.
    """
    if 300 <= payload.status < 400:
        return Classification.AUTH
    if payload.status == 429 or b"too many requests" in payload.body[:500].lower():
        return Classification.RETRY
    read = read_json(payload.body)
    words = _error(read.fields)
    if words is not None:
        return _of_error(words, payload.status)
    if payload.status == _BUSY_STATUS:
        return Classification.RETRY
    refusal = by_status(payload.status)
    if refusal is not None:
        return refusal
    if not payload.body.strip():
        return Classification.RETRY
    if read.problem is not None or others(read.fields, payload) is not None:
        return Classification.SCHEMA
    return _of_document(read.fields)


def others(fields: Mapping[str, Any], payload: Payload) -> str | None:
    """What is wrong where a chart or quotes are of other symbols than the url asks for; None where they are not."""
    asked, told = _asked(payload), []
    for result in results(fields, "chart") or []:
        told.append(result.get("meta") if isinstance(result, dict) else None)
    told += results(fields, "quoteResponse") or []
    told += [item.get("price") if isinstance(item, dict) else None for item in results(fields, "quoteSummary") or []]
    symbols = [about.get("symbol") for about in told if isinstance(about, dict)]
    names = [as_text(symbol).strip() for symbol in symbols if isinstance(symbol, str) and symbol.strip()]
    return beside_asked(asked, names) if asked else None


def _asked(payload: Payload) -> list[str]:
    """The symbols that an url of Yahoo names: in its path, or with commas between in its query."""
    try:
        path = unquote(urlsplit(payload.url).path)
    except ValueError:
        return []
    named = re.search(r"/(?:chart|quoteSummary)/([^/]+)$", path)
    listed = payload.parameters.get("symbols", "") if path.endswith("/quote") else ""
    return [named.group(1)] if named and "{" not in named.group(1) else [name.strip() for name in listed.split(",") if name.strip()]


def results(fields: Mapping[str, Any], envelope: str) -> list[Any] | None:
    """The results in an envelope; none where it says null; None where the answer has another shape."""
    inner = fields.get(envelope)
    if not isinstance(inner, dict):
        return None
    found = inner.get("result")
    return [] if found is None and "result" in inner else found if isinstance(found, list) else None


def raw(value: object) -> object:
    """A number as it is, or out of ``{"raw": …, "fmt": …}``, as quoteSummary writes it when asked for formatted texts."""
    return value.get("raw") if isinstance(value, dict) else value


def _of_document(fields: Mapping[str, Any]) -> Classification:
    if "chart" in fields:
        found = results(fields, "chart")
        if found is None or not all(isinstance(item, dict) and isinstance(item.get("meta"), dict) for item in found):
            return Classification.SCHEMA
        return _ok_if(any(item.get("timestamp") or item.get("events") for item in found))
    if "quoteResponse" in fields:
        found = results(fields, "quoteResponse")
        return Classification.SCHEMA if found is None else _ok_if(any(_priced(item) for item in found))
    if "quoteSummary" in fields:
        found = results(fields, "quoteSummary")
        return (
            Classification.SCHEMA if found is None else _ok_if(any(isinstance(item, dict) and _priced(item.get("price")) for item in found))
        )
    news = fields.get("news")
    return _ok_if(bool(news)) if isinstance(news, list) else Classification.SCHEMA


def _ok_if(something: bool) -> Classification:
    return Classification.OK if something else Classification.EMPTY


def _priced(quote: object) -> bool:
    return isinstance(quote, dict) and raw(quote.get("regularMarketPrice")) is not None


def _error(fields: Mapping[str, Any]) -> str | None:
    """The envelope's error, its code and description as one lower-case text; None where there is none."""
    for name in ENVELOPES:
        inner = fields.get(name)
        error = inner.get("error") if isinstance(inner, dict) else None
        if isinstance(error, dict):
            return f"{as_text(error.get('code'))}: {as_text(error.get('description'))}".lower()
        if error:
            return as_text(error).lower()
    return None


def _of_error(words: str, status: int) -> Classification:
    if any(mark in words for mark in ("unauthorized", "invalid crumb", "invalid cookie", "forbidden")):
        return Classification.AUTH
    if any(mark in words for mark in ("too many", "rate limit", "internal", "timeout", "timed out", "unavailable", "will be right back")):
        return Classification.RETRY
    if "data doesn't exist for" in words:
        return Classification.EMPTY
    return Classification.RETRY if status >= 500 else Classification.BAD_REQUEST
