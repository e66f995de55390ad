"""Lexicons that ship with crfs: terms with a class and a valence, read from a table whose head says origin and licence."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from crfs.errors import InvalidInput
from crfs.features.sentiment.tokens import tokens

_HEADER = ["term", "class", "valence", "reason"]
_GREATEST = 4.0
AMOUNT = "$"
NUMBER = "#"


class TermClass(Enum):
    """What a term does in a sentence; ``interplay`` says how they work together.

    ``rise`` and ``fall`` are directions that stand alone too ("shares fell"); ``raise`` and ``cut`` need an object ("cut costs").
    Quantities are good, bad or neither to have more of. ``good`` and ``bad`` are judgements. ``plain`` says nothing.
    """

    RISE = "rise"
    FALL = "fall"
    RAISE = "raise"
    CUT = "cut"
    MORE_IS_GOOD = "more_is_good"
    MORE_IS_BAD = "more_is_bad"
    MORE_IS_PLAIN = "more_is_plain"
    GOOD = "good"
    BAD = "bad"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Term:
    """A word or phrase: ``valence`` is the strength of a direction (above 0), and what any other term says by itself (-4 to 4)."""

    kind: TermClass
    valence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """Terms by their tokens, under the first of them; the longest of a first token come first. ``sha256`` is that of the file."""

    sha256: str
    size: int
    by_first: Mapping[str, tuple[tuple[tuple[str, ...], Term], ...]]


def parse_lexicon(body: bytes, *, where: str) -> Lexicon:
    """Read a table of terms; an unknown class, a valence out of range or a term given twice is an error that names its line."""
    by_first: dict[str, list[tuple[tuple[str, ...], Term]]] = {}
    seen: set[tuple[str, ...]] = set()
    lines = [(number, line) for number, line in enumerate(body.decode().splitlines(), start=1) if line and not line.startswith("# ")]
    if not lines or lines[0][1].split("\t") != _HEADER:
        raise InvalidInput(f"{where}: the first line after the head is {' '.join(_HEADER)}, with tabs between")
    for number, line in lines[1:]:
        cells = line.split("\t")
        if len(cells) != len(_HEADER):
            raise InvalidInput(f"{where}, line {number}: {len(cells)} cells, not {len(_HEADER)}")
        words = tuple(token.lower for token in tokens(cells[0]))
        try:
            term = Term(TermClass(cells[1]), float(cells[2]))
        except ValueError as error:
            raise InvalidInput(f"{where}, line {number}: {error}") from None
        if not words or words in seen:
            raise InvalidInput(f"{where}, line {number}: the term {cells[0]!r} is empty or stands twice")
        if not -_GREATEST <= term.valence <= _GREATEST or (term.kind in DIRECTIONS and term.valence <= 0):
            raise InvalidInput(f"{where}, line {number}: valence {term.valence:g}: from -4 to 4, above 0 for a direction")
        seen.add(words)
        by_first.setdefault(words[0], []).append((words, term))
    ordered = {first: tuple(sorted(terms, key=lambda item: -len(item[0]))) for first, terms in by_first.items()}
    return Lexicon(sha256=hashlib.sha256(body).hexdigest(), size=len(seen), by_first=MappingProxyType(ordered))


DIRECTIONS = frozenset({TermClass.RISE, TermClass.FALL, TermClass.RAISE, TermClass.CUT})
QUANTITIES = frozenset({TermClass.MORE_IS_GOOD, TermClass.MORE_IS_BAD, TermClass.MORE_IS_PLAIN})


@cache
def packaged_lexicon(name: str) -> Lexicon:
    """A lexicon that ships with crfs: ``finance_lexicon`` or ``policy_lexicon``."""
    body = (files("crfs.features.sentiment") / f"{name}.tsv").read_bytes()
    return parse_lexicon(body, where=f"{name}.tsv")
