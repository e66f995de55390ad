"""Feedparser's two parsers, strict and for broken markup, without what no article needs, and with bounds on what they are given to do.

Feedparser reads every feed there is, but parts of it take the square of a text's length (addresses of authors, tags, declarations of a document
type, quotes that never close), and it works long on each tag. What is left out here (authors, categories, dates as tuples) no row has.
"""

from __future__ import annotations

import codecs
import io
import re
import xml.sax
from collections.abc import Mapping, Sequence
from typing import Any
from xml.parsers import expat
from xml.sax.handler import feature_external_ges, feature_namespaces

from feedparser.api import LooseFeedParser, StrictFeedParser
from feedparser.sanitizer import replace_doctype

MOST_TAGS = 20_000
"""A feed of 1,300 entries has fewer."""
MOST_REFERENCES = 200_000
MOST_BROKEN_TAGS = 8_000
"""Of a feed that is not well-formed, which is read twice, and slower: 500 entries have fewer."""
MOST_BROKEN_REFERENCES = 30_000
MOST_OPEN_QUOTES = 50
"""Tags whose quotes do not close before the tag does; the end of each is looked for in all that follows."""
LONGEST_TAG = 250_000
MOST_OPEN_DECLARATIONS = 10
"""Before the first element; the end of each is looked for in all that stands before it."""
LONGEST_ENTITY = 200
LONGEST_BASE = 1_000
MOST_ATTRIBUTES = 100
"""Of one tag; the strict parser looks up each among all."""
MOST_ATTRIBUTES_IN_ALL = 40_000
MOST_NAMESPACES = 100

_LONG_BLANK = re.compile(r"[ \t\r\n\f\v]{64,}")
_ELEMENT = re.compile(r"<\w", re.ASCII)
_DECLARATION = re.compile(r"^<\?xml[^>]*>")
_DECLARED = re.compile(rb"<\?[^\n>]{0,400}?encoding=['\"]([A-Za-z0-9._:-]{1,40})['\"]")
_LONG_TAG = re.compile(rf"<[^<>!][^<>]{{{LONGEST_TAG}}}")
_PLAIN_TAG = re.compile(r"""[^<>"']*+(?:(?:"[^"<>]*+"|'[^'<>]*+')[^<>"']*+)*+[<>]""")
_MARKS = (
    (codecs.BOM_UTF32_BE, "utf-32be", 4), (codecs.BOM_UTF32_LE, "utf-32le", 4), (codecs.BOM_UTF16_BE, "utf-16be", 2),
    (codecs.BOM_UTF16_LE, "utf-16le", 2), (codecs.BOM_UTF8, "utf-8", 3), (b"\x4c\x6f\xa7\x94", "cp037", 0), (b"\0<\0?", "utf-16be", 0),
    (b"<\0?\0", "utf-16le", 0), (b"\0\0\0<", "utf-32be", 0), (b"<\0\0\0", "utf-32le", 0),
)  # fmt: skip
"""How a text begins → its encoding, and how many bytes of that are not the text's."""
_WIDE = {"utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"}
_NO_CHARSETS = {"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined"}
"""Encodings of Python's that no server means; the first takes the square of the length."""


class TooMuch(ValueError):
    """More than any feed has of something."""


def text_of(body: bytes, charset: str = "") -> str:
    """The characters of a body: as the server says, else the body's own declaration, its first bytes, or what Western servers send."""
    mark, size = next(((name, size) for start, name, size in _MARKS if body.startswith(start)), ("", 0))
    body = body[size:]
    declared = _declared(body, mark)
    for name in (charset or declared or "utf-8", declared, mark, "utf-8", "windows-1252"):
        if name and _known(name):
            try:
                return body.decode("gb18030" if name.lower() == "gb2312" else name)
            except UnicodeError:
                continue
    return body.decode("iso-8859-2")


def _declared(body: bytes, mark: str) -> str:
    """The encoding that an XML declaration names; a mark of two or four bytes a character is more to be believed than its name."""
    head = body[:2000]
    found = _DECLARED.match(head.decode(mark, "ignore").encode("utf-8", "ignore") if mark else head)
    name = found.group(1).decode().lower() if found else ""
    return mark if mark and name and _known(name) and codecs.lookup(name).name in _WIDE else name


def _known(name: str) -> bool:
    try:
        return codecs.lookup(name).name.replace("-", "_") not in _NO_CHARSETS
    except LookupError:
        return False


def parse(text: str) -> tuple[str, Mapping[str, Any], Sequence[Any]]:
    """Version, fields and entries of a feed, as feedparser has them; TooMuch beyond the bounds, and whatever feedparser raises."""
    text = _LONG_BLANK.sub("\n", text)
    _bound(text.count("<"), MOST_TAGS, "tags")
    _bound(text.count("&"), MOST_REFERENCES, "references")
    first = _ELEMENT.search(text)
    head = text[: first.start()] if first else ""
    _bound(head.count("<!", head.rfind(">") + 1), MOST_OPEN_DECLARATIONS, "declarations that do not end")
    declaration = "<?xml version='1.0' encoding='utf-8'?>"
    text = _DECLARATION.sub(declaration, text, count=1) if _DECLARATION.match(text) else f"{declaration}\n{text}"
    version, data, entities = replace_doctype(text.encode())
    if _LONG_TAG.search(text):
        raise TooMuch(f"more than {LONGEST_TAG} characters in a tag")
    _bound(max(map(len, entities.values()), default=0), LONGEST_ENTITY, "characters in an entity")
    parser: Any
    if _well_formed(data):
        parser = Strict()
        reader = xml.sax.make_parser()
        reader.setFeature(feature_namespaces, True)
        reader.setFeature(feature_external_ges, False)
        reader.setContentHandler(parser)
        reader.setErrorHandler(parser)
        source = xml.sax.InputSource()
        source.setByteStream(io.BytesIO(data))
        reader.parse(source)
    else:
        text = data.decode("utf-8", "replace")
        _bound(text.count("<"), MOST_BROKEN_TAGS, "tags in markup that is not well-formed")
        _bound(text.count("&"), MOST_BROKEN_REFERENCES, "references in markup that is not well-formed")
        parser = Loose("", None, "utf-8", entities)
        parser.feed(text)
    return version or parser.version, parser.feeddata, parser.entries


def _well_formed(data: bytes) -> bool:
    """Whether expat, with the settings of the strict parser, comes to the end."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_UNLESS_STANDALONE)
    parser.ExternalEntityRefHandler = lambda *_: 1  # passed over
    try:
        parser.Parse(data, True)
    except expat.ExpatError:
        return False
    return True


def _bound(count: int, most: int, what: str) -> None:
    if count > most:
        raise TooMuch(f"more than {most} {what}")


class _Content(dict[str, Any]):
    """What is known of an element's content; feedparser's own dictionary looks each key up several times, and is copied deeply."""

    def __deepcopy__(self, memo: object) -> _Content:
        return _Content(self)


class _Lean:
    """What both parsers leave out; it stands before one of feedparser's, which has no types."""

    attributes = 0
    resolve_relative_uris = False
    sanitize_html = False

    def unknown_starttag(self: Any, tag: str, attrs: list[tuple[str, str]]) -> None:
        self._count(len(attrs))
        super().unknown_starttag(tag, attrs)  # type: ignore[misc] # feedparser's
        _bound(len(self.baseuri), LONGEST_BASE, "characters in a base address")

    def _count(self, attributes: int) -> None:
        self.attributes += attributes
        _bound(attributes, MOST_ATTRIBUTES, "attributes in a tag")
        _bound(self.attributes, MOST_ATTRIBUTES_IN_ALL, "attributes")

    def track_namespace(self: Any, prefix: str | None, uri: str) -> None:
        super().track_namespace(prefix, uri)  # type: ignore[misc] # feedparser's
        _bound(len(self.namespaces_in_use), MOST_NAMESPACES, "namespaces")

    def push_content(self: Any, tag: str, attrs_d: dict[str, Any], default_content_type: str, expecting_text: int) -> None:
        super().push_content(tag, attrs_d, default_content_type, expecting_text)  # type: ignore[misc] # feedparser's
        self.contentparams = _Content(self.contentparams)

    def _sync_author_detail(self, key: str = "author") -> None:
        """Looks for an address, in the square of the text's length."""

    def _add_tag(self: Any, term: str | None, scheme: str | None, label: str | None) -> None:
        """Compares with every tag before."""
        self._get_context().setdefault("tags", [])

    def _end_tags(self: Any) -> None:
        self.pop("tags")

    def _end_itunes_keywords(self: Any) -> None:
        self.pop("itunes_keywords")

    def _end_media_keywords(self: Any) -> None:
        self.pop("media_keywords")

    def _end_published(self: Any) -> None:
        self.pop("published")

    def _end_updated(self: Any) -> None:
        self.pop("updated")

    def _end_created(self: Any) -> None:
        self.pop("created")

    def _end_expirationdate(self: Any) -> None:
        self.pop("expired")

    _end_issued = _end_pubdate = _end_published
    _end_modified = _end_lastbuilddate = _end_updated


class Strict(_Lean, StrictFeedParser):  # type: ignore[misc] # feedparser has no types
    """For markup that is well-formed."""

    def __init__(self) -> None:
        super().__init__("", None, "utf-8")
        self.waiting: list[str] = []
        self.characters = self.waiting.append  # expat hands over line by line and reference by reference: they are put together

    def startElementNS(self, name: object, qname: object, attrs: Any) -> None:  # noqa: N802 - a handler of the standard library's
        _bound(len(attrs), MOST_ATTRIBUTES, "attributes in a tag")
        self._flush()
        super().startElementNS(name, qname, attrs)

    def endElementNS(self, name: object, qname: object) -> None:  # noqa: N802 - as above
        self._flush()
        super().endElementNS(name, qname)

    def _flush(self) -> None:
        if self.waiting:
            text = "".join(self.waiting)
            self.waiting.clear()
            super().characters(text)


class Loose(_Lean, LooseFeedParser):  # type: ignore[misc] # as above
    """For all other markup."""

    open_quotes = 0

    def parse_starttag(self, at: int) -> int:
        self._check(at)
        return int(super().parse_starttag(at))

    def parse_endtag(self, at: int) -> int:
        self._check(at)
        return int(super().parse_endtag(at))

    def _check(self, at: int) -> None:
        """The end of a tag is looked for beyond the next bracket only where a quote is open at it."""
        found = _PLAIN_TAG.match(self.rawdata, at + 1)
        self.open_quotes += found is None
        _bound(self.open_quotes, MOST_OPEN_QUOTES, "tags with an open quote")
