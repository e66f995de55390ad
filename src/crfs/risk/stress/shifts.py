"""The shifts themselves, on arrays: no shift changes no bit, and a harder one is never a milder number."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.stress.transmission import MOST_DEVIATIONS

FloatArray: TypeAlias = npt.NDArray[np.float64]

_HIGHEST_R2 = 0.99
# The normal distribution is computed with an error of 1e-14, so of two arguments next to each other the larger may come out smaller.
# Arguments on this grid (9e-13) are so far apart that it cannot; a probability differs by at most 4e-12 of itself for it.
_STEPS = 2.0**40


def shifted_pd(pd: FloatArray, shift: FloatArray) -> FloatArray:
    """``Phi(Phi^-1(pd) + shift)``: how a name of any probability moves where its segment moves by ``shift`` standard deviations.

    A certain default and an impossible one stay so. A larger shift never gives a smaller probability, and one of zero gives ``pd``,
    whatever the rounding.

    >>> shifted_pd(np.array([0.0, 0.01, 1.0]), np.array([0.5, 0.5, 0.5])).round(6).tolist()
    [0.0, 0.033899, 1.0]
    """
    from scipy.special import ndtr, ndtri

    moved = ndtr(np.rint((ndtri(pd) + shift) * _STEPS) / _STEPS)
    return np.where(shift > 0.0, np.maximum(moved, pd), np.where(shift < 0.0, np.minimum(moved, pd), pd))


def probit_shift(pd: FloatArray, shifted: FloatArray) -> FloatArray:
    """The shift that :func:`shifted_pd` took from ``pd`` to ``shifted``, in standard deviations; 0 of what is the same, 0 and 1 among it.

    Where what was uncertain has become certain or impossible it is the largest there is, 100 up or down.

    >>> probit_shift(np.array([0.0, 0.01, 0.02, 0.5]), np.array([0.0, 0.033899, 0.02, 1.0])).round(4).tolist()
    [0.0, 0.5, 0.0, 100.0]
    """
    from scipy.special import ndtri

    moved = np.zeros_like(pd)
    rows = pd != shifted
    moved[rows] = np.clip(ndtri(shifted[rows]) - ndtri(pd[rows]), -MOST_DEVIATIONS, MOST_DEVIATIONS)
    return moved


def shifted_lgd(lgd: FloatArray, add: FloatArray) -> FloatArray:
    """``lgd + add`` held within [0, 1]."""
    return np.clip(lgd + add, 0.0, 1.0)


def scaled_spread(spread: FloatArray, lgd: FloatArray, shifted: FloatArray) -> FloatArray:
    """The standard deviation of a loss given default whose mean has moved: the same share of the widest one that its mean allows,
    ``sqrt(lgd (1 - lgd))``."""
    before, after = lgd * (1.0 - lgd), shifted * (1.0 - shifted)
    ratio = np.sqrt(np.divide(after, before, out=np.zeros_like(after), where=before > 0.0))
    return np.where(shifted == lgd, spread, spread * ratio)


def shifted_ead(ead: FloatArray, drawn: FloatArray, limit: FloatArray, add: FloatArray) -> FloatArray:
    """Exposure where ``add`` more of the undrawn is drawn at default; ``drawn`` and ``limit`` are NaN where the book does not say.

    The share that is drawn is the one that ``ead`` says: (ead - drawn) / undrawn. It is held within [0, 1], unless ``ead`` is beyond that
    already: then it moves inwards only. Nothing undrawn, nothing moves.
    """
    undrawn = limit - drawn
    moves = (undrawn > 0.0) & (add != 0.0)
    share = np.divide(ead - drawn, undrawn, out=np.zeros_like(ead), where=moves)
    least, most = np.minimum(share, 0.0), np.maximum(share, 1.0)
    moved = drawn + np.clip(share + add, least, most) * undrawn
    kept = np.where(add > 0.0, np.maximum(moved, ead), np.minimum(moved, ead))
    return np.where(moves, kept, ead)


def scaled_r2(r2: FloatArray, scale: FloatArray) -> FloatArray:
    """``r2 * scale``, at most 0.99 (or what it was, if that was more)."""
    return np.minimum(r2 * scale, np.maximum(r2, _HIGHEST_R2))
