"""Texts of monetary policy: a page, a cleaned text or a list of sentences → what it is, of which day, and its plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from html import unescape
from typing import TYPE_CHECKING

from crfs.sources.core.contract import Payload, RejectReason
from crfs.sources.core.tables import Rejection
from crfs.sources.core.text import read_delimited

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

STATEMENT, NOTE, MINUTES, CONFERENCE = "fomc_statement", "fomc_implementation_note", "fomc_minutes", "fomc_press_conference"
ANNOUNCEMENT = "fomc_announcement"
"""What is published like a statement and decides nothing on the policy rate: a facility, swap lines, principles."""

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")
_DAY = re.compile(rf"\b({'|'.join(_MONTHS)}) (\d{{1,2}}), (\d{{4}})\b", re.I)
_NAMED_DAY = re.compile(r"(?<!\d)((?:19|20)\d{2})[-_/]?(\d{2})[-_/]?(\d{2})(?!\d)")
_SAID_DAY = re.compile(
    rf"(?:statement on|implementation note issued|release date:|for immediate release:?)\s+((?:{'|'.join(_MONTHS)}) \d{{1,2}}, \d{{4}})",
    re.I,
)
_MEETING_DAYS = re.compile(
    rf"minutes of the federal open market committee,?\s+(?P<month>{'|'.join(_MONTHS)}) \d{{1,2}}"
    rf"(?:\s?[-–—]\s?(?:(?P<other>{'|'.join(_MONTHS)}) )?(?P<last>\d{{1,2}}))?, (?P<year>\d{{4}})",
    re.I,
)
_HOUR = re.compile(r"for (?:immediate )?release at (\d{1,2})(?::(\d{2}))? ?([ap])\.?m", re.I)
_NOTE = re.compile(r"made the following decisions to implement the\s+monetary\s+policy\s+stance", re.I)
_MINUTES = re.compile(
    r"\bmeeting of the Federal Open Market Committee\s+(?:and the Board of Governors\s+)?was\s+held\b|^minutes of the federal open market",
    re.I,
)
_POLICY = re.compile(r"Federal\s+(?:Open\s+Market\s+Committee|Reserve)|federal\s+funds\s+rate", re.I)
_LINK = re.compile(r"\[([^\[\]]{1,300})\]\((?:https?:)?[^()\s]{0,500}\)")
_BOILERPLATE = re.compile(
    r"^(?:for media inquiries|last update|implementation note issued|share$|release date:|for immediate release|for release at|"
    r"\d{4} monetary policy|home \||accessibility|to comment on this site)",
    re.I,
)
_LINKS = {
    # The letter after the day is not always an a: the statement of 2008-01-22 is b.
    STATEMENT: re.compile(
        r"/(?:newsevents/press(?:releases)?|boarddocs/press)/(?:general/|monetary/?)(?:\d{4}/)?(\d{8})(?:[a-z]?\.htm|/)", re.I
    ),
    NOTE: re.compile(r"/newsevents/press(?:releases)?/monetary/?(\d{8})a1\.htm", re.I),
    MINUTES: re.compile(r"/(?:monetarypolicy/fomcminutes|fomc/minutes/)(\d{8})\.htm", re.I),
}
_BLOCK_TAG = re.compile(r"</?(?:p|div|li|[uo]l|h[1-6]|t[rdh]|table|section|article|blockquote|hr|title)\b[^<>]*>", re.I)
_BREAKS = re.compile(r"<br\b[^<>]*>\s*<br\b[^<>]*>", re.I)
_TAG = re.compile(r"<[^<>]*>")
_COMMENT = re.compile(r"<!--.*?-->", re.S)
_MOST_LINKS_OF_A_TEXT = 3
_NESTED = re.compile(
    r"<(/?)(?:address|article|aside|blockquote|center|details|dialog|dir|div|dl|fieldset|figure|footer|form|header|hgroup|main|menu|nav|[uo]l"
    r"|pre|section|summary|button|table|d[dt])\b",
    re.I,
)
_MOST_DEPTH = 400
_MOST_SENTENCES = 50_000
_MOST_BYTES = 8_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyText:
    """One text: its ``kind``, the ``day`` that it is of (a statement's, a meeting's last), and its words, a paragraph a block.

    ``hour`` is the local time in New York at which the page says it was released, ``title`` the page's.
    """

    kind: str
    day: date
    text: str
    title: str | None = None
    hour: time | None = None
    rejected: tuple[Rejection, ...] = ()

    @property
    def words(self) -> int:
        """How many words the text has."""
        return len(self.text.split())


Problem = tuple[RejectReason, str]


def is_html(body: bytes) -> bool:
    """Whether a body begins as a page."""
    start = body[:2000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<div", b"<!--")) or (
        start.startswith(b"<?xml") and b"<html" in start
    )


def is_sentences(body: bytes) -> bool:
    """Whether a body is a table with a column of sentences."""
    line = body[:2000].decode("utf-8-sig", errors="replace").partition("\n")[0]
    return "sentence" in [name.strip().strip('"').lower() for name in line.split(",")]


def is_policy(body: bytes) -> bool:
    """Whether a body speaks of the Committee or the Federal Reserve."""
    return _POLICY.search(body[:400_000].decode("utf-8", errors="replace")) is not None


def links(body: bytes, kind: str) -> dict[date, str]:
    """Paths of texts of a ``kind`` on a page (the Committee's calendar, a year of its history), by day; the first of a day counts."""
    found: dict[date, str] = {}
    decoded = _decoded(body, "")
    tree = _tree(decoded) if decoded is not None else None
    for node in tree.css("a[href]") if tree is not None else []:
        target = node.attributes.get("href") or ""
        match = _LINKS[kind].search(target)
        day = _date(match[1][:4], match[1][4:6], match[1][6:]) if match else None
        if match is not None and day is not None:
            # Without scheme and host: old pages say http.
            found.setdefault(day, target[match.start() :].partition("?")[0].partition("#")[0])
    return found


def is_index(body: bytes) -> bool:
    """Whether a page lists statements rather than being one."""
    mentioned = {found[1] for found in _LINKS[STATEMENT].finditer(body.decode("latin-1"))}
    return len(mentioned) > _MOST_LINKS_OF_A_TEXT and len(links(body, STATEMENT)) > _MOST_LINKS_OF_A_TEXT


def read_text(payload: Payload) -> PolicyText | Problem:
    """The text that a payload is, or why it is none; never raises."""
    if len(payload.body) > _MOST_BYTES:
        return RejectReason.UNEXPECTED_SHAPE, f"a text of more than {_MOST_BYTES} bytes"
    if is_sentences(payload.body):
        return _sentences(payload)
    text = _decoded(payload.body, payload.headers.get("content-type", ""))
    if text is None:
        return RejectReason.BROKEN_ENCODING, "the text is neither UTF-8 nor in the encoding that it declares"
    return _page(text, payload) if is_html(payload.body) else _plain(text, payload)


def _page(html: str, payload: Payload) -> PolicyText | Problem:
    tree = _tree(html)
    if tree is None:
        return RejectReason.UNEXPECTED_SHAPE, f"a page of more than {_MOST_DEPTH} levels"
    for node in tree.css("script, style, nav, header, footer, noscript, form"):
        node.decompose()
    article = tree.css_first("#article") or tree.css_first("#leftText") or tree.css_first("#content") or tree.body
    if article is None:
        return RejectReason.UNEXPECTED_SHAPE, "a page without a body"
    title = _title(tree, article)
    blocks = _blocks(article)
    shown = " ".join(blocks)
    text = "\n\n".join(block for block in blocks if block != title and not _BOILERPLATE.match(block) and not _DAY.fullmatch(block))
    if not _POLICY.search(text):
        return RejectReason.UNEXPECTED_SHAPE, "an HTML page that is no text of monetary policy"
    kind = _kind(payload, f"{title or ''}\n\n{text}")
    released = article.css_first(".article__time")
    head = shown[:1500]
    day = (
        (_meeting_day(f"{title or ''} {shown[:3000]}") if kind == MINUTES else None)
        or _first_day(released.text() if released is not None else "")
        or _said_day(head)
        or _named_day(payload)
    )
    if day is None:
        return RejectReason.MISSING_FIELD, "neither the page nor its address says of which day it is"
    return PolicyText(kind=kind, day=day, text=text, title=title, hour=_hour(head) if kind != MINUTES else None)


def _plain(text: str, payload: Payload) -> PolicyText | Problem:
    paragraphs = (" ".join(_LINK.sub(r"\1", block).split()) for block in re.split(r"\n[ \t\r]*\n", text.replace("\r\n", "\n")))
    kept = [paragraph for paragraph in paragraphs if paragraph]
    whole = "\n\n".join(kept)
    if not _POLICY.search(whole):
        return RejectReason.UNEXPECTED_SHAPE, "neither a table of the Federal Reserve nor a text of monetary policy"
    kind = _kind(payload, whole)
    day = (_said_day(whole) if kind == NOTE else None) or _named_day(payload) or _said_day(whole)
    if day is None:
        return RejectReason.MISSING_FIELD, "neither the name (YYYYMMDD) nor the text says of which day it is"
    body = "\n\n".join(paragraph for paragraph in kept if not _BOILERPLATE.match(paragraph))
    if not body:
        return RejectReason.UNEXPECTED_SHAPE, "the text is nothing but what stands around every release"
    return PolicyText(kind=kind, day=day, text=body, hour=_hour(whole[:1500]) if kind != MINUTES else None)


def _sentences(payload: Payload) -> PolicyText | Problem:
    if payload.body.count(b"\n") > _MOST_SENTENCES:
        return RejectReason.UNEXPECTED_SHAPE, f"more than {_MOST_SENTENCES} lines of sentences"
    table = read_delimited(payload.body)
    if table.problem is not None:
        return table.problem
    column = next((name for name in table.header if name.lower() == "sentence"), None)
    if column is None:
        return RejectReason.MISSING_FIELD, "no column is called sentence"
    text = "\n".join(" ".join(sentence.split()) for sentence in table.table[column] if sentence.strip())
    kind, day = _named_kind(payload), _named_day(payload)
    if not text:
        return RejectReason.UNEXPECTED_SHAPE, "no sentence at all"
    if kind is None or day is None:
        return RejectReason.MISSING_FIELD, "sentences do not say what they are of: the name says minutes or presconf, and YYYYMMDD"
    return PolicyText(kind=kind, day=day, text=text, rejected=table.rejected)


def _kind(payload: Payload, text: str) -> str:
    """What the text is: its own words decide, then its name."""
    head = text[:3000]
    if _NOTE.search(head):
        return NOTE
    if _MINUTES.search(head):
        return MINUTES
    return _named_kind(payload) or STATEMENT


def _named_kind(payload: Payload) -> str | None:
    for name in _names(payload):
        low = name.lower()
        for kind, words in (
            (NOTE, ("implementation", "a1.htm")),
            (MINUTES, ("minutes",)),
            (CONFERENCE, ("presconf", "press_conference", "press-conference")),
            (STATEMENT, ("statement", "monetary2", "monetary1")),
        ):
            if any(word in low for word in words):
                return kind
    return None


def _names(payload: Payload) -> Iterator[str]:
    """The names that a payload goes by: its address without the host, and its stream (a saved file's name)."""
    yield payload.url.partition("?")[0].partition("#")[0].removeprefix("https://www.federalreserve.gov")
    yield payload.stream


def _named_day(payload: Payload) -> date | None:
    days = (_date(*found.groups()) for name in _names(payload) for found in _NAMED_DAY.finditer(name))
    return next((day for day in days if day is not None), None)


def _said_day(text: str) -> date | None:
    found = _SAID_DAY.search(" ".join(text.split()))
    return _first_day(found[1]) if found else None


def _first_day(text: str) -> date | None:
    found = _DAY.search(text)
    return _date(found[3], str(_MONTHS.index(found[1].lower()) + 1), found[2]) if found else None


def _meeting_day(text: str) -> date | None:
    """The last day of the meeting that minutes name."""
    found = _MEETING_DAYS.search(text)
    if found is None:
        return None
    month = found["other"] or found["month"]
    last = found["last"] or re.findall(r"\d{1,2}", found.group())[0]
    return _date(found["year"], str(_MONTHS.index(month.lower()) + 1), last)


def _date(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _hour(text: str) -> time | None:
    """The local time of "For release at 2:00 p.m. EST"."""
    found = _HOUR.search(text)
    if found is None:
        return None
    hour, minute = int(found[1]), int(found[2] or 0)
    return time(hour % 12 + (12 if found[3].lower() == "p" else 0), minute) if 1 <= hour <= 12 and minute < 60 else None


def _title(tree: LexborHTMLParser, article: LexborNode) -> str | None:
    for node in (article.css_first("h3.title"), article.css_first("h1, h2, h3"), tree.css_first("title")):
        text = " ".join(node.text(separator=" ").split()) if node is not None else ""
        if text:
            return text.removeprefix("The Fed - ").removeprefix("FRB: ").removeprefix("Federal Reserve Board - ")[:300]
    return None


def _blocks(article: LexborNode) -> list[str]:
    """The page's words, a paragraph, heading or list item a block; tags within a block say nothing."""
    markup = _BREAKS.sub("\n", _BLOCK_TAG.sub("\n", _COMMENT.sub("", article.html or "")))
    lines = unescape(_TAG.sub("", markup.replace("<br>", " "))).split("\n")
    return [block for line in lines if (block := " ".join(line.split()))]


def _tree(html: str) -> LexborHTMLParser | None:
    """The page's tree; None for one nested deeper than any page is, which a parser would take minutes for."""
    from selectolax.lexbor import LexborHTMLParser

    depth = 0
    for found in _NESTED.finditer(html):
        depth = max(0, depth + (-1 if found[1] else 1))
        if depth > _MOST_DEPTH:
            return None
    return LexborHTMLParser(html)


def _decoded(body: bytes, content_type: str) -> str | None:
    """The body's text: UTF-8, else the encoding that it declares (old pages are in Windows-1252)."""
    try:
        return body.decode("utf-8-sig").replace("\x00", "�")
    except UnicodeDecodeError:
        declared = body[:2000].decode("ascii", errors="replace") + content_type
        if re.search(r"charset=[\"']?(?:iso-8859-1|windows-1252|latin-?1)", declared, re.I):
            return body.decode("cp1252", errors="replace").replace("\x00", "�")
        return None
