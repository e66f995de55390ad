"""The first order of a change: the mean change of loss given that the book's loss is at, or beyond, its value at risk.

Who comes is independent of the book given the factors. Who leaves, or is restated, has a part in the book's own loss: his mean loss in the tail is his
Euler contribution, and what he would lose instead depends on whether he defaults. With Y what he loses, Y' what he would, and kappa their joint
cumulants in a state (:mod:`crfs.risk.contributions` has the expansion, for Y' = Y),

    E[Y'; L > x] = kappa(Y') P(L > x) + kappa(Y', Y) f(x) - kappa(Y', Y, Y) f'(x) / 2,

where the lower of the two probabilities of default is that of defaulting in both, and losses given default are as far from their means, counted in
standard deviations. Of a name that is taken exactly, whose default D in the tail is known state by state, with p and p' the probabilities,

    E[Y'; L > x] = min(p, p') / p E[X'; D, L > x] + (p' - p)+ / (1 - p) E[X'] P(no D, L > x).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.cumulants import of_default as cumulants_of_default
from crfs.risk.edgeworth import of_part
from crfs.risk.mixture import Mixture
from crfs.risk.names import Names

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]


def mean_changes(mixture: Mixture, names: Names, *, leaving: IntArray, arrived: IntArray, was: IntArray, losses: list[float]) -> FloatArray:
    """E[change of loss; L > x] and E[change of loss; L in dx] by scramble for each of ``losses``: losses x 2 x scrambles, the book's units.

    ``leaving`` are places in the book, ``arrived`` places in ``names``, the book after the change, and ``was`` the place in the book of each of those, -1
    of new ones.
    """
    result = np.zeros((len(losses), 2, mixture.scrambles))
    for k, x in enumerate(losses):
        result[k] = _mean_change(mixture, names, x, leaving=leaving, arrived=arrived, was=was)
    return result


def _mean_change(mixture: Mixture, names: Names, x: float, *, leaving: IntArray, arrived: IntArray, was: IntArray) -> FloatArray:
    """:func:`mean_changes` for one loss: 2 x scrambles."""
    book, points, at = mixture.book, mixture.points, mixture.local(x)
    new = replace(book, names=names)
    result = np.zeros((2, mixture.scrambles))

    def add(sign: float, first: FloatArray, second: FloatArray | float = 0.0, third: FloatArray | float = 0.0) -> None:
        result[:] += sign * np.stack([mixture.by_scramble(each) for each in of_part(at, first, second, third)])

    # Those of the touched names that are large, but not explicit, are taken out of the expansion, and are as the explicit ones from here on.
    out = np.intersect1d(leaving, mixture.to_take_out(x))
    explicit = len(book.explicit)
    place = {name: k for k, name in enumerate([*book.explicit.tolist(), *out.tolist()])}
    pds = np.concatenate([mixture.explicit_pd, book.conditional_pd(out, points.epsilon, points.mixing)])
    # Of many large names at many points the shares are much to go through, and seldom is one of them touched.
    touched = not place.keys().isdisjoint(leaving.tolist())
    shares = _Shares.none(len(place) if touched else 0, len(points))
    for i in leaving.tolist():
        if i in place:
            shares.of_loss[place[i]] -= 1.0
        else:
            first, second, third, _ = cumulants_of_default(_pd(mixture, i), book.names.loss[:, i])
            add(-1.0, first, second, third)
    for j, i in zip(arrived.tolist(), was.tolist(), strict=True):
        p = new.conditional_pd(np.array([j]), points.epsilon, points.mixing)[0]
        if i < 0:
            add(1.0, names.loss[0, j] * p)
        elif i in place:
            add(1.0, shares.take(place[i], p, names.loss[:, j], pds[place[i]], book.names.loss[:, i]))
        else:
            add(1.0, *_joint(p, names.loss[:, j], _pd(mixture, i), book.names.loss[:, i]))
    for share, of_default in ((shares.of_loss, False), (shares.of_default, True)):
        if share[:explicit].any():
            result += mixture.explicit_parts([x], share=share[:explicit], of_default=of_default)[0].sum(axis=1)
        if share[explicit:].any():
            result += mixture.parts_of(out, [x], share=share[explicit:], of_default=of_default)[0].sum(axis=1)
    return result


class _Shares(NamedTuple):
    """What losses and defaults of the explicit names count for at each point (names x points)."""

    of_loss: FloatArray
    of_default: FloatArray

    @classmethod
    def none(cls, names: int, points: int) -> _Shares:
        return cls(np.zeros((names, points)), np.zeros((names, points)))

    def take(self, k: int, p_new: FloatArray, new: FloatArray, p_old: FloatArray, old: FloatArray) -> FloatArray:
        """Take in what the ``k``-th name would lose; the answer is the part of it that knows of no default, point by point."""
        slope = _slope(new, old)
        both = np.minimum(p_new, p_old)
        of_both = np.divide(both, p_old, out=np.ones_like(both), where=p_old > 0.0)
        more = np.divide(p_new - both, 1.0 - p_old, out=np.zeros_like(both), where=p_old < 1.0)
        self.of_loss[k] += slope * of_both
        self.of_default[k] += float(new[0] - slope * old[0]) * of_both - float(new[0]) * more
        return np.asarray(float(new[0]) * more)


def _pd(mixture: Mixture, i: int) -> FloatArray:
    return np.asarray(mixture.book.conditional_pd(np.array([i]), mixture.points.epsilon, mixture.points.mixing)[0])


def _joint(p_new: FloatArray, new: FloatArray, p_old: FloatArray, old: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """kappa(Y'), kappa(Y', Y) and kappa(Y', Y, Y), point by point; ``new`` and ``old`` are cumulants (4) of the losses given default."""
    k1, k2, k3, _ = old.tolist()
    slope = _slope(new, old)
    square, cube = k2 + k1 * k1, k3 + 3.0 * k2 * k1 + k1**3
    both = np.minimum(p_new, p_old)
    first, own = float(new[0]) * p_new, k1 * p_old
    product = both * (float(new[0]) * k1 + slope * k2)
    with_square = both * (float(new[0]) * square + slope * (cube - k1 * square))
    return first, product - first * own, with_square - 2.0 * product * own - first * square * p_old + 2.0 * first * own * own


def _slope(new: FloatArray, old: FloatArray) -> float:
    """By how much a loss given default is larger than its mean where the old one is larger by one."""
    return math.sqrt(float(new[1]) / float(old[1])) if old[1] > 0.0 else 0.0
