"""Two books of a few names at the same states of the factors: each name is taken exactly there, so a worse book never has a smaller loss."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.credit.factor_model import FactorModel
from crfs.risk.choosing import Question
from crfs.risk.few_names import FewNames, at_points_of, few_names, own_lattice
from crfs.risk.names import make_names
from crfs.risk.obligors import Obligors
from crfs.risk.result import Method
from crfs.risk.scrambles import scramble_error
from crfs.risk.what_if import Difference, WhatIf, WhatIfMeasure, difference

FloatArray: TypeAlias = npt.NDArray[np.float64]


def few_names_what_if(before: Obligors, after: Obligors, factor_model: FactorModel, question: Question) -> WhatIf | None:
    """The answer at the points that the book's own run takes; None where one of the books is not for this method, or has other degrees of freedom."""
    sides = [make_names(side, factor_model) for side in (before, after)]
    found = few_names(
        sides[0],
        confidences=question.confidences,
        rel_tol=question.rel_tol,
        seed=question.seed,
        most_points=question.max_scenarios,
        fine=any(own_lattice(side) is None for side in sides),
    )
    moved = None if found is None else at_points_of(found, sides[1])
    if found is None or moved is None:
        return None
    el = [float(side.expected_loss.sum()) for side in (before, after)]
    spreads = [_spread(side) for side in (found, moved)]
    return WhatIf(
        el=el[1],
        incremental_el=el[1] - el[0],
        ul=float(spreads[1].mean()),
        ul_se=scramble_error(spreads[1]),
        incremental_ul=difference(float(spreads[1].mean() - spreads[0].mean()), spreads[1] - spreads[0]),
        measures=tuple(_compared(found, moved, confidence) for confidence in question.confidences),
        method=Method.FEW_NAMES,
        notes=("the changed book is taken at the states of the factors of the book itself: the differences have their own noise alone",),
    )


def _spread(found: FewNames) -> FloatArray:
    """The standard deviation of loss by scramble, currency units."""
    losses = found.names.unit * found.lattice.values
    return np.asarray(np.sqrt(np.maximum(found.probability @ np.square(losses) - (found.probability @ losses) ** 2, 0.0)))


def _compared(before: FewNames, after: FewNames, confidence: float) -> WhatIfMeasure:
    sides = []
    for found in (before, after):
        var, es, var_each, es_each = found.measure(confidence)
        unit = found.names.unit
        sides.append((unit * var, unit * var_each, unit * es, unit * es_each))
    (var, var_each, es, es_each), (var_after, var_each_after, es_after, es_each_after) = sides
    moved: tuple[Difference, Difference] = (
        difference(var_after - var, var_each_after - var_each),
        difference(es_after - es, es_each_after - es_each),
    )
    levels = difference(var_after, var_each_after), difference(es_after, es_each_after)
    return WhatIfMeasure(
        confidence=confidence,
        var=var_after,
        var_se=levels[0].se,
        var_low=max(0.0, levels[0].low),
        var_high=levels[0].high,
        es=es_after,
        es_se=levels[1].se,
        es_low=max(0.0, levels[1].low),
        es_high=levels[1].high,
        incremental_var=moved[0],
        incremental_es=moved[1],
        marginal_var=None,
        marginal_es=None,
    )
