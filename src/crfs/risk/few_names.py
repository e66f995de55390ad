"""Books of few names over several factors: every name's default is taken exactly, on a lattice, and only the factors are sampled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.aiming import bad_directions
from crfs.risk.collapsed import SCRAMBLES, find_aims
from crfs.risk.conditional import ConditionalBook, condition
from crfs.risk.lattice import Lattice, Sums, beyond, common_step, lower_quantile, make_lattice, tail_payoffs
from crfs.risk.names import Names
from crfs.risk.points import Points, draw, merged
from crfs.risk.scrambles import scramble_error

FloatArray: TypeAlias = npt.NDArray[np.float64]

MOST_NAMES = 48
MOST_OF_ANY_AMOUNT = 12
"""Names of which every sum is looked at: 4,096."""
_MOST_CELLS = 4_000
_FIRST = 64
_MOST_WORK = 4e8
_CELLS_AT_ONCE = 200_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FewNames:
    """The loss distribution: ``probability[r, k]`` = P(loss = ``lattice.values[k]``) by scramble, in the book's units."""

    names: Names
    lattice: Lattice | Sums
    book: ConditionalBook
    points: Points
    probability: FloatArray
    converged: bool

    def measure(self, confidence: float) -> tuple[float, float, FloatArray, FloatArray]:
        """Value at risk and expected shortfall of all points together, and by scramble."""
        k = lower_quantile(self.probability.mean(axis=0), confidence)
        values = self.lattice.values
        at = float(values[k])
        excess = (self.probability[:, k + 1 :] @ (values[k + 1 :] - at)) / (1.0 - confidence)
        each = values[[lower_quantile(row, confidence) for row in self.probability]]
        return at, at + float(excess.mean()), each, at + excess

    def var_interval(self, confidence: float, reach: float) -> tuple[float, float]:
        """The quantiles where P(loss > x) is ``reach`` of its standard errors above and below what it was found to be.

        A value at risk is one of the sums that there are, which all scrambles may find alike though the next one is as likely.
        """
        above = np.stack([beyond(each) for each in self.probability])
        mean, half = above.mean(axis=0), reach * above.std(axis=0, ddof=1) / np.sqrt(len(above))
        level = (1.0 - confidence) * (1.0 + 1e-12)
        low, high = (float(self.lattice.values[np.argmax(bound <= level)]) for bound in (mean - half, mean + half))
        return low, high

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


def few_names(names: Names, *, confidences: tuple[float, ...], rel_tol: float, seed: int, most_points: int) -> FewNames | None:
    """The distribution, drawn until the errors are small enough.

    None where losses are random, or the names too many: more than 48, or more than a dozen whose losses have no common amount.
    """
    lattice = _lattice(names)
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
            names=names, lattice=lattice, book=book, points=points, probability=_distribution(book, lattice, points), converged=False
        )
        converged = all(_settled(*found.measure(confidence), rel_tol) for confidence in confidences)
        work = 2.0 * len(points) * lattice.price
        if converged or 2 * len(points) > most_points or work > _MOST_WORK:
            return replace(found, converged=converged)
        points = merged(
            points, draw(aims, factors=factors, nus=names.nus, seed=seed, scrambles=SCRAMBLES, size=size, skip=size, along=along)
        )
        size *= 2


def at_points_of(found: FewNames, names: Names) -> FewNames | None:
    """The distribution of another book at the very points; None where its losses have no common amount, or it has other degrees of freedom."""
    lattice = _lattice(names) if names.nus == found.names.nus else None
    if lattice is None:
        return None
    book = condition(names)
    return replace(found, names=names, lattice=lattice, book=book, probability=_distribution(book, lattice, found.points))


def _lattice(names: Names) -> Lattice | Sums | None:
    """Places for every sum of the losses, which have to be certain; and whole numbers of one amount, where the names are more than a dozen."""
    if len(names) > MOST_NAMES or names.loss[1:].any():
        return None
    step = common_step(names.loss[0], _MOST_CELLS)
    if step is not None:
        return make_lattice(names.loss[0], step)
    return Sums.of(names.loss[0]) if len(names) <= MOST_OF_ANY_AMOUNT else None


def _settled(var: float, es: float, var_each: FloatArray, es_each: FloatArray, rel_tol: float) -> bool:
    return scramble_error(var_each) <= rel_tol * var and scramble_error(es_each) <= rel_tol * es


def _distribution(book: ConditionalBook, lattice: Lattice | Sums, points: Points) -> FloatArray:
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
