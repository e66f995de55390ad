"""The loss distribution as a weighted mixture over points: given the factors, an expansion for the names that are many and small, and the
large ones exactly.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.conditional import ConditionalBook
from crfs.risk.cumulants import sums_of_default
from crfs.risk.edgeworth import Tail
from crfs.risk.points import Points
from crfs.risk.scrambles import roots
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

# A name's part in a loss is off by some hundredths where it loses half of the spread of all, and by a few thousandths here.
_TAKEN_OUT = 0.2
_MOST_TAKEN_OUT = 128
# What all of them may ask: some seconds.
_MOST_ASKED = 1e8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mixture(ABC):
    """Points, the cumulants there (4 x points) of the loss of all names that are not explicit, and the default probabilities of those that are."""

    book: ConditionalBook
    points: Points
    sums: FloatArray
    explicit_pd: FloatArray
    """Explicit names x points."""
    asked: dict[float, Tail] = field(default_factory=dict, init=False)
    """The tails that have been asked for."""

    @property
    def scrambles(self) -> int:
        """How many independent answers the points hold."""
        return self.points.scrambles

    @property
    def parts_large_names(self) -> bool:
        """Whether large names are taken apart and others are left to the expansion: of few such others its next order is a poor judge."""
        return 0 < len(self.book.explicit) < len(self.book.names)

    @property
    def price(self) -> float:
        """How many products of a point's and a frequency's numbers the explicit names take."""
        return 0.0

    @abstractmethod
    def tails(self, losses: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """P(L > x), E(L - x)+ and the density for each of ``losses`` and each scramble: three arrays losses x scrambles."""

    def local(self, x: float) -> Tail:
        """The tail at one loss, point by point and not weighted; what was asked before is remembered."""
        if x not in self.asked:
            self.asked[x] = self._local(x)
        return self.asked[x]

    @abstractmethod
    def _local(self, x: float) -> Tail:
        """:meth:`local`, found."""

    @abstractmethod
    def left_out(self, x: float) -> tuple[float, float]:
        """What the next order of the expansion would add to P(L > x) and to E(L - x)+."""

    @abstractmethod
    def explicit_parts(
        self, losses: Sequence[float], map_tasks: MapTasks = map, *, share: FloatArray | None = None, of_default: bool = False
    ) -> FloatArray:
        """E[L_i; L > x] and E[L_i; L in dx] of the explicit names for each of ``losses``: losses x 2 x names x scrambles, weighted.

        ``share`` (explicit names x points) is what a name counts for at a point; ``of_default`` takes its default, one or zero, for its loss.
        """

    def spread_at(self, x: float) -> float:
        """Standard deviation of what the names that are not explicit lose, in the states that a loss of ``x`` is made of; zero where it is made of none."""
        weight = self.points.weight * np.maximum(self.local(x).density, 0.0)
        total = float(weight.sum())
        return math.sqrt(max(float((weight * self.sums[1]).sum()), 0.0) / total) if total > 0.0 else 0.0

    def to_take_out(self, x: float) -> IntArray:
        """Names, not explicit, whose part in a loss of ``x`` the expansion tells badly, large as they are: :meth:`parts_of` tells it better."""
        losses, spread = self.book.names.loss[0].copy(), self.spread_at(x)
        losses[self.book.explicit] = 0.0
        most = min(_MOST_TAKEN_OUT, int(_MOST_ASKED // self.asked_of_one))
        # Names that lose alike are taken out together, or none is.
        least = float(np.partition(losses, -most - 1)[-most - 1]) if len(losses) > most else 0.0
        return np.flatnonzero(losses > max(_TAKEN_OUT * spread, least)) if spread > 0.0 else np.zeros(0, dtype=np.int64)

    @property
    @abstractmethod
    def asked_of_one(self) -> float:
        """Expansions, or numbers of a characteristic function, that the part of a name takes that is taken out of the others."""

    @abstractmethod
    def parts_of(
        self,
        names: IntArray,
        losses: Sequence[float],
        map_tasks: MapTasks = map,
        *,
        share: FloatArray | None = None,
        of_default: bool = False,
    ) -> FloatArray:
        """:meth:`explicit_parts` of names that are not explicit: each is taken out of the expansion, and its default exactly."""

    def smeared(self, x: float) -> float:
        """By how much a loss of ``x`` may be misplaced because its atoms are blurred; nothing where they are not."""
        return 0.0

    def cut_off(self) -> tuple[float, float]:
        """What a series that ends may be off by in P(L > x) and in E(L - x)+ anywhere; nothing where there is none."""
        return 0.0, 0.0

    def moments(self) -> tuple[FloatArray, FloatArray]:
        """Mean and mean square of the loss, a number a scramble each."""
        mean, variance = self._at_points()
        return self.by_scramble(mean), self.by_scramble(variance + mean * mean)

    def spread(self, expected_loss: float) -> FloatArray:
        """Standard deviation of the loss about its ``expected_loss``, which is known, by scramble; book units."""
        mean, variance = self._at_points()
        return roots(self.by_scramble(variance + np.square(mean - expected_loss)))

    def _at_points(self) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of the loss given the factors."""
        mean, variance = self.sums[:2] + sums_of_default(self.explicit_pd, self.book.names.loss[:, self.book.explicit])[:2]
        return mean, variance

    def by_scramble(self, values: FloatArray) -> FloatArray:
        """Weighted sums of values at the points, a number a scramble."""
        return np.asarray((self.points.weight * values).reshape(self.scrambles, -1).sum(axis=1))
