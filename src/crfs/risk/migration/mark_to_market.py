"""Mark-to-market risk: the loss of a book's value by a horizon as ratings migrate together, over one period or several.

Each period a name's latent variable is sqrt(r2) Y + sqrt(1 - r2) e (Student t with one mixing variable a period where ``degrees_of_freedom`` are
given), Y the composite factor of its direction, and it moves to the rating between whose thresholds that falls. Factors follow an AR(1) of the given
persistence with variance one in the long run. At the horizon each name is worth what its rating says, or its recovery.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.quality.portfolio import require_factor_model
from crfs.risk.arguments import (
    check_budget,
    check_confidences,
    check_flag,
    check_kind,
    check_map_blocks,
    check_mapping,
    check_method,
    check_run,
    is_number,
    shown,
    within_budget,
)
from crfs.risk.measures import TailMeasure, interval_ranks, quantile_rank, sorted_tail_measure
from crfs.risk.migration.collapsed import idiosyncratic_shift, make_collapsed_plan, name_losses, name_means, simulate_collapsed
from crfs.risk.migration.curves import ZeroCurves
from crfs.risk.migration.paths import PathResult, PathTask, Plan, make_plan, shared_plan, simulate_paths
from crfs.risk.migration.positions import RatedPositions, Reference, check_horizon, rated_positions
from crfs.risk.migration.result import MarkToMarketResult, MigrationMethod
from crfs.risk.migration.transition_matrix import TransitionMatrix
from crfs.risk.ranges import SHARE_OF_VARIANCE, Range, number
from crfs.risk.result import CurvePoint

FloatArray: TypeAlias = npt.NDArray[np.float64]
MapBlocks: TypeAlias = Callable[[Callable[[PathTask], PathResult], Iterable[PathTask]], Iterable[PathResult]]

_CHUNKS_PER_BLOCK = 4
_FIRST_ROUND = {MigrationMethod.NAMES: 4_000, MigrationMethod.COLLAPSED: 40_000}
_LEAST_TAIL_SCENARIOS = 100
_CURVE_POINTS = 120
# Independent parts of the scenarios, for the errors of contributions of the collapsed method.
_PARTS = 8
# The shape that the collapsed method leaves out may move a quantile by this part of the tolerance, or names are drawn.
_SHAPE_SHARE = 0.25
# Deviations from its mean at which a factor may stand now.
_FURTHEST_START = 6.0
# Nanoseconds on one core, to choose between methods: a name drawn, and a class's probability multiplied along a path.
_NAME_COST, _CLASS_COST = 40.0, 5.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Run:
    """What decides the bits of a run, and how blocks are mapped."""

    method: MigrationMethod
    plan: dict[str, npt.NDArray[Any]]
    seed: int
    confidences: tuple[float, ...]
    rel_tol: float
    most_blocks: int
    map_blocks: MapBlocks

    @property
    def block_scenarios(self) -> int:
        return _CHUNKS_PER_BLOCK * int(self.plan["chunk_size"])

    def blocks(self, numbers: Iterable[int], weights: FloatArray | None = None) -> list[PathResult]:
        """Blocks in order; ``weights`` has one column a scenario of the whole run."""
        size = self.block_scenarios
        tasks = [
            PathTask(
                self.plan,
                self.seed,
                k * _CHUNKS_PER_BLOCK,
                _CHUNKS_PER_BLOCK,
                None if weights is None else np.ascontiguousarray(weights[:, k * size : (k + 1) * size]),
            )
            for k in numbers
        ]
        simulate = simulate_paths if self.method is MigrationMethod.NAMES else simulate_collapsed
        return sorted(self.map_blocks(simulate, tasks), key=lambda result: result.first_chunk)


def mark_to_market_risk(
    portfolio: pl.DataFrame,
    factor_model: FactorModel,
    matrix: TransitionMatrix,
    curves: ZeroCurves,
    *,
    periods: int = 1,
    horizon_curves: ZeroCurves | None = None,
    reference: Reference | str = Reference.NOW,
    frequency: int = 1,
    default_ccf: float | None = None,
    **options: Any,
) -> MarkToMarketResult:
    """Loss of value of a book of facilities over ``periods`` of the matrix's period.

    The book, the curves and how they become values: :func:`~crfs.risk.migration.positions.rated_positions`. ``options`` are those of
    :func:`positions_risk`.

    >>> matrix = TransitionMatrix.from_rows(("A", "B", "D"), [[0.95, 0.04, 0.01], [0.10, 0.80, 0.10]])
    >>> curves = ZeroCurves.from_spreads(("A", "B"), [1.0, 5.0], [0.02, 0.03], [0.01, 0.04])
    >>> book = pl.DataFrame({"facility_id": ["F1"], "obligor_id": ["X"], "rating": ["A"], "ead": [100.0], "lgd": [0.4], "maturity_years": [3.0],
    ...                      "r2": [0.2], "group": ["all"]})
    >>> result = mark_to_market_risk(book, FactorModel.one_factor("all"), matrix, curves, confidences=(0.9,), max_scenarios=10_000)
    >>> round(result.el, 6), result.default_term_structure["pd"].to_list()
    (-2.353095, [0.010375])
    """
    horizon = check_horizon(matrix, periods)
    positions = rated_positions(
        portfolio,
        factor_model,
        matrix,
        curves,
        horizon_years=horizon,
        horizon_curves=horizon_curves,
        reference=reference,
        frequency=frequency,
        default_ccf=default_ccf,
    )
    return positions_risk(positions, factor_model, matrix, periods=periods, **options)


def positions_risk(
    positions: RatedPositions,
    factor_model: FactorModel,
    matrix: TransitionMatrix,
    *,
    periods: int = 1,
    persistence: float = 0.0,
    degrees_of_freedom: float | None = None,
    start: Mapping[str, float] | None = None,
    confidences: Sequence[float] = (0.99, 0.999),
    method: MigrationMethod | str = MigrationMethod.AUTO,
    rel_tol: float = 0.01,
    seed: int = 0,
    max_scenarios: int = 200_000,
    budget: float = 1e11,
    contributions: bool = True,
    map_blocks: MapBlocks = map,
) -> MarkToMarketResult:
    """Loss of value of positions whose losses by end rating are known.

    ``persistence`` (decimal within [0, 1)) is the factors' correlation from one period to the next; with it a bad period follows a bad one, and
    migrations over several periods are no longer the matrix's power. ``start`` gives factors their value now in long-run standard deviations (a
    factor that it lacks: 0), so that the first period departs from there; without it they are drawn from their long-run distribution.
    ``degrees_of_freedom``: a t copula in place of the factor model's own (infinite: the Gaussian one).

    Scenarios are drawn in rounds until the errors of value at risk and expected shortfall are within ``rel_tol`` of the larger of the two, or
    ``max_scenarios`` (in whole blocks, one at least) are there. ``budget`` is the most names x periods x scenarios of a run. ``map_blocks`` runs the blocks as
    ``map`` does, a pool's ``map`` too: the answer has the same bits whatever it is. ``method`` ``names`` draws every name, ``collapsed`` the
    book's conditional law, ``auto`` takes the latter where what it leaves out is small against ``rel_tol`` and it is faster.
    """
    check_horizon(matrix, periods)
    check_kind("positions", positions, RatedPositions)
    require_factor_model(factor_model)
    check_flag("contributions", contributions)
    check_map_blocks(map_blocks)
    levels = check_confidences(confidences)
    check_run(rel_tol=rel_tol, seed=seed, max_scenarios=max_scenarios)
    check_budget(budget)
    chosen = check_method(method, MigrationMethod)
    start_values = _check_dynamics(factor_model, persistence, degrees_of_freedom, start)
    if positions.loss.shape[1] != len(matrix.ratings):
        raise InvalidInput(
            f"positions have losses for {positions.loss.shape[1]} ratings, the matrix {len(matrix.ratings)}", argument="positions"
        )
    shared = shared_plan(
        positions,
        factor_model,
        matrix,
        periods=int(periods),
        persistence=persistence,
        degrees_of_freedom=_freedom(factor_model, degrees_of_freedom),
        start=start_values,
    )
    chosen, plan, shift, notes = _choose(positions, matrix, shared, chosen, rel_tol=rel_tol, seed=seed, confidence=min(levels))
    block = _CHUNKS_PER_BLOCK * int(plan["chunk_size"])
    run = _Run(
        method=chosen,
        plan=plan,
        seed=seed,
        confidences=levels,
        rel_tol=rel_tol,
        most_blocks=max(1, max_scenarios // block),
        map_blocks=map_blocks,
    )
    _check_budget(positions, run, int(periods), budget)
    return _answer(positions, matrix, run, shift=shift, notes=notes, contributions=contributions)


def _choose(
    positions: RatedPositions,
    matrix: TransitionMatrix,
    shared: dict[str, npt.NDArray[Any]],
    method: MigrationMethod,
    *,
    rel_tol: float,
    seed: int,
    confidence: float,
) -> tuple[MigrationMethod, dict[str, npt.NDArray[Any]], float, tuple[str, ...]]:
    """The method, its plan, what it may leave out of a quantile, and why it was taken."""
    if method is MigrationMethod.NAMES:
        return method, make_plan(positions, shared), 0.0, ()
    plan = make_collapsed_plan(positions, shared)
    if plan is None:
        if method is MigrationMethod.COLLAPSED:
            raise InvalidInput(
                "the collapsed method needs names that share directions and r2 not too far apart; this book has not: use 'names'",
                argument="method",
            )
        return (
            MigrationMethod.NAMES,
            make_plan(positions, shared),
            0.0,
            ("every name is drawn: directions are too many, or r2 too far apart, for sums by class",),
        )
    pilot = simulate_collapsed(PathTask(plan, seed, 0, 1)).losses
    while len(pilot) < 1000:
        pilot = np.concatenate([pilot, simulate_collapsed(PathTask(plan, seed, len(pilot) // int(plan["chunk_size"]), 1)).losses])
    shift = idiosyncratic_shift(positions, matrix, periods=int(shared["periods"]), ul=float(pilot.std()))
    said = f"no name is drawn: what the normal leaves out of the idiosyncratic part may move a quantile by {float(f'{shift:.3g}'):,.10g}"
    if method is MigrationMethod.COLLAPSED:
        return method, plan, shift, (said,)
    tail = sorted_tail_measure(np.sort(pilot), confidence=min(confidence, 0.99))
    scale = max(abs(tail.var), abs(tail.es))
    cost = 0.0 if "table_first" in plan else _CLASS_COST * plan["first"].size * plan["first"].shape[-1]
    if shift > _SHAPE_SHARE * rel_tol * scale:
        note = f"every name is drawn: the shape of single names may move a quantile by {float(f'{shift:.3g}'):,.10g}, too much for rel_tol {rel_tol:g}"
        return MigrationMethod.NAMES, make_plan(positions, shared), 0.0, (note,)
    if cost > _NAME_COST * len(positions.names):
        return MigrationMethod.NAMES, make_plan(positions, shared), 0.0, ("every name is drawn: that is faster for this book",)
    return MigrationMethod.COLLAPSED, plan, shift, (said,)


def _answer(
    positions: RatedPositions, matrix: TransitionMatrix, run: _Run, *, shift: float, notes: tuple[str, ...], contributions: bool
) -> MarkToMarketResult:
    results, ordered, measures, converged = _draw(run)
    losses = np.concatenate([result.losses for result in results])
    n = len(losses)
    mean = float(losses.mean())
    deviation = losses - mean
    variance = float(np.square(deviation).sum()) / (n - 1)
    ul = math.sqrt(variance)
    fourth = float(np.square(np.square(deviation)).mean())
    ul_se = math.sqrt(max(0.0, fourth - variance**2) / n) / (2.0 * ul) if ul > 0.0 else 0.0
    periods, persistence = int(run.plan["periods"]), float(run.plan["persistence"])
    # Periods that do not remember have the matrix's power on average, whatever the factors do within each.
    memoryless = (periods == 1 or persistence == 0.0) and (not len(run.plan["start"]) or persistence == 0.0)
    reached = matrix.power(periods).probability[positions.rating]
    name_el = (reached * positions.loss).sum(axis=1)
    freedom = float(run.plan["degrees_of_freedom"])
    if any(shift > run.rel_tol * max(abs(m.var), abs(m.es)) for m in measures):
        # Only where the method was asked for: by itself nothing of that size is chosen.
        notes, converged = (
            (*notes, "that is not small beside rel_tol: the book is too lumpy for this method, and 'auto' would draw every name"),
            False,
        )
    elif not converged:
        notes = (
            *notes,
            f"the errors are not yet within rel_tol {run.rel_tol:g} after {n:,} scenarios; raise max_scenarios for narrower intervals",
        )
    return MarkToMarketResult(
        el=float(name_el.sum()) if memoryless else mean,
        el_se=0.0 if memoryless else math.sqrt(variance / n),
        ul=ul,
        ul_se=ul_se,
        el_simulated=mean,
        el_simulated_se=math.sqrt(variance / n),
        measures=tuple(_widened(measure, shift) for measure in measures),
        loss_curve=_curve(ordered),
        default_term_structure=_default_table(positions, matrix, results, n),
        migrations=_migration_table(positions, matrix, results, n, memoryless=memoryless),
        obligors=_obligor_table(positions, run, losses, name_el if memoryless else None) if contributions else pl.DataFrame(),
        method=run.method,
        shape_bias=shift,
        scenarios=n,
        converged=converged,
        rel_tol=run.rel_tol,
        seed=run.seed,
        periods=periods,
        horizon_years=periods * matrix.years,
        persistence=persistence,
        copula="gaussian" if math.isinf(freedom) else f"t:{freedom:g}",
        reference_value=float(positions.reference_value.sum()),
        total_ead=float(positions.ead.sum()),
        n_obligors=len(positions.names),
        notes=notes,
    )


def _draw(run: _Run) -> tuple[list[PathResult], FloatArray, tuple[TailMeasure, ...], bool]:
    """Rounds of blocks, each doubling what is there, until the errors are small enough or there are no more."""
    target = min(run.most_blocks, -(-_FIRST_ROUND[run.method] // run.block_scenarios))
    results: list[PathResult] = []
    while True:
        results += run.blocks(range(len(results), target))
        ordered = np.sort(np.concatenate([result.losses for result in results]))
        measures = tuple(sorted_tail_measure(ordered, confidence=confidence) for confidence in run.confidences)
        converged = all(_within(measure, run.rel_tol) for measure in measures)
        if converged or target == run.most_blocks:
            return results, ordered, measures, converged
        target = min(run.most_blocks, 2 * target)


def _widened(measure: TailMeasure, shift: float) -> TailMeasure:
    """With what the method leaves out of a quantile in the intervals."""
    return replace(
        measure,
        var_low=measure.var_low - shift,
        var_high=measure.var_high + shift,
        es_low=measure.es_low - shift,
        es_high=measure.es_high + shift,
    )


def _within(measure: TailMeasure, rel_tol: float) -> bool:
    # A loss measured from a gain may have a value at risk near zero, so both errors are held against the larger of the two.
    scale = rel_tol * max(abs(measure.var), abs(measure.es))
    if measure.tail_scenarios < _LEAST_TAIL_SCENARIOS:
        return measure.var_low == measure.var_high
    return measure.var_se <= scale and measure.es_se <= scale


def _curve(ordered: FloatArray) -> tuple[CurvePoint, ...]:
    """Exceedance curve with a 95 % band, even in the logarithm of the probability, down to ten scenarios."""
    n = len(ordered)
    points = []
    for probability in np.geomspace(0.999, min(0.5, 10.0 / n), _CURVE_POINTS):
        confidence = 1.0 - float(probability)
        low, high = interval_ranks(n, confidence)
        points.append(
            CurvePoint(
                exceedance_probability=float(probability),
                loss=float(ordered[quantile_rank(n, confidence) - 1]),
                loss_low=float(ordered[low - 1]) if low >= 1 else -math.inf,
                loss_high=float(ordered[high - 1]) if high <= n else math.inf,
            )
        )
    return tuple(points)


def _counts(results: list[PathResult]) -> tuple[FloatArray, FloatArray]:
    counts, squared = results[0].counts.copy(), results[0].share_squared.copy()
    for result in results[1:]:
        counts += result.counts
        squared += result.share_squared
    return counts, squared


def _default_table(positions: RatedPositions, matrix: TransitionMatrix, results: list[PathResult], n: int) -> pl.DataFrame:
    counts, squared = _counts(results)
    grades = len(matrix.ratings)
    members = np.bincount(positions.rating, minlength=grades).astype(np.float64)
    present = [g for g in range(grades - 1) if members[g]]
    rows = []
    for t in range(len(counts)):
        exact = matrix.power(t + 1).probability[:, -1]
        for g in present:
            share = float(counts[t, g, -1]) / (members[g] * n)
            variance = max(0.0, float(squared[t, g, -1]) / n - share**2)
            rows.append((matrix.ratings[g], (t + 1) * matrix.years, share, math.sqrt(variance / n), float(exact[g])))
    schema = {"rating": pl.String, "years": pl.Float64, "pd": pl.Float64, "pd_se": pl.Float64, "pd_memoryless": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _migration_table(
    positions: RatedPositions, matrix: TransitionMatrix, results: list[PathResult], n: int, *, memoryless: bool
) -> pl.DataFrame:
    """Shares by end rating: those of the matrix's power, which are exact, where periods do not remember, else as drawn, with their errors."""
    counts, squared = _counts(results)
    grades = len(matrix.ratings)
    members = np.bincount(positions.rating, minlength=grades).astype(np.float64)
    present = np.flatnonzero(members)
    share = counts[:, present] / (members[present][None, :, None] * n)
    error = np.sqrt(np.clip(squared[:, present] / n - np.square(share), 0.0, None) / n)
    periods = len(counts)
    if memoryless:
        share = np.stack([matrix.power(t + 1).probability[present] for t in range(periods)])
        error = np.zeros_like(share)
    names = np.array(matrix.ratings)
    return pl.DataFrame(
        {
            "rating": np.tile(np.repeat(names[present], grades), periods),
            "years": np.repeat(matrix.years * np.arange(1, periods + 1), len(present) * grades),
            "to_rating": np.tile(names, periods * len(present)),
            "share": share.ravel(),
            "share_se": error.ravel(),
        }
    )


def _obligor_table(positions: RatedPositions, run: _Run, losses: FloatArray, name_el: FloatArray | None) -> pl.DataFrame:
    """Mean loss of each name given that the book is in its tail: blocks that hold it are run again, with the weights of their scenarios."""
    n = len(losses)
    weights = np.stack([_tail_weights(losses, confidence) for confidence in run.confidences])
    if run.method is MigrationMethod.NAMES:
        first, second = _sum_weighted(run, weights)
        in_tail = n * (1.0 - np.array(run.confidences))
        error = np.sqrt(np.clip(second - np.square(first), 0.0, None) / in_tail[:, None])
    else:
        first, error = _collapsed_contributions(run, weights)
    columns: dict[str, Any] = {"obligor_id": positions.names, "ead": positions.ead, "reference_value": positions.reference_value}
    if name_el is not None:
        columns["el"] = name_el
    for confidence, es, se in zip(run.confidences, first, error, strict=True):
        columns |= {f"es:{confidence!r}": es, f"es_se:{confidence!r}": se}
    return pl.DataFrame(columns)


def _sum_weighted(run: _Run, weights: FloatArray) -> tuple[FloatArray, ...]:
    size = run.block_scenarios
    holding = [k for k in range(weights.shape[1] // size) if weights[:, k * size : (k + 1) * size].any()]
    parts = [result.weighted for result in run.blocks(holding, weights)]
    totals = []
    for arrays in zip(*parts, strict=True):
        total = arrays[0].copy()
        for array in arrays[1:]:
            total += array
        totals.append(total)
    return tuple(totals)


def _collapsed_contributions(run: _Run, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Contributions, and their errors from independent parts of the scenarios."""
    levels = len(weights)
    part = np.arange(weights.shape[1]) % _PARTS
    split = np.concatenate([np.where(part == k, weights, 0.0) for k in range(_PARTS)])
    sums = _sum_weighted(run, split)
    whole = tuple(array.reshape(_PARTS, levels, *array.shape[1:]).sum(axis=0) for array in sums)
    es = name_losses(run.plan, whole)
    total = split.sum(axis=1)
    each = name_means(run.plan, sums) / np.where(total > 0.0, total, 1.0)[:, None]
    spread = each.reshape(_PARTS, levels, -1).std(axis=0, ddof=1)
    return es, spread / math.sqrt(_PARTS)


def _tail_weights(losses: FloatArray, confidence: float) -> FloatArray:
    """Weight of each scenario in the expected shortfall, the atom at the quantile with its part; they sum to one."""
    n = len(losses)
    rank = quantile_rank(n, confidence)
    var = float(np.partition(losses, rank - 1)[rank - 1])
    above, at = losses > var, losses == var
    each = 1.0 / (n * (1.0 - confidence))
    atom = max(0.0, 1.0 - float(above.sum()) * each) / float(at.sum())
    return np.where(above, each, np.where(at, atom, 0.0))


def _freedom(factor_model: FactorModel, asked: float | None) -> float | None:
    """Degrees of freedom that are asked for, else the factor model's own; None where the copula is Gaussian."""
    if asked is None and factor_model.copula.text == "grouped-t":
        raise InvalidInput(
            "ratings migrate under one t copula for all, and the model's is grouped; name degrees_of_freedom", argument="degrees_of_freedom"
        )
    nu = factor_model.copula.nu if asked is None else asked
    return nu if math.isfinite(nu) else None


def _check_dynamics(
    factor_model: FactorModel, persistence: float, degrees_of_freedom: float | None, start: Mapping[str, float] | None
) -> FloatArray | None:
    """The factors' values now in the model's order, where they are given."""
    number("persistence", persistence, SHARE_OF_VARIANCE)
    if degrees_of_freedom is not None:
        number("degrees_of_freedom", degrees_of_freedom, Range(said="a positive number", low=0.0, with_low=False))
    if start is None:
        return None
    values = np.zeros(len(factor_model.factors))
    for name, value in check_mapping("start", start).items():
        if name not in factor_model.factors:
            raise InvalidInput(f"start names the factor {name!r}; the model has {', '.join(factor_model.factors)}", argument="start")
        if not is_number(value) or not -_FURTHEST_START <= float(value) <= _FURTHEST_START:
            raise InvalidInput(
                f"start: factor {name!r} is {shown(value)}, not within {_FURTHEST_START:g} deviations of zero", argument="start"
            )
        values[factor_model.factors.index(name)] = value
    return values


def _check_budget(positions: RatedPositions, run: _Run, periods: int, budget: float) -> None:
    plan: Plan = run.plan
    work = len(positions.names) * periods if run.method is MigrationMethod.NAMES else 2 * len(plan["directions"])
    if run.method is MigrationMethod.COLLAPSED and "table_first" not in plan:
        work = plan["first"].size * periods
    price = float(work) * run.most_blocks * run.block_scenarios
    if price > budget:
        raise InvalidInput(
            f"the run may take {price:.3g} steps ({work:,} a scenario), above the budget of {budget:.3g}; "
            f"{within_budget(budget, float(work))}",
            argument="max_scenarios",
        )
