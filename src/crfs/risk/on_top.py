"""The changed book's measures: those of its own run, or what is told of the book with the difference on top of it.

A book that was measured better, or in another way, than by what compares it with the changed one keeps its numbers, and the changed one inherits them: so
its measures are in the order of the differences, whatever found them.
"""

from __future__ import annotations

import math
from dataclasses import replace

from crfs.risk.measures import TailMeasure
from crfs.risk.what_if import Difference, WhatIfMeasure


def compared(told: TailMeasure, own: TailMeasure | None, var: Difference, es: Difference) -> WhatIfMeasure:
    """``own`` is the changed book's measure where the comparison's run of the book is the one that is ``told``, else None."""
    measure = _on_top(told, var, es) if own is None else own
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
        incremental_var=var,
        incremental_es=es,
        marginal_var=None,
        marginal_es=None,
    )


def _on_top(told: TailMeasure, var: Difference, es: Difference) -> TailMeasure:
    """The two errors are independent of each other."""
    ends: dict[str, float] = {}
    for name, moved in (("var", var), ("es", es)):
        value = getattr(told, name) + moved.value
        ends |= {name: value, f"{name}_se": math.hypot(getattr(told, f"{name}_se"), moved.se)}
        ends |= {f"{name}_low": max(0.0, value - math.hypot(getattr(told, name) - getattr(told, f"{name}_low"), moved.value - moved.low))}
        ends |= {f"{name}_high": value + math.hypot(getattr(told, f"{name}_high") - getattr(told, name), moved.high - moved.value)}
    return replace(told, exact=False, **ends)  # type: ignore[arg-type]  # the names are those of its numbers
