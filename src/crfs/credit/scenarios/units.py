"""How a variable moves: rates by differences, levels by relative changes, as its unit says; and percent becomes decimals at the door."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from crfs.errors import InvalidInput


class Change(StrEnum):
    """In what terms a move of a variable is the same move from another starting point."""

    DIFFERENCE = "difference"
    RELATIVE = "relative"


# Beginnings of the units of the catalogue. What is neither a rate nor an amount (names, flags) is no variable of a scenario.
_DIFFERENCES = ("decimal", "basis points", "score", "standard deviations", "ratio", "points", "weeks", "months", "days", "hours")
_RELATIVES = (
    "index", "usd", "eur", "gbp", "jpy", "chf", "reporting currency", "reported currency", "currency", "thousand", "million", "billion",
    "units", "persons", "count", "foreign currency", "yen", "quote",
)  # fmt: skip
_SHIFTED = {"percent": 2, "basis points": 4}
_SAME = dict.fromkeys(("bp", "bps", "basis_points", "basis point"), "basis points")
SPELLINGS = "percent, basis points (also bp, bps or basis_points)"
"""The units that become decimals, as errors tell them."""


def change_of_unit(unit: str) -> Change:
    """How a variable of this unit moves: a rate (``decimal``) by differences, a level (``index``, ``million USD``) by relative changes.

    A unit of neither kind is :class:`~crfs.errors.InvalidInput`: guessing would replay history in the wrong terms.

    >>> change_of_unit("decimal"), change_of_unit("billion chained 2005 USD, annual rate")
    (<Change.DIFFERENCE: 'difference'>, <Change.RELATIVE: 'relative'>)
    """
    plain = unit.strip().lower()
    if plain.startswith(_RELATIVES) or " per " in plain:
        return Change.RELATIVE
    if plain.startswith(_DIFFERENCES):
        return Change.DIFFERENCE
    raise InvalidInput(
        f"the unit {unit!r} does not say whether its variable moves by differences or by relative changes; "
        "say change = 'difference' or 'relative'",
        argument="change",
    )


def unit_in_engine(variable: str, unit: str) -> tuple[str, int]:
    """The unit in which a variable is kept, and by how many decimal places its numbers shift to the right for it.

    Percent becomes decimals, and so do basis points (``bp``, ``bps`` and ``basis_points`` are the same, in any case of letters) unless the
    variable's name ends in ``_bp``.

    >>> unit_in_engine("us.unemployment_rate", "percent"), unit_in_engine("us.spread_bp", "bps")
    (('decimal', 2), ('basis points', 0))
    """
    plain = unit.strip().lower()
    plain = _SAME.get(plain, plain)
    if plain == "basis points" and variable.endswith("_bp"):
        return plain, 0
    if plain not in _SHIFTED:
        return unit.strip(), 0
    return "decimal", _SHIFTED[plain]


def shifted_right(value: float, places: int) -> float:
    """``value / 10**places`` as the number next to the decimal that was written: 4.4 percent are 0.044.

    >>> shifted_right(4.4, 2), shifted_right(0.1, 0)
    (0.044, 0.1)
    """
    return float(Decimal(repr(float(value))).scaleb(-places)) if places else float(value)
