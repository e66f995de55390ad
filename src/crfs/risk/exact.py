"""Small books and homogeneous ones without any sampling: the conditional distribution exactly, the factor by quadrature.

Applies where all names move along one line of the factor model (and one mixing variable), and are all alike, or lose multiples of one amount, or have
few sums.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.lattice import Lattice, Sums, lattice_of, lower_quantile, tail_payoffs
from crfs.risk.names import Names
from crfs.risk.panels import STEEP, around_steps, panels
from crfs.risk.points import mixing_variables

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_REACH = 10.0
_PANELS = 50
_NODES_PER_PANEL = 16
# Panels of a step, in arguments of the distribution function: the steps of n names together are as sharp as one divided by sqrt(n).
_WIDEST, _NARROWEST, _OF_ALL = 1.0, 0.1, 6.0
_FARTHEST = 37.5
_MOST_POINTS = 2_000_000
_MIXING_PANELS = 8
_MIXING_NODES_PER_PANEL = 12
# In logarithms of the mixing variable, which of few degrees of freedom spreads far.
_WIDEST_OF_MIXING = 2.0
_LEAST_PROBABILITY = 1e-14
_LEAST_WEIGHT = 1e-22
"""Points of the quadrature that weigh less are left out: all together they hold less than the rounding of one."""
_MOST_WORK = 6e8
_CELLS_AT_ONCE = 65_536


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExactTail:
    """The loss distribution: ``probability[k]`` is P(loss = ``values[k]``), which rise; book units."""

    values: FloatArray
    probability: FloatArray
    names: Names
    lattice: Lattice | Sums | None
    y: FloatArray
    mixing: FloatArray
    weight: FloatArray

    def measures(self, confidence: float) -> tuple[float, float]:
        """Lower quantile and atom-corrected expected shortfall."""
        k = lower_quantile(self.probability, confidence)
        at = float(self.values[k])
        return at, at + float((self.probability[k + 1 :] * (self.values[k + 1 :] - at)).sum()) / (1.0 - confidence)

    @property
    def expected_loss(self) -> float:
        """The mean of the distribution, book units: what shows whether the quadrature saw every default."""
        return float((self.values * self.probability).sum())

    def contributions(self, confidences: Sequence[float]) -> list[tuple[FloatArray, FloatArray]]:
        """For each confidence the contributions of the names to expected shortfall (the atom's part included) and to value at risk."""
        if self.lattice is None:
            count = len(self.names)
            measures = [self.measures(confidence) for confidence in confidences]
            return [(np.full(count, beyond / count), np.full(count, whole / count)) for whole, beyond in measures]
        payoffs = np.concatenate([tail_payoffs(self.probability, confidence) for confidence in confidences])
        lost = np.zeros((len(self.names), self.lattice.size))
        step = max(1, _CELLS_AT_ONCE // self.lattice.size)
        for start in range(0, len(self.y), step):
            some = slice(start, start + step)
            lost += self.lattice.lost(_conditional_pd(self.names, self.y[some], self.mixing[:, some]), self.weight[some])
        parts = payoffs @ lost.T
        return [(parts[k], parts[k + 1]) for k in range(0, len(parts), 2)]


def exact_tail(names: Names, *, budget: float = math.inf) -> ExactTail | None:
    """The exact distribution, where the book allows it and it takes no more evaluations than ``budget``, or than some seconds have; else None."""
    if not follow_one_line(names) or names.loss[1:].any():
        return None
    alike = all(len(np.unique(values)) == 1 for values in (names.loss[0], names.a, names.b, names.kind)) and len(names) > 1
    quadrature = _quadrature(names)
    if quadrature is None:
        return None
    y, mixing, weight = quadrature
    if alike and len(names) > 64:
        return _homogeneous(names, y, mixing, weight, budget)
    lattice = lattice_of(names.loss[0])
    if lattice is None or float(len(weight)) * lattice.price > min(_MOST_WORK, budget):
        return None
    probability = np.zeros(lattice.size)
    some_points = max(1, _CELLS_AT_ONCE // lattice.size)
    for start in range(0, len(y), some_points):
        some = slice(start, start + some_points)
        held = lattice.distribution(_conditional_pd(names, y[some], mixing[:, some]))
        probability += np.einsum("pg,p->g", held, weight[some])
    return ExactTail(values=lattice.values, probability=probability, names=names, lattice=lattice, y=y, mixing=mixing, weight=weight)


def _homogeneous(names: Names, y: FloatArray, mixing: FloatArray, weight: FloatArray, budget: float) -> ExactTail | None:
    """Names that are all alike: a binomial number of defaults given the state."""
    from scipy.special import gammaln, log_ndtr

    count = len(names)
    s = mixing[names.nu_index[names.kind[0]]]
    # Farther out nobody defaults, or everybody; the logarithms of odds there would leave no digits to their sums.
    x = np.clip(names.a[0] * s - names.b[0] * y, -_FARTHEST, _FARTHEST)
    log_p, log_q = log_ndtr(x), log_ndtr(-x)
    counts = np.arange(count + 1, dtype=np.float64)
    choose = gammaln(count + 1.0) - gammaln(counts + 1.0) - gammaln(count - counts + 1.0)
    probability = np.zeros(count + 1)
    spread = np.sqrt(count * np.exp(log_p + log_q))
    mean = count * np.exp(log_p)
    # Beyond 9 standard deviations and 40 defaults there is less left of a binomial than the rounding of one.
    low = np.maximum(np.floor(mean - 9.0 * spread - 40.0), 0.0).astype(np.intp)
    high = np.minimum(np.ceil(mean + 9.0 * spread + 40.0), count).astype(np.intp)
    if float((high - low).sum()) > budget:
        return None
    log_odds, log_none = log_p - log_q, count * log_q + np.log(weight)
    # Points of like width together, so that little is computed in vain.
    order = np.argsort(high - low, kind="stable")
    for part in np.array_split(order, max(1, int((high - low).sum()) // _CELLS_AT_ONCE)):
        if not len(part):
            continue
        k = low[part, None] + np.arange(int((high - low)[part].max()) + 1)
        inside = k <= high[part, None]
        k = np.minimum(k, count)
        mass = choose[k]
        mass += k * log_odds[part, None]
        mass += log_none[part, None]
        np.exp(mass, out=mass)
        mass *= inside
        probability += np.bincount(k.ravel(), weights=mass.ravel(), minlength=count + 1)
    return ExactTail(
        values=float(names.loss[0, 0]) * counts, probability=probability, names=names, lattice=None, y=y, mixing=mixing, weight=weight
    )


def follow_one_line(names: Names) -> bool:
    """Whether all names that follow a factor follow the same line, in the same sense."""
    used = np.flatnonzero(np.bincount(names.kind[names.b > 0.0], minlength=len(names.directions)))
    directions = names.directions[used]
    return not len(directions) or float(np.abs(directions - directions[0]).max()) <= 1e-9


def _conditional_pd(names: Names, y: FloatArray, mixing: FloatArray) -> FloatArray:
    from scipy.special import ndtr

    s = mixing[names.nu_index[names.kind]]
    return np.asarray(ndtr(names.a[:, None] * s - names.b[:, None] * y))


def _quadrature(names: Names) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """Points in the factor (and the mixing variable) and their probabilities; None where the steps of the names are too many for it."""
    steep = np.flatnonzero((names.b > STEEP) & np.isfinite(names.a))
    if len(steep):
        return _quadrature_of_steps(names, steep)
    count = 2 * _PANELS if names.nus else 4 * _PANELS
    y, log_density = _legendre(-_REACH, _REACH, count, _NODES_PER_PANEL)
    weight_y = _normal_weights(y, log_density)
    if not names.nus:
        return y, np.ones((1, len(y))), weight_y
    mixing, weight_s = _mixing(names.nus)
    weight = np.outer(weight_s, weight_y).ravel()
    kept = np.flatnonzero(weight > _LEAST_WEIGHT)
    return np.tile(y, len(weight_s))[kept], np.repeat(mixing, len(y), axis=1)[:, kept], weight[kept]


def _quadrature_of_steps(names: Names, steep: IntArray) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """As :func:`_quadrature`, where some names default in an instant of the factor: panels of their own there, for each state of the mixing variable."""
    mixing, weight_s = _mixing(names.nus) if names.nus else (np.ones((1, 1)), np.ones(1))
    a, b, row = np.unique(np.stack([names.a[steep], names.b[steep], names.nu_index[names.kind[steep]].astype(np.float64)]), axis=1)
    width = min(max(_OF_ALL / math.sqrt(len(names)), _NARROWEST), _WIDEST)
    if len(a) * (2.0 * _REACH / width) * _NODES_PER_PANEL * len(weight_s) > _MOST_POINTS:
        return None
    edges = np.linspace(-_REACH, _REACH, (2 * _PANELS if names.nus else 4 * _PANELS) + 1)
    points, weights, counts = [], [], []
    for s, share in zip(mixing.T, weight_s.tolist(), strict=True):
        y, log_density = panels(around_steps(edges, a=a * s[row.astype(np.int64)], b=b, width=width), _NODES_PER_PANEL)
        weight = share * _normal_weights(y, log_density)
        kept = weight > _LEAST_WEIGHT if names.nus else np.ones(len(y), dtype=np.bool_)
        points.append(y[kept])
        weights.append(weight[kept])
        counts.append(int(kept.sum()))
    return np.concatenate(points), np.repeat(mixing, counts, axis=1), np.concatenate(weights)


def _normal_weights(y: FloatArray, log_density: FloatArray) -> FloatArray:
    """Probabilities of the points, which sum to one."""
    weight = np.exp(log_density - 0.5 * y * y - 0.5 * np.log(2.0 * np.pi))
    return np.asarray(weight / weight.sum())


def _mixing(nus: tuple[float, ...]) -> tuple[FloatArray, FloatArray]:
    """Values of the mixing variables (a row for each number of degrees of freedom, then ones) and their probabilities."""
    from scipy.special import chdtri, gammaln

    nu = min(nus)
    low, high = np.log(chdtri(nu, 1.0 - _LEAST_PROBABILITY)), np.log(chdtri(nu, _LEAST_PROBABILITY))
    count = max(_MIXING_PANELS, math.ceil(float(high - low) / _WIDEST_OF_MIXING))
    log_chi, log_step = _legendre(float(low), float(high), count, _MIXING_NODES_PER_PANEL)
    half = 0.5 * nu
    weight = np.exp(log_step + half * log_chi - 0.5 * np.exp(log_chi) - half * np.log(2.0) - gammaln(half))
    return mixing_variables(np.exp(log_chi), nus, len(log_chi)), weight / weight.sum()


def _legendre(low: float, high: float, panels: int, nodes: int) -> tuple[FloatArray, FloatArray]:
    """Composite Gauss-Legendre nodes and the logarithms of their weights."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    half = 0.5 * (high - low) / panels
    centres = low + half * (2 * np.arange(panels) + 1)
    return (centres[:, None] + half * points).ravel(), np.log(np.tile(half * weights, panels))
