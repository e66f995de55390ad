"""Random losses given default as a few amounts each: points of an even grid, with the mean kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_MOST_POINTS = 4_096
# Entries of all names together; beyond it grids are coarser, and say by how much.
_MOST_ENTRIES = 2_000_000
_FEWEST = 3
_UNLIKELY = 1e-15


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Severities:
    """Entry ``e``: name ``owner[e]`` loses ``loss[e]`` with ``probability[e]`` if it defaults; currency units.

    ``added`` is, for each name, by how much the variance of these losses is above that of the loss itself: nothing where it is certain.
    """

    owner: IntArray
    loss: FloatArray
    probability: FloatArray
    added: FloatArray


def severities(mean: FloatArray, certain: FloatArray, random: FloatArray, variance: FloatArray, *, unit: float) -> Severities:
    """Of names that lose ``certain`` and a Beta share of ``random``, together ``mean`` with ``variance``; currency units, one entry a name.

    What lies between two points of a name's grid goes to both with its mean kept. Points are so far apart that this adds no more to the variance,
    beside the loss, than a lattice of step ``unit`` does: the root of ``unit`` times the loss.

    >>> found = severities(np.array([40.0]), np.array([0.0]), np.array([100.0]), np.array([400.0]), unit=1.0)
    >>> round(float((found.probability * found.loss).sum()), 9), round(float(found.added[0]), 3)
    (40.0, 6.516)
    """
    sure, spread = np.flatnonzero(variance <= 0.0), np.flatnonzero(variance > 0.0)
    added = np.zeros(len(mean))
    if not len(spread):
        return Severities(owner=sure, loss=mean.copy(), probability=np.ones(len(mean)), added=added)
    share = (mean[spread] - certain[spread]) / random[spread]
    relative = variance[spread] / np.square(random[spread])
    cells = np.clip(np.ceil(random[spread] / np.sqrt(unit * mean[spread])), _FEWEST, _MOST_POINTS)
    cells = np.maximum(_FEWEST, np.ceil(cells * min(1.0, _MOST_ENTRIES / float(cells.sum())))).astype(np.int64)
    owner, place, weight = beta_on_grids(share, relative, cells)
    exposure = random[spread][owner]
    second = np.bincount(owner, weights=weight * np.square(place - share[owner]), minlength=len(spread))
    added[spread] = np.maximum(second - relative, 0.0) * np.square(random[spread])
    return Severities(
        owner=np.concatenate([sure, spread[owner]]),
        loss=np.concatenate([mean[sure], certain[spread][owner] + exposure * place]),
        probability=np.concatenate([np.ones(len(sure)), weight]),
        added=added,
    )


def beta_on_grids(mean: FloatArray, variance: FloatArray, cells: IntArray) -> tuple[IntArray, FloatArray, FloatArray]:
    """Beta variables on even grids of so many ``cells`` from 0 to 1: owner, place and probability of each point that has any."""
    from scipy.special import betainc

    total = mean * (1.0 - mean) / variance - 1.0
    points = cells + 1
    owner = np.repeat(np.arange(len(cells)), points)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(points) - points, points)
    place = number / cells[owner]
    a, b = (mean * total)[owner], ((1.0 - mean) * total)[owner]
    below, mean_below = betainc(a, b, place), mean[owner] * betainc(a + 1.0, b, place)
    # Of the cell that begins at each point; the last point of a name begins none.
    inside, amount = np.diff(below, append=1.0), np.diff(mean_below, append=1.0)
    last = number == cells[owner]
    inside[last] = amount[last] = 0.0
    up = np.clip((amount - place * inside) * cells[owner], 0.0, inside)
    weight = inside - up
    weight[1:] += up[:-1]
    kept = np.flatnonzero(weight > 0.0)
    return owner[kept], place[kept], weight[kept]


def beta_on_lattice(mean: float, variance: float, step: float) -> tuple[float, FloatArray]:
    """A Beta variable on points ``step`` apart with its mean kept: the first of them, below which next to nothing lies, and their probabilities.

    >>> low, probability = beta_on_lattice(0.5, 0.05, 0.25)
    >>> round(low, 6), probability.round(3).tolist()
    (0.0, [0.055, 0.266, 0.359, 0.266, 0.055])
    """
    from scipy.special import betainc, betaincinv

    total = mean * (1.0 - mean) / variance - 1.0
    a, b = mean * total, (1.0 - mean) * total
    # A density that is infinite at an end has its mass there; so far out quantiles of it are not to be had either.
    low = float(betaincinv(a, b, _UNLIKELY)) if a > 1.0 else 0.0
    high = float(betaincinv(a, b, 1.0 - _UNLIKELY)) if b > 1.0 else 1.0
    place = low + step * np.arange(int(np.ceil((high - low) / step)) + 1)
    inside_one = np.minimum(place, 1.0)
    below, mean_below = betainc(a, b, inside_one), mean * betainc(a + 1.0, b, inside_one)
    inside, amount = np.diff(below), np.diff(mean_below)
    up = np.clip((amount - place[:-1] * inside) / step, 0.0, inside)
    weight = np.append(inside - up, 0.0)
    weight[1:] += up
    return low, weight / weight.sum()
