"""How the default intensities of a book's sectors move together under its copula: the covariance that gamma sectors are given.

With ``m_g(Z)`` the mean loss of class ``g`` given the factors (and the mixing variable ``s``), the covariance of two is a sum over pairs of names of
losses times P(both default) less the product of their PDs. By F. Mehler's expansion of the bivariate normal density (1866; in
credit risk as the tetrachoric series), with thresholds ``c`` and loadings ``r = sqrt(r2)``, the He Hermite's polynomials,

    Cov(m_g, m_h | s) = sum_{n >= 1} (d_g . d_h)^n A_gn A_hn,    A_gn = sum_{i in g} l_i r_i^n phi(s c_i) He_{n-1}(s c_i) / sqrt(n!),

so that pairs of names cost nothing. The mixing variable is integrated over by quadrature. What the series leaves out has a proved bound, by H. Cramér's
|He_n(x)| exp(-x^2 / 4) < 1.0865 sqrt(n!). A book of too many classes for it is looked at at scrambled Sobol points instead, with an error
(:mod:`crfs.risk.creditriskplus.sampled_covariance`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.risk.creditriskplus.sampled_covariance import FEWEST, MOST_SAMPLED, loading_of, sampled_covariance, threshold_of
from crfs.risk.names import Names
from crfs.risk.points import mixing_variables
from crfs.risk.scrambles import SCRAMBLES
from crfs.risk.workers import MapTasks

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_CRAMER = 1.0865 / math.sqrt(2.0 * math.pi)
# What the series may leave out beside its first term, and the longest series.
_LEFT_OUT, _TOO_MUCH = 1e-10, 1e-4
_MOST_TERMS = 4_096
# Terms x states x names, terms x pairs of classes, and classes that a matrix of them is made of: some seconds and 130 MB.
_MOST_WORK = 1.5e9
_MOST_CLASSES = 4_000
_NAMES_AT_ONCE = 8_192
# Of the mixing variable's chi-squared one: how unlikely values may be left out; panels of its logarithm, and the nodes of each.
_OUTSIDE = 1e-15
_PANEL, _FEWEST_PANELS, _NODES = 2.5, 4, 12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Intensities:
    """Expected loss of each sector (K, in the unit of the names) and the covariance of their conditional expected losses (K x K, that unit squared).

    ``se`` is the standard error of the sum of the covariances, 0 where they are not sampled; ``left_out`` bounds what a series leaves out of it.
    ``points`` is how many states of the factors were sampled.
    """

    expected: FloatArray
    covariance: FloatArray
    se: float
    left_out: float
    points: int

    @property
    def total(self) -> float:
        """The variance of the book's conditional expected loss."""
        return max(0.0, float(self.covariance.sum()))


def intensities(
    names: Names, pd: FloatArray, sector: IntArray, count: int, *, seed: int, most_points: int, map_tasks: MapTasks = map
) -> Intensities:
    """The intensities of ``names`` with the given ``pd``, none of it 1; ``sector`` is that of each class, -1 for none, of ``count``.

    >>> names = Names(obligor=np.arange(1), a=np.zeros(1), b=np.ones(1), loss=np.eye(4, 1), certain=np.ones(1), random=np.zeros(1),
    ...               kind=np.zeros(1, dtype=int), directions=np.ones((1, 1)), nu_index=np.array([-1]), nus=(), unit=1.0)
    >>> found = intensities(names, np.array([0.5]), np.array([0]), 1, seed=0, most_points=1000)
    >>> round(found.total, 9)  # P(both) - pd^2 at a correlation of one half: asin(1 / 2) / 2 pi
    0.083333333
    """
    mine = sector[names.kind]
    live = np.flatnonzero((mine >= 0) & (pd > 0.0) & (names.loss[0] > 0.0))
    expected = np.bincount(mine[live], weights=(pd * names.loss[0])[live], minlength=count).astype(np.float64)
    some = names.chosen(live)
    terms, left_out, part = _terms(some)
    states = len(_states(names.nus)[1])
    classes = np.unique(some.kind)
    dear = float(terms) * max(states * len(live), len(classes) ** 2) > _MOST_WORK
    if dear or len(classes) > _MOST_CLASSES or part > _TOO_MUCH:
        covariance, se, points = sampled_covariance(some, sector, expected, seed=seed, most_points=most_points, map_tasks=map_tasks)
        return Intensities(expected=expected, covariance=covariance, se=se, left_out=0.0, points=points)
    covariance = _by_series(some, classes, sector, terms, len(expected), map_tasks=map_tasks)
    return Intensities(expected=expected, covariance=covariance, se=0.0, left_out=left_out, points=0)


def work(names: Names) -> float:
    """How many evaluations :func:`intensities` takes at most: terms of the series, or points, times names."""
    terms = float(_terms(names)[0]) * len(_states(names.nus)[1]) * len(names)
    return min(terms, max(MOST_SAMPLED, float(SCRAMBLES * FEWEST * len(names))))


def _terms(names: Names) -> tuple[int, float, float]:
    """How many terms the series takes, and what it leaves out at most: of the variance, and as a part of its first term."""
    r, c = loading_of(names), threshold_of(names)
    size = names.loss[0] * _CRAMER * (1.0 if names.nus else np.exp(-0.25 * c * c))
    # Of its own class alone: a lower bound of the variance would ask for the whole matrix.
    first = np.bincount(names.kind, weights=names.loss[0] * r * np.exp(-0.5 * c * c)) / math.sqrt(2.0 * math.pi)
    scale = float(np.square(first).sum())
    terms, bound = 8, 0.0
    while True:
        with np.errstate(under="ignore"):
            rest = float((size * r ** (terms + 1) * np.sqrt(1.0 + names.b * names.b)).sum())
        bound = rest * rest / (terms + 1.0)
        if bound <= _LEFT_OUT * scale or terms >= _MOST_TERMS:
            return terms, bound, bound / scale if scale > 0.0 else 0.0
        terms = min(_MOST_TERMS, terms + max(4, terms // 4))


def _by_series(names: Names, classes: IntArray, sector: IntArray, terms: int, count: int, *, map_tasks: MapTasks) -> FloatArray:
    mixing, weight = _states(names.nus)
    kinds = np.searchsorted(classes, names.kind)

    def at(state: int) -> tuple[FloatArray, FloatArray]:
        return _coefficients(names, kinds, len(classes), terms, mixing[:, state])

    found = list(map_tasks(at, range(len(weight))))
    root = np.sqrt(weight)[:, None]
    # Terms x states x classes, and states x classes.
    each = np.stack([a for a, _ in found], axis=1) * root
    mean = np.stack([m for _, m in found])
    cosine = np.clip(names.directions[classes] @ names.directions[classes].T, -1.0, 1.0)
    centred = (mean - weight @ mean) * root
    covariance = centred.T @ centred
    power = cosine.copy()
    for of_term in each:
        covariance += power * (of_term.T @ of_term)
        power *= cosine
    one = np.zeros((len(classes), count))
    one[np.arange(len(classes)), sector[classes]] = 1.0
    summed: FloatArray = one.T @ covariance @ one
    return 0.5 * (summed + summed.T)


def _coefficients(names: Names, kinds: IntArray, classes: int, terms: int, mixing: FloatArray) -> tuple[FloatArray, FloatArray]:
    """In one state of the mixing variables the A of each class (terms x classes), and each class's mean loss."""
    from scipy.special import ndtr

    r, c = loading_of(names), threshold_of(names) * mixing[names.nu_index[names.kind]]
    result, mean = np.zeros((terms, classes)), np.zeros(classes)
    for start in range(0, len(names), _NAMES_AT_ONCE):
        some = slice(start, start + _NAMES_AT_ONCE)
        x, loading, kind = c[some], r[some], kinds[some]
        first = np.flatnonzero(np.diff(kind, prepend=-1))
        mine = kind[first]
        mean[mine] += np.add.reduceat(names.loss[0, some] * ndtr(x), first)
        # Hermite's polynomials over the root of their own factorials, times the density: none of them is large.
        last, now = np.zeros_like(x), np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
        power = names.loss[0, some] * loading
        for n in range(1, terms + 1):
            result[n - 1, mine] += np.add.reduceat(power * now, first) / math.sqrt(n)
            last, now = now, (x * now - math.sqrt(n - 1.0) * last) / math.sqrt(n)
            power = power * loading
    return result, mean


def _states(nus: tuple[float, ...]) -> tuple[FloatArray, FloatArray]:
    """Mixing variables (degrees of freedom + 1, states), as :func:`crfs.risk.points.mixing_variables` has them, and the states' probabilities."""
    from scipy.special import chdtri, gammaln

    if not nus:
        return np.ones((1, 1)), np.ones(1)
    nu = min(nus)
    low, high = math.log(float(chdtri(nu, 1.0 - _OUTSIDE))), math.log(float(chdtri(nu, _OUTSIDE)))
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    edges = np.linspace(low, high, max(_FEWEST_PANELS, math.ceil((high - low) / _PANEL)) + 1)
    half = 0.5 * np.diff(edges)[:, None]
    log_chi = (half * (nodes + 1.0) + edges[:-1, None]).ravel()
    density = 0.5 * nu * log_chi - 0.5 * np.exp(log_chi) - 0.5 * nu * math.log(2.0) - gammaln(0.5 * nu)
    weight = (half * weights).ravel() * np.exp(density)
    return mixing_variables(np.exp(log_chi), nus, len(log_chi)), weight / weight.sum()
