"""The factors of a factor model given what a scenario says of some of them, by the rules of the normal distribution."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.credit.conditional_factors import ConditionalFactors
from crfs.credit.factor_model import FactorModel
from crfs.errors import NotFound
from crfs.quality.portfolio import require_factor_model
from crfs.risk.arguments import check_kind

FloatArray: TypeAlias = npt.NDArray[np.float64]

_RANK_TOLERANCE = 1e-10


def restrict(factor_model: FactorModel, given: ConditionalFactors) -> ConditionalFactors:
    """The distribution of all factors of a model where some of its factors, or composite factors of its groups, are distributed as given.

    With Z ~ N(0, C) and W = A Z the named ones, what is not said of Z stays as it is given W: ``Z = G W + rest`` with ``G = C A' (A C
    A')^-1``. So the mean is ``G m`` and the covariance ``C - G A C + G V G'`` for a given mean m and covariance V. Saying of W what the
    model says of it already (mean 0, covariance ``A C A'``) changes nothing. Where W is redundant the pseudo-inverse stands for the
    inverse.

    A book is measured under these factors with the default probabilities that it has: they are means over all states, and the state is
    what is said here. Moving them by the same scenario as well would count it twice.

    >>> model = FactorModel(factors=("us", "eu"), correlation=((1.0, 0.6), (0.6, 1.0)), groups={"american": {"us": 1.0}})
    >>> stressed = restrict(model, ConditionalFactors(factors=("american",), mean=(-2.0,), covariance=((0.0,),)))
    >>> stressed.factors, stressed.mean, round(stressed.covariance[1][1], 6)
    (('us', 'eu'), (-2.0, -1.2), 0.64)
    """
    require_factor_model(factor_model)
    check_kind("given", given, ConditionalFactors)
    rows = np.array([_direction(factor_model, name) for name in given.factors])
    correlation = factor_model.correlation_matrix()
    shared = np.einsum("ij,kj->ik", correlation, rows)
    gain = np.einsum("ik,kl->il", shared, _pseudo_inverse(np.einsum("ki,il->kl", rows, shared)))
    mean = np.einsum("ik,k->i", gain, given.mean_array())
    known = np.einsum("ik,lk->il", gain, shared)
    brought = np.einsum("ik,kl,jl->ij", gain, given.covariance_array(), gain)
    covariance = correlation - known + brought
    # Rounding must not break the symmetry, nor leave a certain factor with a variance below zero.
    covariance = (covariance + covariance.T) / 2.0
    covariance[np.diag_indices_from(covariance)] = np.maximum(np.diag(covariance), 0.0)
    return ConditionalFactors(
        factors=factor_model.factors,
        mean=tuple(float(value) for value in mean),
        covariance=tuple(tuple(float(value) for value in row) for row in covariance),
        notes=given.notes,
    )


def _direction(factor_model: FactorModel, name: str) -> FloatArray:
    if name in factor_model.factors:
        unit = np.zeros(len(factor_model.factors))
        unit[factor_model.factors.index(name)] = 1.0
        return unit
    if name in factor_model.groups:
        return factor_model.direction(name)
    known = [*factor_model.factors, *sorted(factor_model.groups)]
    raise NotFound(f"the factor model has no factor or group {name!r}; it has {', '.join(known)}")


def _pseudo_inverse(matrix: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(matrix)
    usable = values > _RANK_TOLERANCE * max(float(values[-1]), 1e-300)
    inverse = np.divide(1.0, values, out=np.zeros_like(values), where=usable)
    return np.asarray(np.einsum("ik,k,jk->ij", vectors, inverse, vectors), dtype=np.float64)
