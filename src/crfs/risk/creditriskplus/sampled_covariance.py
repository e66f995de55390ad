"""The covariance of sectors' mean losses given the factors at scrambled Sobol points, for books of too many directions to take them in pairs.

Under a Gaussian copula the first terms of Mehler's expansion need no points: that of order ``n`` is an inner product of symmetric tensors,
``sum_i l_i r_i^n phi(c_i) He_{n-1}(c_i) / sqrt(n!) d_i x ... x d_i`` of each sector. What is left of the mean losses without them is small, and alone is
sampled (a control variate whose every part is known).
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import combinations_with_replacement
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.names import Names
from crfs.risk.points import draw
from crfs.risk.scrambles import SCRAMBLES, scramble_error
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

MOST_SAMPLED = 4e8
"""Names times points: some seconds."""
FEWEST = 64
"""Points of a scramble at least."""
_MOST = 8_192
_CELLS_AT_ONCE = 4_000_000
# Orders of the expansion, and how many numbers a tensor of them may have.
_ORDERS, _MOST_NUMBERS = 3, 3_000


def loading_of(names: Names) -> FloatArray:
    """Square root of each name's r2."""
    loading: FloatArray = names.b / np.sqrt(1.0 + names.b * names.b)
    return loading


def threshold_of(names: Names) -> FloatArray:
    """Below what each name's latent variable lies when it defaults."""
    threshold: FloatArray = names.a / np.sqrt(1.0 + names.b * names.b)
    return threshold


def sampled_covariance(
    names: Names, sector: IntArray, expected: FloatArray, *, seed: int, most_points: int, map_tasks: MapTasks
) -> tuple[FloatArray, float, int]:
    """Covariance of the sectors' mean losses (K x K), the standard error of the sum of it, and how many points they were looked at.

    ``sector`` is that of each class of ``names``; ``expected`` is each sector's expected loss, about which the moments are.
    """
    # What is left without the first orders takes fewer points.
    size, most = _MOST, min(MOST_SAMPLED / len(names) / (1.0 if names.nus else 4.0), float(most_points)) / SCRAMBLES
    while size > max(FEWEST, most):
        size //= 2
    factors = names.directions.shape[1]
    points = draw((), factors=factors, nus=names.nus, seed=seed, scrambles=SCRAMBLES, size=size, along=np.zeros((0, factors)))
    mine, count = sector[names.kind], len(expected)
    step = max(1, _CELLS_AT_ONCE // len(points))

    def lost(start: int) -> FloatArray:
        some = np.arange(start, min(start + step, len(names)))
        factor = names.directions[names.kind[some]] @ points.epsilon.T
        each = names.loss[0, some, None] * names.conditional_pd(some, factor, points.mixing[names.nu_index[names.kind[some]]])
        return _by_sector(each, mine[some], count)

    apart = np.zeros((count, len(points))) - expected[:, None]
    for part in map_tasks(lost, range(0, len(names), step)):
        apart += part
    known = np.zeros((count, count))
    for order in () if names.nus else _orders(factors):
        tensors = _tensors(names, mine, count, order, map_tasks)
        known += tensors @ tensors.T
        # Losses fall where the factors rise: the expansion's coefficients have a minus before them.
        for start in range(0, len(points), FEWEST):
            some = slice(start, start + FEWEST)
            apart[:, some] += tensors @ _hermite(points.epsilon[some], order).T / math.sqrt(math.factorial(order))
    each = np.einsum("ksp,lsp->skl", *(2 * [apart.reshape(count, SCRAMBLES, -1)]), optimize=True) / size
    return known + each.mean(axis=0), scramble_error(each.sum(axis=(1, 2))), len(points)


def _orders(factors: int) -> range:
    """The orders whose tensors are small enough."""
    return range(1, 1 + sum(math.comb(factors + order - 1, order) <= _MOST_NUMBERS for order in range(1, _ORDERS + 1)))


def _by_sector(values: FloatArray, sector: IntArray, count: int) -> FloatArray:
    """Sums of the rows of each sector."""
    one = np.zeros((count, len(sector)))
    one[sector, np.arange(len(sector))] = 1.0
    return np.asarray(one @ values)


@lru_cache(maxsize=16)
def _places(factors: int, order: int) -> tuple[IntArray, FloatArray]:
    """The places of a symmetric tensor, each once (places x order), and the root of how often each is there."""
    places = np.array(list(combinations_with_replacement(range(factors), order)), dtype=np.int64).reshape(-1, order)
    often = [math.factorial(order) / math.prod(math.factorial(int(n)) for n in np.unique(row, return_counts=True)[1]) for row in places]
    return places, np.sqrt(np.array(often))


def _tensors(names: Names, sector: IntArray, count: int, order: int, map_tasks: MapTasks) -> FloatArray:
    """Each sector's symmetric tensor of an order, as its places (sectors x places): inner products of rows are those of tensors."""
    c, r = threshold_of(names), loading_of(names)
    polynomial = (np.ones_like(c), c, c * c - 1.0)[order - 1]
    size = names.loss[0] * r**order * polynomial * np.exp(-0.5 * c * c) / math.sqrt(2.0 * math.pi * math.factorial(order))
    places, root = _places(names.directions.shape[1], order)
    step = max(1, _CELLS_AT_ONCE // len(places))

    def of_some(start: int) -> FloatArray:
        some = slice(start, start + step)
        direction = names.directions[names.kind[some]]
        product = size[some, None] * direction[:, places[:, 0]]
        for axis in range(1, order):
            product *= direction[:, places[:, axis]]
        return _by_sector(product, sector[some], count)

    total = np.zeros((count, len(places)))
    for part in map_tasks(of_some, range(0, len(names), step)):
        total += part
    return total * root


def _hermite(z: FloatArray, order: int) -> FloatArray:
    """Hermite's polynomials of several variables at points (points x places): He_n(d . z) is their inner product with the places of d x ... x d.

    >>> z, d = np.array([[0.5, -1.5]]), np.array([0.6, 0.8])
    >>> places, root = _places(2, 3)
    >>> y = float(z[0] @ d)
    >>> abs(float((_hermite(z, 3)[0] * root * d[places].prod(axis=1)).sum()) - (y**3 - 3.0 * y)) < 1e-12
    True
    """
    places, root = _places(z.shape[1], order)
    result = z[:, places[:, 0]].copy()
    for axis in range(1, order):
        result *= z[:, places[:, axis]]
    if order == 2:
        result -= places[:, 0] == places[:, 1]
    for one, other, third in ((0, 1, 2), (0, 2, 1), (1, 2, 0)) if order == _ORDERS else ():
        result -= np.where(places[:, one] == places[:, other], z[:, places[:, third]], 0.0)
    return result * root
