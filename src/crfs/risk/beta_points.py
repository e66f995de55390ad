"""Gauss's points of a Beta density: a few values and probabilities that have its first moments."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]


def beta_points(mean: float, total: float, count: int) -> tuple[FloatArray, FloatArray]:
    """``count`` values in (0, 1) and their probabilities, for the Beta density with parameters ``mean * total`` and ``(1 - mean) * total``.

    They have its first ``2 count - 1`` moments. By the eigenvectors of Jacobi's matrix (G. Golub and J. Welsch, "Calculation of Gauss quadrature rules",
    Mathematics of Computation 23, 1969), which takes no power and no Beta function: neither parameters of thousands nor such next to nothing overflow.

    >>> values, probabilities = beta_points(0.4, 24.0, 3)
    >>> round(float(values @ probabilities), 12), round(float((values - 0.4) ** 2 @ probabilities), 12)
    (0.4, 0.0096)
    """
    from scipy.linalg import eigh_tridiagonal

    first, second = mean * total, (1.0 - mean) * total
    k = np.arange(1.0, count)
    # Of the density on (0, 1); 2k + total - 2 is the sum of the orders' parameters.
    whole = 2.0 * k + total - 2.0
    middle = np.append(mean, 0.5 * (1.0 + (first - second) / whole * (total - 2.0) / (whole + 2.0)))
    # At k = 1 a factor (k + total - 2) / (whole - 1) is one.
    ratio = np.append(1.0, (k[1:] + total - 2.0) / (whole[1:] - 1.0))
    beside = np.sqrt(k * ((k + first - 1.0) / whole) * ((k + second - 1.0) / whole) * ratio / (whole + 1.0))
    values, vectors = eigh_tridiagonal(middle, beside)
    probabilities = np.square(vectors[0])
    return np.clip(values, 0.0, 1.0), np.asarray(probabilities / probabilities.sum())
