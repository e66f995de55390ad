"""The most likely state of the world in which a loss is reached: where importance sampling looks, and where reverse stress begins."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.conditional import ConditionalBook
from crfs.risk.normal_cdf import normal_cdf
from crfs.risk.points import Aim, mixing_variables

FloatArray: TypeAlias = npt.NDArray[np.float64]

_FARTHEST = 12.0
_BAD = 3.0
_ROOT_TWO_OVER_PI = math.sqrt(2.0 / math.pi)
_DIRECTIONS = 3
_STEPS = 8
_LEAST_SCALE = 1e-12
# The mixing variable's chi-squared is looked for above its quantile of this.
_RAREST = 1e-15
# A loss that is certain given the factors is blurred by this part of the largest name's: the sharper, the less there is to climb.
_BLUR = 1e-3


def aim_at(book: ConditionalBook, loss: float, *, start: FloatArray | None = None) -> Aim:
    """Maximise ``log P(L > loss | factors) + log density of the factors``; ``loss`` is in the book's units.

    P is taken from the conditional mean and variance. Under a t copula the mixing variable is part of the state (its density taken in
    the logarithm, where it is nearly normal).
    """
    from scipy.optimize import minimize
    from scipy.special import erfcx, gammaincinv, log_ndtr

    factors, nus = book.names.directions.shape[1], book.names.nus
    reference = min(nus, default=0.0)
    blur = (_BLUR * float(book.names.loss[0].max())) ** 2

    def value(state: FloatArray) -> tuple[float, FloatArray]:
        epsilon = state[:factors]
        log_chi = float(state[factors]) if nus else 0.0
        chi = math.exp(log_chi)
        mixing = mixing_variables(np.array([chi]) if nus else None, nus, 1)[:, 0]
        mean, variance, mean_slope, variance_slope = book.slopes(epsilon, mixing)
        variance += blur
        spread = math.sqrt(variance)
        d = (loss - mean) / spread
        log_tail = float(log_ndtr(-d))
        # Density over tail, by the tail without its exponential: right however far out.
        hazard = _ROOT_TWO_OVER_PI / float(erfcx(d * math.sqrt(0.5))) if d > -37.0 else 0.0
        slope = hazard * (mean_slope / spread + d * variance_slope / (2.0 * variance))
        penalty = 0.5 * float(epsilon @ epsilon)
        gradient = slope.copy()
        gradient[:factors] -= epsilon
        total = log_tail - penalty
        if nus:
            # All mixing variables move together with half the logarithm of chi-squared (exactly so for one nu).
            gradient[factors] = 0.5 * slope[factors] + 0.5 * reference - 0.5 * chi
            total += 0.5 * reference * log_chi - 0.5 * chi
        return -total, -gradient

    first = np.zeros(factors + bool(nus))
    if nus:
        first[factors] = math.log(reference)
    if start is not None:
        first[:factors] = start
    else:
        # Down the gradient of the mean at the middle: a step that is long enough for a bad year.
        _, _, slope, _ = book.slopes(np.zeros(factors), mixing_variables(np.array([reference]) if nus else None, nus, 1)[:, 0])
        size = float(np.sqrt(slope[:factors] @ slope[:factors]))
        first[:factors] = slope[:factors] * (2.0 / size) if size > 0.0 else 0.0
    bounds = [(-_FARTHEST, _FARTHEST)] * factors
    if nus:
        bounds.append((math.log(2.0 * float(gammaincinv(0.5 * reference, _RAREST))), math.log(50.0 * reference)))
    found = minimize(value, first, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 60, "ftol": 1e-7, "gtol": 1e-4})
    epsilon = np.asarray(found.x[:factors])
    scale = math.exp(float(found.x[factors])) / reference if nus else 1.0
    return Aim(epsilon=epsilon, scale=min(max(scale, _LEAST_SCALE), 1.0))


def bad_directions(book: ConditionalBook) -> FloatArray:
    """The few directions (directions x factors, orthonormal) along which the factors' bad states move most of the loss."""
    names = book.names
    # What each class loses in a bad state of its own factor, mild enough for all to count.
    state = 0.6 if names.nus else 1.0
    weight = np.zeros(len(names.directions))
    for table in book.tables:
        weight[table.kinds] = table.by_class(np.full((len(table.kinds), 1), -_BAD), np.full(1, state))[:, 0, 0]
    others = np.concatenate([book.direct, book.explicit])
    mean = names.loss[0, others] * normal_cdf(names.a[others] * state + names.b[others] * _BAD)
    weight += np.bincount(names.kind[others], weights=mean, minlength=len(weight))
    weight /= float(weight.max(initial=1e-300))
    # To a tenth: the directions need be no better, and a book that hardly changes keeps them.
    weight = np.where(weight > 0.0, np.exp2(np.round(np.log2(np.maximum(weight, 1e-300)) * _STEPS) / _STEPS), 0.0)
    moved = weight[:, None] * names.directions
    _, sizes, rows = np.linalg.svd(moved, full_matrices=False)
    kept = min(_DIRECTIONS, int((sizes > 1e-6 * sizes[0]).sum()) if len(sizes) and sizes[0] > 0.0 else 0)
    # The sign of a singular vector is arbitrary: fix it, so that a seed means the same points on every LAPACK.
    signs = np.sign(rows[np.arange(len(rows)), np.argmax(np.abs(rows).round(9), axis=1)])
    return np.ascontiguousarray((rows * signs[:, None])[:kept])
