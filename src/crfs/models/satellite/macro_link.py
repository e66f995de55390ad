"""Fitted satellite models read backwards: which macro variables go with a state of the factors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from crfs.credit.macro_link import MacroLink, MacroMove
from crfs.errors import InvalidInput
from crfs.models.satellite.latent_factor import LatentFactorModel, residual_correlation
from crfs.models.satellite.regression import INTERCEPT, LAST_PERIOD

_LEAST_PERIODS = 12
_MOST_ROUNDS = 50
_SETTLED = 1e-12


def macro_link(models: Mapping[str, LatentFactorModel]) -> MacroLink:
    """The regressions of several factors as one normal distribution of factors and macro variables.

    ``models`` are by the name of the factor, or of the factor model's group, that each stands for. The variables are the regressors (a
    variable, its difference or log-change, with its lag), with their mean and covariance over the periods that all models have: 12 and more
    than there are variables are the least. A factor that leans on its own last value starts from the last one in the sample; the error of
    the coefficients is left out (:func:`macro_moves` counts it in). The answer serves :func:`crfs.risk.stress.reverse_stress` as its ``link``.
    """
    names = tuple(sorted(models))
    if not names:
        raise InvalidInput("a macro link needs at least one model", argument="models")
    common = sorted(set.intersection(*(set(models[name].fit.times) for name in names)))
    columns: dict[str, np.ndarray] = {}
    for name in names:
        fit = models[name].fit
        rows = [fit.times.index(day) for day in common]
        table = fit.sample_columns()[rows]
        columns |= {term.label(lag): table[:, k] for k, (term, lag) in enumerate(fit.chosen)}
    variables = tuple(sorted(columns))
    if len(common) < max(_LEAST_PERIODS, len(variables) + 2):
        raise InvalidInput(
            f"the models have {len(common)} periods in common; {len(variables)} variables need {max(_LEAST_PERIODS, len(variables) + 2)}",
            argument="models",
        )
    sample = np.array([columns[name] for name in variables])
    mean = np.add.reduce(sample, axis=1) / len(common)
    spread = np.einsum("it,jt->ij", sample - mean[:, None], sample - mean[:, None]) / (len(common) - 1)
    sigma = np.array([models[name].fit.regression.sigma for name in names])
    residual = residual_correlation([models[name] for name in names]) * np.outer(sigma, sigma)
    lines = [_line(models[name], variables) for name in names]
    return MacroLink(
        variables=variables,
        mean=tuple(mean.tolist()),
        covariance=tuple(map(tuple, (0.5 * (spread + spread.T)).tolist())),
        factors=names,
        intercept=tuple(intercept for intercept, _ in lines),
        loadings=tuple(row for _, row in lines),
        residual=tuple(map(tuple, (0.5 * (residual + residual.T)).tolist())),
    )


def macro_moves(link: MacroLink, models: Mapping[str, LatentFactorModel], values: Mapping[str, float]) -> tuple[MacroMove, ...]:
    """The most likely macro variables in a state of the factors, with the errors of the coefficients counted in.

    ``link`` is :func:`macro_link` of ``models``, ``values`` the factors' values. A regression is the less sure the farther the variables are
    from those of its sample: its residual's variance grows by ``x' V x``, with V the covariance of its coefficients and x the regressors in the
    very state that is looked for. So the surer the sample, the farther a state moves the variables; errors of different factors are taken as
    independent.
    """
    certain = np.array(link.residual)
    moves = link.most_likely(values)
    for _ in range(_MOST_ROUNDS):
        told = {move.variable: move.value for move in moves}
        doubt = np.diag([_parameter_variance(models[name], told) for name in link.factors])
        after = replace(link, residual=tuple(map(tuple, (certain + doubt).tolist()))).most_likely(values)
        settled = all(abs(move.value - told[move.variable]) <= _SETTLED * move.usual_sd for move in after)
        moves = after
        if settled:
            break
    return moves


def _parameter_variance(model: LatentFactorModel, told: Mapping[str, float]) -> float:
    """Of the regression's mean at these values of its regressors."""
    fit = model.fit.regression
    known = {INTERCEPT: 1.0, LAST_PERIOD: _last_value(model), **told}
    row = np.array([known[name] for name in fit.names])
    return max(float(np.einsum("i,ij,j->", row, fit.covariance, row)), 0.0)


def _last_value(model: LatentFactorModel) -> float:
    values = model.fit.series.paths[0].array()
    return float(values[~np.isnan(values)][-1])


def _line(model: LatentFactorModel, variables: tuple[str, ...]) -> tuple[float, tuple[float, ...]]:
    """Intercept and loadings; the last value of the factor is a constant now."""
    told = dict(zip(model.fit.regression.names, model.fit.regression.coefficients.tolist(), strict=True))
    intercept = float(told.pop(INTERCEPT, 0.0))
    if LAST_PERIOD in told:
        intercept += float(told.pop(LAST_PERIOD)) * _last_value(model)
    return intercept, tuple(float(told.get(name, 0.0)) for name in variables)
