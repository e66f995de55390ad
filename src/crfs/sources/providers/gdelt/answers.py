"""What an answer of GDELT is, by its body: its errors come as plain text with status 200, its JSON with escapes that are none."""

from __future__ import annotations

import html
import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from crfs.sources.core.asked import in_words
from crfs.sources.core.contract import Classification, Payload, by_status
from crfs.sources.core.json_text import as_text, read_json


class Kind(Enum):
    """The bodies that GDELT sends."""

    ARTICLES = "articles"
    TIMELINE = "timeline"
    ARTICLE_TABLE = "article table"
    TIMELINE_TABLE = "timeline table"
    MENTIONS = "mentions"
    EVENTS = "events"
    NO_RESULT = "no result"
    BUSY = "busy"
    WORDS = "words"
    NOTHING = "nothing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A body that was looked into: its kind, JSON's fields, or the text of a table and its columns in the order of the file."""

    kind: Kind
    fields: Mapping[str, Any] = field(default_factory=dict)
    body: bytes = b""
    columns: tuple[str, ...] = ()
    has_header: bool = True
    words: str = ""


MOST_UNZIPPED = 128 * 1024 * 1024
MENTIONS = (
    "globaleventid", "eventtimedate", "mentiontimedate", "mentiontype", "mentionsourcename", "mentionidentifier", "sentenceid",
    "actor1charoffset", "actor2charoffset", "actioncharoffset", "inrawtext", "confidence", "mentiondoclen", "mentiondoctone",
    "mentiondoctranslationinfo", "extras",
)  # fmt: skip
"""The columns of a file of mentions, which has no header."""


def _event_columns(*, version: int) -> tuple[str, ...]:
    actor = (
        "code",
        "name",
        "countrycode",
        "knowngroupcode",
        "ethniccode",
        "religion1code",
        "religion2code",
        "type1code",
        "type2code",
        "type3code",
    )
    place = ("type", "fullname", "countrycode", "adm1code", *(("adm2code",) if version == 2 else ()), "lat", "long", "featureid")
    return (
        "globaleventid", "sqldate", "monthyear", "year", "fractiondate",
        *(f"actor1{name}" for name in actor), *(f"actor2{name}" for name in actor),
        "isrootevent", "eventcode", "eventbasecode", "eventrootcode", "quadclass", "goldsteinscale", "nummentions", "numsources",
        "numarticles", "avgtone",
        *(f"{who}geo_{name}" for who in ("actor1", "actor2", "action") for name in place),
        "dateadded", "sourceurl",
    )  # fmt: skip


EVENTS = {len(columns): columns for version in (1, 2) for columns in [_event_columns(version=version)]}
"""The columns of a file of events by their number: 61 in version 2; 58 in version 1, and 57 before April 2013 (without the address)."""
EVENTS[57] = EVENTS[58][:-1]
_ESCAPE = re.compile(
    rb'\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|["\\/bfnrt])'
    rb"|\\(?P<mark>[!#-.:-@\[\]^_`{|}~])|\\|[\x00-\x1f]"
)
_LONE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}$")


def look(payload: Payload) -> Answer:
    """Look into a body: never raises, whatever the bytes are."""
    body = payload.body
    if body.startswith(b"PK\x03\x04"):
        unzipped = _unzipped(body)
        if unzipped is None:
            return Answer(kind=Kind.UNKNOWN, words="a ZIP file that cannot be read, or that holds far more than a day")
        body = unzipped
    body = body.removeprefix(b"\xef\xbb\xbf")
    start = body[:400].lstrip()
    if not start:
        return Answer(kind=Kind.NOTHING)
    if start[:1] in (b"{", b"["):
        return _json(body)
    if start.startswith(b"<"):
        return Answer(kind=Kind.UNKNOWN, words="an HTML page")
    low = start.lower()
    if b"please limit requests" in low or b"rate limit" in low or b"too many requests" in low:
        return Answer(kind=Kind.BUSY, words=_text(start))
    return _table(body) or Answer(kind=Kind.WORDS if _is_sentence(start) else Kind.UNKNOWN, words=_text(start))


def classify(payload: Payload) -> Classification:
    """The classification of an answer; plain words with status 200 are a refusal of the question."""
    answer = look(payload)
    refusal = by_status(payload.status)
    if refusal is not None and answer.kind is not Kind.BUSY:
        return refusal
    match answer.kind:
        case Kind.NO_RESULT:
            return Classification.EMPTY
        case Kind.NOTHING | Kind.BUSY:
            return Classification.RETRY
        case Kind.WORDS:
            return Classification.BAD_REQUEST
        case Kind.UNKNOWN:
            return Classification.SCHEMA
        case _:
            return Classification.OK if other_search(answer, payload) is None else Classification.SCHEMA


_OPERATOR = re.compile(r"[a-z0-9]+:[^\s()]+")
_WORD = re.compile(r"\w+")


def other_search(answer: Answer, payload: Payload) -> str | None:
    """What is wrong where a timeline is called like another search than its url asks for; None where it is not, or has no title.

    A title is the query as it was asked; that it leaves out operators like ``sourcelang:eng`` is no other search, one of its own is.
    """
    details, asked = answer.fields.get("query_details"), payload.parameters.get("query", "")
    title = html.unescape(as_text(details.get("title"))) if isinstance(details, dict) else ""
    if not asked.strip() or not title.strip():
        return None
    (words, operators), (told, beside) = _parts(asked), _parts(title)
    is_asked = all(any(one.startswith(other) or other.startswith(one) for one in operators) for other in beside)
    return None if words == told and is_asked else in_words(asked[:200], [title[:200]])


def _parts(search: str) -> tuple[set[str], set[str]]:
    """The words of a search, and its operators."""
    low = search.lower()
    return set(_WORD.findall(_OPERATOR.sub(" ", low))), set(_OPERATOR.findall(low))


def repaired(body: bytes) -> bytes:
    """JSON whose strings hold escapes that are none, halves of surrogate pairs, control characters, or bytes that are not UTF-8.

    A backslash before a mark that needs none (it's, 5%) goes, since it was to escape the mark; before a letter, a digit or a blank it is taken
    for itself. What is an escape stays as it is.

    >>> repaired(rb'{"title": "it\\'s 5\\% of C:\\Users \\\\ \\u00e9"}')
    b'{"title": "it\\'s 5% of C:\\\\\\\\Users \\\\\\\\ \\\\u00e9"}'
    """

    def mended(found: re.Match[bytes]) -> bytes:
        shown = found.group()
        if shown == b"\\":
            return b"\\\\"
        if found["mark"] is not None:
            return found["mark"]
        if shown[:1] != b"\\":
            return b" "
        return b"\\ufffd" if len(shown) == 6 and _LONE.match(shown) else shown

    return _ESCAPE.sub(mended, body.decode("utf-8", "replace").encode())


def _json(body: bytes) -> Answer:
    read = read_json(body)
    if read.problem is not None:
        read = read_json(repaired(body))
    if read.problem is not None:
        return Answer(kind=Kind.UNKNOWN, words=read.problem)
    fields = read.fields
    if not isinstance(read.value, dict):
        return Answer(kind=Kind.UNKNOWN, words="JSON that is no object")
    for key, kind in (("articles", Kind.ARTICLES), ("timeline", Kind.TIMELINE)):
        if isinstance(fields.get(key), list):
            return Answer(kind=kind if fields[key] else Kind.NO_RESULT, fields=fields)
    if not fields:
        return Answer(kind=Kind.NO_RESULT)
    return Answer(kind=Kind.UNKNOWN, words=f"an object with {', '.join(sorted(map(str, fields))[:8])}"[:300])


def _table(body: bytes) -> Answer | None:
    """A table by its header, or a file of events or mentions by the number of its columns."""
    line = body.split(b"\n", 1)[0].rstrip(b"\r")[:20_000].decode("utf-8", "replace")
    cells = line.split("\t")
    if len(cells) in (*EVENTS, len(MENTIONS)) and cells[0].strip().isdecimal():
        columns = MENTIONS if len(cells) == len(MENTIONS) else EVENTS[len(cells)]
        return Answer(kind=Kind.MENTIONS if columns is MENTIONS else Kind.EVENTS, body=body, columns=columns, has_header=False)
    names = {cell.strip().strip('"').lower() for cell in (cells if len(cells) > 1 else line.split(","))}
    kinds = {
        Kind.MENTIONS: {"mentiontimedate", "mentionidentifier"},
        Kind.EVENTS: {"globaleventid", "sqldate"},
        Kind.TIMELINE_TABLE: {"date", "series", "value"},
    }
    kind = next((kind for kind, wanted in kinds.items() if wanted <= names), None)
    if kind is None and "url" in names and names & {"seendate", "date"}:
        kind = Kind.ARTICLE_TABLE
    return Answer(kind=kind, body=body, columns=("\t",) if len(cells) > 1 else (",",)) if kind is not None else None


def _unzipped(body: bytes) -> bytes | None:
    """The one file in a ZIP; None where it cannot be read or is far larger than any day's."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            (member,) = archive.infolist()
            with archive.open(member) as file:
                data = file.read(MOST_UNZIPPED + 1)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError, LookupError):
        return None
    return data if len(data) <= MOST_UNZIPPED else None


def _is_sentence(start: bytes) -> bool:
    """Whether a body reads like GDELT's own words ("Your query was too short or too long.")."""
    line = start.split(b"\n", 1)[0].strip()
    return b" " in line and line[:1].isalpha() and all(32 <= byte < 127 for byte in line)


def _text(start: bytes) -> str:
    return " ".join(start.decode("utf-8", "replace").split())[:300]
