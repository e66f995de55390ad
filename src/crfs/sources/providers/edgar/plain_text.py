"""Documents of filings that are plain text, as most were before 2001: a paragraph is a line, and what is laid out as a table is none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from crfs.sources.providers.edgar.html_text import MOST_LINES, Line, cleaned

_HTML = re.compile(rb"<(?:html|body|p|div|br|td|font)\b", re.IGNORECASE)
_HEAD, _MOST_BYTES = 100_000, 2_000_000
_TABLE = re.compile(r"<(/?)table>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][a-z0-9-]{0,20}>", re.IGNORECASE)
_PARAGRAPH = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")
# Columns stand apart by blanks or dots, and are ruled by dashes.
_ROW = re.compile(r"[^\s.!?:][^\S\n]{3,}\S|\.{4}|[-=_]{4}")


def prose_lines(body: bytes, read: Sequence[Line]) -> Sequence[Line]:
    """The lines in which the prose of a document is: those that were ``read`` of it as a page, else its paragraphs."""
    return read if _HTML.search(body, 0, _HEAD) else paragraphs(body)


def paragraphs(body: bytes) -> list[Line]:
    """The paragraphs of a plain text.

    >>> [line.text for line in paragraphs(b"Sales rose\\nby a tenth.\\n\\n<TABLE>\\nSales   100\\n</TABLE>\\nSales ..... 100\\n\\nProfit fell.")]
    ['Sales rose by a tenth.', 'Profit fell.']
    """
    parts = _TABLE.split(
        body[:_MOST_BYTES].decode("utf-8", "replace").replace("\x00", " ").replace("\r", "\n" if b"\n" not in body else "")
    )
    outside = [parts[0], *(text for closing, text in zip(parts[1::2], parts[2::2], strict=True) if closing)]
    found = (text for part in outside for text in _PARAGRAPH.split(_TAG.sub("\n\n", part)) if not _ROW.search(text.strip()))
    return list(islice((Line((text,)) for text in (cleaned([text]) for text in found) if text), MOST_LINES))
