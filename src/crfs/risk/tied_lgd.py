"""Losses given default that are tied to who defaults and in which scenario: the same number whatever else happens, and a larger one for a larger mean.

Each facility has a uniform number in each scenario, a function of (seed, block, scenario, obligor, place among the obligor's facilities) that is
computed for those who default. Its quantile of the facility's Beta variable is the loss given default. For a given precision ``a + b`` Beta
variables are ordered by their means, so two books whose losses differ by their means have ordered losses in every scenario.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.counted import NUMBERS, counted

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

FACILITIES_AN_OBLIGOR = 1 << 20
# Nodes of a tabulated quantile function: evenly in normal scores within these ends, beyond which lie some 2e-11.
_REACH = 6.7
_MOST_STEPS = 512
_LEAST_STEPS = 64
_NODES_OF_A_BOOK = 50_000


def tied_plan(facility: IntArray, owner: IntArray, beta_a: FloatArray, beta_b: FloatArray, *, curves: bool) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a plan by which its losses are tied: of ``facility``, the random ones, among all, whose obligors are ``owner``.

    ``curves`` says that losses depend on the factor too: then there is nothing to tabulate.
    """
    starts = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]]) if len(owner) else np.zeros(0, dtype=np.int64)
    ordinal = np.arange(len(owner)) - np.repeat(starts, np.diff(np.r_[starts, len(owner)]))
    plan: dict[str, npt.NDArray[Any]] = {"lgd_key": owner[facility] * FACILITIES_AN_OBLIGOR + ordinal[facility]}
    if curves or not len(facility):
        return plan
    # The same for books of the same facilities, so that their quantile functions are ordered between the nodes too.
    steps = _LEAST_STEPS
    while 2 * steps <= _MOST_STEPS and 2 * steps * len(owner) <= _NODES_OF_A_BOOK:
        steps *= 2
    shapes, row = np.unique(np.stack([beta_a, beta_b]), axis=1, return_inverse=True)
    rows = [_tabulated(float(a), float(b), steps) for a, b in shapes.T]
    return plan | {"lgd_row": np.asarray(row, dtype=np.int64).reshape(-1), "lgd_quantiles": np.stack(rows)}


def tied_shares(plan: Mapping[str, npt.NDArray[Any]], key: npt.NDArray[np.uint64], facility: IntArray, scenario: IntArray) -> FloatArray:
    """The loss given default of random facilities (places in the plan) in scenarios of the block that ``key`` is of."""
    table = plan["lgd_quantiles"]
    steps = table.shape[1] - 1
    place = (np.clip(tied_normals(key, plan["lgd_key"][facility], scenario), -_REACH, _REACH) + _REACH) * (steps / (2.0 * _REACH))
    node = np.minimum(place.astype(np.int64), steps - 1)
    row = plan["lgd_row"][facility]
    low, high = table[row, node], table[row, node + 1]
    return np.asarray(low + (place - node) * (high - low))


def tied_normals(key: npt.NDArray[np.uint64], facility: IntArray, scenario: IntArray) -> FloatArray:
    """A standard normal for each facility and scenario."""
    from scipy.special import ndtri

    return np.asarray(ndtri((counted(key, scenario, facility).astype(np.float64) + 0.5) / NUMBERS))


def beta_quantile(a: FloatArray, b: FloatArray, normal: FloatArray) -> FloatArray:
    """The quantiles of Beta variables at ``Phi(normal)``.

    >>> beta_quantile(np.array([2.0, 1.0]), np.array([2.0, 3.0]), np.array([0.0, 0.0])).round(6).tolist()
    [0.5, 0.206299]
    """
    from scipy.special import betaincinv, ndtr

    upper = normal > 0.0
    found = betaincinv(np.where(upper, b, a), np.where(upper, a, b), ndtr(-np.abs(normal)))
    return np.where(upper, 1.0 - found, found)


@lru_cache(maxsize=2048)
def _tabulated(a: float, b: float, steps: int) -> FloatArray:
    nodes = np.linspace(-_REACH, _REACH, steps + 1)
    values = beta_quantile(np.full(steps + 1, a), np.full(steps + 1, b), nodes)
    values.setflags(write=False)
    return values
