"""Losses given default that are worse when defaults are many: the factor that drives an obligor's default moves its recovery too.

Of a facility that defaults in a state whose composite factor is ``y`` (low is bad) the mean loss given default is ``m(y) = Phi(level - slope y)``,
with ``slope = loading / sqrt(1 - loading^2)``; given the state it is a Beta variable of mean m and variance ``kappa m (1 - m)``, independent of
all else. J. Frye, "Collateral damage", Risk, April 2000, has recoveries on the factor of default; the probit that keeps them within [0, 1] is
that of L. Andersen and J. Sidenius, "Extensions to the Gaussian copula: random recovery and random factor loadings", Journal of Credit Risk 1,
2004.

Kept is the mean *given default*: defaults happen in bad states, so the level is set such that ``E[m(Y) | default] = lgd``, and the expected loss is
``pd lgd ead`` whatever the loading. Kept as well is the standard deviation given default: ``kappa`` is what ``lgd_sd`` leaves after the part of m.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.credit.schemas import Reason
from crfs.errors import InvalidInput, Problem
from crfs.risk.cumulants import of_default
from crfs.risk.names import thresholds
from crfs.risk.normal_cdf import normal_cdf

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_REACH = 9.0
_PANELS = 12
_NODES = 8
_STEPS = 40
_HIGHEST = 700.0  # in logarithms; where a normal density is so far above that of the peak, the chance of default is none
# A normal distribution function whose deviation is shorter than this needs panels of its own.
_STEEP = 1.0
_AROUND = np.array([-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0])
_TOWARDS_NOUGHT = np.array([0.02, 0.1, 0.4])
_CELLS_AT_ONCE = 400_000
_CACHED_CELLS = 24_000  # a handful of such arrays stay in a core's own cache
_CLOSE = 1e-10
# Of two spreads that agree so well the smaller is a rounded one.
_ROUNDED = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FactorLgd:
    """Losses given default of facilities as functions of their obligors' composite factors.

    ``owner`` is the place of each facility's obligor among the names it is used with, in rising order; ``ead`` its exposure at default in any unit,
    ``level``, ``slope`` and ``kappa`` as above. A loading of 0 gives ``m = lgd`` in every state, and the Beta variable of an ordinary facility.
    """

    owner: IntArray
    ead: FloatArray
    level: FloatArray
    slope: FloatArray
    kappa: FloatArray

    def mean(self, which: IntArray | slice, y: FloatArray) -> FloatArray:
        """Mean loss given default (facilities x states) where the factor is ``y``: a row a facility, or one row for all."""
        from scipy.special import ndtr

        return np.asarray(ndtr(self.level[which, None] - self.slope[which, None] * y))

    def cumulants(self, y: FloatArray, *, names: int) -> FloatArray:
        """First four cumulants of each name's loss if it defaults (4 x names x states); ``y`` has a row a name, or one for all."""
        states = y.shape[-1]
        total = np.zeros((4, names, states))
        rows = self.owner if len(y) > 1 else np.zeros(len(self.owner), dtype=np.int64)
        step = max(1, _CELLS_AT_ONCE // max(1, states))
        for start in range(0, len(self.owner), step):
            some = slice(start, start + step)
            parts = beta_cumulants(self.mean(some, y[rows[some]]), self.kappa[some, None])
            owner = self.owner[some]
            first = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
            for order in range(4):
                amounts = parts[order] * self.ead[some, None] ** (order + 1)
                total[order, owner[first]] += np.add.reduceat(amounts, first, axis=0)
        return total

    def sums(self, p: FloatArray, y: FloatArray) -> FloatArray:
        """First four cumulants (4 x states) of the summed loss of the names: ``p`` are their default probabilities, names x states.

        What :func:`crfs.risk.cumulants.sums_of_default` is for losses that do not depend on the state.
        """
        return np.stack([np.add.reduce(part, axis=0) for part in of_default(p, self.cumulants(y, names=len(p)))])

    def draw(self, which: IntArray, y: FloatArray, rng: np.random.Generator) -> FloatArray:
        """One loss given default for each of ``which`` (facilities, any of them several times) in states ``y`` (one number each)."""
        return drawn_lgd(self.level[which], self.slope[which], self.kappa[which], y, rng)


def drawn_lgd(level: FloatArray, slope: FloatArray, kappa: FloatArray, y: FloatArray, rng: np.random.Generator) -> FloatArray:
    """One loss given default each where the factor is ``y``; certain given the factor where ``kappa`` is 0."""
    mean, random, a, b = lgd_shapes(level, slope, kappa, y)
    return np.where(random, rng.beta(a, b), mean)


def lgd_shapes(
    level: FloatArray, slope: FloatArray, kappa: FloatArray, y: FloatArray
) -> tuple[FloatArray, npt.NDArray[np.bool_], FloatArray, FloatArray]:
    """Where the factor is ``y``: the mean, whether the loss is random about it, and the shapes of its Beta variable."""
    from scipy.special import ndtr

    mean = np.asarray(ndtr(level - slope * y))
    random = (kappa > 0.0) & (mean > 0.0) & (mean < 1.0)
    precision = np.where(random, 1.0 / np.where(random, kappa, 1.0) - 1.0, 1.0)
    inside = np.where(random, mean, 0.5)
    # A shape that underflows is a variable at one of its ends.
    return mean, random, np.maximum(inside * precision, 1e-300), np.maximum((1.0 - inside) * precision, 1e-300)


def factor_lgd(
    *,
    owner: npt.ArrayLike,
    ead: npt.ArrayLike,
    lgd: npt.ArrayLike,
    lgd_sd: npt.ArrayLike,
    loading: npt.ArrayLike,
    pd: npt.ArrayLike,
    r2: npt.ArrayLike,
    nu: npt.ArrayLike = math.inf,
    labels: Sequence[str] = (),
) -> FactorLgd:
    """Set the level and the spread of each facility so that the mean and the standard deviation given default are those of the book.

    Args:
        owner: number of each facility's obligor, in rising order.
        ead: exposure at default, any unit, not negative.
        lgd: mean loss given default, a decimal in [0, 1].
        lgd_sd: its whole standard deviation given default, the factor's part included; 0: certain but for the factor.
        loading: of the loss given default on the obligor's composite factor, a decimal within [0, 1); 0: independent of it.
        pd, r2: the facility's obligor's, decimals in [0, 1] and [0, 1).
        nu: degrees of freedom of its copula; infinite where it is Gaussian. The factor moves losses as it is, not divided by the mixing variable.
        labels: what errors call each facility, where its row here says nothing to the reader.

    All are one number a facility, or one for all but ``owner``. A spread that is smaller than what the loading alone makes, or beyond what the mean
    allows, is :class:`~crfs.errors.InvalidInput` with the row.

    >>> curves = factor_lgd(owner=[0], ead=[100.0], lgd=[0.4], lgd_sd=[0.2], loading=[0.3], pd=[0.02], r2=[0.15])
    >>> curves.mean(slice(None), np.array([[-3.0902, 0.0]])).round(4).tolist()
    [[0.6602, 0.2881]]
    """
    owned = np.asarray(owner, dtype=np.int64)
    given = {"ead": ead, "lgd": lgd, "lgd_sd": lgd_sd, "loading": loading, "pd": pd, "r2": r2, "nu": nu}
    columns = {name: np.broadcast_to(np.asarray(values, dtype=np.float64), owned.shape) for name, values in given.items()}
    _check(owned, columns)
    keys = np.stack([columns[name] for name in ("nu", "lgd", "lgd_sd", "loading", "pd", "r2")])
    different, back = np.unique(keys, axis=1, return_inverse=True)
    level, kappa = np.zeros(different.shape[1]), np.zeros(different.shape[1])
    systematic = np.zeros(different.shape[1])
    follow, rest = _following(different[3], different[5])
    of_t, steep = np.isfinite(different[0]), rest < _STEEP * follow
    step = max(1, _CACHED_CELLS // (_PANELS * _NODES))
    for t, own in itertools.product((False, True), repeat=2):
        mine = np.flatnonzero((of_t == t) & (steep == own))
        for start in range(0, len(mine), step):
            some = mine[start : start + step]
            level[some], kappa[some], systematic[some] = _calibrated(*different[:, some], t=t, steep=own)
    _check_spread(columns, systematic[back.reshape(-1)], kappa[back.reshape(-1)], labels)
    load = columns["loading"]
    return FactorLgd(
        owner=owned,
        ead=np.array(columns["ead"]),
        level=level[back.reshape(-1)],
        slope=load / np.sqrt(1.0 - load**2),
        kappa=np.clip(kappa, 0.0, 1.0)[back.reshape(-1)],
    )


def beta_cumulants(mean: FloatArray, kappa: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """First four cumulants of a Beta variable of this mean and the variance ``kappa mean (1 - mean)``; shapes broadcast.

    >>> [round(float(k), 8) for k in beta_cumulants(np.array(0.25), np.array(0.2))]
    [0.25, 0.0375, 0.00625, 0.00013393]
    """
    spread = mean * (1.0 - mean)
    lean = 1.0 - 2.0 * mean
    second = kappa * spread
    third = 2.0 * kappa**2 * spread * lean / (1.0 + kappa)
    fourth = 6.0 * kappa**3 * spread * (lean**2 - spread * (1.0 + kappa)) / ((1.0 + kappa) * (1.0 + 2.0 * kappa))
    return np.asarray(mean), np.asarray(second), np.asarray(third), np.asarray(fourth)


def _calibrated(*columns: FloatArray, t: bool, steep: bool) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Level, kappa, and the standard deviation that the factor makes, of facilities that differ: all of a ``t`` copula or none, ``steep`` or not.

    ``m(y)`` is the probability that a normal variable, ``loading`` on the factor, is below ``level sqrt(1 - loading^2)``; so what is kept is the
    probability that it and the obligor's own are both low. It is integrated over the latter, ``sqrt(r2) y + sqrt(1 - r2) e``, given default: the
    default is an end of the range then, and no step within it, however near 1 ``r2`` is. The two correlate by ``sqrt(r2) loading``.
    """
    from scipy.special import ndtri

    nu, lgd, lgd_sd, loading, pd, r2 = columns
    follow, rest = _following(loading, r2)
    inside = (lgd > 0.0) & (lgd < 1.0)
    wanted = ndtri(np.where(inside, lgd, 0.5))
    x, weight = _given_default(pd, nu, t=t)
    # The threshold that a normal variable of this mean and variance would need; then Newton's steps in probits, where the mean is nearly a straight line.
    mean = np.einsum("in,in->i", weight, x)
    threshold = follow * mean + wanted * np.sqrt(rest**2 + follow**2 * np.einsum("in,in->i", weight, (x - mean[:, None]) ** 2))
    for _ in range(_STEPS):
        if steep:
            with np.errstate(divide="ignore", invalid="ignore"):
                x, weight = _given_default(pd, nu, t=t, centre=threshold / follow, width=rest / follow)
        h = (threshold[:, None] - follow[:, None] * x) / rest[:, None]
        below = np.einsum("in,in->i", weight, normal_cdf(h))
        pace = np.einsum("in,in->i", weight, np.exp(-0.5 * h * h)) / rest / math.sqrt(2.0 * math.pi)
        scores = ndtri(np.clip(below, 1e-300, 1.0 - 1e-16))
        move = (wanted - scores) * np.exp(-0.5 * scores**2) / math.sqrt(2.0 * math.pi) / np.maximum(pace, 1e-300)
        threshold = threshold + np.clip(move, -2.0, 2.0)
        if not np.any(np.abs(move) > _CLOSE * (1.0 + np.abs(threshold))):
            break
    threshold = np.where(loading == 0.0, wanted, threshold)
    systematic = np.where(
        inside & (loading > 0.0), np.sqrt(_variance_by_factor(threshold, x, weight, lgd=lgd, loading=loading, r2=r2)), 0.0
    )
    left = np.where(lgd_sd > 0.0, lgd_sd**2 - systematic**2, 0.0)
    room = lgd * (1.0 - lgd) - systematic**2
    kappa = np.divide(left, room, out=np.zeros_like(left), where=room > 0.0)
    level = threshold / np.sqrt(1.0 - loading**2)
    return np.where(inside, level, np.where(lgd > 0.0, np.inf, -np.inf)), kappa, systematic


def _following(loading: FloatArray, r2: FloatArray) -> tuple[FloatArray, FloatArray]:
    """How the variable of the loss correlates with the obligor's own, and what is left to it: ``sqrt(1 - correlation^2)``, never rounded to none."""
    return np.sqrt(r2) * loading, np.sqrt((1.0 - r2) + r2 * (1.0 - loading) * (1.0 + loading))


def _variance_by_factor(
    threshold: FloatArray, x: FloatArray, weight: FloatArray, *, lgd: FloatArray, loading: FloatArray, r2: FloatArray
) -> FloatArray:
    """Variance of ``m(Y)`` given default: that of its mean given the obligor's variable, and the mean of its variance given that.

    The square of m is the probability that two such normal variables, independent given Y, are both low. Given the obligor's variable they
    correlate, and what that adds is Plackett's integral of their density over correlations, all of it positive.
    """
    follow, rest = _following(loading, r2)
    h = (threshold[:, None] - follow[:, None] * x) / rest[:, None]
    between = np.einsum("in,in->i", weight, (normal_cdf(h) - lgd[:, None]) ** 2)
    place, share = np.polynomial.legendre.leggauss(_NODES)
    half = 0.5 * np.arcsin(np.clip(loading**2 * (1.0 - r2) / rest**2, 0.0, 1.0))
    within = np.zeros_like(between)
    square = h * h
    for node, width in zip(place.tolist(), share.tolist(), strict=True):
        grown = 1.0 + np.sin(half * (1.0 + node))
        within += width * half * np.einsum("in,in->i", weight, np.exp(-square / grown[:, None]))
    return np.asarray(between + within / (2.0 * math.pi))


def _given_default(
    pd: FloatArray, nu: FloatArray, *, t: bool, centre: FloatArray | None = None, width: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Nodes (facilities x nodes) of the obligor's normal variable and its distribution given default; of a name that never defaults, given nothing.

    Below its threshold it is a normal cut off there; under a ``t`` copula, where the threshold is times a mixing variable ``s``, its density is the
    normal one times P(s < x / c). There are panels of their own around the threshold, and around a ``centre``, for steps of a ``width``.
    """
    from scipy.special import gammainc, gammaincc

    never = (pd <= 0.0) | (pd >= 1.0)
    c = np.where(never, _REACH, np.clip(thresholds(pd, nu), -1e150, 1e150))
    # Where the density is greatest; from there it falls at least as fast as the normal one does from its middle.
    peak = np.where(c < 0.0, np.minimum(np.abs(c), np.sqrt(nu)), 0.0)
    low = -np.hypot(peak, _REACH)
    high = np.where(c <= 0.0, 0.0, _REACH) if t else np.minimum(c, _REACH)
    edges = [low[:, None] + (high - low)[:, None] * np.linspace(0.0, 1.0, _PANELS + 1)]
    if t:
        edges += [c[:, None] + (np.abs(c) / np.sqrt(2.0 * nu))[:, None] * _AROUND]
        # At nought the density is no smooth one where there are few degrees of freedom.
        edges += [np.broadcast_to(np.r_[-_TOWARDS_NOUGHT, 0.0, _TOWARDS_NOUGHT], (len(c), 2 * len(_TOWARDS_NOUGHT) + 1))]
    if centre is not None and width is not None:
        edges += [centre[:, None] + width[:, None] * _AROUND]
    cuts = np.sort(np.clip(np.concatenate(edges, axis=1), low[:, None], high[:, None]), axis=1)
    place, share = np.polynomial.legendre.leggauss(_NODES)
    half = 0.5 * np.diff(cuts, axis=1)
    x = (cuts[:, :-1, None] + half[:, :, None] * (1.0 + place)).reshape(len(c), -1)
    height = np.minimum(0.5 * ((peak * peak)[:, None] - x * x), _HIGHEST)
    weight = (half[:, :, None] * share).reshape(len(c), -1) * np.exp(height)
    if t:
        ratio = np.divide(x, c[:, None], out=np.full_like(x, np.inf), where=c[:, None] != 0.0)
        cut = 0.5 * nu[:, None] * np.square(np.maximum(ratio, 0.0))
        of = 0.5 * np.broadcast_to(nu[:, None], x.shape)
        weight *= np.where(never[:, None], 1.0, np.where(c[:, None] < 0.0, gammainc(of, cut), np.where(x > 0.0, gammaincc(of, cut), 1.0)))
    return x, weight / np.add.reduce(weight, axis=1)[:, None]


def _check(owner: IntArray, columns: dict[str, FloatArray]) -> None:
    if owner.ndim != 1 or (len(owner) and (owner[0] < 0 or (np.diff(owner) < 0).any())):
        raise InvalidInput("owner is a number a facility, not negative, in rising order", argument="owner")
    good = {
        "ead": (columns["ead"] >= 0.0) & np.isfinite(columns["ead"]),
        "lgd": (columns["lgd"] >= 0.0) & (columns["lgd"] <= 1.0),
        "lgd_sd": (columns["lgd_sd"] >= 0.0) & (columns["lgd_sd"] <= 0.5),
        "loading": (columns["loading"] >= 0.0) & (columns["loading"] < 1.0),
        "pd": (columns["pd"] >= 0.0) & (columns["pd"] <= 1.0),
        "r2": (columns["r2"] >= 0.0) & (columns["r2"] < 1.0),
        "nu": columns["nu"] >= 1.0,
    }
    _raise({name: (mask, "is out of its range") for name, mask in good.items()}, columns)


def _check_spread(columns: dict[str, FloatArray], systematic: FloatArray, kappa: FloatArray, labels: Sequence[str]) -> None:
    spread = columns["lgd_sd"]
    enough = (spread == 0.0) | (spread >= systematic * (1.0 - _ROUNDED))
    possible = (spread == 0.0) | ~enough | (kappa < 1.0)
    first = int(np.argmin(enough)) if not enough.all() else 0
    least = systematic[first] if len(systematic) else 0.0
    said = f"is less than the {least:.4g} that the loading alone makes: raise it, or lower the loading"
    _raise({"lgd_sd": (enough, said)}, columns, labels)
    _raise({"lgd_sd": (possible, "is too wide: it must be below sqrt(lgd * (1 - lgd))")}, columns, labels)


def _raise(good: dict[str, tuple[npt.NDArray[np.bool_], str]], columns: dict[str, FloatArray], labels: Sequence[str] = ()) -> None:
    problems = tuple(
        Problem(
            row=None if labels else int(row) + 1,
            column=name,
            reason=Reason.OUT_OF_RANGE.value,
            detail=f"{f'{labels[int(row)]}: ' if labels else ''}{columns[name][row]:g} {said}",
        )
        for name, (mask, said) in good.items()
        for row in np.flatnonzero(~mask)[:20]
    )
    if problems:
        raise InvalidInput(f"loss given default: {problems[0]}", problems=problems)
