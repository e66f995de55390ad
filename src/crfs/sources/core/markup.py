"""Text that may hold HTML → plain text: in one pass, whatever the text is."""

from __future__ import annotations

import html
import re

LONGEST = 20_000
"""Characters of a text that are looked at; a feed's summary is far shorter."""
# Nothing is given back once it is taken: a name without an end would be tried at each of its lengths.
_TAG = re.compile(r"<(!--)?+(/?+)([a-zA-Z][a-zA-Z0-9:]*+)?+[^<>]*+>")
_LONG_NUMBER = re.compile(r"&#[0-9]{100,}+;?")
"""A reference to no character, with more digits than Python may make a number of."""
_SILENT = {"script", "style", "template"}
_INLINE = {"a", "abbr", "b", "cite", "code", "em", "font", "i", "mark", "q", "s", "small", "span", "strong", "sub", "sup", "u", "wbr"}
_BLANKS = re.compile(r"\s+")


def plain_text(text: str, *, most: int = LONGEST) -> str:
    """The words of a text without tags, scripts and styles; references are resolved and blanks run together.

    A tag that ends a line or a paragraph parts words, one within a line does not. What only looks like a tag (``a < b``) stays.

    >>> plain_text("<p>Loans &amp; leases <b>fell</b>.<br>See &lt;H.8&gt;</p><script>x()</script>")
    'Loans & leases fell. See <H.8>'
    >>> plain_text("when a < b and c > d")
    'when a < b and c > d'
    """
    parts: list[str] = []
    at, silent = 0, ""
    for tag in _TAG.finditer(text[:most]):
        name = (tag.group(3) or "").lower()
        if not name and not tag.group(1):
            continue
        if not silent:
            parts.append(text[at : tag.start()])
            parts.append("" if name in _INLINE else " ")
            silent = name if name in _SILENT and not tag.group(2) else ""
        elif tag.group(2) and name == silent:
            silent = ""
        at = tag.end()
    if not silent:
        parts.append(text[at:most])
    words = html.unescape(_LONG_NUMBER.sub("\ufffd", "".join(parts))).encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")
    return _BLANKS.sub(" ", words).strip()
