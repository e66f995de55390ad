"""Value at risk where a scenario says something of the factors: the same book and engine, with the factors' distribution given it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypedDict, Unpack

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.conditional_factors import ConditionalFactors
from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.quality.portfolio import LOADING, require_factor_model, require_filled, validate_portfolio
from crfs.risk.arguments import check_flag, check_kind
from crfs.risk.as_json import finite_or_none
from crfs.risk.choosing import make_question
from crfs.risk.obligors import roll_up
from crfs.risk.paired import differences
from crfs.risk.portfolio import measure
from crfs.risk.result import Method, RiskResult
from crfs.risk.stress.conditioning import restrict
from crfs.risk.what_if import Difference
from crfs.risk.workers import MapTasks, workers

FloatArray: TypeAlias = npt.NDArray[np.float64]

# A combination of factors with less variance than this is certain.
_CERTAIN = 1e-12


class RiskOptions(TypedDict, total=False):
    """The options of :func:`crfs.risk.portfolio_risk`."""

    confidences: Sequence[float]
    method: Method | str
    rel_tol: float
    seed: int
    max_scenarios: int
    budget: float
    default_ccf: float | None
    accept_partial: bool
    contributions: bool
    listed: int
    map_blocks: MapTasks | None
    threads: int | None
    device: str | None


_RUNNING = ("map_blocks", "threads", "device")


@dataclass(frozen=True, slots=True, kw_only=True)
class StressedRisk:
    """The loss distribution over all states (``base``) and over those that a scenario leaves (``stressed``); ``factors`` is what it leaves."""

    base: RiskResult
    stressed: RiskResult
    factors: ConditionalFactors
    changes: tuple[tuple[Difference, Difference], ...]
    """Of value at risk and expected shortfall at each confidence, stressed less base."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; changes are stressed less base, with their errors and 95 % intervals."""
        changes = [
            {
                "confidence": before.confidence,
                "var": after.var - before.var,
                **{f"var_{end}": finite_or_none(getattr(var, end)) for end in ("se", "low", "high")},
                "es": after.es - before.es,
                **{f"es_{end}": finite_or_none(getattr(es, end)) for end in ("se", "low", "high")},
            }
            for before, after, (var, es) in zip(self.base.measures, self.stressed.measures, self.changes, strict=True)
        ]
        return {
            "factors": self.factors.to_dict(),
            "base": self.base.to_dict(),
            "stressed": self.stressed.to_dict(),
            "change": {"el": self.stressed.el - self.base.el, "ul": self.stressed.ul - self.base.ul, "measures": changes},
        }


def stressed_risk(
    portfolio: pl.DataFrame, factor_model: FactorModel, given: ConditionalFactors, **options: Unpack[RiskOptions]
) -> StressedRisk:
    """Loss distribution of 12 months given what a scenario says of some factors, beside the one over all states.

    Args:
        portfolio, factor_model: as :func:`crfs.risk.portfolio_risk` takes them. The default probabilities are means over all states: a
            scenario that has moved them already must not be given here as well.
        given: mean and covariance of factors or of groups' composite factors, such as
            :func:`crfs.models.satellite.conditional_factors` makes of a macro scenario, :meth:`crfs.credit.macro_link.MacroLink.given` of
            values of macro variables, and a reverse stress of its scenarios. What it does not say of the other factors follows by :func:`restrict`.
        options: those of :func:`crfs.risk.portfolio_risk`, for both runs; the same seed.

    Saying what the model says already changes nothing but rounding; where all factors are certain, names default independently with
    their conditional probabilities. For Gaussian copulas: under a t copula the mixing variable would have to be conditioned on as well, and it is refused.

    >>> book = pl.DataFrame({"facility_id": ["F1"], "obligor_id": ["A"], "ead": [100.0], "lgd": [0.4], "pd_12m": [0.02], "r2": [0.2], "group": ["all"]})
    >>> slump = ConditionalFactors(factors=("economy",), mean=(-2.0,), covariance=((0.0,),))
    >>> found = stressed_risk(book, FactorModel.one_factor("all"), slump, confidences=(0.9,))
    >>> round(found.base.el, 6), round(found.stressed.el, 6), found.stressed.measures[0].var
    (0.8, 3.8984, 0.0)
    """
    require_factor_model(factor_model)
    asked: object = given
    if not isinstance(asked, ConditionalFactors):
        raise InvalidInput(f"given is a ConditionalFactors, not {asked!r:.80}", argument="given")
    check_flag("accept_partial", options.get("accept_partial", False))
    left = restrict(factor_model, given)
    ccf = options.get("default_ccf")
    checked = validate_portfolio(portfolio, factor_model, default_ccf=ccf)
    book = checked.accepted if options.get("accept_partial", False) else checked.require_all("portfolio")
    if book.is_empty():
        raise InvalidInput("every row of the book was rejected; nothing is left to measure", problems=checked.problems)
    moved, model = conditional_book(book, factor_model, left)
    asked_with: dict[str, Any] = {name: value for name, value in options.items() if name not in {"accept_partial", "default_ccf"}}
    running = {name: asked_with.pop(name) for name in _RUNNING if name in asked_with}
    question = make_question(**asked_with)
    base = measure(portfolio, factor_model, question, accept_partial=options.get("accept_partial", False), default_ccf=ccf, **running)
    stressed = measure(moved, model, question, beside=base, **running)
    with workers(options.get("map_blocks"), options.get("threads")) as mapped:
        changes = differences(base, stressed, map_blocks=mapped, device=options.get("device"))
    notes = (*stressed.result.notes, "the factors are distributed as the scenario leaves them", *given.notes)
    return StressedRisk(
        base=base.result,
        changes=changes,
        stressed=replace(stressed.result, notes=notes, n_rejected=checked.rejected_rows),
        factors=left,
    )


def conditional_book(book: pl.DataFrame, factor_model: FactorModel, left: ConditionalFactors) -> tuple[pl.DataFrame, FactorModel]:
    """A checked book and a factor model whose loss distribution is that of ``book`` where the factors are distributed as ``left``.

    With Z = m + L x, x independent standard normals and ``L L'`` the covariance, a name of loadings l defaults when ``(l L) x + sqrt(1 -
    r2) e < c - l m``. Divided by the root of ``t = |l L|^2 + 1 - r2`` that is a name of probability ``Phi((c - l m) / sqrt(t))`` and of
    loadings ``l L / sqrt(t)`` on the factors x. ``left`` has every factor of the model (:func:`restrict`); Gaussian copulas only.
    """
    from scipy.special import ndtr, ndtri

    require_filled(book, argument="book", numbers=("ead", "lgd", "pd_12m"), texts=("obligor_id",))
    require_factor_model(factor_model)
    check_kind("left", left, ConditionalFactors)
    if factor_model.copula.text != "gaussian":
        raise InvalidInput(
            f"conditioning on factors is for Gaussian copulas, not {factor_model.copula.text}: there the common shock is not said; "
            "take a copy of the factor model with copula 'gaussian'",
            argument="factor_model",
        )
    if left.factors != factor_model.factors:
        raise InvalidInput("conditional factors must be those of the model, in its order; restrict() makes them so", argument="left")
    roll_up(book, factor_model).require_lgd_alone("conditioning on factors")
    root = _root(left.covariance_array())
    names = tuple(f"state {k + 1}" for k in range(len(root)))
    loadings = _loadings(book, factor_model)
    r2 = np.einsum("ij,jk,ik->i", loadings, factor_model.correlation_matrix(), loadings)
    after = np.einsum("ij,jk->ik", loadings, root)
    systematic = np.add.reduce(after**2, axis=1)
    systematic = np.where(systematic > _CERTAIN, systematic, 0.0)
    total = systematic + 1.0 - r2
    pd = ndtr((ndtri(book["pd_12m"].to_numpy()) - np.einsum("ij,j->i", loadings, left.mean_array())) / np.sqrt(total))
    moved = book.with_columns(pd_12m=pl.Series(pd))
    own = [name for name in book.columns if name.startswith(LOADING)]
    if "r2" in book.columns:
        moved = moved.with_columns(r2=pl.Series(systematic / total).set(book["r2"].is_null(), None))
    if own:
        some = ~book.select(pl.all_horizontal(pl.col(name).is_null() for name in own)).to_series()
        scaled = np.where(systematic > 0.0, 1.0 / np.sqrt(total), 0.0)[:, None] * after
        moved = moved.drop(own).with_columns(pl.Series(LOADING + name, scaled[:, k]).set(~some, None) for k, name in enumerate(names))
    identity = tuple(tuple(float(i == j) for j in range(len(root))) for i in range(len(root)))
    return moved, FactorModel(factors=names, correlation=identity, groups=_groups(factor_model, root, names))


def _groups(factor_model: FactorModel, root: FloatArray, names: tuple[str, ...]) -> dict[str, dict[str, float]]:
    groups = {}
    for group in factor_model.groups:
        weights = np.einsum("j,jk->k", factor_model.direction(group), root)
        if float(np.add.reduce(weights**2)) <= _CERTAIN:
            weights = np.eye(len(names))[0]  # nobody follows it any more, and a group needs a direction
        groups[group] = dict(zip(names, (float(weight) for weight in weights), strict=True))
    return groups


def _loadings(book: pl.DataFrame, factor_model: FactorModel) -> FloatArray:
    """Each row's loadings on the model's factors: its own, else the root of its r2 along its group."""
    loadings = np.zeros((book.height, len(factor_model.factors)))
    if {"r2", "group"} <= set(book.columns):
        known = sorted(factor_model.groups)
        directions = np.array([np.zeros(len(factor_model.factors)), *(factor_model.direction(name) for name in known)])
        numbers = {name: k for k, name in enumerate(known, 1)}
        place = book["group"].replace_strict(numbers, default=0, return_dtype=pl.Int64).fill_null(0).to_numpy()
        loadings += np.sqrt(book["r2"].fill_null(0.0).to_numpy())[:, None] * directions[place]
    own = [name for name in book.columns if name.startswith(LOADING)]
    if own:
        given = ~book.select(pl.all_horizontal(pl.col(name).is_null() for name in own)).to_series().to_numpy()
        loadings[given] = 0.0
        for name in own:
            loadings[given, factor_model.factors.index(name.removeprefix(LOADING))] = book[name].fill_null(0.0).to_numpy()[given]
    return loadings


def _root(covariance: FloatArray) -> FloatArray:
    """A matrix L with L L' the covariance, its columns principal components, the largest last, their signs fixed."""
    values, vectors = np.linalg.eigh(covariance)
    signs = np.sign(vectors[np.argmax(np.abs(vectors).round(9), axis=0), np.arange(len(values))])
    return np.asarray(vectors * signs * np.sqrt(np.clip(values, 0.0, None)), dtype=np.float64)
