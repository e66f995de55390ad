"""Alpha Vantage's answers told apart. Everything comes with HTTP 200: an error is an object without data that has words instead.

The words of a used-up quota repeat the caller's key, so no error here quotes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crfs.sources.core.asked import beside_asked, in_words, other_than_asked
from crfs.sources.core.contract import Classification, Payload, by_status
from crfs.sources.core.json_text import JsonText, as_text, read_json
from crfs.sources.core.text import read_delimited
from crfs.sources.providers.alpha_vantage.cells import plain
from crfs.sources.providers.alpha_vantage.names import SERIES, is_called

WORDS = ("Error Message", "Information", "Note", "message", "detail")
LISTS = {
    "annualReports": "statements",
    "quarterlyReports": "statements",
    "annualEarnings": "earnings",
    "quarterlyEarnings": "earnings",
    "estimates": "estimates",
    "feed": "news",
    "transcript": "transcript",
    "bestMatches": "symbols",
}
"""The lists that hold an answer's rows, and what kind of answer has them."""
CSV_HEADERS = {"delistingDate": "listing", "fiscalDateEnding": "calendar", "currency code": "currencies"}
"""A column that tells a CSV's kind."""


_NAMED = {
    "symbol": ("Symbol", "symbol"),
    "from_symbol": ("From Symbol",),
    "to_symbol": ("To Symbol",),
    "interval": ("interval",),
    "quarter": ("quarter",),
}
"""Parameters of a question, and how an answer names the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A body that was looked at: its ``kind`` of data (None: it is none that we know), whether there are rows, the provider's words."""

    kind: str | None
    filled: bool = False
    words: str = ""
    fields: Mapping[str, Any]
    problem: str | None = None


def look(body: bytes) -> Answer:
    """What kind of data a body has."""
    start = body[:2000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] not in (b"{", b"[", b"<", b""):
        first, _, rest = start.partition(b"\n")
        header = {name.strip().strip('"') for name in first.decode("utf-8", "replace").split(",")}
        kind = next((kind for column, kind in CSV_HEADERS.items() if column in header), None)
        if kind is not None:
            return Answer(kind=kind, filled=bool(rest.strip()), fields={})
    read = read_json(body)
    return Answer(kind=None, fields={}, problem=read.problem) if read.problem is not None else _of_json(read)


def _of_json(read: JsonText) -> Answer:
    fields = read.fields
    for name, kind in LISTS.items():
        if isinstance(fields.get(name), list):
            return Answer(kind=kind, filled=any(fields.get(other) for other, same in LISTS.items() if same == kind), fields=fields)
    for name, value in fields.items():
        if isinstance(value, dict) and name.startswith("Time Series"):
            return Answer(kind="fx" if "FX" in name else "daily", filled=bool(value), fields=fields)
    data = fields.get("data")
    if isinstance(data, list):
        return Answer(kind="series" if "interval" in fields or "unit" in fields else "dividends", filled=bool(data), fields=fields)
    if "Symbol" in fields and ("MarketCapitalization" in fields or "AssetType" in fields):
        return Answer(kind="overview", filled=True, fields=fields)
    words = " ".join(as_text(fields[name]) for name in WORDS if fields.get(name)).lower()
    empty = isinstance(read.value, dict) and not fields
    return Answer(
        kind="nothing" if empty else None, words=words, fields=fields, problem=None if words or empty else "no data that is known"
    )


def classify(payload: Payload) -> Classification:
    """What the answer is; an object without any key is an unknown company, and ``EMPTY``."""
    answer = look(payload.body)
    if other_series(answer, payload) is not None:
        return Classification.SCHEMA
    if answer.kind is not None and (answer.filled or payload.status < 400):
        return Classification.OK if answer.filled else Classification.EMPTY
    if answer.words:
        return _of_words(answer.words)
    if payload.status == 429:
        return Classification.QUOTA
    refusal = by_status(payload.status)
    if refusal is not None:
        return refusal
    return Classification.RETRY if not payload.body.strip() else Classification.SCHEMA


def other_series(answer: Answer, payload: Payload) -> str | None:
    """What is wrong where an answer names another company, pair of currencies, series or interval than was asked for; None where it does not,
    or one of them is silent.
    """
    about = answer.fields.get("Meta Data")
    meta = {plain(name): told for name, told in about.items()} if isinstance(about, dict) else {}
    given, question = {**answer.fields, **meta}, _question(payload)
    for parameter, names in _NAMED.items():
        told = next((given[name] for name in names if isinstance(given.get(name), str) and given[name].strip()), None)
        asked = question.get(parameter, "").strip()
        if asked and told is not None and (other := other_than_asked([asked], [told.strip()])) is not None:
            return other
    if answer.kind == "series":
        return _other_name(answer.fields, question)
    return _other_companies(payload, question) if answer.kind == "calendar" else None


def _question(payload: Payload) -> Mapping[str, str]:
    """What was asked for: what the url says, or of a saved series the stream (``WTI:daily``)."""
    if payload.parameters:
        return payload.parameters
    said = dict(zip(("function", "interval", "maturity"), payload.stream.split(":"), strict=False))
    return said if said["function"] in SERIES and "interval" in said else {}


def _other_name(fields: Mapping[str, Any], question: Mapping[str, str]) -> str | None:
    name, unit = as_text(fields.get("name")).strip(), as_text(fields.get("unit")).strip()
    function, maturity = question.get("function", "").upper(), question.get("maturity", "")
    if is_called(name, unit, function=function, maturity=maturity):
        return None
    return in_words(" ".join(part for part in (function, maturity) if part), [", in ".join(part[:80] for part in (name, unit) if part)])


def _other_companies(payload: Payload, question: Mapping[str, str]) -> str | None:
    """The companies of a calendar that was asked for one: a table, that names its company in each row."""
    asked, table = question.get("symbol", "").strip(), read_delimited(payload.body).table
    if not asked or "symbol" not in table.columns:
        return None
    return beside_asked([asked], table["symbol"].str.strip_chars().unique(maintain_order=True))


def _of_words(words: str) -> Classification:
    """A limit of a minute or a second is over soon (``RETRY``), that of a day is the quota; a premium function is not for this key."""
    if any(mark in words for mark in ("per minute", "per second", "call frequency", "sparingly", "burst")):
        return Classification.RETRY
    if any(mark in words for mark in ("rate limit", "per day", "daily limit")):
        return Classification.QUOTA
    if any(mark in words for mark in ("apikey", "api key", "api-key", "premium", "entitlement")):
        return Classification.AUTH
    if any(mark in words for mark in ("no articles", "no data", "not found")):
        return Classification.EMPTY
    return Classification.BAD_REQUEST
