"""Footnotes under a table: whether the mark on a row's label leads to a note that makes its number another measure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crfs.sources.providers.edgar.html_text import Line
from crfs.sources.providers.edgar.releases.measures import says_other_measure

_LINES, _LONGEST = 25, 600
_MARK = r"[*†‡§#]+|\([a-z\d]{1,2}\)|\[[a-z\d]{1,2}\]|[¹²³⁴⁵⁶⁷⁸⁹]+"
_NOTE = re.compile(rf"^\s*(?P<mark>{_MARK})\s*\S")
_HIGH_DIGITS = str.maketrans("¹²³⁴⁵⁶⁷⁸⁹", "123456789", "()[]")


def other_measures(lines: Sequence[Line], stop: int) -> frozenset[str]:
    """The marks whose notes, in a table's lines and the ones after its ``stop``, say a measure outside of the accounting rules."""
    found: set[str] = set()
    for line in lines[: stop + _LINES]:
        if len(line.text) > _LONGEST or any(line.cells[2:]) or not says_other_measure(line.text):
            continue
        written = _NOTE.match(line.text)
        found |= line.marks if line.is_note else set()
        found |= {written["mark"].translate(_HIGH_DIGITS)} if written else set()
    return frozenset(found)


def is_marked(label: str, high: frozenset[str], marks: frozenset[str]) -> bool:
    """Whether a label bears one of the marks, in its text or set ``high``."""
    borne = high | {mark.translate(_HIGH_DIGITS) for mark in re.findall(_MARK, label)}
    return not marks.isdisjoint(borne)
