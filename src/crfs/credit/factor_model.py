"""The factor model: systematic factors, their correlation, and the directions in which groups of obligors move."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.credit.arrays import check_name, finite, matrix, names, row
from crfs.credit.copula import GAUSSIAN, Copula, read_copula
from crfs.errors import InvalidInput, NotFound

FloatArray: TypeAlias = npt.NDArray[np.float64]

# Rounding of a correlation matrix written with 6 or more digits stays below these.
_SYMMETRY_TOLERANCE = 1e-8
_NEGATIVE_EIGENVALUE_TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorModel:
    """A factor model of default.

    Obligor ``i`` of group ``g`` defaults when its latent variable ``A = sqrt(r2) * Y_g + sqrt(1 - r2) * e`` falls below
    ``Phi^-1(pd_12m)``, where ``e`` is its own standard normal, ``Y_g = u_g . Z`` is the group's composite factor and ``Z`` is
    normal with mean zero and the given ``correlation``. So a low factor is a bad state of the world. Under a t copula all latent variables are
    divided by one more common variable (:class:`crfs.credit.copula.Copula`).

    ``groups`` maps a group's name to factor weights of any scale: ``direction`` scales them so that ``Y_g`` has variance one.
    ``correlation`` is symmetric with a unit diagonal and positive semi-definite. A ``copula`` may be given as a ``model.json`` has it, such as
    ``"t:6"``. Lists, and a NumPy array of the correlation, are taken as well; what is of another kind, or cannot be meant, is :class:`InvalidInput`, which
    names the argument and the place in it.

    >>> model = FactorModel(factors=("us", "eu"), correlation=((1.0, 0.5), (0.5, 1.0)), groups={"both": {"us": 1.0, "eu": 1.0}})
    >>> [round(float(weight), 6) for weight in model.direction("both")]
    [0.57735, 0.57735]
    """

    factors: tuple[str, ...]
    correlation: tuple[tuple[float, ...], ...]
    groups: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    copula: Copula = GAUSSIAN

    def __post_init__(self) -> None:
        if not isinstance(self.copula, Copula):
            object.__setattr__(self, "copula", read_copula(self.copula))
        object.__setattr__(self, "factors", _names(self.factors))
        object.__setattr__(self, "correlation", matrix("correlation", self.correlation))
        _check_correlation(self.factors, self.correlation)
        object.__setattr__(self, "groups", _groups(self.groups))
        for name in self.groups:
            self.direction(name)
        unknown = sorted({name for name, _ in self.copula.by_group} - set(self.groups))
        if unknown:
            raise InvalidInput(f"the copula has degrees of freedom for {unknown[0]!r}, which is no group of the model", argument="copula")

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return _from_json, (self.to_json(),)

    def __hash__(self) -> int:
        return hash(self.to_json())

    def direction(self, group: str) -> FloatArray:
        """Weights of the group on the factors, scaled so that their combination has variance one."""
        # What is no text may have no hash to be looked up by.
        asked: object = group
        if not isinstance(asked, str) or asked not in self.groups:
            raise NotFound(f"the factor model has no group {group!r}; it has {', '.join(sorted(self.groups)) or 'none'}")
        weights = np.zeros(len(self.factors))
        for factor, weight in self.groups[group].items():
            if factor not in self.factors:
                raise InvalidInput(
                    f"group {group!r} names the factor {factor!r}; the model has {', '.join(self.factors)}", argument="groups"
                )
            weights[self.factors.index(factor)] = weight
        # A power of two changes no digit, and keeps the squares of the largest weights that there are.
        weights = np.ldexp(weights, -int(np.frexp(np.abs(weights).max(initial=0.0))[1]))
        variance = self._variance(weights)
        if variance <= 1e-12 * float(np.dot(weights, weights)):
            raise InvalidInput(
                f"group {group!r}: its combination of factors has no variance; give it a weight that does not cancel", argument="groups"
            )
        return np.asarray(weights / math.sqrt(variance), dtype=np.float64)

    def variance(self, weights: npt.ArrayLike) -> float:
        """Variance of the combination ``weights . Z``, of one finite weight for each factor.

        >>> FactorModel(factors=("us", "eu"), correlation=((1.0, 0.5), (0.5, 1.0))).variance([1.0, 1.0])
        3.0
        """
        known = row("weights", weights)
        if len(known) != len(self.factors):
            raise InvalidInput(f"weights has {len(known)} numbers; the model has {len(self.factors)} factors", argument="weights")
        return self._variance(np.array(known))

    def _variance(self, weights: FloatArray) -> float:
        return float(weights @ self.correlation_matrix() @ weights)

    def correlation_matrix(self) -> FloatArray:
        """The correlation of the factors as a K x K array."""
        return np.array(self.correlation, dtype=np.float64)

    def root(self) -> FloatArray:
        """A K x K matrix ``R`` with ``R R' = correlation``; its columns are principal components, the largest first."""
        values, vectors = np.linalg.eigh(self.correlation_matrix())
        # An eigenvector's sign is arbitrary: fix it, so that a seed means the same scenarios on every LAPACK.
        signs = np.sign(vectors[np.argmax(np.abs(vectors).round(9), axis=0), np.arange(len(values))])
        scaled = vectors * signs * np.sqrt(np.clip(values, 0.0, None))
        return np.ascontiguousarray(scaled[:, ::-1])

    def to_json(self) -> str:
        """The ``model.json`` of ``crfs portfolio risk --factor-model``."""
        return json.dumps(
            {
                "factors": list(self.factors),
                "correlation": [list(row) for row in self.correlation],
                "groups": {name: dict(weights) for name, weights in self.groups.items()},
                "copula": self.copula.to_json(),
            }
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> FactorModel:
        """Read a ``model.json``: ``{"factors": [...], "correlation": [[...]], "groups": {name: {factor: weight}}, "copula": "gaussian"}``.

        ``copula`` may be ``"t:6"`` too, or ``{"t": 6, "groups": {name: nu}}`` for a grouped t copula.
        """
        return _from_json(text)

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> FactorModel:
        """The same of what a ``model.json`` holds."""
        return _from_content(content)

    @classmethod
    def one_factor(cls, *groups: str, factor: str = "economy") -> FactorModel:
        """The model of Vasicek: a single factor that every group follows.

        >>> FactorModel.one_factor("all").direction("all").tolist()
        [1.0]
        """
        _names((factor,))
        for number, name in enumerate(groups, 1):
            check_name(name, f"group {number}", "groups")
        return cls(factors=(factor,), correlation=((1.0,),), groups={name: {factor: 1.0} for name in groups})


def factor_model_content(text: str | bytes, *, where: str = "the factor model") -> dict[str, Any]:
    """What a ``model.json`` holds, as far as it is JSON and an object; :meth:`FactorModel.from_content` reads it."""
    if not isinstance(text, str | bytes):
        raise InvalidInput(f"{where} is JSON, a text or its bytes, not {text!r:.80}", argument="text")
    try:
        raw = json.loads(text, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{where} is not JSON: {error}") from None
    if not isinstance(raw, dict):
        raise InvalidInput(f"{where}: a factor model is a JSON object with factors, correlation, groups and copula")
    return raw


def _each_once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are all different: of two that are alike JSON's readers take the last in silence."""
    made = dict(members)
    if len(made) < len(members):
        names = [name for name, _ in members]
        twice = next(name for name in made if names.count(name) > 1)
        raise ValueError(f"{twice!r:.80} is there twice in one object")
    return made


def _from_json(text: str | bytes) -> FactorModel:
    return _from_content(factor_model_content(text))


def _from_content(raw: Mapping[str, Any]) -> FactorModel:
    if not isinstance(raw, Mapping):
        raise InvalidInput(
            f"content is what a model.json holds, an object with factors, correlation, groups and copula, not {raw!r:.80}",
            argument="content",
        )
    unknown = sorted(f"{name!r:.80}" for name in set(raw) - {"factors", "correlation", "groups", "copula"})
    if unknown:
        raise InvalidInput(f"the factor model has {', '.join(unknown)}; known are factors, correlation, groups, copula")
    missing = [name for name in ("factors", "correlation") if name not in raw]
    if missing:
        raise InvalidInput(f"the factor model has no {', '.join(missing)}")
    try:
        # In the order of the names, so that the same content in any order is the same model.
        groups = _groups(raw.get("groups", {}))
        return FactorModel(
            factors=raw["factors"],
            correlation=raw["correlation"],
            groups={name: dict(sorted(weights.items())) for name, weights in sorted(groups.items())},
            copula=read_copula(raw.get("copula", "gaussian")),
        )
    except InvalidInput as error:
        if error.argument in {"factors", "correlation", "groups"}:
            error.argument = None  # a member of the content is no argument of whoever reads it
        raise


def _groups(groups: object) -> Mapping[str, Mapping[str, float]]:
    if not isinstance(groups, Mapping) or not all(isinstance(weights, Mapping) for weights in groups.values()):
        raise InvalidInput(f"groups is an object of objects, {{group: {{factor: weight}}}}, not {groups!r:.80}", argument="groups")
    for number, (name, weights) in enumerate(groups.items(), 1):
        check_name(name, f"group {number}", "groups")
        for factor in weights:
            if not isinstance(factor, str):
                raise InvalidInput(f"group {name!r:.80} names the factor {factor!r:.80}, which is no text", argument="groups")
    return MappingProxyType(
        {
            name: MappingProxyType(
                {factor: finite(weight, f"group {name!r:.80}, factor {factor!r:.80}", "groups") for factor, weight in weights.items()}
            )
            for name, weights in groups.items()
        }
    )


def _names(factors: object) -> tuple[str, ...]:
    known = names("factors", factors, "factor")
    if not known:
        raise InvalidInput("a factor model needs at least one factor", argument="factors")
    twice = sorted({name for name in known if known.count(name) > 1})
    if twice or not all(known):
        raise InvalidInput(f"factors must have names that differ; twice or blank: {', '.join(twice) or 'a blank name'}", argument="factors")
    return known


def _check_correlation(factors: tuple[str, ...], correlation: tuple[tuple[float, ...], ...]) -> None:
    count = len(factors)
    if len(correlation) != count or any(len(row) != count for row in correlation):
        raise InvalidInput(f"correlation must be {count} x {count}, as there are {count} factors", argument="correlation")
    matrix = np.array(correlation, dtype=np.float64)
    if np.abs(np.diag(matrix) - 1.0).max() > _SYMMETRY_TOLERANCE:
        raise InvalidInput(f"correlation must have ones on its diagonal; it has {np.diag(matrix).tolist()}", argument="correlation")
    gap = np.abs(matrix - matrix.T)
    if gap.max() > _SYMMETRY_TOLERANCE:
        i, j = np.unravel_index(int(gap.argmax()), gap.shape)
        raise InvalidInput(
            f"correlation is not symmetric: {factors[i]}, {factors[j]} has {matrix[i, j]} one way and {matrix[j, i]} the other",
            argument="correlation",
        )
    if np.abs(matrix).max() > 1.0 + _SYMMETRY_TOLERANCE:
        raise InvalidInput("correlation has a cell outside [-1, 1]", argument="correlation")
    values = np.linalg.eigvalsh(matrix)
    if values[0] < -_NEGATIVE_EIGENVALUE_TOLERANCE:
        distance = math.sqrt(float(np.square(np.clip(-values, 0.0, None)).sum()))
        raise InvalidInput(
            f"correlation is not positive semi-definite: its smallest eigenvalue is {values[0]:.6g}, and it is {distance:.6g} (Frobenius) away "
            "from the nearest matrix that is; estimate it of histories (crfs portfolio factor-model, or crfs.risk.correlation.estimate_correlation), "
            "or take crfs.risk.correlation.nearest_correlation of it in Python",
            argument="correlation",
        )
