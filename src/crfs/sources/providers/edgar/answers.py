"""What an answer of EDGAR is: which kind of document, or which refusal, by its body before its status."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from crfs.sources.core.asked import other_than_asked
from crfs.sources.core.contract import Classification, Payload, by_status
from crfs.sources.core.json_text import read_json


class Kind(Enum):
    """The documents that EDGAR sends."""

    COMPANY_FACTS = "company facts"
    SUBMISSIONS = "submissions"
    SUBMISSIONS_PAGE = "submissions page"
    TICKERS = "tickers"
    FEED = "feed"
    SUBMISSION = "full submission"
    OWNERSHIP = "ownership form"
    REPORT = "current report"
    RELEASE = "earnings release"
    ABSENT = "absent"
    UNDECLARED = "undeclared tool"
    TOO_FAST = "too fast"
    BUSY = "busy"
    NOTHING = "nothing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A body that was looked into: its kind, the JSON value where it is JSON, and the words that say what is wrong."""

    kind: Kind
    fields: Mapping[str, Any] = field(default_factory=dict)
    words: str = ""


_CIK = re.compile(r"CIK(\d{10})(?!\d)")
_ARCHIVE = re.compile(r"/edgar/data/(\d{1,10})/(?:(\d{18})/|(\d{10}-\d{2}-\d{6}))?")
_ACCESSION = re.compile(r"(?<!\d)(\d{10}-\d{2}-\d{6})(?!\d)")
_EXHIBIT_99 = re.compile(rb"<type>\s*ex-99|exhibit\s+99", re.IGNORECASE)
_FORM_8K = re.compile(
    rb"<type>\s*8-k|form(?:\s|&nbsp;|&#160;|&#xa0;|<[^>]{0,200}>){1,12}8\s*-\s*k|name=\"dei:documenttype\"[^>]{0,300}>\s*8-k", re.IGNORECASE
)
_HEAD = 60_000
_COLUMNS = ("accessionNumber", "filingDate", "form")


def look(payload: Payload) -> Answer:
    """Look into a body: never raises, whatever the bytes are."""
    body = payload.body
    start = body[:2000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start and not body.strip():
        return Answer(kind=Kind.NOTHING, words="an empty body")
    if start[:1] in (b"{", b"["):
        return _json(body)
    return _marked(body, start.lower())


def cik_of(payload: Payload) -> str | None:
    """The issuer that the payload's url or stream names, as ``CIK0000320193``."""
    for text in (payload.url, payload.stream):
        found = _CIK.search(text)
        if found:
            return f"CIK{found.group(1)}"
        found = _ARCHIVE.search(text)
        if found:
            return f"CIK{int(found.group(1)):010d}"
    return None


def other_issuer(answer: Answer, payload: Payload) -> str | None:
    """What is wrong where facts or a list of filings are another issuer's than the one asked for; None where they are not."""
    told = entity(answer.fields.get("cik")) if answer.kind in (Kind.COMPANY_FACTS, Kind.SUBMISSIONS) else None
    asked = cik_of(payload)
    return other_than_asked([asked], [told]) if asked is not None and told is not None else None


def accession_of(payload: Payload) -> str | None:
    """The accession number that the payload's url or stream names."""
    for text in (payload.url, payload.stream):
        found = _ARCHIVE.search(text)
        if found and found.group(2):
            digits = found.group(2)
            return f"{digits[:10]}-{digits[10:12]}-{digits[12:]}"
        named = _ACCESSION.search(text)
        if named:
            return named.group(1)
    return None


def entity(cik: object) -> str | None:
    """The entity of a central index key, which EDGAR writes as a number or as text with or without leading zeros; None for no key.

    >>> entity(320193), entity("0000320193"), entity("Apple")
    ('CIK0000320193', 'CIK0000320193', None)
    """
    text = str(cik).strip() if isinstance(cik, int | str) and not isinstance(cik, bool) else ""
    return f"CIK{int(text):010d}" if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) else None


def classify(payload: Payload) -> Classification:
    """The classification of an EDGAR answer.

    What is not there answers 404 or 403 with S3's XML and is EMPTY, and so is 304 (nothing newer). 403 with the page "Undeclared Automated
    Tool" is AUTH: the SEC wants a contact in the user agent. "Request Rate Threshold Exceeded" is QUOTA: it holds for ten minutes, and
    asking again at once prolongs it.
    """
    if payload.status == 304:
        return Classification.EMPTY
    answer = look(payload)
    match answer.kind:
        case Kind.TOO_FAST:
            return Classification.QUOTA
        case Kind.UNDECLARED:
            return Classification.AUTH
        case Kind.ABSENT:
            return Classification.EMPTY
        case Kind.BUSY:
            return Classification.RETRY
    if payload.status == 429:
        return Classification.QUOTA
    if payload.status == 404:
        return Classification.EMPTY
    refusal = by_status(payload.status)
    if refusal is not None:
        return refusal
    if answer.kind is Kind.NOTHING:
        return Classification.RETRY
    if answer.kind is Kind.UNKNOWN or other_issuer(answer, payload) is not None:
        return Classification.SCHEMA
    return _has_rows(answer, payload)


def _has_rows(answer: Answer, payload: Payload) -> Classification:
    fields = answer.fields
    match answer.kind:
        case Kind.COMPANY_FACTS:
            return Classification.OK if fields["facts"] else Classification.EMPTY
        case Kind.SUBMISSIONS_PAGE:
            return Classification.OK if fields["accessionNumber"] else Classification.EMPTY
        case Kind.TICKERS:
            return Classification.OK if fields else Classification.EMPTY
        case Kind.FEED:
            return Classification.OK if b"<entry" in payload.body else Classification.EMPTY
    return Classification.OK


def _json(body: bytes) -> Answer:
    read = read_json(body)
    if read.problem is not None:
        return Answer(kind=Kind.UNKNOWN, words=read.problem)
    fields = read.fields
    if isinstance(fields.get("facts"), dict) and "cik" in fields:
        return Answer(kind=Kind.COMPANY_FACTS, fields=fields)
    filings = fields.get("filings")
    if isinstance(filings, dict) and isinstance(filings.get("recent"), dict):
        return Answer(kind=Kind.SUBMISSIONS, fields=fields)
    if all(isinstance(fields.get(name), list) for name in _COLUMNS):
        return Answer(kind=Kind.SUBMISSIONS_PAGE, fields=fields)
    first = next(iter(fields.values()), None)
    if isinstance(first, dict) and {"cik_str", "ticker", "title"} <= first.keys():
        return Answer(kind=Kind.TICKERS, fields=fields)
    return Answer(kind=Kind.UNKNOWN, words="JSON of a shape that EDGAR is not known to send")


def _marked(body: bytes, start: bytes) -> Answer:
    """XML, SGML and HTML, told apart by what they hold."""
    head = body[:_HEAD]
    low = head.lower()
    if b"undeclared automated tool" in low:
        return Answer(kind=Kind.UNDECLARED, words="the SEC asks automated tools to declare a contact")
    if b"request rate threshold exceeded" in low:
        return Answer(kind=Kind.TOO_FAST, words="more than ten requests in a second")
    if b"<error>" in start and (b"<code>nosuchkey</code>" in start or b"<code>accessdenied</code>" in start):
        return Answer(kind=Kind.ABSENT, words="there is no such document")
    if b"<error>" in start and (b"<code>slowdown</code>" in start or b"<code>internalerror</code>" in start):
        return Answer(kind=Kind.BUSY, words="the storage is busy")
    if b"<sec-document>" in start or b"<sec-header>" in start or b"<ims-document>" in start or b"<ims-header>" in start:
        return Answer(kind=Kind.SUBMISSION)
    if b"<ownershipdocument" in low:
        return Answer(kind=Kind.OWNERSHIP)
    if start.startswith(b"<") and b"<feed" in start:
        return Answer(kind=Kind.FEED)
    if b"<" in start:
        if _EXHIBIT_99.search(head):
            # An 8-K names its exhibits only at its end; an exhibit says what it is in its first lines.
            report = _FORM_8K.search(head)
            exhibit = _EXHIBIT_99.search(head)
            if report is None or (exhibit is not None and exhibit.start() < report.start()):
                return Answer(kind=Kind.RELEASE)
        if _FORM_8K.search(head):
            return Answer(kind=Kind.REPORT)
        return Answer(kind=Kind.UNKNOWN, words="an HTML page that is no filing")
    return Answer(kind=Kind.UNKNOWN, words=f"no document of EDGAR: {body[:80].decode('utf-8', 'replace')}")
