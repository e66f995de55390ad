"""The systematic factor behind default rates: backed out of them by Vasicek's formula, explained by macro history, given a scenario."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.conditional_factors import ConditionalFactors
from crfs.credit.scenarios import Scenario
from crfs.errors import InvalidInput
from crfs.models.satellite.default_rates import RatePath, checked_rates
from crfs.models.satellite.fitting import Forecast, MacroFit, SatelliteSpec, fit_macro, one_series

FloatArray: TypeAlias = npt.NDArray[np.float64]

_LEAST_COMMON = 8


def implied_factor(default_rate: npt.ArrayLike, *, pd: float, r2: float) -> FloatArray:
    """The factor at which a large homogeneous pool has this default rate: ``(Phi^-1(pd) - sqrt(1 - r2) Phi^-1(rate)) / sqrt(r2)``.

    The inverse of :func:`crfs.risk.vasicek.conditional_default_probability`: standard normal, and low is bad. ``pd`` lies strictly
    between 0 and 1, ``r2`` within (0, 1), rates strictly between 0 and 1; NaN stays NaN.

    >>> (implied_factor([0.03437728, 0.01428739], pd=0.02, r2=0.12).round(5) + 0.0).tolist()
    [-1.0, 0.0]
    """
    from scipy.special import ndtri

    _check_pool(pd, r2)
    rate = np.asarray(default_rate, dtype=np.float64)
    if not np.all(np.isnan(rate) | ((rate > 0.0) & (rate < 1.0))):
        raise InvalidInput("a default rate of 0 or 1 has no finite factor; give rates strictly between", argument="default_rate")
    return np.asarray((ndtri(pd) - math.sqrt(1.0 - r2) * ndtri(rate)) / math.sqrt(r2), dtype=np.float64)


def conditional_pd(pd: float, *, r2: float, mean: npt.ArrayLike, variance: npt.ArrayLike = 0.0) -> FloatArray:
    """The default probability where the factor is normal with this mean and variance.

    ``Phi((Phi^-1(pd) - sqrt(r2) mean) / sqrt(1 - r2 + r2 variance))``, which is the mean of Vasicek's conditional probability over the
    factor: with mean 0 and variance 1 it is ``pd``.
    """
    from scipy.special import ndtr, ndtri

    _check_pool(pd, r2)
    spread = np.sqrt(1.0 - r2 + r2 * np.asarray(variance, dtype=np.float64))
    return np.asarray(ndtr((ndtri(pd) - math.sqrt(r2) * np.asarray(mean, dtype=np.float64)) / spread), dtype=np.float64)


def fit_pool(default_rate: npt.ArrayLike) -> tuple[float, float]:
    """``pd`` and ``r2`` of a large homogeneous pool by maximum likelihood from its default rates.

    Probits of the rates are normal with mean ``Phi^-1(pd) / sqrt(1 - r2)`` and variance ``r2 / (1 - r2)``; so with their mean m and
    variance v (of the sample, over n) ``r2 = v / (1 + v)`` and ``pd = Phi(m / sqrt(1 + v))`` (K. Düllmann and M. Trapp, Bundesbank
    Discussion Paper 02/2004). Small pools scatter by chance too, and r2 comes out too large; periods that hang together make it too
    small.
    """
    from scipy.special import ndtr, ndtri

    rate = np.asarray(default_rate, dtype=np.float64)
    rate = rate[~np.isnan(rate)]
    if len(rate) < 2 or not np.all((rate > 0.0) & (rate < 1.0)):
        raise InvalidInput("pd and r2 of a pool need two default rates or more, strictly between 0 and 1", argument="default_rate")
    probits = ndtri(rate)
    mean = math.fsum(probits) / len(probits)
    variance = math.fsum((probits - mean) ** 2) / len(probits)
    return float(ndtr(mean / math.sqrt(1.0 + variance))), variance / (1.0 + variance)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LatentFactorModel:
    """A regression of the factor that default rates imply; ``pd`` and ``r2`` are those with which it was backed out."""

    pd: float
    r2: float
    fit: MacroFit

    def factor(self, scenario: Scenario, *, history: pl.DataFrame | None = None) -> Forecast:
        """The factor's mean and standard deviation over the scenario's periods."""
        return self.fit.forecast(scenario, history=history)

    def predict(self, scenario: Scenario, *, history: pl.DataFrame | None = None) -> RatePath:
        """The default rates that a scenario gives; the band is that of the factor."""
        from scipy.special import stdtrit

        told = self.factor(scenario, history=history)
        reach = float(stdtrit(self.fit.regression.degrees_of_freedom, 0.5 + self.fit.spec.confidence / 2.0)) * told.sd
        return RatePath(
            times=told.times,
            central=conditional_pd(self.pd, r2=self.r2, mean=told.mean),
            mean=conditional_pd(self.pd, r2=self.r2, mean=told.mean, variance=told.residual_sd**2),
            low=conditional_pd(self.pd, r2=self.r2, mean=told.mean + reach),
            high=conditional_pd(self.pd, r2=self.r2, mean=told.mean - reach),
            notes=told.notes,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"model": "latent_factor_regression", "pd": self.pd, "r2": self.r2, **self.fit.to_dict()}


def fit_latent_factor(
    rates: pl.DataFrame, history: pl.DataFrame, spec: SatelliteSpec, *, pd: float | None = None, r2: float | None = None
) -> LatentFactorModel:
    """Back the factor out of default rates and regress it on macro history.

    ``rates`` and ``history`` are those of :func:`~crfs.models.satellite.default_rates.fit_default_rates`. ``pd`` and ``r2`` are those of
    the pool; None takes the estimate of :func:`fit_pool`, and the model's notes say so. The terms' signs are those of their effect on the
    default rate, so the factor moves against them.
    """
    series = one_series(checked_rates(rates), column="default_rate", what="default rates")
    values = series.paths[0].array()
    notes: tuple[str, ...] = ()
    if pd is None or r2 is None:
        estimated = fit_pool(values)
        pd, r2 = estimated[0] if pd is None else pd, estimated[1] if r2 is None else r2
        notes = (f"pd {pd:.4g} and r2 {r2:.4g} are at least in part estimated from the same rates",)
    factor = implied_factor(values, pd=pd, r2=r2)
    table = pl.DataFrame({"valid_time": list(series.times), "factor": pl.Series(factor).fill_nan(None)})
    fit = fit_macro(one_series(table, column="factor", what="implied factor"), history, spec, sign=-1)
    sample = float(np.nanstd(factor))
    if not 0.5 <= sample <= 2.0:
        notes = (*notes, f"the implied factor has a standard deviation of {sample:.3g} where 1 is expected: r2 does not fit the rates")
    return LatentFactorModel(pd=pd, r2=r2, fit=replace(fit, notes=(*fit.notes, *notes)))


def conditional_factors(
    models: Mapping[str, LatentFactorModel], scenario: Scenario, *, at: date | None = None, history: pl.DataFrame | None = None
) -> ConditionalFactors:
    """The normal distribution of several factors at one period of a scenario, for a risk engine to condition on.

    Args:
        models: by the name of the factor, or of the factor model's group, that each stands for.
        at: first day of the period; None takes the last one.

    Residuals of one period hang together as they did in the common sample, and add up as far as each factor persists; errors of
    coefficients are taken as independent between factors. The covariance is positive semi-definite by construction.
    """
    names = tuple(sorted(models))
    if not names:
        raise InvalidInput("conditional factors need at least one model", argument="models")
    moment = scenario.times[-1] if at is None else at
    if moment not in scenario.times:
        raise InvalidInput(f"{moment} is no period of the scenario {scenario.name!r}", argument="at")
    told = {name: models[name].factor(scenario, history=history) for name in names}
    where = scenario.times.index(moment)
    parameter = np.array([told[name].parameter_sd[where] ** 2 for name in names])
    residual = np.array([told[name].sd[where] ** 2 for name in names]) - parameter
    correlation = residual_correlation([models[name] for name in names])
    sums = _persistence_correlation([models[name] for name in names], scenario, where)
    size = np.sqrt(np.maximum(residual, 0.0))
    covariance = correlation * sums * np.outer(size, size)
    covariance[np.diag_indices(len(names))] = residual + parameter
    notes = tuple(f"{name}: {note}" for name in names for note in told[name].notes)
    return ConditionalFactors(
        factors=names,
        mean=tuple(float(told[name].mean[where]) for name in names),
        covariance=tuple(tuple(float(value) for value in row) for row in covariance),
        notes=(f"given {scenario.name} at {moment}", *notes),
    )


def residual_correlation(models: Sequence[LatentFactorModel]) -> FloatArray:
    """How the residuals of several models hang together in the periods that all of them have."""
    if len(models) == 1:
        return np.ones((1, 1))
    told = [model.fit.residual_by_time() for model in models]
    common = sorted(set.intersection(*(set(one) for one in told)))
    if len(common) < _LEAST_COMMON:
        raise InvalidInput(
            f"the models have {len(common)} periods in common; {_LEAST_COMMON} are the least to see how their residuals hang together"
        )
    rows = np.array([[one[day] for day in common] for one in told])
    rows = rows / np.sqrt(np.add.reduce(rows**2, axis=1))[:, None]
    return np.asarray(np.einsum("it,jt->ij", rows, rows), dtype=np.float64)


def _persistence_correlation(models: list[LatentFactorModel], scenario: Scenario, where: int) -> FloatArray:
    """Correlation of two sums of the same shocks that die away at different speeds, as a factor on the shocks' own correlation."""
    persistence = np.array([model.fit.regression.persistence for model in models])
    steps = where + 1 + max(model.fit.periods_before(scenario) for model in models)
    powers = np.power(persistence[:, None], np.arange(steps, dtype=np.float64))
    length = np.sqrt(np.add.reduce(powers**2, axis=1))
    return np.asarray(np.einsum("is,js->ij", powers / length[:, None], powers / length[:, None]), dtype=np.float64)


def _check_pool(pd: float, r2: float) -> None:
    if not 0.0 < pd < 1.0:
        raise InvalidInput(f"pd is a decimal within (0, 1), not {pd}", argument="pd")
    if not 0.0 < r2 < 1.0:
        raise InvalidInput(f"r2 is a decimal within (0, 1), not {r2}", argument="r2")
