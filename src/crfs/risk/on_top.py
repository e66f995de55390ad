"""The changed book's measures: those of its own run, or what is told of the book with the difference on top of it.

A book that was measured better, or in another way, than by what compares it with the changed one keeps its numbers, and the changed one inherits them: so
its measures are in the order of the differences, whatever found them. What the two ways say of the book differs by their errors, and is less and less of a
changed book that loses all it can, or nothing: there both say the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from crfs.risk.measures import TailMeasure
from crfs.risk.what_if import Difference, WhatIfMeasure


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """What is ``told`` of the book and what the comparison ``found`` of it; ``greatest`` is all that the book can lose, infinite where nothing bounds it.

    Currency units. The changed book's number moves from the one that is told by as much as was found, up to half of the way to an end of what is possible:
    zero, or ``greatest``. From there on, by a line, what the two say of the book counts less and less, and nothing at the end or beyond it. It rises
    with what was found of the changed book, and with nothing else.

    >>> anchor = Anchor(told=11.0, found=10.0, greatest=100.0)
    >>> [anchor.told + anchor.moved(after) for after in (0.0, 10.0, 50.0, 77.5, 100.0)]
    [0.0, 11.0, 51.0, 78.0, 100.0]
    """

    told: float
    found: float
    greatest: float = math.inf

    def moved(self, after: float, found: float | None = None) -> float:
        """By how much the changed book's number is more than the ``told`` one, where ``after`` was found of it; ``found`` in place of the anchor's own."""
        found = self.found if found is None else found
        kept = self._kept(after, found)[0]
        return after - found if kept == 1.0 else after - self.told + kept * (self.told - found)

    def slopes(self, after: float) -> tuple[float, float, float]:
        """What an error of ``after``, of ``found`` and of ``told`` does to the changed book's number; to the move the last does one less."""
        kept, slope = self._kept(after, self.found)
        return 1.0 + slope * (self.told - self.found), -kept, kept

    def _kept(self, after: float, found: float) -> tuple[float, float]:
        """The part of what the two say differently of the book that the changed book's number has, and how it changes with ``after``.

        The line begins early enough for the number to rise, or stay, along it. Where it begins is taken as known.
        """
        apart = self.told - found
        if apart == 0.0 or (after >= found and not found < self.greatest):
            return 1.0, 0.0
        if after >= found:
            room = max(0.5 * (self.greatest - found), apart)
            kept, slope = (self.greatest - after) / room if room < math.inf else math.inf, -1.0 / room
        else:
            room = max(0.5 * found, -apart)
            kept, slope = after / room, 1.0 / room
        return (1.0, 0.0) if kept >= 1.0 else (max(kept, 0.0), slope if kept > 0.0 else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A move (:class:`Anchor`) with the errors of the comparison alone, and the part of the book's own error that the changed book's number ``kept``.

    The two errors are independent of each other.
    """

    moved: Difference
    kept: float

    def number(self, told: TailMeasure, name: str) -> dict[str, float]:
        """Error and interval of the changed book's number."""
        value, moved = getattr(told, name) + self.moved.value, self.moved
        se, down, up = _errors(told, name, self.kept)
        return {
            "se": math.hypot(se, moved.se),
            "low": max(0.0, value - math.hypot(down, moved.value - moved.low)),
            "high": value + math.hypot(up, moved.high - moved.value),
        }

    def with_error_of(self, told: TailMeasure, name: str) -> Difference:
        """The move with what is left in it of the book's own error."""
        if self.kept == 1.0:
            return self.moved
        moved = self.moved
        # The less the book's own number is, the larger the move.
        se, up, down = _errors(told, name, 1.0 - self.kept)
        return replace(
            moved,
            se=math.hypot(se, moved.se),
            low=moved.value - math.hypot(down, moved.value - moved.low),
            high=moved.value + math.hypot(up, moved.high - moved.value),
        )


def compared(told: TailMeasure, own: TailMeasure | None, var: Carried, es: Carried) -> WhatIfMeasure:
    """``own`` is the changed book's measure where the comparison's run of the book is the one that is ``told``, else None."""
    if own is None:
        ends = {f"{name}_{end}": value for name, each in (("var", var), ("es", es)) for end, value in each.number(told, name).items()}
        measure = replace(told, exact=False, var=told.var + var.moved.value, es=told.es + es.moved.value, **ends)  # type: ignore[arg-type]  # numbers all
    else:
        measure = own
    return WhatIfMeasure(
        confidence=told.confidence,
        var=measure.var,
        var_se=measure.var_se,
        var_low=measure.var_low if measure.var_low > -math.inf else 0.0,
        var_high=measure.var_high,
        es=measure.es,
        es_se=measure.es_se,
        es_low=max(0.0, measure.es_low),
        es_high=measure.es_high,
        incremental_var=var.moved if own is not None else var.with_error_of(told, "var"),
        incremental_es=es.moved if own is not None else es.with_error_of(told, "es"),
        marginal_var=None,
        marginal_es=None,
    )


def _errors(told: TailMeasure, name: str, part: float) -> tuple[float, float, float]:
    """A part of a number's standard error, and of how far its interval reaches down and up; of an interval without an end nothing is no part."""
    value, se, low, high = (getattr(told, f"{name}{end}") for end in ("", "_se", "_low", "_high"))
    return (part * se, part * (value - low), part * (high - value)) if part > 0.0 else (0.0, 0.0, 0.0)
