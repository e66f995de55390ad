"""The bivariate normal distribution function, to the precision that closed-form credit risk needs."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput


@cache
def _gauss_legendre(nodes: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    points, weights = np.polynomial.legendre.leggauss(nodes)
    return points, weights


def bivariate_normal_cdf(x: float, y: float, correlation: float) -> float:
    """P(X <= x, Y <= y) of standard normals with the given correlation.

    For a correlation of zero or more every term is positive and the relative error stays below 1e-12 (checked against 30-digit
    quadrature); for a negative one the absolute error stays below 1e-15.

    >>> round(bivariate_normal_cdf(0.0, 0.0, 0.5), 12)
    0.333333333333
    """
    from scipy.special import ndtr

    if math.isnan(x) or math.isnan(y):
        raise InvalidInput("x and y must be numbers, not NaN")
    if not -1.0 <= correlation <= 1.0:
        raise InvalidInput(f"a correlation lies within [-1, 1], not {correlation}")
    if correlation == 1.0:
        return float(ndtr(min(x, y)))
    if correlation == -1.0:
        return max(0.0, float(ndtr(x)) - float(ndtr(-y)))
    return max(0.0, float(ndtr(x)) * float(ndtr(y)) + dependence(x, y, correlation))


def dependence(x: float, y: float, correlation: float) -> float:
    """P(X <= x, Y <= y) - P(X <= x) P(Y <= y), without the loss of digits of that difference.

    Plackett's identity, the derivative of the distribution function by the correlation being the density, with the correlation
    written as the sine of an angle (Genz 2004, Statistics and Computing 14, 251-260). Below -1 < correlation < 1.
    """
    if math.isinf(x) or math.isinf(y) or correlation == 0.0:
        return 0.0
    end = math.asin(abs(correlation))
    # Panels that shrink towards the angle of correlation one, where the integrand may drop all at once.
    edges = [0.0]
    gap = math.pi / 2
    while gap > math.pi / 2 - end and len(edges) < 50:
        gap /= 2
        edges.append(min(math.pi / 2 - gap, end))
    edges = sorted({*edges, end})
    points, weights = _gauss_legendre(32)
    low, high = np.array(edges[:-1])[:, None], np.array(edges[1:])[:, None]
    angle = (low + high) / 2 + (high - low) / 2 * points
    sine = np.sin(angle) * math.copysign(1.0, correlation)
    # x^2 + y^2 - 2xy sin over 2 cos^2, written without cancellation near sin = 1
    exponent = ((x - y * sine) ** 2 / (2.0 * np.cos(angle) ** 2)) + y * y / 2.0
    integral = float(((high - low) / 2 * weights * np.exp(-exponent)).sum()) / (2.0 * math.pi)
    return math.copysign(integral, correlation)
