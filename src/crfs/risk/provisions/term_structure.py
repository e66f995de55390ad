"""Term structures of default: survival over the years, from 12-month PDs, from PDs of periods, from transition matrices and from
generators.

Between two nodes of a curve the hazard is constant, and beyond its last node that of its last period goes on. So a curve answers at any
time, and cutting a period in two changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput, naming
from crfs.risk.arguments import check_mapping, check_text, check_texts, is_whole, shown
from crfs.risk.ranges import DECIMAL, FINITE, POSITIVE, SHARE_OF_VARIANCE, Range, elementwise, number, numbers

_YEARS = Range(said="a finite number of years, zero or more", low=0.0, with_high=False)

FloatArray: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PdCurves:
    """Survival curves by name (a grade, a segment).

    ``times_years`` has the nodes, from 0 upwards; ``survival`` has one row a curve and one column a node: the probability of no default
    until then, from 1 downwards. ``cumulative``, ``marginal`` and ``conditional`` are the same in other words.
    """

    names: tuple[str, ...]
    times_years: FloatArray
    survival: FloatArray

    def __post_init__(self) -> None:
        check_texts("names", self.names)
        times, survival = _rising(self.times_years), numbers("survival", self.survival, DECIMAL)
        if survival.shape != (len(self.names), len(times)) or len(set(self.names)) != len(self.names) or not self.names:
            raise InvalidInput("survival has one row a name, each name once, and one column a time", argument="survival")
        if not ((survival[:, 0] == 1.0).all() and (survival >= 0.0).all() and (np.diff(survival, axis=1) <= 0.0).all()):
            raise InvalidInput("survival begins with 1, never rises and never falls below 0", argument="survival")
        # Lists will do as well as arrays.
        for name, value in (("names", tuple(self.names)), ("times_years", times), ("survival", survival)):
            object.__setattr__(self, name, value)

    @property
    def cumulative(self) -> FloatArray:
        """Probability of default until each node after the first; curves by nodes, decimals."""
        return 1.0 - self.survival[:, 1:]

    @property
    def marginal(self) -> FloatArray:
        """Probability of default in each period, as seen today: what survival loses there; decimals that sum to the cumulative."""
        return -np.diff(self.survival, axis=1)

    @property
    def conditional(self) -> FloatArray:
        """Probability of default in each period, given survival until it begins; 1 where nobody survives until then."""
        before, marginal = self.survival[:, :-1], self.marginal
        return np.divide(marginal, before, out=np.ones_like(marginal), where=before > 0.0)

    def survival_at(self, years: npt.ArrayLike) -> FloatArray:
        """Survival of every curve until each of ``years`` (zero or more): curves by times.

        >>> curves = curves_from_pd_12m({"A": 0.02})
        >>> curves.survival_at([0.0, 1.0, 2.0]).round(6).tolist()
        [[1.0, 0.98, 0.9604]]
        """
        return np.exp(-self.cumulative_hazard(years))

    def cumulative_hazard(self, years: npt.ArrayLike) -> FloatArray:
        """Minus the logarithm of survival until each of ``years``: curves by times; infinite where nobody survives."""
        at = np.atleast_1d(numbers("years", years, _YEARS))
        times = self.times_years
        with np.errstate(divide="ignore"):
            hazard = -np.log(self.survival)
        # Which period a time lies in; a node belongs to the period that it ends, so that a certain default at a node's end stays there.
        period = np.clip(np.searchsorted(times, at, side="left") - 1, 0, len(times) - 2)
        share = (at - times[period]) / (times[period + 1] - times[period])
        before, after = hazard[:, period], hazard[:, period + 1]
        with np.errstate(invalid="ignore"):
            step = np.where(np.isinf(before), np.inf, after - before) * share
        return before + np.where(share > 0.0, step, 0.0)

    def pd_between(self, name: str, start_years: float, end_years: float) -> float:
        """Probability of default between two times, given survival until the first: the lifetime PD of what is ``start_years`` old.

        >>> round(curves_from_pd_12m({"A": 0.02}).pd_between("A", 1.0, 3.0), 6)
        0.0396
        """
        if check_text("name", name) not in self.names:
            raise InvalidInput(f"there is no curve {name!r}; there are {', '.join(self.names[:10])}", argument="name")
        number("start_years", start_years, _YEARS), number("end_years", end_years, _YEARS)
        if start_years > end_years:
            raise InvalidInput("start_years is zero or more, and end_years not before it", argument="end_years")
        row = self.names.index(name)
        start, end = self.cumulative_hazard([start_years, end_years])[row]
        return 1.0 if np.isinf(start) else float(-np.expm1(start - end))


def curves_from_pd_12m(pd_12m: Mapping[str, float]) -> PdCurves:
    """Curves of constant hazard from 12-month PDs: survival until ``t`` is (1 - pd)^t.

    >>> curves_from_pd_12m({"A": 0.02, "B": 1.0}).survival.tolist()
    [[1.0, 0.98], [1.0, 0.0]]
    """
    with naming("pd_12m", instead_of="pd"):
        pd = check_mapping("pd_12m", pd_12m)
        return curves_from_conditional({name: [each] for name, each in pd.items()}, times_years=[0.0, 1.0])


def curves_from_conditional(pd: Mapping[str, Sequence[float]], *, times_years: npt.ArrayLike) -> PdCurves:
    """Curves from the PD of each period given survival until it begins; ``times_years`` are the ends of periods after a 0.

    >>> curves_from_conditional({"A": [0.1, 0.5]}, times_years=[0.0, 1.0, 3.0]).survival.tolist()
    [[1.0, 0.9, 0.45]]
    """
    rows = _rows(pd)
    survival = np.concatenate([np.ones((len(rows), 1)), np.cumprod(1.0 - rows, axis=1)], axis=1)
    return PdCurves(names=tuple(pd), times_years=_rising(times_years), survival=survival)


def curves_from_cumulative(pd: Mapping[str, Sequence[float]], *, times_years: npt.ArrayLike) -> PdCurves:
    """Curves from the PD until each node after the first, such as a rating agency's table.

    >>> curves_from_cumulative({"B": [0.05, 0.11]}, times_years=[0.0, 1.0, 2.0]).conditional.round(6).tolist()
    [[0.05, 0.063158]]
    """
    rows = _rows(pd)
    survival = np.concatenate([np.ones((len(rows), 1)), 1.0 - rows], axis=1)
    return PdCurves(names=tuple(pd), times_years=_rising(times_years), survival=survival)


def curves_from_transitions(states: Sequence[str], matrices: npt.ArrayLike, *, period_years: float = 1.0, periods: int = 1) -> PdCurves:
    """One curve a grade from transition matrices: the chance not to be in the last of ``states``, which is default and is never left.

    ``matrices`` is one matrix for ``periods`` periods alike, or one for each; rows are where a grade goes and sum to 1.

    >>> curves = curves_from_transitions(["A", "B", "D"], [[0.9, 0.09, 0.01], [0.1, 0.8, 0.1], [0.0, 0.0, 1.0]], periods=2)
    >>> curves.cumulative.round(4).tolist()
    [[0.01, 0.028], [0.1, 0.181]]
    """
    steps = _square(states, matrices, "matrices")
    if not (steps >= 0.0).all() or not (np.abs(steps.sum(axis=2) - 1.0) < 1e-8).all():
        raise InvalidInput("the rows of a transition matrix are probabilities that sum to 1", argument="matrices")
    if not (steps[:, -1, :-1] == 0.0).all():
        raise InvalidInput("the last state is default, and is never left", argument="matrices")
    if not is_whole(periods) or periods < 1 or (len(steps) > 1 and periods not in (1, len(steps))):
        raise InvalidInput(
            f"periods is a whole number, 1 or more, and counts for one matrix alone, not {shown(periods)}", argument="periods"
        )
    number("period_years", period_years, POSITIVE)
    steps = np.repeat(steps, periods, axis=0) if len(steps) == 1 else steps
    product, defaulted = np.eye(len(states)), [np.zeros(len(states) - 1)]
    for step in steps:
        product = np.einsum("ij,jk->ik", product, step)
        defaulted.append(product[:-1, -1])
    # Rounding may carry a certain default a bit above 1, or a flat stretch a bit upwards.
    survival = np.minimum.accumulate(np.clip(1.0 - np.stack(defaulted, axis=1), 0.0, 1.0), axis=1)
    return PdCurves(names=tuple(states[:-1]), times_years=period_years * np.arange(len(steps) + 1.0), survival=survival)


def curves_from_generator(states: Sequence[str], generators: npt.ArrayLike, *, times_years: npt.ArrayLike) -> PdCurves:
    """One curve a grade from a generator of migration (or one for each period): rates a year, rows that sum to 0, the last state default.

    The transition matrix of a period of length t is exp(t Q), summed by uniformisation: exp(-q t) sum (q t)^k / k! (I + Q / q)^k, all of
    whose terms are positive. (Jarrow, Lando and Turnbull, Review of Financial Studies 10(2), 1997, for the model.)

    >>> curves = curves_from_generator(["A", "D"], [[-0.02, 0.02], [0.0, 0.0]], times_years=[0.0, 1.0, 5.0])
    >>> bool(np.allclose(curves.survival[0], np.exp(-0.02 * np.array([0.0, 1.0, 5.0])), rtol=1e-15))
    True
    """
    rates = _square(states, generators, "generators")
    off_diagonal = rates * (1.0 - np.eye(rates.shape[1]))
    if not (off_diagonal >= 0.0).all() or not (np.abs(rates.sum(axis=2)) < 1e-8).all() or not (rates[:, -1] == 0.0).all():
        raise InvalidInput(
            "a generator has rates of zero or more beside its diagonal, rows that sum to 0, and a last row of zeros", argument="generators"
        )
    times = _rising(times_years)
    if len(rates) not in (1, len(times) - 1):
        raise InvalidInput("give one generator, or one for each period", argument="generators")
    lengths = np.diff(times)
    rates = np.repeat(rates, len(lengths), axis=0) if len(rates) == 1 else rates
    matrices = np.stack([_exponential(rate, float(length)) for rate, length in zip(rates, lengths, strict=True)])
    made = curves_from_transitions(states, matrices / matrices.sum(axis=2, keepdims=True))
    return PdCurves(names=made.names, times_years=times, survival=made.survival)


@elementwise
def point_in_time_pd(pd: npt.ArrayLike, *, r2: npt.ArrayLike, factor: npt.ArrayLike) -> FloatArray:
    """PD given the systematic factor (standard normal; low is bad), from the PD through the cycle: Φ((Φ⁻¹(pd) - √r2 z) / √(1 - r2)).

    >>> point_in_time_pd(0.02, r2=0.12, factor=[0.0, -1.0, 1.0]).round(8).tolist()
    [0.01428739, 0.03437728, 0.00525506]
    """
    from scipy.special import ndtr, ndtri

    p, share, z = numbers("pd", pd, DECIMAL), numbers("r2", r2, SHARE_OF_VARIANCE), numbers("factor", factor, FINITE)
    return np.asarray(ndtr((ndtri(p) - np.sqrt(share) * z) / np.sqrt(1.0 - share)))


def _rows(pd: Mapping[str, Sequence[float]]) -> FloatArray:
    """Decimals by name: a row each, of one length."""
    within = Range(said="as many decimals within [0, 1] for each name", low=0.0, high=1.0)
    rows = numbers("pd", list(check_mapping("pd", pd).values()), within)
    if rows.ndim != 2:
        raise InvalidInput(f"pd is {within.said}, not {pd!r:.80}", argument="pd")
    return rows


def _rising(times_years: npt.ArrayLike) -> FloatArray:
    """The nodes of curves."""
    times = numbers("times_years", times_years, _YEARS)
    if times.ndim != 1 or len(times) < 2 or times[0] != 0.0 or not (np.diff(times) > 0.0).all():
        raise InvalidInput("times_years begins with 0 and rises", argument="times_years")
    return times


def _square(states: Sequence[str], matrices: npt.ArrayLike, argument: str) -> FloatArray:
    states = check_texts("states", states)
    found = numbers(argument, matrices, Range(said="a square of finite numbers, or several", with_low=False, with_high=False))
    found = found[None] if found.ndim == 2 else found
    if found.ndim != 3 or found.shape[1:] != (len(states), len(states)) or len(states) < 2:
        raise InvalidInput(
            f"{argument} is a square of finite numbers, or several, with a row and a column for each of {len(states)} states",
            argument=argument,
        )
    return found


def _exponential(rate: FloatArray, length: float) -> FloatArray:
    fastest = float(-np.diag(rate).min())
    if fastest * length < np.finfo(np.float64).tiny:  # nothing moves that a double could tell
        return np.eye(len(rate))
    # Halve the time until few terms are enough, and square the result as often: sums and products of positive numbers alone.
    halvings = max(0, int(np.ceil(np.log2(fastest * length))) + 1)
    intensity = fastest * length / 2.0**halvings
    jump = np.eye(len(rate)) + rate / fastest
    term = np.eye(len(rate)) * np.exp(-intensity)
    total: FloatArray = term.copy()
    for k in range(1, 40):
        term = np.einsum("ij,jk->ik", term, jump) * (intensity / k)
        total += term
    for _ in range(halvings):
        total = np.einsum("ij,jk->ik", total, total)
    return total
