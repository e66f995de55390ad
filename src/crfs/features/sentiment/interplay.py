"""What a sentence says of quantities: directions joined with what they move, numbers compared with numbers, profits turned to losses.

"Costs fell" is good and "profit fell" is bad, so a direction takes its sign from the quantity that it moves:

1. **A direction and its quantity.** The quantity is the one right before it ("costs fell", auxiliaries between), else the one right
   after it with nothing heavy between ("a fall in costs", "cut its costs"), else the nearest one before it in its clause ("profit before
   tax for the quarter fell"). For directions that need an object ("cut", "raised", "growing") what comes after goes first. A direction
   without a quantity counts half ("rose 3%"), one that needs an object nothing; one that moves a quantity that is neither good nor bad
   to have more of (a stake, a board) nothing.
2. **A number and the number before.** "Profit was EUR 13.1 mn, compared with EUR 8.7 mn" has no direction: the two amounts, of one
   currency and unit kind, give it. Years and days are no amounts.
3. **A turn.** Where the quantity of the earlier number is of the other kind ("a loss of 0.8 mn, compared with a profit of 0.5 mn") what
   is now decides.
4. **A quantity that nothing moves** says what it says by itself: "loss" is bad, "costs" is nothing.

The rules were written from the grammar of earnings news, before anything was measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from crfs.features.sentiment.lexicon import AMOUNT, DIRECTIONS, NUMBER, QUANTITIES, Lexicon, Term, TermClass
from crfs.features.sentiment.tokens import Token, tokens

COMPARED = 2.0
"""The valence of a comparison of two numbers; that of a direction with its quantity in the lexicon."""
ALONE = 0.5
"""What a direction counts without a quantity, as a share of its valence."""

_BREAKS = frozenset({";", ":", "while", "whereas", "but", "although", "though", "however", "because", "despite", "?", "!", "..."})
_LIGHT = frozenset({
    "the", "its", "their", "his", "her", "our", "a", "an", "any", "some", "all", "both", "in", "of", "net", "total", "overall", "annual", "quarterly",
    "group", "company", "consolidated", "operating", "new", "more", "further", "average", "own", "current", "expected", "global", "domestic",
})  # fmt: skip
_AUXILIARIES = frozenset({
    "has", "have", "had", "will", "would", "may", "might", "could", "should", "can", "is", "are", "was", "were", "be", "been", "being", "to", "also",
    "again", "further", "slightly", "sharply", "significantly", "strongly", "clearly", "considerably", "markedly", "steadily", "continued", "continues",
    "continue", "not", "both", "then", "still", "only", "even",
})  # fmt: skip
_CURRENCIES = {"eur": "eur", "euro": "eur", "euros": "eur", "€": "eur", "usd": "usd", "$": "usd", "us$": "usd", "dollars": "usd", "gbp": "gbp",
               "£": "gbp", "sek": "sek", "nok": "nok", "dkk": "dkk", "chf": "chf", "jpy": "jpy", "yen": "jpy", "rmb": "cny", "cny": "cny", "rub": "rub",
               "inr": "inr", "rs": "inr", "eek": "eek", "ltl": "ltl", "lvl": "lvl"}  # fmt: skip
_MULTIPLES = {"thousand": 1e3, "k": 1e3, "mn": 1e6, "mln": 1e6, "m": 1e6, "million": 1e6, "millions": 1e6, "mio": 1e6, "bn": 1e9, "bln": 1e9, "b": 1e9,
              "billion": 1e9, "billions": 1e9, "tn": 1e12, "trillion": 1e12}  # fmt: skip
_PERCENT = frozenset({"%", "percent", "pct", "per cent"})
_MONTHS = frozenset({
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
    "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
})  # fmt: skip
_FAR, _NEAR = 16, 4


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of the sentence that the rules have read, and what it says (0: nothing)."""

    start: int
    end: int
    valence: float


@dataclass(frozen=True, slots=True)
class _Unit:
    """A token, or several that are one term of the lexicon."""

    start: int
    end: int
    lower: str
    term: Term | None
    is_number: bool


@dataclass(frozen=True, slots=True)
class _Amount:
    first: int
    last: int
    value: float
    unit: str


def read(sentence: str, lexicon: Lexicon, *, alone: float = ALONE) -> list[Mark]:
    """The marks of a sentence in order: every term of the lexicon that stands in it, with what it says there.

    ``alone`` is what a direction counts without a quantity, as a share of its valence.

    >>> from crfs.features.sentiment.lexicon import packaged_lexicon
    >>> said = lambda text: sum(mark.valence for mark in read(text, packaged_lexicon("finance_lexicon")))
    >>> said("Costs fell"), said("Profit fell"), said("The operating loss narrowed"), said("Net sales were EUR 3 mn")
    (2.0, -2.0, 2.0, 0.0)
    >>> said("Operating profit was EUR 13.1 mn, compared with EUR 8.7 mn a year ago")
    2.0
    """
    units = _units(tokens(sentence), lexicon)
    valences = {place: _alone(unit.term, alone) for place, unit in enumerate(units) if unit.term is not None}
    moved: dict[int, int] = {}
    for place, unit in enumerate(units):
        if unit.term is not None and unit.term.kind in DIRECTIONS:
            found = _quantity(units, place, moved)
            if found is not None:
                moved[place] = found
                valences[place] = _direction(unit.term) * _goodness(units[found].term)
                valences[found] = 0.0
    for place, valence, consumed in _comparisons(units):
        valences[place] = valence
        valences.update(dict.fromkeys(consumed, 0.0))
    return [Mark(units[place].start, units[place].end, valence) for place, valence in sorted(valences.items())]


def _units(found: list[Token], lexicon: Lexicon) -> list[_Unit]:
    """Tokens with the longest terms of the lexicon joined; in a term # stands for a number and $ for a sign of a currency before one."""
    units: list[_Unit] = []
    place = 0
    while place < len(found):
        token = found[place]
        length, term = 1, None
        for words, candidate in lexicon.by_first.get(token.lower, ()):
            if _matches(words, found, place):
                term = candidate
                # An amount at a term's end belongs to the sentence.
                length = len(words) - (1 if words[-1] in {NUMBER, AMOUNT} and len(words) > 1 else 0)
                break
        last = found[place + length - 1]
        units.append(_Unit(token.start, last.end, token.lower, term, token.is_number))
        place += length
    return units


def _matches(words: tuple[str, ...], found: list[Token], place: int) -> bool:
    if place + len(words) > len(found):
        return False
    return all(
        token.is_number if word == NUMBER else token.lower in _CURRENCIES if word == AMOUNT else token.lower == word
        for word, token in zip(words, found[place:], strict=False)
    )


def _alone(term: Term, share: float) -> float:
    """What a term says where no rule joins it with another."""
    if term.kind in {TermClass.RISE, TermClass.FALL}:
        return share * _direction(term)
    return 0.0 if term.kind in DIRECTIONS else term.valence


def _direction(term: Term) -> float:
    return term.valence if term.kind in {TermClass.RISE, TermClass.RAISE} else -term.valence


def _goodness(term: Term | None) -> int:
    if term is None or term.kind is TermClass.MORE_IS_PLAIN:
        return 0
    return 1 if term.kind is TermClass.MORE_IS_GOOD else -1


def _is_quantity(unit: _Unit) -> bool:
    return unit.term is not None and unit.term.kind in QUANTITIES


def _quantity(units: list[_Unit], place: int, moved: dict[int, int]) -> int | None:
    """The quantity that the direction at ``place`` moves."""
    term = units[place].term
    assert term is not None
    needs_object = term.kind in {TermClass.RAISE, TermClass.CUT}
    right_before = _right_before(units, place)
    if right_before is not None and not needs_object:
        return right_before
    after = _after(units, place)
    if after is not None:
        return after
    return _before(units, place, moved) if right_before is None else right_before


def _right_before(units: list[_Unit], place: int) -> int | None:
    at = place - 1
    while at >= 0 and units[at].lower in _AUXILIARIES and place - at <= _NEAR:
        at -= 1
    return at if at >= 0 and _is_quantity(units[at]) else None


def _after(units: list[_Unit], place: int) -> int | None:
    for at in range(place + 1, min(place + 1 + _NEAR, len(units))):
        unit = units[at]
        if _is_quantity(unit):
            return at
        if unit.lower not in _LIGHT and not (
            unit.term is None and unit.lower.isalpha() and at > place + 1 and units[at - 1].lower in {"in", "of"}
        ):
            return None
    return None


def _before(units: list[_Unit], place: int, moved: dict[int, int]) -> int | None:
    for at in range(place - 1, max(-1, place - 1 - _FAR), -1):
        unit = units[at]
        if unit.lower in _BREAKS and unit.term is None:
            return None
        if at in moved:
            return moved[at]
        if _is_quantity(unit):
            return at
    return None


def _comparisons(units: list[_Unit]) -> Iterator[tuple[int, float, list[int]]]:
    """Numbers compared without a direction: where it says so, what it says, and the quantities that are thereby read."""
    amounts = _amounts(units)
    for now, then in pairwise(amounts):
        between = units[now.last + 1 : then.first]
        connector = next((at for at, unit in enumerate(between) if _connects(between, at)), None)
        if connector is None or len(between) - connector > 6 or len(between) > _FAR or any(unit.lower in _BREAKS for unit in between):
            continue
        subject = next((at for at in range(now.first - 1, max(-1, now.first - 1 - _FAR), -1) if _is_quantity(units[at])), None)
        if subject is None:
            continue
        stretch = units[subject : now.last + 1 + connector]
        if any(unit.lower in _BREAKS and unit.term is None for unit in stretch):
            continue
        place = now.last + 1 + connector
        earlier = next((at for at in range(place + 1, then.first) if _is_quantity(units[at])), None)
        goodness = _goodness(units[subject].term)
        consumed = [at for at in (subject, earlier) if at is not None]
        if earlier is not None and _goodness(units[earlier].term) == -goodness != 0:
            yield place, COMPARED * goodness, consumed
            continue
        if any(unit.term is not None and unit.term.kind in DIRECTIONS for unit in units[subject : then.first]):
            continue
        if now.unit != then.unit or now.value == then.value:
            continue
        yield place, COMPARED * goodness * (1 if now.value > then.value else -1), consumed


def _connects(between: list[_Unit], at: int) -> bool:
    word = between[at].lower
    if word in {"compared", "versus", "vs", "against"}:
        return True
    return word == "from" and at <= 1


def _amounts(units: list[_Unit]) -> list[_Amount]:
    """Numbers with their currency, multiple or percent; years, days, ordinals and the parts of a term are none."""
    found: list[_Amount] = []
    for place, unit in enumerate(units):
        if not unit.is_number:
            continue
        before = units[place - 1].lower if place else ""
        after = units[place + 1].lower if place + 1 < len(units) else ""
        currency = _CURRENCIES.get(before)
        first, last, multiple = place - (currency is not None), place, 1.0
        if after in _MULTIPLES:
            multiple, last = _MULTIPLES[after], place + 1
            following = units[last + 1].lower if last + 1 < len(units) else ""
            if currency is None and following in _CURRENCIES:
                currency, last = _CURRENCIES[following], last + 1
        elif currency is None and after in _CURRENCIES:
            currency, last = _CURRENCIES[after], place + 1
        percent = after in _PERCENT
        value = _value(unit.lower)
        is_date = before in _MONTHS or after in _MONTHS or (multiple == 1.0 and currency is None and not percent and 1900 <= value <= 2100)
        if is_date or after in {"st", "nd", "rd", "th", "quarter", "months", "weeks", "days", "-"}:
            continue
        kind = "%" if percent else (currency or ("count" if multiple == 1.0 else "scaled"))
        found.append(_Amount(first, last + percent, value * multiple, kind))
    return found


def _value(text: str) -> float:
    """A number as it is written in English: commas between thousands.

    >>> _value("1,234.5"), _value("8.7"), _value("10,000")
    (1234.5, 8.7, 10000.0)
    """
    whole, _, fraction = text.replace(",", "").partition(".")
    return float(f"{whole}.{fraction.replace('.', '') or '0'}")
