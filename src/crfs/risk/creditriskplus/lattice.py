"""Losses as whole multiples of a unit: the lattice on which CreditRisk+ has an exact distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

# A unit of this share of the standard deviation of loss puts the quantiles within a ten-thousandth of it.
_UNIT_OF_UL = 1e-4
MOST_POINTS = 2**23
"""The longest lattice: some 70 MB an array, and a transform in under a second."""

# An amount this close to a multiple of the unit is that multiple: what a division of two decimals rounds.
_ON_LATTICE = 1e-9
# More units than this in one name's loss would overflow what a lattice can hold long before.
_MOST_UNITS = 2.0**40


class Rounding(StrEnum):
    """How a loss that lies between two points of the lattice is put on it; every way keeps the expected loss.

    ``mean``: on both neighbours, with probabilities that keep its mean (its variance grows by at most a quarter of the unit squared).
    ``nearest``, ``up``: on one point, the default intensity being scaled by loss / point, as Credit Suisse First Boston's CreditRisk+ does
    (1997, appendix A4.2); a loss below half a unit counts as one unit.
    """

    MEAN = "mean"
    NEAREST = "nearest"
    UP = "up"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lattice:
    """Losses on a lattice: entry ``e`` is a loss of ``units[e] * unit`` of obligor ``owner[e]``, with ``intensity[e]`` expected a year."""

    unit: float
    owner: IntArray
    units: IntArray
    intensity: FloatArray


def choose_unit(loss: FloatArray, *, ul: float) -> float:
    """A unit fine enough for quantiles to four digits, or the greatest common divisor of the losses where that is coarser: then nothing is rounded.

    ``loss`` are positive currency amounts, ``ul`` is the standard deviation of the book's loss.

    >>> choose_unit(np.array([200.0, 350.0]), ul=500.0), choose_unit(np.array([1.0, math.pi]), ul=3.0)
    (50.0, 0.0002)
    """
    fine = _round_down(max(_UNIT_OF_UL * ul, 10.0 * float(loss.max()) / MOST_POINTS))
    for parts in (1, 100):
        scaled = loss * parts
        whole = np.rint(scaled)
        if scaled.max() < 2.0**53 and (np.abs(scaled - whole) <= _ON_LATTICE * parts).all() and whole.min() >= 1.0:
            common = int(np.gcd.reduce(whole.astype(np.int64))) / parts
            return common if common >= fine else fine
    return fine


def to_lattice(loss: FloatArray, intensity: FloatArray, *, unit: float, rounding: Rounding) -> Lattice:
    """Put each loss (currency, positive) on the lattice of ``unit``; ``intensity`` is the expected number of its defaults.

    >>> lattice = to_lattice(np.array([250.0]), np.array([0.02]), unit=100.0, rounding=Rounding.MEAN)
    >>> lattice.units.tolist(), lattice.intensity.tolist()
    ([2, 3], [0.01, 0.01])
    """
    if not (math.isfinite(unit) and unit > 0.0):
        raise InvalidInput(f"unit is a positive amount of currency, not {unit}", argument="unit")
    exact = loss / unit
    if len(exact) and exact.max() > _MOST_UNITS:
        raise InvalidInput(
            f"the largest loss, {loss.max():g}, is {exact.max():.3g} units of {unit:g}; take a coarser unit", argument="unit"
        )
    whole = np.rint(exact)
    on = (np.abs(exact - whole) <= _ON_LATTICE * np.maximum(1.0, exact)) & (whole >= 1.0)
    owner = np.arange(len(loss))
    if rounding is Rounding.MEAN:
        below = np.where(on, whole, np.floor(exact))
        above_share = np.where(on, 0.0, exact - below)
        units = np.concatenate([below, below + 1.0]).astype(np.int64)
        shares = np.concatenate([1.0 - above_share, above_share])
        owners = np.concatenate([owner, owner])
        # A part on zero loses nothing: it has no place in a distribution of losses.
        kept = np.flatnonzero((units > 0) & (shares > 0.0))
        return Lattice(unit=unit, owner=owners[kept], units=units[kept], intensity=intensity[owners[kept]] * shares[kept])
    point = np.where(on, whole, np.ceil(exact) if rounding is Rounding.UP else np.maximum(1.0, whole))
    return Lattice(unit=unit, owner=owner, units=point.astype(np.int64), intensity=intensity * np.where(on, 1.0, exact / point))


def coarser(unit: float) -> float:
    """The next unit up that is 1, 2 or 5 times a power of ten, at least twice this one.

    >>> [coarser(unit) for unit in (0.01, 3.0, 5.0)]
    [0.02, 10.0, 10.0]
    """
    step = 2.0 * unit
    found = _round_down(step)
    return found if found >= step * (1.0 - 1e-12) else _round_down(step * 2.5)


def _round_down(amount: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not above ``amount``."""
    if not amount > 0.0:
        return 1.0
    power = math.floor(math.log10(amount))
    for step in (5, 2, 1):
        # From the text, so that the unit is the decimal that it looks like.
        candidate = float(f"{step}e{power}")
        if candidate <= amount:
            return candidate
    return float(f"5e{power - 1}")
