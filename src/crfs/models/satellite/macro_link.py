"""Fitted satellite models read backwards: which macro variables go with a state of the factors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from crfs.credit.macro_link import MacroLink
from crfs.errors import InvalidInput
from crfs.models.satellite.latent_factor import LatentFactorModel, residual_correlation
from crfs.models.satellite.regression import INTERCEPT, LAST_PERIOD

_LEAST_PERIODS = 12


def macro_link(models: Mapping[str, LatentFactorModel]) -> MacroLink:
    """The regressions of several factors as one normal distribution of factors and macro variables.

    ``models`` are by the name of the factor, or of the factor model's group, that each stands for. The variables are the regressors (a
    variable, its difference or log-change, with its lag), with their mean and covariance over the periods that all models have: 12 and more
    than there are variables are the least. A factor that leans on its own last value starts from the last one in the sample; the error of
    the coefficients is left out. The answer serves :func:`crfs.risk.stress.reverse_stress` as its ``link``.
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


def _line(model: LatentFactorModel, variables: tuple[str, ...]) -> tuple[float, tuple[float, ...]]:
    """Intercept and loadings; the last value of the factor is a constant now."""
    told = dict(zip(model.fit.regression.names, model.fit.regression.coefficients.tolist(), strict=True))
    intercept = float(told.pop(INTERCEPT, 0.0))
    if LAST_PERIOD in told:
        values = model.fit.series.paths[0].array()
        intercept += float(told.pop(LAST_PERIOD)) * float(values[~np.isnan(values)][-1])
    return intercept, tuple(float(told.get(name, 0.0)) for name in variables)
