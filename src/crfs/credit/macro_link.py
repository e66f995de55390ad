"""How systematic factors hang on macro variables, as data: what a state of the factors most likely means in macro terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.credit.arrays import check_name, finite, matrix, names, row
from crfs.credit.conditional_factors import ConditionalFactors
from crfs.errors import InvalidInput

FloatArray: TypeAlias = npt.NDArray[np.float64]

_TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroMove:
    """The most likely value of a macro variable in a state of the factors, in the variable's own unit.

    ``usual`` and ``usual_sd`` are its mean and standard deviation where nothing is known, ``sd`` is what remains of the latter: the state
    leaves it open so far.
    """

    variable: str
    value: float
    usual: float
    usual_sd: float
    sd: float

    @property
    def deviations(self) -> float:
        """How many of its usual standard deviations it has moved; 0 for a variable that never moves."""
        return (self.value - self.usual) / self.usual_sd if self.usual_sd > 0.0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "variable": self.variable,
            "value": self.value,
            "usual": self.usual,
            "usual_sd": self.usual_sd,
            "sd": self.sd,
            "deviations": self.deviations,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroLink:
    """``factors = intercept + loadings . variables + residual``, all normal.

    ``variables`` have ``mean`` and ``covariance`` in units of their own, the residuals of the ``factors`` (names of factors or groups of a
    factor model) the ``residual`` covariance; both covariances are symmetric and positive semi-definite. ``loadings`` has a row a factor.

    >>> link = MacroLink(variables=("us.unemployment_rate",), mean=(0.05,), covariance=((0.0004,),), factors=("economy",),
    ...                  intercept=(2.0,), loadings=((-40.0,),), residual=((0.36,),))
    >>> move, = link.most_likely({"economy": -3.0})
    >>> round(move.value, 6), round(move.deviations, 6)
    (0.098, 2.4)
    """

    variables: tuple[str, ...]
    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    factors: tuple[str, ...]
    intercept: tuple[float, ...]
    loadings: tuple[tuple[float, ...], ...]
    residual: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        for what, each in (("variables", "variable"), ("factors", "factor")):
            known = names(what, getattr(self, what), each)
            object.__setattr__(self, what, known)
            if not known or len(set(known)) < len(known):
                raise InvalidInput(f"the {what} of a macro link have names that differ, one at least", argument=what)
        many, few = len(self.variables), len(self.factors)
        shapes = {"mean": (many,), "covariance": (many, many), "intercept": (few,), "loadings": (few, many), "residual": (few, few)}
        for name, shape in shapes.items():
            read = row(name, getattr(self, name)) if len(shape) == 1 else matrix(name, getattr(self, name))
            object.__setattr__(self, name, read)
            if not _has_shape(read, shape):
                raise InvalidInput(
                    f"{name} has another shape; {many} variables and {few} factors need {' x '.join(map(str, shape))} numbers",
                    argument=name,
                )
            given = np.array(read)
            if name in {"covariance", "residual"}:
                size = max(float(np.abs(given).max()), 1e-300)
                if float(np.abs(given - given.T).max()) > _TOLERANCE * size or np.linalg.eigvalsh(given)[0] < -_TOLERANCE * size:
                    raise InvalidInput(f"{name} is not symmetric and positive semi-definite", argument=name)

    def most_likely(self, values: Mapping[str, float]) -> tuple[MacroMove, ...]:
        """The variables given the factors' ``values``, largest move first: their conditional mean, which of a normal distribution is the mode.

        ``mean + S B' (B S B' + R)^-1 (values - intercept - B mean)`` with S, B, R the covariance, the loadings and the residual covariance.
        Every factor of the link needs a value.
        """
        values = _values(values)
        absent = [name for name in self.factors if name not in values]
        if absent:
            raise InvalidInput(f"the link needs values of {', '.join(absent)}", argument="values")
        usual, spread = np.array(self.mean), np.array(self.covariance)
        loadings = np.array(self.loadings)
        shared = np.einsum("ij,kj->ik", spread, loadings)
        total = np.einsum("ki,il->kl", loadings, shared) + np.array(self.residual)
        gain = np.einsum("ik,kl->il", shared, np.linalg.pinv(total, rcond=1e-12, hermitian=True))
        surprise = np.array([values[name] for name in self.factors]) - np.array(self.intercept) - np.einsum("kj,j->k", loadings, usual)
        moved = usual + np.einsum("ik,k->i", gain, surprise)
        rest = np.diag(spread) - np.einsum("ik,ik->i", gain, shared)
        moves = (
            MacroMove(variable=name, value=float(value), usual=float(mean), usual_sd=float(sd), sd=float(left))
            for name, value, mean, sd, left in zip(
                self.variables, moved, usual, np.sqrt(np.maximum(np.diag(spread), 0.0)), np.sqrt(np.maximum(rest, 0.0)), strict=True
            )
        )
        return tuple(sorted(moves, key=lambda move: (-abs(move.deviations), move.variable)))

    def given(self, values: Mapping[str, float]) -> ConditionalFactors:
        """The factors given values of some of the variables: what the others may be is integrated over.

        >>> link = MacroLink(variables=("us.unemployment_rate",), mean=(0.05,), covariance=((0.0004,),), factors=("economy",),
        ...                  intercept=(2.0,), loadings=((-40.0,),), residual=((0.36,),))
        >>> told = link.given({"us.unemployment_rate": 0.1})
        >>> told.mean, told.covariance
        ((-2.0,), ((0.36,),))
        """
        values = _values(values)
        unknown = sorted(set(values) - set(self.variables))
        if unknown:
            raise InvalidInput(f"the link knows {', '.join(self.variables)}, not {', '.join(unknown)}", argument="values")
        usual, spread, loadings = np.array(self.mean), np.array(self.covariance), np.array(self.loadings)
        said = [k for k, name in enumerate(self.variables) if name in values]
        surprise = np.array([values[self.variables[k]] for k in said]) - usual[said]
        gain = np.einsum("ik,kl->il", spread[:, said], np.linalg.pinv(spread[np.ix_(said, said)], rcond=1e-12, hermitian=True))
        moved = usual + np.einsum("ik,k->i", gain, surprise)
        rest = spread - np.einsum("ik,jk->ij", gain, spread[:, said])
        moved[said] = [values[self.variables[k]] for k in said]
        rest[said, :] = 0.0
        rest[:, said] = 0.0
        mean = np.array(self.intercept) + np.einsum("ki,i->k", loadings, moved)
        covariance = np.einsum("ki,ij,lj->kl", loadings, rest, loadings) + np.array(self.residual)
        return ConditionalFactors(
            factors=self.factors,
            mean=tuple(mean.tolist()),
            covariance=tuple(map(tuple, (0.5 * (covariance + covariance.T)).tolist())),
            notes=tuple(f"{name} is {values[name]:.6g}" for name in self.variables if name in values),
        )


def _has_shape(read: tuple[Any, ...], shape: tuple[int, ...]) -> bool:
    return len(read) == shape[0] and all(len(each) == shape[1] for each in read if len(shape) > 1)


def _values(values: object) -> dict[str, float]:
    """Finite numbers by name."""
    if not isinstance(values, Mapping):
        raise InvalidInput(f"values is a mapping of names to numbers, not {values!r:.80}", argument="values")
    for number, name in enumerate(values, 1):
        check_name(name, f"value {number}", "values")
    return {name: finite(value, name, "values") for name, value in values.items()}
