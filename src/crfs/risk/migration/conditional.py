"""Migration given the systematic factor: how a whole transition matrix moves with the state of the economy."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput
from crfs.risk.migration.thresholds import matrix_thresholds, normal_between
from crfs.risk.migration.transition_matrix import TransitionMatrix

FloatArray: TypeAlias = npt.NDArray[np.float64]


def conditional_matrix(matrix: TransitionMatrix, *, r2: float, factor: float) -> TransitionMatrix:
    """The matrix of a period in which the systematic factor (standard normal; low is bad) is ``factor``, for names of the given ``r2``.

    From rating ``g`` a name ends between thresholds ``a > b`` with probability Phi((a - sqrt(r2) y) / s) - Phi((b - sqrt(r2) y) / s),
    s = sqrt(1 - r2): the average over the factor is the matrix itself. L. Belkin, S. Suchower and L. Forest, "A one-parameter representation of
    credit risk and transition matrices", CreditMetrics Monitor, 1998.

    >>> matrix = TransitionMatrix.from_rows(("A", "B", "D"), [[0.95, 0.04, 0.01], [0.10, 0.80, 0.10]])
    >>> conditional_matrix(matrix, r2=0.2, factor=-2.0).default_probability.round(4).tolist()
    [0.0547, 0.3326]
    """
    if not 0.0 <= r2 < 1.0:
        raise InvalidInput(f"r2 is a decimal within [0, 1), not {r2}", argument="r2")
    if not math.isfinite(factor):
        raise InvalidInput(f"factor is a finite number, not {factor}", argument="factor")
    if r2 == 0.0:
        return matrix
    rows = conditional_rows(matrix_thresholds(matrix), r2, np.array([factor]))[0]
    return TransitionMatrix(ratings=matrix.ratings, probability=rows, years=matrix.years)


def conditional_rows(thresholds: FloatArray, r2: float, factors: FloatArray) -> FloatArray:
    """One K x K matrix a factor value, from K x (K - 1) thresholds; ``r2`` below one."""
    scale = math.sqrt(1.0 - r2)
    cut = (thresholds[None, :, :] - math.sqrt(r2) * factors[:, None, None]) / scale
    far = np.full((*cut.shape[:2], 1), np.inf)
    rows = normal_between(np.concatenate([cut, -far], axis=2), np.concatenate([far, cut], axis=2))
    # Rounding of the cells, some 1e-16, is not to become one of the sum.
    summed: FloatArray = rows / rows.sum(axis=2, keepdims=True)
    return summed
