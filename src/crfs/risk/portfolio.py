"""Portfolio risk: from a book and a factor model to the loss distribution, value at risk, expected shortfall and who makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.confidences import percentage
from crfs.credit.factor_model import FactorModel
from crfs.credit.schemas import Reason
from crfs.errors import InvalidInput, Problem
from crfs.quality.portfolio import validate_portfolio
from crfs.risk.arguments import check_flag, check_workers
from crfs.risk.choosing import Found, Question, find_outcome, make_question
from crfs.risk.concentration import connected_concentration, notes_on_columns_not_cut, sector_indices
from crfs.risk.cuts import TOP_OBLIGORS, note_on_split_obligors
from crfs.risk.granularity import granularity_adjustment
from crfs.risk.largest_names import herfindahl_index
from crfs.risk.obligors import Obligors, roll_up
from crfs.risk.on_device import check_device
from crfs.risk.outcome import Outcome
from crfs.risk.result import Method, RiskResult
from crfs.risk.workers import MapTasks

LEAST_LOSS = 1e-50
"""Currency units: the fourth powers of smaller losses are zero in double precision."""


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
    listed: int = TOP_OBLIGORS,
    map_blocks: MapTasks | None = None,
    threads: int | None = None,
    device: str | None = None,
) -> RiskResult:
    """Loss distribution of a book over 12 months under a multi-factor Gaussian, t or grouped t copula.

    ``portfolio`` has one row a facility (:data:`crfs.credit.schemas.PORTFOLIO`); all facilities of an obligor default together.
    A rejected row means :class:`InvalidInput` with every problem, unless ``accept_partial`` says to measure the accepted rows alone.

    ``method``: ``auto`` chooses, and the notes say how good the choice is. ``closed_form`` is for a book with at most one uncertain name;
    ``exact`` for one that follows a single line of the factor model and is homogeneous, loses multiples of one amount or has few sums of losses;
    ``few_names`` for one of a few names with such losses, or up to 128 with any, and any factors; ``convolution`` for any number of names
    whose losses are lumpy; ``collapsed`` is the fast one (:mod:`crfs.risk.collapsed`); ``importance_sampling``, ``thinning`` and ``plain`` simulate every
    name, the first in states that are moved to where the losses are, ``plain`` drawing each one's noise. ``creditriskplus``, which ``auto`` never takes, is
    another model of dependence: Poisson defaults in gamma sectors, matched to the copula in expected loss and in the variance of the mean loss given the
    factors (:mod:`crfs.risk.creditriskplus.method`).

    Points (or scenarios) are drawn in rounds until the standard errors of value at risk and expected shortfall are within ``rel_tol`` of them at
    every confidence, or ``max_scenarios`` (1,000 to 100 million) are reached: ``converged`` says which. The first points of
    a method, some hundreds a confidence, are drawn whatever ``max_scenarios`` is. ``budget`` is the most evaluations
    (obligors x scenarios, or names x points of a lattice) that a run may take on. ``threads`` None uses all cores; ``map_blocks`` runs the pieces of
    work instead, as ``map`` does (a pool's ``map`` too). ``device`` ("cuda", "cuda:1") lets PyTorch find there who defaults by ``plain``, the one
    method that has work for it; another is refused with it. The answer has the same bits whatever they are, for the same book (in any order of rows), model,
    ``seed`` and ``max_scenarios``.

    ``contributions`` asks for the parts that obligors and every value of a tag have in each measure; of obligors the ``listed`` largest are told (a whole
    number, 0 or more; all of them where the book has no more).

    >>> book = pl.DataFrame({"facility_id": ["F1"], "obligor_id": ["A"], "ead": [100.0], "lgd": [0.4], "pd_12m": [0.02], "r2": [0.2], "group": ["all"]})
    >>> result = portfolio_risk(book, FactorModel.one_factor("all"), confidences=(0.99,))
    >>> round(result.el, 9), result.measures[0].var, round(result.measures[0].es, 9)
    (0.8, 40.0, 40.0)
    """
    question = make_question(
        confidences=confidences,
        method=method,
        rel_tol=rel_tol,
        seed=seed,
        max_scenarios=max_scenarios,
        budget=budget,
        contributions=contributions,
        listed=listed,
    )
    return measure(
        portfolio,
        factor_model,
        question,
        default_ccf=default_ccf,
        accept_partial=accept_partial,
        map_blocks=map_blocks,
        threads=threads,
        device=device,
    ).result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredBook:
    """A run: the book's obligors, its factor model, what its method found, and the result."""

    obligors: Obligors
    factor_model: FactorModel
    found: Found
    result: RiskResult


def measure(
    portfolio: pl.DataFrame,
    factor_model: FactorModel,
    question: Question,
    *,
    default_ccf: float | None = None,
    accept_partial: bool = False,
    map_blocks: MapTasks | None = None,
    threads: int | None = None,
    device: str | None = None,
    beside: MeasuredBook | None = None,
) -> MeasuredBook:
    """The run behind :func:`portfolio_risk`; the book ``beside`` lends it its states of the factors (:func:`crfs.risk.choosing.find_outcome`)."""
    check_device(device, question.method)
    check_workers(threads=threads, map_blocks=map_blocks)
    check_flag("accept_partial", accept_partial)
    checked = validate_portfolio(portfolio, factor_model, default_ccf=default_ccf)
    book = checked.accepted if accept_partial else checked.require_all("portfolio")
    if book.is_empty():
        raise InvalidInput("every row of the book was rejected; nothing is left to measure", problems=checked.problems)
    obligors = roll_up(book, factor_model)
    require_exposure(obligors)
    found = find_outcome(
        obligors,
        factor_model,
        question,
        map_tasks=map_blocks,
        threads=threads,
        device=device,
        beside=None if beside is None else beside.found,
    )
    result = answer(obligors, factor_model, question, found.outcome, currency=currency_of(book), n_rejected=checked.rejected_rows)
    return MeasuredBook(obligors=obligors, factor_model=factor_model, found=found, result=result)


def require_exposure(obligors: Obligors) -> None:
    """Refuse a book that has nothing to lose, or whose every loss is too small an amount to be counted with."""
    if not obligors.ead.sum() > 0.0:
        raise InvalidInput("the book's exposures sum to zero; there is nothing to lose, and no concentration to speak of")
    # What never defaults has no part in any number but the exposures'.
    loss = np.where(obligors.pd > 0.0, obligors.loss, 0.0)
    largest = int(np.argmax(loss))
    if 0.0 < loss[largest] < LEAST_LOSS or not obligors.ead.max() >= LEAST_LOSS:
        detail = (
            f"the largest ead x lgd of the book, that of obligor {obligors.names[largest]!r}, is {loss[largest]:g}, and no number of a book whose "
            f"losses are all below {LEAST_LOSS:g} can be told; give amounts in a smaller unit of currency"
        )
        raise InvalidInput(detail, problems=(Problem(row=None, column="ead", reason=Reason.OUT_OF_RANGE.value, detail=detail),))


def currency_of(book: pl.DataFrame) -> str | None:
    """The currency of a checked book; None where it does not say."""
    known = book["currency"].drop_nulls() if "currency" in book.columns else pl.Series([], dtype=pl.String)
    return known[0] if len(known) else None


def answer(
    obligors: Obligors, factor_model: FactorModel, question: Question, tail: Outcome, *, currency: str | None, n_rejected: int
) -> RiskResult:
    """The result of a run: what its method found out, and what is known of the book without it."""
    ead = obligors.ead
    adjustment, adjustment_note = _granularity(obligors, max(question.confidences))
    hhi = herfindahl_index(ead)
    rough = () if tail.method in {Method.THINNING, Method.PLAIN} or not tail.contributions else note_on_split_obligors(obligors)
    notes = (*tail.notes, *notes_on_columns_not_cut(obligors), *rough)
    if n_rejected:
        notes = (*notes, f"{n_rejected} row(s) of the book were rejected and are not in these numbers")
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
        rel_tol=question.rel_tol,
        seed=question.seed,
        hhi=hhi,
        effective_names=1.0 / hhi,
        granularity_adjustment=adjustment,
        granularity_note=adjustment_note,
        contributions=tail.contributions,
        currency=currency,
        n_obligors=len(obligors.names),
        n_facilities=len(obligors.facility_ead),
        n_rejected=n_rejected,
        total_ead=float(ead.sum()),
        copula=factor_model.copula.text,
        notes=notes,
        sector_indices=sector_indices(obligors, tail.contributions),
        connected_clients=connected_concentration(obligors),
    )


def _granularity(obligors: Obligors, confidence: float) -> tuple[float | None, str]:
    """The granularity adjustment to the value at risk in currency units, where one systematic factor drives the book."""
    live = np.flatnonzero((obligors.ead > 0.0) & (obligors.loss > 0.0) & (obligors.pd > 0.0) & (obligors.pd < 1.0))
    systematic = live[obligors.r2[live] > 0.0]
    if not len(systematic):
        return None, "no name follows a factor, so there is no large pool to adjust"
    if (obligors.direction[systematic] != obligors.direction[systematic[0]]).any():
        return None, "the book follows more than one direction of the factor model; the adjustment supposes a single factor"
    from scipy.special import ndtr, ndtri

    bad = -float(ndtri(confidence))
    ead = obligors.ead
    lgd = np.divide(obligors.loss, ead, out=np.zeros_like(ead), where=ead > 0.0)
    stressed = ndtr((ndtri(obligors.pd) - np.sqrt(obligors.r2) * bad) / np.sqrt(1.0 - obligors.r2))
    if not float((ead * lgd * (stressed - obligors.pd)).sum()) > 0.0:
        return None, f"at {percentage(confidence)} % the large pool loses no more than it is expected to, so there is no capital to adjust"
    capital = lgd * (stressed - obligors.pd)
    share = granularity_adjustment(
        ead, pd=obligors.pd, lgd=lgd, capital=capital, confidence=confidence, lgd_variance_factor=_variance_factors(obligors)
    )
    pool, added = float((ead * capital).sum()), share * float(ead.sum())
    greatest = float((obligors.certain_loss + obligors.random_exposure).sum())
    if added > pool or float(obligors.expected_loss.sum()) + pool + added > greatest:
        return None, (
            f"the book has too few names for it: a first-order term of {added:.6g} beside a large pool's capital of {pool:.6g}, where no more than "
            f"{greatest:.6g} can be lost"
        )
    note = (
        f"Gordy-Lütkebohmert at {percentage(confidence)} %, xi 0.25, with the variance of the loss given default that the book gives each obligor; to be "
        "added to the large pool's value at risk"
    )
    return added, note


def _variance_factors(obligors: Obligors) -> npt.NDArray[np.float64]:
    """Variance of each obligor's loss given default as a share of the greatest that its mean allows; 0 where it is certain."""
    mean, variance = obligors.loss_cumulants()[:2]
    greatest = mean * (obligors.ead - mean)
    return np.asarray(np.clip(np.divide(variance, greatest, out=np.zeros_like(mean), where=greatest > 0.0), 0.0, 1.0))
