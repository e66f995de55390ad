"""Books of few names over several factors: every name's default is taken exactly, on a lattice, and only the factors are sampled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.aiming import bad_directions
from crfs.risk.collapsed import SCRAMBLES, find_aims
from crfs.risk.conditional import ConditionalBook, condition
from crfs.risk.lattice import Lattice, common_step, lower_quantile, make_lattice, tail_payoffs
from crfs.risk.names import Names
from crfs.risk.points import Points, draw, merged
from crfs.risk.scrambles import scramble_error

FloatArray: TypeAlias = npt.NDArray[np.float64]

MOST_NAMES = 48
_MOST_CELLS = 4_000
_ROUNDED_CELLS = 8_192
"""Lattice points of losses that have no common amount."""
_FAR_LARGER = 8.0
_FIRST = 64
_MOST_WORK = 4e8
_CELLS_AT_ONCE = 200_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FewNames:
    """The loss distribution on a lattice, ``probability[r, k]`` = P(loss = k steps) by scramble, in the book's units."""

    names: Names
    lattice: Lattice
    book: ConditionalBook
    points: Points
    probability: FloatArray
    converged: bool
    rounding: float = 0.0
    """By how much a measure may be off because losses were rounded to the lattice, the book's units."""

    def measure(self, confidence: float) -> tuple[float, float, FloatArray, FloatArray]:
        """Value at risk and expected shortfall of all points together, and by scramble."""
        k = lower_quantile(self.probability.mean(axis=0), confidence)
        step = self.lattice.step
        above = np.arange(self.lattice.size) - k
        excess = np.where(above > 0, self.probability * above, 0.0).sum(axis=1) * step / (1.0 - confidence)
        each = np.array([lower_quantile(row, confidence) for row in self.probability], dtype=np.float64) * step
        return k * step, k * step + float(excess.mean()), each, k * step + excess

    def var_interval(self, confidence: float, reach: float) -> tuple[float, float]:
        """The quantiles where P(loss > x) is ``reach`` of its standard errors above and below what it was found to be, the rounding on top.

        A value at risk is one of the lattice's points, which all scrambles may find alike though the next one is as likely.
        """
        above = np.cumsum(self.probability[:, ::-1], axis=1)[:, ::-1]
        above = np.concatenate([above[:, 1:], np.zeros((len(above), 1))], axis=1)
        mean, half = above.mean(axis=0), reach * above.std(axis=0, ddof=1) / np.sqrt(len(above))
        level = (1.0 - confidence) * (1.0 + 1e-12)
        low, high = (int(np.argmax(bound <= level)) * self.lattice.step for bound in (mean - half, mean + half))
        return max(0.0, low - self.rounding), high + self.rounding

    def contributions(self, confidence: float) -> tuple[FloatArray, FloatArray]:
        """Contributions to expected shortfall and to value at risk, names x scrambles; the atom at the quantile counts in part."""
        payoffs = tail_payoffs(self.probability.mean(axis=0), confidence)
        result = np.zeros((2, len(self.names), self.points.scrambles))
        each = len(self.points) // self.points.scrambles
        step = max(1, _CELLS_AT_ONCE // (self.lattice.size * len(self.names)))
        for start in range(0, len(self.points), step):
            some = slice(start, min(len(self.points), start + step))
            p = _pd(self.book, self.points, some)
            parts = self.lattice.parts(p, np.broadcast_to(payoffs[:, None, :], (2, p.shape[1], self.lattice.size)))
            parts = parts * self.points.weight[some]
            owner = np.arange(some.start, some.stop) // each
            for scramble in np.unique(owner):
                result[:, :, scramble] += parts[:, :, owner == scramble].sum(axis=2)
        return result[0], result[1]


def few_names(
    names: Names, *, confidences: tuple[float, ...], rel_tol: float, seed: int, most_points: int, rounded: bool = False
) -> FewNames | None:
    """The distribution, drawn until the errors are small enough; None where the book has too many names or losses of no common amount.

    With ``rounded`` certain losses of no common amount are taken as the nearest multiples of a small one, and :attr:`FewNames.rounding` tells what
    that may do.
    """
    lattice = _lattice(names) if len(names) <= MOST_NAMES else None
    rounding = 0.0
    if lattice is None and rounded and len(names) <= MOST_NAMES and not names.loss[1:].any():
        lattice, rounding = _nearest(names.loss[0], float(names.loss[0].sum()) / _ROUNDED_CELLS)
    if lattice is None:
        return None
    book = condition(names)
    aims = find_aims(book, confidences, seed=seed)
    factors = names.directions.shape[1]
    along = bad_directions(book)
    size = _FIRST
    points = draw(aims, factors=factors, nus=names.nus, seed=seed, scrambles=SCRAMBLES, size=size, along=along)
    while True:
        found = FewNames(
            names=names,
            lattice=lattice,
            book=book,
            points=points,
            probability=_distribution(book, lattice, points),
            converged=False,
            rounding=rounding,
        )
        converged = all(_settled(*found.measure(confidence), rel_tol) for confidence in confidences)
        work = 2.0 * len(points) * lattice.size * len(names)
        if converged or 2 * len(points) > most_points or work > _MOST_WORK:
            return replace(found, converged=converged)
        points = merged(
            points, draw(aims, factors=factors, nus=names.nus, seed=seed, scrambles=SCRAMBLES, size=size, skip=size, along=along)
        )
        size *= 2


def pair_at_points(found: FewNames, names: Names) -> tuple[FewNames, FewNames] | None:
    """A book and another one at the very points of the first; None where the other is not for this method, or has other degrees of freedom.

    Where either has losses of no common amount, both are rounded to one lattice: what grows is never rounded down below what it was.
    """
    if names.nus != found.names.nus or len(names) > MOST_NAMES or names.loss[1:].any():
        return None
    exact = None if found.rounding > 0.0 else _lattice(names)
    if exact is not None:
        return found, _at(found, names, exact, 0.0)
    before, after = (each.unit * float(each.loss[0].sum()) for each in (found.names, names))
    step = (before if after <= _FAR_LARGER * before else after) / _ROUNDED_CELLS
    first, second = (_at(found, each, *_nearest(each.loss[0], step / each.unit)) for each in (found.names, names))
    return first, second


def _at(found: FewNames, names: Names, lattice: Lattice, rounding: float) -> FewNames:
    book = condition(names)
    probability = _distribution(book, lattice, found.points)
    return replace(found, names=names, lattice=lattice, book=book, probability=probability, rounding=rounding)


def _lattice(names: Names) -> Lattice | None:
    """Places for every sum of the losses, which have to be certain and whole numbers of one amount."""
    step = None if names.loss[1:].any() else common_step(names.loss[0], _MOST_CELLS)
    return None if step is None else make_lattice(names.loss[0], step)


def _nearest(losses: FloatArray, step: float) -> tuple[Lattice, float]:
    """Losses as the nearest multiples of ``step``, and by how much a measure may be off for it.

    What rounding adds to a name and takes from another is independent of who defaults: two standard deviations of all of it together.
    """
    lattice = make_lattice(losses, step)
    return lattice, 2.0 * float(np.sqrt(np.square(losses - step * lattice.cells).sum()))


def _settled(var: float, es: float, var_each: FloatArray, es_each: FloatArray, rel_tol: float) -> bool:
    return scramble_error(var_each) <= rel_tol * var and scramble_error(es_each) <= rel_tol * es


def _distribution(book: ConditionalBook, lattice: Lattice, points: Points) -> FloatArray:
    each = len(points) // points.scrambles
    result = np.zeros((points.scrambles, lattice.size))
    step = max(1, _CELLS_AT_ONCE // lattice.size)
    for scramble in range(points.scrambles):
        for start in range(scramble * each, (scramble + 1) * each, step):
            some = slice(start, min(start + step, (scramble + 1) * each))
            result[scramble] += np.einsum("pg,p->g", lattice.distribution(_pd(book, points, some)), points.weight[some])
        # The weights sum to one but for the sampling of the strata, which samples the tail well and good states not: to divide by their sum would
        # bring that noise, and a bias, into the tail. What is missing, or too much, is no loss.
        result[scramble, 0] += 1.0 - result[scramble].sum()
    return result


def _pd(book: ConditionalBook, points: Points, some: slice) -> FloatArray:
    return book.conditional_pd(np.arange(len(book.names)), points.epsilon[some], points.mixing[:, some])
