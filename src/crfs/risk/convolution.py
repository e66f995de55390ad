"""Books of any number of names whose losses are lumpy: every name's default is taken as it is, on a lattice, and only the factors are sampled.

As :mod:`crfs.risk.few_names`, for more names than that can take: what is multiplied out there is a sum of logarithms here
(:mod:`crfs.risk.name_transforms`). The lattice reaches to where nobody asks any more, which a rough value at risk says.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.aiming import bad_directions
from crfs.risk.collapsed import find_aims, quantile
from crfs.risk.conditional import ConditionalBook, condition
from crfs.risk.few_names import FewNames, conditional_pds, first_scramble, settled_at_zero
from crfs.risk.lattice import common_step
from crfs.risk.mixtures import make_mixture
from crfs.risk.name_transforms import NameTransforms
from crfs.risk.names import Names
from crfs.risk.points import Points, draw, merged
from crfs.risk.scrambles import SCRAMBLES
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]

AS_FAR_AS = 0.8
"""The part of a lattice within which the value at risk has to lie, where more can be lost than the lattice has places for."""
_FIRST = 64
_SHORTEST, _COARSE, _FINEST = 2**6, 2**10, 2**13
# On the losses' own lattice nothing is moved, and a value at risk is one of its points: so many times the points are worth that.
_MORE_OF_ITS_OWN = 4
# The lattice reaches to so many times the greatest value at risk that is asked for, as far as that is known.
_REACH = 2.0
# Products of a point's, a name's and a frequency's numbers: some twenty seconds of one core.
_MOST_WORK = 1.2e10
_MOST_RANDOM = 3_000
"""Names of random losses, each of which has a transform of its own."""
# The part of the wanted error that the lattice may take.
_ROUNDING = 0.25


def convolved(
    names: Names,
    *,
    confidences: tuple[float, ...],
    rel_tol: float,
    seed: int,
    most_points: int,
    budget: float = math.inf,
    map_tasks: MapTasks = map,
) -> FewNames | None:
    """The distribution, drawn until the errors are small enough.

    None where the losses need too fine a lattice, where the first points take too much work, and where a probability is asked for that is lost in the
    rounding of transforms (some 1e-8; 1e-10 of a book all of whose losses are on the lattice).
    """
    if np.count_nonzero(names.loss[1]) > _MOST_RANDOM:
        return None
    book = condition(names)
    aims = find_aims(book, confidences, seed=seed)
    factors, along = names.directions.shape[1], bad_directions(book)
    most_work, size = min(_MOST_WORK, budget), _FIRST

    def drawn(size: int, skip: int) -> Points:
        return draw(aims, factors=factors, nus=names.nus, seed=seed, scrambles=SCRAMBLES, size=size, skip=skip, along=along)

    points = drawn(size, 0)
    if len(points) > most_points:
        return None
    lattice = fine_enough(book, points, confidences=confidences, rel_tol=rel_tol, most_work=most_work, map_tasks=map_tasks)
    if lattice is None:
        return None
    work = lattice.work(conditional_pds(book, points), points.scrambles)
    if work > most_work:
        return None
    found = on_lattice(book, lattice, points, map_tasks)
    while True:
        settled = all(found.settled(confidence, rel_tol) for confidence in confidences)
        if settled or 2 * len(points) > most_points or 2.0 * work > most_work:
            return replace(found, converged=settled)
        further = drawn(size, size)
        more = on_lattice(book, lattice, further, map_tasks)
        # The weights of merged points are each set's own, weighed by its size: so are the probabilities.
        share = len(points) / (len(points) + len(further))
        points = merged(points, further)
        found = replace(found, points=points, probability=share * found.probability + (1.0 - share) * more.probability)
        size, work = 2 * size, 2.0 * work


def fine_enough(
    book: ConditionalBook,
    points: Points,
    *,
    confidences: tuple[float, ...],
    rel_tol: float,
    most_work: float,
    map_tasks: MapTasks,
) -> NameTransforms | None:
    """A lattice, by the first scramble, that reaches beyond the values at risk and takes a small part of the wanted error; None where it is not payable."""
    names, some = book.names, first_scramble(points)
    rough = quantile(make_mixture(book, points, 0.0), max(confidences))
    reach, cells = _REACH * (rough if rough > 0.0 else float(names.loss[0].max())), _COARSE
    while True:
        lattice = _lattice(names, reach, cells, 1.0 - max(confidences), most_work / len(points))
        if not lattice.faithful or len(points) * lattice.price > most_work:
            return None
        found = on_lattice(book, lattice, some, map_tasks)
        far = max(found.measure(confidence)[0] for confidence in confidences)
        finer = _rounding(found, confidences, rel_tol)
        if lattice.end < names.greatest and far > AS_FAR_AS * lattice.end:
            reach *= 2.0
        elif finer <= 1.0:
            return lattice
        elif cells == _FINEST:
            return None
        else:
            cells = min(_FINEST, cells * 2 ** math.ceil(math.log2(finer)))


def _lattice(names: Names, reach: float, cells: int, least: float, most_price: float) -> NameTransforms:
    """``cells`` points as far as ``reach``; or the losses' own, where all are multiples of an amount: if they are no more, or some times more and payable."""
    reach = min(reach, names.greatest * (1.0 + 4.0 / cells))
    step = reach / cells
    own = None if names.loss[1].any() else common_step(names.loss[0], max(int(_MORE_OF_ITS_OWN * names.greatest / step), 1))
    size = 0 if own is None else max(_SHORTEST, 2 ** math.ceil(math.log2(reach / own + 2.0)))
    if own is not None and size <= max(cells, min(_MORE_OF_ITS_OWN * cells, _FINEST)):
        found = NameTransforms.of(names, own, size, least)
        if size <= cells or (found.faithful and found.price <= most_price):
            return found
    return NameTransforms.of(names, step, cells, least)


def on_lattice(book: ConditionalBook, lattice: NameTransforms, points: Points, map_tasks: MapTasks = map) -> FewNames:
    """The distribution, and what the lattice adds to the variance of the loss."""
    p = conditional_pds(book, points)
    added, mean = lattice.rounding_variance(p), book.names.loss[0] @ p
    return FewNames(
        names=book.names,
        lattice=lattice,
        book=book,
        points=points,
        probability=settled_at_zero(lattice.summed(p, points.weight, points.scrambles, map_tasks)),
        converged=False,
        added_by_loss=float(np.divide(added, mean, out=np.zeros_like(mean), where=mean > 0.0).max()),
    )


def _rounding(found: FewNames, confidences: tuple[float, ...], rel_tol: float) -> float:
    """How many times too coarse the lattice is: a value at risk is wanted to one step, and what is added to the variance to move little."""
    parts = [0.0]
    for confidence in confidences:
        var, es, _, _ = found.measure(confidence)
        moved = found.moved(confidence)
        for told, by in ((var, max(found.lattice.rounded_to, moved / _ROUNDING)), (es, moved / _ROUNDING)):
            parts.append(by / (rel_tol * told) if told > 0.0 else 0.0)
    return max(parts)
