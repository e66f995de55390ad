"""The words over a table: its title lines, the paragraph that presents it, and the unit of its amounts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crfs.sources.providers.edgar.html_text import Line
from crfs.sources.providers.edgar.releases.units import names_unit, scale

_LINES, _LONGEST, _LONGEST_PARAGRAPH = 8, 200, 600
# A paragraph that ends over a table (on the outlook, say) is no title, unless it presents that table.
_PRESENTS = re.compile(
    r"\b(?:following|below|tables?|presents?|sets? forth|shows?|presented|summari[sz]es?|figures|amounts)\b", re.IGNORECASE
)
# A statement by the accounting rules has its own title: what stands over that presents something else.
_STATEMENT = re.compile(
    r"\bstatements? of (?:consolidated )?(?:income|operations|earnings|comprehensive|net income|profit)|\bincome statements?\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<!\bInc)(?<!\bCorp)(?<!\bCo)(?<!\bLtd)(?<!\bL\.P)(?<!\bN\.V)(?<!\bS\.A)\.\)?$", re.IGNORECASE)


def title_above(lines: Sequence[Line], start: int) -> tuple[str, float | None]:
    """The words over the table that begins at ``start``, up to the statement before it, whose unit is its own; and the nearest unit."""
    above: list[str] = []
    unit: float | None = None
    has_unit = is_titled = False
    for line in reversed(lines[max(0, start - _LINES) : start]):
        if line.table and any(re.fullmatch(r"[($\s-]*\d[\d,.]*[)%\s]*", cell) for cell in line.cells[1:]):
            break
        is_sentence = _SENTENCE_END.search(line.text) is not None
        if is_sentence and is_titled:
            break  # what stands over the statement's own title is about something else
        if len(line.text) < _LONGEST and not has_unit and names_unit(line.text):
            unit, has_unit = scale(line.text), True
        is_presenting = len(line.text) < _LONGEST_PARAGRAPH and _PRESENTS.search(line.text) is not None
        if is_presenting if is_sentence else len(line.text) < _LONGEST:
            above.insert(0, line.text)
            is_titled = is_titled or (not is_sentence and _STATEMENT.search(line.text) is not None)
    return " | ".join(above), unit
