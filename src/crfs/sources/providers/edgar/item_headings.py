"""Headings of items on the page of a current report: which lines head an item, and which items a report has."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crfs.sources.providers.edgar.html_text import Line

_ITEM = re.compile(r"^item\s+(\d{1,2}(?:\.\d{2})?)(?!\d)", re.IGNORECASE)
# "Item 1.03 of the report of May 1" and "Item 1.03 is incorporated" are sentences, and old forms list the items that do not apply.
_ITEM_IN_PROSE = re.compile(r"[\s.:]*(?:is|are|was|were|of|above|below|shall|does)\b")
_INAPPLICABLE = re.compile(r"(?:^|[\s.:;,(-])(?:not\s+applicable|inapplicable|none|n/?a)\W*$", re.IGNORECASE)
_SHORT = 25
"""Characters of a line that may say nothing but "Not applicable"."""


def item_headed(text: str) -> str | None:
    """The number of the item that a line heads; None for any other line.

    >>> item_headed("Item 2.02. Results of Operations"), item_headed("Item 2.02 is incorporated by reference.")
    ('2.02', None)
    """
    match = _ITEM.match(text)
    return None if match is None or _ITEM_IN_PROSE.match(text, match.end()) else match[1]


def items_of(read: Sequence[Line]) -> list[str]:
    """The numbers of the items that a report has: those that head a line and are not said to be inapplicable, there or on the next line."""
    found = []
    texts = [" ".join(cell for cell in line.cells if cell) for line in read]
    for place, text in enumerate(texts):
        match = _ITEM.match(text)
        if match is None or _ITEM_IN_PROSE.match(text, match.end()) or _INAPPLICABLE.search(text, match.end()):
            continue
        following = next((later for later in texts[place + 1 : place + 3] if later), "")
        if len(following) < _SHORT and _INAPPLICABLE.search(following) and not _ITEM.match(following):
            continue
        found.append(match[1])
    return found
