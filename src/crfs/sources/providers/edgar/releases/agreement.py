"""Whether several places of a release say the same number: one that another place contradicts is not certain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_FLOAT, _MOST_DIGITS = 1e-9, 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A number as a place writes it, and how far rounding may have moved it.

    ``off`` is half a unit of the last digit that is written; ``rough`` the same where the zeros at the end were not meant (1,100 may be
    1,104.2), though two digits always are.
    """

    number: float
    off: float = 0.0
    rough: float = 0.0


CONTRADICTION = Stated(number=math.nan)
"""What a place says that contradicts itself: no number agrees with it, so that none from elsewhere takes its place."""


def stated(digits: str, scale: float = 1.0, *, is_negative: bool = False, is_about: bool = False) -> Stated:
    """The number that ``digits`` write in units of ``scale``; where ``is_about`` the text says itself that it is a round one.

    >>> stated("1.1", 1e9)
    Stated(number=1100000000.0, off=50000000.0, rough=50000000.0)
    >>> stated("1,100", 1e6).off, stated("1,100", 1e6).rough
    (500000.0, 50000000.0)
    """
    whole, _, part = digits.replace(",", "").partition(".")
    if len(whole) + len(part) > _MOST_DIGITS:
        return CONTRADICTION  # no amount of anything
    # 4.1 billion are 4,100,000,000 and not the float just below.
    number = float(f"{whole or 0}.{part or 0}") if scale == 1.0 else round(float(f"{whole or 0}.{part or 0}") * scale, 4)
    off = 0.5 * scale / 10 ** len(part)
    zeros = 0 if part else min(len(whole) - len(whole.rstrip("0")), max(len(whole) - 2, 0))
    rough = off * 10**zeros
    return Stated(number=-number if is_negative else number, off=rough if is_about else off, rough=rough)


def agreed(found: Sequence[Stated], *, is_rough: bool = False) -> Stated | None:
    """The first of numbers that all say the same; None where they do not, or there is none.

    All are compared with the most precisely written one, from which each may differ by its own rounding and nothing else.

    >>> agreed([stated("500.0", 1e6), stated("0.5", 1e9)]).number, agreed([stated("500.0", 1e6), stated("529.9", 1e6)])
    (500000000.0, None)
    """
    if not found:
        return None
    off = [one.rough if is_rough else one.off for one in found]
    most = found[off.index(min(off))].number
    agree = all(abs(one.number - most) <= within + _FLOAT * max(1.0, abs(most)) for one, within in zip(found, off, strict=True))
    return found[0] if agree else None
