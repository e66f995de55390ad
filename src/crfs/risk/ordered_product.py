"""A product of matrices with the same bits on every machine."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]


def combine(weights: FloatArray, rows: FloatArray) -> FloatArray:
    """``weights @ rows`` with sums in one order whatever the machine's BLAS and its threads; weights are few, and zeros cost nothing.

    >>> combine(np.array([[0.5, 0.0, 2.0]]), np.array([[1.0, 2.0], [9.0, 9.0], [3.0, 4.0]])).tolist()
    [[6.5, 9.0]]
    """
    result = np.zeros((len(weights), rows.shape[1]))
    for i, j in zip(*np.nonzero(weights), strict=True):
        result[i] += weights[i, j] * rows[j]
    return result
