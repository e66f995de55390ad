"""Footnotes under a table: whether the mark on a row's label leads to a note that makes its number another measure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crfs.sources.providers.edgar.html_text import Line
from crfs.sources.providers.edgar.releases.measures import OTHER_MEASURE

_LINES = 25
_NOTE = re.compile(r"^\s*(?P<mark>[*†‡§#]+|\([a-z\d]{1,2}\)|\[[a-z\d]{1,2}\]|[¹²³⁴⁵⁶⁷⁸⁹]+)\s*(?P<text>\S.{0,600})")
_MARKS = re.compile(r"[*†‡§#]+|\([a-z\d]{1,2}\)|\[[a-z\d]{1,2}\]|[¹²³⁴⁵⁶⁷⁸⁹]+")


def other_measures(lines: Sequence[Line], stop: int) -> frozenset[str]:
    """The marks whose notes, in a table's lines and the ones after its ``stop``, say a measure outside of the accounting rules."""
    found = (_NOTE.match(line.text) for line in lines[: stop + _LINES] if not line.table or len(line.cells) <= 2 or not any(line.cells[2:]))
    return frozenset(note["mark"] for note in found if note is not None and OTHER_MEASURE.search(note["text"]))


def is_marked(label: str, marks: frozenset[str]) -> bool:
    """Whether a label bears one of the marks."""
    return bool(marks) and not marks.isdisjoint(_MARKS.findall(label))
