"""What a changed book's numbers cannot be: beyond all that can be lost, a shortfall below the mean, a spread wider than these leave room for.

Sums of a book's number and a difference may be, by what two ways of measuring differ by; so may a lattice, by a step of it.
"""

from __future__ import annotations

import math
from dataclasses import replace

from crfs.credit.confidences import percentage
from crfs.risk.result import Method, RiskResult
from crfs.risk.what_if import Difference, WhatIf, WhatIfMeasure

# Sums of many losses carry rounding: what is beyond by less is not beyond.
_ROUNDING = 1e-12


def attainable(answer: WhatIf, before: RiskResult, greatest: float) -> WhatIf:
    """The same held within what is possible, intervals and differences from the book ``before`` with it; ``greatest`` is all that the changed book can lose.

    A shortfall is no less than the value at risk, nor than the expected loss; the standard deviation of a loss between zero and G with the mean m is no more
    than ``sqrt(m (G - m))`` (R. Bhatia and C. Davis, 2000). Gamma sectors, in which a name may default twice, have no such bounds.
    """
    if answer.method is Method.CREDITRISKPLUS:
        return answer
    widest = math.sqrt(max(greatest - answer.el, 0.0) * max(answer.el, 0.0))
    ul = min(answer.ul, widest)
    return replace(
        answer,
        ul=ul,
        ul_se=min(answer.ul_se, widest),
        incremental_ul=_shifted(answer.incremental_ul, ul - answer.ul, widest - before.ul),
        measures=tuple(
            _measure(each, (told.var, told.es), answer.el, greatest) for each, told in zip(answer.measures, before.measures, strict=True)
        ),
    )


def with_note_on_errors(answer: WhatIf, rel_tol: float) -> WhatIf:
    """The same, saying which standard errors are beyond ``rel_tol`` of their measures: the points and scenarios are those of the book, which may not do."""
    beyond = [
        (se / value if value > 0.0 else math.inf, f"{name} {percentage(m.confidence)} %")
        for m in answer.measures
        for name, value, se in (("VaR", m.var, m.var_se), ("ES", m.es, m.es_se))
        if se > rel_tol * value
    ]
    if not beyond:
        return answer
    worst = max(beyond)[0]
    most = f", up to {100.0 * worst:.2g} %" if worst < math.inf else ""
    note = (
        f"the errors of the changed book are not within rel_tol {rel_tol:g} ({', '.join(name for _, name in beyond)}{most}): raise max_scenarios for "
        "narrower intervals"
    )
    return replace(answer, notes=(*answer.notes, note))


def _measure(each: WhatIfMeasure, told: tuple[float, float], el: float, greatest: float) -> WhatIfMeasure:
    var = _held(each.var, greatest)
    es = _held(max(each.es, var, min(el, greatest)), greatest)
    return replace(
        each,
        var=var,
        var_low=min(each.var_low, var),
        var_high=max(_held(each.var_high, greatest), var),
        es=es,
        es_low=min(each.es_low, es),
        es_high=max(_held(each.es_high, greatest), es),
        incremental_var=_shifted(each.incremental_var, var - each.var, greatest - told[0]),
        incremental_es=_shifted(each.incremental_es, es - each.es, greatest - told[1]),
    )


def _held(value: float, greatest: float) -> float:
    return greatest if value > greatest * (1.0 + _ROUNDING) else value


def _shifted(move: Difference, by: float, most: float) -> Difference:
    """A move with its value shifted, and its interval cut off at ``most``."""
    value = move.value + by
    return replace(move, value=value, low=min(move.low, value), high=max(min(move.high, most), value))
