"""Portfolio risk: from a book and a factor model to the loss distribution, value at risk, expected shortfall and who makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.quality.portfolio import validate_portfolio
from crfs.risk.analytic import collapsed_outcome, exact_outcome, few_names_outcome
from crfs.risk.closed_form import closed_form
from crfs.risk.collapsed import collapse
from crfs.risk.concentration import herfindahl_index
from crfs.risk.exact import exact_tail
from crfs.risk.few_names import MOST_NAMES, few_names
from crfs.risk.granularity import granularity_adjustment
from crfs.risk.names import make_names
from crfs.risk.obligors import Obligors, roll_up
from crfs.risk.outcome import Outcome
from crfs.risk.result import Method, RiskResult
from crfs.risk.simulated import simulate
from crfs.risk.tables import NODES_A_NAME, MapTasks
from crfs.risk.workers import workers

MapBlocks: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


def portfolio_risk(
    portfolio: pl.DataFrame,
    factor_model: FactorModel,
    *,
    confidences: Sequence[float] = (0.99, 0.999),
    method: Method | str = Method.AUTO,
    rel_tol: float = 0.005,
    seed: int = 0,
    max_scenarios: int = 200_000,
    budget: float = 1e11,
    default_ccf: float | None = None,
    accept_partial: bool = False,
    contributions: bool = True,
    map_blocks: MapBlocks | None = None,
    threads: int | None = None,
) -> RiskResult:
    """Loss distribution of a book over 12 months under a multi-factor Gaussian, t or grouped t copula.

    ``portfolio`` has one row a facility (:data:`crfs.credit.schemas.PORTFOLIO`); all facilities of an obligor default together.
    A rejected row means :class:`InvalidInput` with every problem, unless ``accept_partial`` says to measure the accepted rows alone.

    ``method``: ``auto`` chooses, and the notes say how good the choice is. ``closed_form`` is for a book with at most one uncertain name;
    ``exact`` for one that follows a single line of the factor model and is homogeneous or loses multiples of one amount;
    ``few_names`` for one of a few names with such losses and any factors; ``collapsed`` is the fast one
    (:mod:`crfs.risk.collapsed`); ``thinning`` and ``plain`` simulate every name, ``plain`` drawing each one's noise.

    Points (or scenarios) are drawn in rounds until the standard errors of value at risk and expected shortfall are within ``rel_tol`` of them at
    every confidence, or ``max_scenarios`` are reached: ``converged`` says which. ``budget`` is the most obligors x scenarios that a run may take
    on. ``threads`` None uses all cores; ``map_blocks`` runs the pieces of work instead, as ``map`` does (a pool's ``map`` too). The answer
    has the same bits whatever they are, for the same book (in any order of rows), model, ``seed`` and ``max_scenarios``.

    >>> book = pl.DataFrame({"facility_id": ["F1"], "obligor_id": ["A"], "ead": [100.0], "lgd": [0.4], "pd_12m": [0.02], "r2": [0.2], "group": ["all"]})
    >>> result = portfolio_risk(book, FactorModel.one_factor("all"), confidences=(0.99,))
    >>> round(result.el, 9), result.measures[0].var, round(result.measures[0].es, 9)
    (0.8, 40.0, 40.0)
    """
    chosen = _check_arguments(confidences, method, rel_tol, seed, max_scenarios)
    checked = validate_portfolio(portfolio, factor_model, default_ccf=default_ccf)
    book = checked.accepted if accept_partial else checked.require_all("portfolio")
    if book.is_empty():
        raise InvalidInput("every row of the book was rejected; nothing is left to measure", problems=checked.problems)
    obligors = roll_up(book, factor_model)
    if not obligors.ead.sum() > 0.0:
        raise InvalidInput("the book's exposures sum to zero; there is nothing to lose, and no concentration to speak of")

    tail = _tail(
        obligors,
        factor_model,
        Question(
            confidences=tuple(confidences),
            method=chosen,
            rel_tol=rel_tol,
            seed=seed,
            max_scenarios=max_scenarios,
            budget=budget,
            contributions=contributions,
        ),
        map_blocks,
        threads,
    )

    ead = obligors.ead
    adjustment, adjustment_note = _granularity(obligors, max(confidences))
    currencies = book["currency"].drop_nulls() if "currency" in book.columns else pl.Series([], dtype=pl.String)
    hhi = herfindahl_index(ead)
    notes = tail.notes
    if not checked.rejected.is_empty():
        notes = (*notes, f"{checked.rejected_rows} row(s) of the book were rejected and are not in these numbers")
    return RiskResult(
        el=float(obligors.expected_loss.sum()),
        ul=tail.ul,
        ul_se=tail.ul_se,
        el_simulated=tail.mean,
        el_simulated_se=tail.mean_se,
        measures=tail.measures,
        loss_curve=tail.curve,
        method=tail.method,
        scenarios=tail.scenarios,
        converged=tail.converged,
        rel_tol=rel_tol,
        seed=seed,
        hhi=hhi,
        effective_names=1.0 / hhi,
        granularity_adjustment=adjustment,
        granularity_note=adjustment_note,
        contributions=tail.contributions,
        currency=currencies[0] if len(currencies) else None,
        n_obligors=len(obligors.names),
        n_facilities=len(obligors.facility_ead),
        n_rejected=checked.rejected_rows,
        total_ead=float(ead.sum()),
        copula=factor_model.copula.text,
        notes=notes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a book, once it is known to make sense."""

    confidences: tuple[float, ...]
    method: Method
    rel_tol: float
    seed: int
    max_scenarios: int
    budget: float
    contributions: bool


def _tail(obligors: Obligors, factor_model: FactorModel, question: Question, map_blocks: MapBlocks | None, threads: int | None) -> Outcome:
    """The method that is asked for; ``auto`` goes from the exact to the approximate and stops at the first that is in its range."""
    live = (obligors.pd > 0.0) & (obligors.loss > 0.0)
    uncertain = np.flatnonzero(live & (obligors.pd < 1.0))
    random_lgd = (obligors.facility_lgd_sd > 0.0) & (obligors.facility_ead > 0.0) & live[obligors.facility_obligor]
    closed = len(uncertain) <= 1 and not random_lgd.any()
    if question.method is Method.CLOSED_FORM and not closed:
        raise InvalidInput("the closed form is for a book with at most one uncertain name and a certain lgd; use method 'auto'")
    if not live.any() or (closed and question.method in {Method.AUTO, Method.CLOSED_FORM}):
        return closed_form(obligors, uncertain, question.confidences)
    with workers(map_blocks, threads) as map_tasks:
        if question.method not in {Method.THINNING, Method.PLAIN}:
            found = _without_noise(obligors, factor_model, question, map_tasks)
            if found is not None:
                return found
        return _simulated(obligors, factor_model, question, map_tasks)


def _without_noise(obligors: Obligors, factor_model: FactorModel, question: Question, map_tasks: MapTasks) -> Outcome | None:
    """The exact or the collapsed outcome; None where ``auto`` should simulate."""
    names = make_names(obligors, factor_model)
    if question.method in {Method.AUTO, Method.EXACT}:
        exact = exact_tail(names)
        if exact is not None:
            return exact_outcome(obligors, exact, question.confidences, wanted=question.contributions)
        if question.method is Method.EXACT:
            raise InvalidInput(
                "the exact method is for a book along one line of the factor model, with certain losses that are all alike or multiples of one amount; "
                "use method 'auto'"
            )
    if question.method in {Method.AUTO, Method.FEW_NAMES}:
        few = few_names(
            names, confidences=question.confidences, rel_tol=question.rel_tol, seed=question.seed, most_points=question.max_scenarios
        )
        if few is not None:
            return few_names_outcome(obligors, few, question.confidences, rel_tol=question.rel_tol, wanted=question.contributions)
        if question.method is Method.FEW_NAMES:
            raise InvalidInput(
                f"this method is for {MOST_NAMES} names at most, with certain losses that are multiples of one amount; use method 'auto'"
            )
    price = float(len(names)) * NODES_A_NAME
    if price > question.budget:
        raise InvalidInput(
            f"the tables take {len(names):,} names x {NODES_A_NAME:,} states = {price:.3g} evaluations, above the budget of {question.budget:.3g}; "
            "raise the budget"
        )
    found = collapse(
        names,
        confidences=question.confidences,
        rel_tol=question.rel_tol,
        seed=question.seed,
        map_tasks=map_tasks,
        most_points=question.max_scenarios,
    )
    if not found.trusted and question.method is Method.AUTO:
        return None
    return collapsed_outcome(obligors, found, rel_tol=question.rel_tol, wanted=question.contributions, map_tasks=map_tasks)


def _simulated(obligors: Obligors, factor_model: FactorModel, question: Question, map_tasks: MapTasks) -> Outcome:
    price = float(len(obligors.names)) * question.max_scenarios
    if price > question.budget:
        raise InvalidInput(
            f"the run may take {len(obligors.names):,} obligors x {question.max_scenarios:,} scenarios = {price:.3g} obligor-scenarios, above the "
            f"budget of {question.budget:.3g}; lower max_scenarios to {int(question.budget / max(len(obligors.names), 1)):,} or raise the budget"
        )
    return simulate(
        obligors,
        factor_model,
        confidences=question.confidences,
        method=question.method,
        rel_tol=question.rel_tol,
        seed=question.seed,
        max_scenarios=question.max_scenarios,
        wanted=question.contributions,
        map_blocks=map_tasks,
    )


def _check_arguments(confidences: Sequence[float], method: Method | str, rel_tol: float, seed: int, max_scenarios: int) -> Method:
    if not confidences:
        raise InvalidInput("confidences is empty; ask for at least one, such as 0.999", argument="confidences")
    for confidence in confidences:
        if not 0.0 < confidence < 1.0:
            raise InvalidInput(f"confidence is a decimal within (0, 1), such as 0.999, not {confidence}", argument="confidences")
    if len(set(confidences)) != len(confidences):
        raise InvalidInput("confidences has the same one twice", argument="confidences")
    if not 0.0 < rel_tol < 1.0:
        raise InvalidInput(f"rel_tol is a decimal within (0, 1), such as 0.005, not {rel_tol}", argument="rel_tol")
    if not 0 <= seed < 2**64:
        raise InvalidInput(f"seed is a whole number from 0 to 2^64 - 1, not {seed}", argument="seed")
    if max_scenarios < 1000:
        raise InvalidInput(f"max_scenarios is 1,000 or more, not {max_scenarios}", argument="max_scenarios")
    try:
        return Method(method)
    except ValueError:
        raise InvalidInput(f"method {method!r} is not known; use {', '.join(known.value for known in Method)}", argument="method") from None


def _granularity(obligors: Obligors, confidence: float) -> tuple[float | None, str]:
    """The granularity adjustment to the value at risk in currency units, where one systematic factor drives the book."""
    live = np.flatnonzero((obligors.ead > 0.0) & (obligors.loss > 0.0) & (obligors.pd > 0.0) & (obligors.pd < 1.0))
    systematic = live[obligors.r2[live] > 0.0]
    if not len(systematic):
        return None, "no name follows a factor, so there is no large pool to adjust"
    if len(np.unique(obligors.direction[systematic])) > 1:
        return None, "the book follows more than one direction of the factor model; the adjustment supposes a single factor"
    from scipy.special import ndtr, ndtri

    bad = -float(ndtri(confidence))
    ead = obligors.ead
    lgd = np.divide(obligors.loss, ead, out=np.zeros_like(ead), where=ead > 0.0)
    stressed = ndtr((ndtri(obligors.pd) - np.sqrt(obligors.r2) * bad) / np.sqrt(1.0 - obligors.r2))
    share = granularity_adjustment(ead, pd=obligors.pd, lgd=lgd, capital=lgd * (stressed - obligors.pd), confidence=confidence)
    note = f"Gordy-Lütkebohmert at confidence {confidence:g}, xi 0.25; to be added to the large pool's value at risk"
    return share * float(ead.sum()), note
