"""Whether the words around a name speak of the company: of its business, and not of a place, a person or somebody whom it rates."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crfs.features.business_words import (
    DEEDS,
    DETERMINERS,
    MOVES,
    OBJECTS_OF,
    OF_PERSONS,
    OWNED,
    PLANS,
    RATERS,
    SIGNS,
    SMALL,
    SUED,
    THINGS,
    VENUES,
)
from crfs.features.linking_words import TITLES, given_names
from crfs.features.trade_names import TradeName

Word = tuple[int, int, str, str]
"""A word of a text: where it begins and ends, and as it is compared with and without the ``'s`` at its end."""

_NEAR = 20
"""Words on either side that are looked at."""
_LONG = 5
"""Letters of a name that stays itself in capitals: EXXON, and not AMEX, the exchange."""
_HYPHENS = frozenset({"-", "\u2010", "\u2011"})
_PLANNING = frozenset({"to", "will", "may", "could", "would", "must"})
_BLANK = re.compile(r"[ \t\xa0\r\n]{1,2}")
_ACTED = re.compile(
    r"(?:['’]s?)?[ ,]+(?:(?:analysts?|strategists?|economists?|research|equity research|securities analysts?)\b"
    r"|(?:up|down)grades\b|(?:(?:up|down)graded|initiated|reiterated|reaffirmed) (?!by|to|at|after)"
    r"|reiterating\b|(?:re)?affirms\b|assigns\b|rates\b|initiates\b|reiterates\b|reinstates\b"
    r"|(?:cuts|raises|lowers|lifts|trims|boosts|hikes|slashes|places|puts|changes|revises|withdraws|maintains|keeps|sets|takes)\b[^.;\n]{0,70}?"
    r"(?:\b(?:credit |debt |bond |issuer )?ratings?\b|\bprice targets?\b|\btarget price|\boutlook (?:of|for|on|to)\b|\bon (?:review|watch)\b"
    r"|\bto (?:buy|sell|hold|neutral|overweight|underweight|outperform|underperform|junk|negative|stable|positive)\b))",
    re.I,
)
_QUOTED = re.compile(
    r"\b(?:according to|(?:analysts?|strategists?|economists?) (?:at|from|of)|research (?:by|from|at|note from)|(?:up|down)grade[ds]? (?:by|from|at)|rated by"
    r"|(?:rating|coverage|price target|note) (?:at|by|from))\s(?:the\s)?\Z",
    re.I,
)


def rates_another(words: tuple[str, ...], text: str, start: int, end: int) -> bool:
    """Whether a rater or broker speaks of somebody else: "Moody's cuts rating of Ford", "according to Goldman Sachs".

    >>> text = "Moody's cuts rating of Ford"
    >>> rates_another(("moodys",), text, 0, 7), rates_another(("moodys",), "Moody's cuts its dividend", 0, 7)
    (True, False)
    """
    if words not in RATERS:
        return False
    return _ACTED.match(text, end) is not None or _QUOTED.search(text, max(0, start - 40), start) is not None


def is_place_or_person(text: str, found: Sequence[Word], following: int) -> bool:
    """Whether the word after a name makes a place or a person of it: "Wells Fargo Center", "Ralph Lauren dies"."""
    word, written, gap = _after(text, found, following)
    if word is None:
        return False
    is_school = word == "high" and following + 1 < len(found) and found[following + 1][3] == "school"
    return gap and (is_school or (word in VENUES and written[0].isupper()) or word in OF_PERSONS)


def is_meant(name: TradeName, text: str, found: Sequence[Word], place: int, following: int) -> bool:
    """Whether a trade name at a place means its registrant: written as listed and, where it needs that, in a context of business."""
    start, end = found[place][0], found[following - 1][1]
    if not _is_as_listed(name, text[start:end]):
        return False
    is_said = _beside(text, found, place, following) if name.needs_context else True
    if is_said is False:  # most words that are called like an issuer are told by the next one
        return False
    near = {word[3] for word in (*found[max(0, place - _NEAR) : place], *found[following : following + _NEAR])}
    return not near & name.otherwise and (is_said or bool(near & SIGNS))


def _is_as_listed(name: TradeName, written: str) -> bool:
    """Whether a name has the capitals that the list gives it; or capitals alone, where these make no abbreviation or word of it."""
    if written == name.written:
        return True
    shown = " ".join(written.replace("&amp;", "&").split())
    if shown[-2:].lower() in {"'s", "’s"}:
        shown = shown[:-2]
    plain = name.written.replace(".", "")
    shouted = set() if name.needs_context or len(plain) < _LONG else {plain.upper()}
    return shown.replace(".", "") in {plain, *shouted}


def _beside(text: str, found: Sequence[Word], place: int, following: int) -> bool | None:
    """Whether the words right beside a name speak of a company; None where a sign of business somewhere near decides it."""
    start, end = found[place][0], found[following - 1][1]
    if text[end : end + 1] in _HYPHENS or text[start - 1 : start] in _HYPHENS:
        return False
    word, written, is_next = _after(text, found, following)
    is_owner = found[following - 1][2] != found[following - 1][3]
    is_thing = is_next and word in THINGS
    if place and not _may_stand_after(text, found, place, is_thing=is_thing):
        return False
    if is_thing or _is_owned(text, found, place):
        return True
    if place and found[place - 1][2] in SUED and _BLANK.fullmatch(text, found[place - 1][1], start):
        return True if not is_next or word in SMALL or word == "of" else None
    if is_owner and is_next and written[:1].isupper():
        return True
    if is_owner or not is_next:
        return None
    if word in DEEDS or word in MOVES:
        return True
    if word in _PLANNING and following + 1 < len(found):
        return found[following + 1][3] in PLANS
    return None if word in PLANS or word in SMALL else False


def _is_owned(text: str, found: Sequence[Word], place: int) -> bool:
    """Whether a name stands after what a company has: "shares of Apple"."""
    if place < 2 or not _BLANK.fullmatch(text, found[place - 1][1], found[place][0]):
        return False
    return found[place - 1][2] in {"of", "in", "at"} and found[place - 2][2] in OWNED


def _may_stand_after(text: str, found: Sequence[Word], place: int, *, is_thing: bool) -> bool:
    """Whether the word before a name lets it be a company's: no article, no first name, no other name."""
    before, stop, word, bare = found[place - 1]
    between = text[stop : found[place][0]]
    if between == ". " and len(word) == 1:
        return False
    if not _BLANK.fullmatch(between):
        return True
    if bare in DETERMINERS:
        return is_thing
    if word in TITLES or word in given_names():
        return not text[before].isupper()
    is_name = text[before].isupper() and word == bare and place > 1
    return (
        not is_name
        or bare in SMALL
        or bare in DEEDS
        or bare in OBJECTS_OF
        or bare in SUED
        or bare in PLANS
        or bare in THINGS
        or bare in SIGNS
    )


def _after(text: str, found: Sequence[Word], following: int) -> tuple[str | None, str, bool]:
    """The word after a name, as it is compared and as it is written, and whether only a blank stands between."""
    if following >= len(found):
        return None, "", False
    start, stop, _, bare = found[following]
    return bare, text[start:stop], _BLANK.fullmatch(text, found[following - 1][1], start) is not None
