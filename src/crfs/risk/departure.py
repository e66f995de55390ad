"""The alarm of the methods that draw factors alone: their points have to be a picture of the book, whose expected loss is known."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.scrambles import scramble_error

FloatArray: TypeAlias = npt.NDArray[np.float64]


def departure(mean: FloatArray, expected_loss: float, rel_tol: float) -> str | None:
    """Why the points are no picture of the book: the ``mean`` loss there, by scramble, is not the ``expected_loss``; None where it is.

    Both in one unit. Chance alone brings about five standard errors of eight scrambles in one run of six hundred: half of ``rel_tol`` comes on top.

    >>> departure(np.array([0.99, 1.01, 1.0, 0.995]), 1.0, 0.005), departure(np.array([0.79, 0.81, 0.8, 0.8]), 1.0, 0.005)
    (None, 'the mean loss at the points is 0.8000 of the expected loss, beyond its error: do not trust these numbers')
    """
    apart = abs(float(mean.mean()) - expected_loss)
    if apart <= 5.0 * scramble_error(mean) + 0.5 * rel_tol * expected_loss:
        return None
    return f"the mean loss at the points is {float(mean.mean()) / expected_loss:.4f} of the expected loss, beyond its error: do not trust these numbers"
