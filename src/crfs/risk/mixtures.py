"""A book's loss distribution over points: by the states of its large names where these are few, else by their characteristic function."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.conditional import ConditionalBook
from crfs.risk.lumpy import Lumpy
from crfs.risk.lumpy import price as price_of_spectra
from crfs.risk.mixture import Mixture
from crfs.risk.points import Points
from crfs.risk.smooth import LEAST_OF_LARGEST, Smooth

FloatArray: TypeAlias = npt.NDArray[np.float64]

MOST_IN_STATES = 5
"""Large names whose states are told apart: 32 of them at a point take about as long as characteristic functions."""
# The others bridge the gaps between the states where, in a bad state of the factors, they vary by this part of the book.
_LEAST_SPREAD = 1e-5


def make_mixture(book: ConditionalBook, points: Points, spread: float, *, sums: FloatArray | None = None) -> Mixture:
    """Look the book up at the points; ``spread`` is the standard deviation, in a bad state, of the loss of the names that are not explicit.

    ``sums`` are the book's cumulants at the points where they are at hand.
    """
    sums = book.cumulants_at(points) if sums is None else sums.copy()
    explicit_pd = book.conditional_pd(book.explicit, points.epsilon, points.mixing)
    if not _in_states(book, spread):
        return Lumpy.of(book, points, sums, explicit_pd, spread=spread)
    sums[1] = np.maximum(sums[1], (LEAST_OF_LARGEST * float(book.names.loss[0].max())) ** 2)
    return Smooth.of(book, points, sums, explicit_pd)


def price(book: ConditionalBook, points: Points, spread: float) -> float:
    """:attr:`~crfs.risk.mixture.Mixture.price` of a book with explicit names, before it is paid."""
    return 0.0 if _in_states(book, spread) else price_of_spectra(book, points, spread)


def _in_states(book: ConditionalBook, spread: float) -> bool:
    """Whether the states of the explicit names are told apart: they are few, the others bridge the gaps, and no random loss given default of theirs,
    of which a state knows the cumulants alone, varies more than the others do.
    """
    if not len(book.explicit):
        return True
    widest = math.sqrt(float(book.names.loss[1, book.explicit].max()))
    return len(book.explicit) <= MOST_IN_STATES and spread >= max(widest, _LEAST_SPREAD * float(book.names.loss[0].sum()))
