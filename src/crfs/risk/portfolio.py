"""Portfolio risk: from a book and a factor model to the loss distribution, value at risk, expected shortfall and who makes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.quality.portfolio import validate_portfolio
from crfs.risk.concentration import herfindahl_index
from crfs.risk.granularity import granularity_adjustment
from crfs.risk.measures import TailMeasure, interval_ranks, quantile_rank, sorted_tail_measure
from crfs.risk.obligors import Obligors, roll_up
from crfs.risk.result import Contribution, CurvePoint, Method, RiskResult
from crfs.risk.simulation import BlockResult, BlockTask, make_plan, simulate_block

FloatArray: TypeAlias = npt.NDArray[np.float64]
MapBlocks: TypeAlias = Callable[[Callable[[BlockTask], BlockResult], Iterable[BlockTask]], Iterable[BlockResult]]

_FIRST_ROUND = 20_000
_TOP_OBLIGORS = 20
_CURVE_POINTS = 120
# Fewer scenarios beyond the value at risk than this say too little to call a run converged.
_LEAST_TAIL_SCENARIOS = 100
# Tail defaults are kept for the contributions; beyond this they would take gigabytes.
_MOST_TAIL_DEFAULTS = 20_000_000


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
    map_blocks: MapBlocks = map,
) -> RiskResult:
    """Loss distribution of a book over 12 months under a multi-factor Gaussian copula.

    ``portfolio`` has one row a facility (:data:`crfs.credit.schemas.PORTFOLIO`); all facilities of an obligor default together.
    A rejected row means :class:`InvalidInput` with every problem, unless ``accept_partial`` says to measure the accepted rows alone.

    Scenarios are drawn in rounds until the standard errors of value at risk and expected shortfall are within ``rel_tol`` of them at every
    confidence, or ``max_scenarios`` are reached: ``converged`` says which. ``budget`` is the most obligors x scenarios that a run may take on.
    ``map_blocks`` runs the blocks, as ``map`` does (a pool's ``map`` too); the answer has the same bits whatever it is, for the same
    book (in any order of rows), model, ``seed`` and ``max_scenarios``.

    ``method``: ``thinning`` and ``plain`` are two simulations of one model, ``plain`` drawing every name; ``closed_form`` is for a book
    with at most one uncertain name; ``auto`` chooses.

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

    live = (obligors.pd > 0.0) & (obligors.loss > 0.0)
    uncertain = np.flatnonzero(live & (obligors.pd < 1.0))
    random_lgd = (obligors.facility_lgd_sd > 0.0) & (obligors.facility_ead > 0.0) & live[obligors.facility_obligor]
    closed = len(uncertain) <= 1 and not random_lgd.any()
    if chosen is Method.CLOSED_FORM and not closed:
        raise InvalidInput("the closed form is for a book with at most one uncertain name and a certain lgd; use method 'auto'")
    if not live.any() or (closed and chosen in {Method.AUTO, Method.CLOSED_FORM}):
        tail = _closed_form(obligors, uncertain, tuple(confidences))
    else:
        price = float(len(obligors.names)) * max_scenarios
        if price > budget:
            raise InvalidInput(
                f"the run may take {len(obligors.names):,} obligors x {max_scenarios:,} scenarios = {price:.3g} obligor-scenarios, above the budget of "
                f"{budget:.3g}; lower max_scenarios to {int(budget / max(len(obligors.names), 1)):,} or raise the budget"
            )
        tail = _simulate(
            obligors,
            factor_model,
            confidences=tuple(confidences),
            method=chosen,
            rel_tol=rel_tol,
            seed=seed,
            max_scenarios=max_scenarios,
            wanted=contributions,
            map_blocks=map_blocks,
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
class _Tail:
    """What a method finds out about the loss distribution."""

    measures: tuple[TailMeasure, ...]
    mean: float
    mean_se: float
    ul: float
    ul_se: float
    curve: tuple[CurvePoint, ...]
    contributions: tuple[Contribution, ...]
    method: Method
    scenarios: int
    converged: bool
    notes: tuple[str, ...]


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


def _closed_form(obligors: Obligors, uncertain: npt.NDArray[np.intp], confidences: tuple[float, ...]) -> _Tail:
    """Certain losses, and at most one name that either defaults or does not."""
    base = float(obligors.loss[obligors.pd >= 1.0].sum())
    pd = float(obligors.pd[uncertain[0]]) if len(uncertain) else 0.0
    jump = float(obligors.loss[uncertain[0]]) if len(uncertain) else 0.0
    measures = []
    shares = []
    for confidence in confidences:
        var = base if 1.0 - pd >= confidence else base + jump
        share = min(1.0, pd / (1.0 - confidence))
        shares.append(share)
        measures.append(_exact(confidence, var, base + jump * share))
    points = [(1.0, base), (pd, base + jump)] if len(uncertain) else [(1.0, base)]
    parts = []
    for i in np.argsort(-obligors.expected_loss, kind="stable")[:_TOP_OBLIGORS]:
        full = float(obligors.loss[i])
        es = tuple(full * (1.0 if obligors.pd[i] >= 1.0 else share if i in uncertain else 0.0) for share in shares)
        parts.append(
            Contribution(
                by="obligor",
                name=obligors.names[i],
                ead=float(obligors.ead[i]),
                el=float(obligors.expected_loss[i]),
                es=es,
                es_se=(0.0,) * len(es),
            )
        )
    return _Tail(
        measures=tuple(measures),
        mean=base + pd * jump,
        mean_se=0.0,
        ul=jump * math.sqrt(pd * (1.0 - pd)),
        ul_se=0.0,
        curve=tuple(CurvePoint(exceedance_probability=p, loss=x, loss_low=x, loss_high=x) for p, x in points),
        contributions=tuple(parts),
        method=Method.CLOSED_FORM,
        scenarios=0,
        converged=True,
        notes=("at most one name of the book is uncertain: the distribution is exact",),
    )


def _exact(confidence: float, var: float, es: float) -> TailMeasure:
    return TailMeasure(
        confidence=confidence,
        var=var,
        var_se=0.0,
        var_low=var,
        var_high=var,
        es=es,
        es_se=0.0,
        es_low=es,
        es_high=es,
        tail_scenarios=0,
        exact=True,
    )


def _simulate(
    obligors: Obligors,
    factor_model: FactorModel,
    *,
    confidences: tuple[float, ...],
    method: Method,
    rel_tol: float,
    seed: int,
    max_scenarios: int,
    wanted: bool,
    map_blocks: MapBlocks,
) -> _Tail:
    notes: list[str] = []
    with_contributions = wanted
    plan = make_plan(obligors, factor_model, thinning=True) if method is not Method.PLAIN else None
    used = Method.THINNING if plan is not None else Method.PLAIN
    if plan is None:
        if method is Method.THINNING:
            raise InvalidInput(
                "thinning needs obligors that share directions; this book has too many directions: use method 'plain' or 'auto'"
            )
        plan = make_plan(obligors, factor_model, thinning=False)
        assert plan is not None  # only thinning can be refused
    size = int(plan["block_size"])
    blocks = -(-max_scenarios // size)

    def run(numbers: Iterable[int], floor: float) -> list[BlockResult]:
        tasks = [BlockTask(plan, seed, k, min(size, max_scenarios - k * size), floor) for k in numbers]
        return sorted(map_blocks(simulate_block, tasks), key=lambda result: result.block)

    lowest = min(confidences)
    results: list[BlockResult] = []
    floors: list[float] = []
    floor = math.inf
    target = min(blocks, -(-_FIRST_ROUND // size))
    while True:
        fresh = run(range(len(results), target), floor)
        results += fresh
        floors += [floor] * len(fresh)
        ordered = np.sort(np.concatenate([result.losses for result in results]))
        measures = tuple(_measure(ordered, obligors, confidence) for confidence in confidences)
        converged = all(_within(measure, rel_tol) for measure in measures)
        if converged or target == blocks:
            break
        if with_contributions and not math.isfinite(floor):
            # A loss that the final value at risk will not fall below, but for one chance in a billion; then blocks are simply run again.
            rank = interval_ranks(len(ordered), lowest, level=1.0 - 1e-9)[0]
            floor = max(float(ordered[rank - 1]) if rank else 0.0, math.ulp(0.0))
        following = min(blocks, 2 * target)
        kept = sum(len(result.tail_loss) for result in results)
        if kept + sum(len(result.tail_loss) for result in fresh) * (following - target) / len(fresh) > _MOST_TAIL_DEFAULTS:
            floor, with_contributions = math.inf, False
        target = following

    if not converged:
        notes.append(
            f"the errors are not yet within rel_tol {rel_tol:g} after {len(ordered):,} scenarios; raise max_scenarios for narrower intervals"
        )
    parts: tuple[Contribution, ...] = ()
    if with_contributions:
        least = max(min(_quantile(ordered, confidence) for confidence in confidences), math.ulp(0.0))
        again = [k for k, used_floor in enumerate(floors) if used_floor > least]
        # One block tells how much the others will hold.
        for k, result in zip(again[:1], run(again[:1], least), strict=True):
            results[k] = result
            with_contributions = len(result.tail_loss) * len(results) <= _MOST_TAIL_DEFAULTS
        if with_contributions:
            for k, result in zip(again[1:], run(again[1:], least), strict=True):
                results[k] = result
            parts = _contributions(obligors, results, size, ordered, confidences)
    if wanted and not parts:
        notes.append("contributions are left out: the tail holds too many defaults to keep; ask for higher confidences or fewer scenarios")
    n = len(ordered)
    mean = float(ordered.mean())
    deviation = ordered - mean
    variance = float(np.square(deviation).sum()) / (n - 1)
    fourth = float(np.square(np.square(deviation)).mean())
    ul = math.sqrt(variance)
    return _Tail(
        measures=measures,
        mean=mean,
        mean_se=math.sqrt(variance / n),
        ul=ul,
        ul_se=math.sqrt(max(0.0, fourth - variance**2) / n) / (2.0 * ul) if ul > 0.0 else 0.0,
        curve=_curve(ordered),
        contributions=parts,
        method=used,
        scenarios=n,
        converged=converged,
        notes=tuple(notes),
    )


def _measure(ordered: FloatArray, obligors: Obligors, confidence: float) -> TailMeasure:
    """The sample's measure, or the exact one where defaults are rarer than the tail is wide."""
    uncertain = float(obligors.pd[(obligors.loss > 0.0)].sum())
    if uncertain <= 1.0 - confidence:
        # P(any loss) <= sum of pd <= 1 - confidence: the value at risk is zero, and the whole expected loss lies in the tail.
        return _exact(confidence, 0.0, float(obligors.expected_loss.sum()) / (1.0 - confidence))
    measure = sorted_tail_measure(ordered, confidence=confidence)
    # No loss is below zero, so a sample too small to bound the quantile from below is bounded all the same.
    return measure if measure.var_low > -math.inf else replace(measure, var_low=0.0, es_low=max(0.0, measure.es_low))


def _within(measure: TailMeasure, rel_tol: float) -> bool:
    if measure.exact:
        return True
    if measure.tail_scenarios < _LEAST_TAIL_SCENARIOS:
        return False
    return measure.var_se <= rel_tol * measure.var and measure.es_se <= rel_tol * measure.es


def _quantile(ordered: FloatArray, confidence: float) -> float:
    return float(ordered[quantile_rank(len(ordered), confidence) - 1])


def _curve(ordered: FloatArray) -> tuple[CurvePoint, ...]:
    """Exceedance curve with a 95 % band, its points even in the logarithm of the probability, down to ten scenarios."""
    n = len(ordered)
    points = []
    for probability in np.geomspace(0.999, 10.0 / n, _CURVE_POINTS):
        confidence = 1.0 - float(probability)
        rank = min(n, max(1, math.ceil(n * confidence)))
        low, high = interval_ranks(n, confidence)
        points.append(
            CurvePoint(
                exceedance_probability=float(probability),
                loss=float(ordered[rank - 1]),
                loss_low=float(ordered[low - 1]) if low >= 1 else 0.0,
                loss_high=float(ordered[high - 1]) if high <= n else math.inf,
            )
        )
    return tuple(points)


def _contributions(
    obligors: Obligors, results: list[BlockResult], size: int, ordered: FloatArray, confidences: tuple[float, ...]
) -> tuple[Contribution, ...]:
    """Mean loss of each obligor and sector in the tail: they sum to the sample's expected shortfall, the atom at the quantile included."""
    n = len(ordered)
    losses = np.concatenate([result.losses for result in results])
    scenario = np.concatenate([result.tail_scenario + result.block * size for result in results])
    obligor = np.concatenate([result.tail_obligor for result in results])
    loss = np.concatenate([result.tail_loss for result in results])
    sectors = sorted({sector for sector in obligors.facility_sector if sector is not None})
    index = {sector: k for k, sector in enumerate(sectors)}
    sector_of = np.array([index.get(sector, len(sectors)) if sector is not None else len(sectors) for sector in obligors.facility_sector])

    # An obligor's facilities may lie in several sectors; its loss is split as their mean losses are.
    facility_loss = obligors.facility_ead * obligors.facility_lgd
    whole = obligors.loss[obligors.facility_obligor]
    share = np.divide(facility_loss, whole, out=np.zeros_like(whole), where=whole > 0.0)
    starts = np.searchsorted(obligors.facility_obligor, np.arange(len(obligors.names) + 1))
    count = starts[obligor + 1] - starts[obligor]
    entry = np.repeat(np.arange(len(obligor)), count)
    facility = starts[obligor][entry] + np.arange(len(entry)) - np.repeat(np.cumsum(count) - count, count)
    pieces = loss[entry] * share[facility]
    tail_scenarios, tail_row = np.unique(scenario, return_inverse=True)
    width = len(sectors) + 1
    by_sector = np.bincount(tail_row[entry] * width + sector_of[facility], weights=pieces, minlength=len(tail_scenarios) * width).reshape(
        -1, width
    )

    name_es, name_se, sector_es, sector_se = [], [], [], []
    for confidence in confidences:
        weight = _tail_weights(losses, tail_scenarios, _quantile(ordered, confidence), confidence)
        per_default = weight[tail_row]
        tail_count = n * (1.0 - confidence)
        first = np.bincount(obligor, weights=per_default * loss, minlength=len(obligors.names))
        second = np.bincount(obligor, weights=per_default * loss**2, minlength=len(obligors.names))
        name_es.append(first)
        name_se.append(np.sqrt(np.clip(second - first**2, 0.0, None) / tail_count))
        first = (weight[:, None] * by_sector).sum(axis=0)
        second = (weight[:, None] * by_sector**2).sum(axis=0)
        sector_es.append(first)
        sector_se.append(np.sqrt(np.clip(second - first**2, 0.0, None) / tail_count))

    strictest = int(np.argmax(confidences))
    top = np.argsort(-name_es[strictest], kind="stable")[:_TOP_OBLIGORS]
    facility_el = obligors.pd[obligors.facility_obligor] * facility_loss
    sector_el = np.bincount(sector_of, weights=facility_el, minlength=width)
    sector_ead = np.bincount(sector_of, weights=obligors.facility_ead, minlength=width)
    ead, el = obligors.ead, obligors.expected_loss
    names = tuple(
        Contribution(
            by="obligor",
            name=obligors.names[i],
            ead=float(ead[i]),
            el=float(el[i]),
            es=tuple(float(es[i]) for es in name_es),
            es_se=tuple(float(se[i]) for se in name_se),
        )
        for i in top
    )
    present = [k for k in range(width) if (sector_of == k).any()]
    return names + tuple(
        Contribution(
            by="sector",
            name=sectors[k] if k < len(sectors) else None,
            ead=float(sector_ead[k]),
            el=float(sector_el[k]),
            es=tuple(float(es[k]) for es in sector_es),
            es_se=tuple(float(se[k]) for se in sector_se),
        )
        for k in present
    )


def _tail_weights(losses: FloatArray, scenarios: npt.NDArray[np.int64], var: float, confidence: float) -> FloatArray:
    """Weight of each kept scenario in the expected shortfall; over all scenarios they sum to one."""
    n = len(losses)
    above = int(np.count_nonzero(losses > var))
    at = int(np.count_nonzero(losses == var))
    each = 1.0 / (n * (1.0 - confidence))
    atom = max(0.0, (1.0 - above * each)) / at
    mine = losses[scenarios]
    return np.where(mine > var, each, np.where(mine == var, atom, 0.0))


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
