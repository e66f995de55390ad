"""Another book at the very points of one that is taken name by name: what its numbers differ by is no noise of the points.

A book that is not on its losses' own lattice is compared on a lattice of the very step: a larger loss is then the larger one on the lattice too. Where
it is, nothing of it is rounded, and the other is put on its own lattice, or on one so fine that what rounding does to it is known and small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from crfs.risk.conditional import ConditionalBook, condition
from crfs.risk.convolution import AS_FAR_AS, fine_enough, on_lattice
from crfs.risk.few_names import FINEST, MOST_ON_FINE_LATTICE, FewNames, bounded, distribution, first_scramble, own_lattice
from crfs.risk.fine_lattice import FineLattice
from crfs.risk.lattice import LossLattice
from crfs.risk.name_transforms import NameTransforms
from crfs.risk.names import Names
from crfs.risk.workers import MapTasks

# Products that another book may take at the points of one: some twenty seconds of one core.
_MOST_WORK = 1.2e10
# A difference is wanted to a part of what the book itself is.
_PART = 0.25


def at_points_of(
    found: FewNames, names: Names, confidences: Sequence[float], *, rel_tol: float, budget: float = math.inf, map_tasks: MapTasks = map
) -> FewNames | None:
    """The distribution of another book at the points of the one that was ``found``.

    None where it has no such lattice, or none that tells the value at risk at all ``confidences`` for no more evaluations than the ``budget``, or has
    other degrees of freedom, or factors of another number.
    """
    if names.nus != found.names.nus or names.directions.shape[1] != found.names.directions.shape[1]:
        return None
    if names.same_as(found.names):
        return found
    most_work, book, points = min(_MOST_WORK, budget), condition(names), found.points
    if isinstance(found.lattice, NameTransforms):
        if found.lattice.rounded_to > 0.0:
            transforms = _far_enough(found, book, max(confidences), most_work, map_tasks)
        else:
            transforms = fine_enough(
                book, points, confidences=tuple(confidences), rel_tol=_PART * rel_tol, most_work=most_work, map_tasks=map_tasks
            )
        if transforms is None or len(points) * transforms.price > most_work:
            return None
        return on_lattice(book, transforms, points, map_tasks)
    lattice: LossLattice | None
    if isinstance(found.lattice, FineLattice):
        step = found.lattice.step * found.names.unit / names.unit
        size = 2 ** int(np.ceil(np.log2(names.greatest / step + 2 * len(names) + 2)))
        lattice = FineLattice.at(names, step, size) if size <= 2 * FINEST and len(names) <= MOST_ON_FINE_LATTICE else None
        if lattice is not None and not lattice.faithful(1.0 - max(confidences)):
            return None
    else:
        lattice = own_lattice(names)
    if lattice is None or len(points) * lattice.price > most_work:
        return None
    probability = distribution(book, lattice, points, map_tasks)
    return bounded(replace(found, names=names, lattice=lattice, book=book, probability=probability, rounded=None), map_tasks)


def _far_enough(found: FewNames, book: ConditionalBook, confidence: float, most_work: float, map_tasks: MapTasks) -> NameTransforms | None:
    """A lattice of the step of the one that was ``found``, which reaches beyond the value at risk of ``book``, by the first scramble."""
    like = found.lattice
    assert isinstance(like, NameTransforms)  # nothing else ends before the losses do
    names, size, some = book.names, like.size, first_scramble(found.points)
    while True:
        lattice = NameTransforms.of(names, like.step * found.names.unit / names.unit, size, like.least)
        if not lattice.faithful or len(found.points) * lattice.price > most_work:
            return None
        if lattice.end >= names.greatest or on_lattice(book, lattice, some, map_tasks).measure(confidence)[0] <= AS_FAR_AS * lattice.end:
            return lattice
        size *= 2
