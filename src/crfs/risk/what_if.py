"""What a change of the book does to its risk, at the same points as the book itself: the difference has its own noise alone.

The points, the states they aim at and the tables are the book's; a class of names that the change touches is tabulated anew, in the parts that it
touches. So the numbers of the changed book are those of a run of its own that is given the book's aims and points. A run of its own finds its own aims, and
more points if it needs them: that is where the two part, within their errors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.factor_model import FactorModel
from crfs.risk.as_json import finite_or_none
from crfs.risk.atoms import atom
from crfs.risk.class_sums import LEAST_PARTED
from crfs.risk.collapsed import LARGE, Collapsed, Quantile, doubt, measure, spread_of_rest, with_what_is_near
from crfs.risk.conditional import ConditionalBook, condition, one_by_one
from crfs.risk.first_order import mean_changes
from crfs.risk.measures import TailRisk, rarer_than_the_tail
from crfs.risk.mixture import Mixture
from crfs.risk.mixtures import make_mixture
from crfs.risk.names import Names, make_names
from crfs.risk.obligors import Obligors
from crfs.risk.result import Method, RiskResult
from crfs.risk.scrambles import scramble_error, student
from crfs.risk.splicing import kinds_in, places_of
from crfs.risk.systematic import step_errors
from crfs.risk.tables import Table, class_pieces

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

# Of a loss that is restated as more than so many times what it was, the book's own measurement says little.
_FAR_MORE = 2.0
# An expansion tells a difference where the bias of the changed book is at most so many times the wanted error, and the two biases differ by no more
# than this part of the difference; or by so little, in wanted errors, that nobody minds.
_MOST_BIAS = 2.0
_PART_OF_MOVE = 0.5
_NO_MOVE = 0.02
# What exact answers may be off by, of themselves: the roundings of their sums.
_LAST_DIGITS = 1e-13

NOTHING_CHANGES = "nothing changes"
"""What is noted of a change that changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """By how much a measure differs, its standard error and 95 % interval; currency units, positive where the risk grows."""

    value: float
    se: float
    low: float
    high: float

    def less(self, amount: float) -> Difference:
        """The difference less an amount that is known exactly."""
        return replace(self, value=self.value - amount, low=self.low - amount, high=self.high - amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfMeasure(TailRisk):
    """Value at risk and expected shortfall of the changed book at one confidence, with their 95 % intervals and what the change adds to them.

    ``incremental_...`` is the whole change's effect: the changed book less the book. ``marginal_...`` is its first order, the mean change of loss
    given that the book's loss is at, or beyond, the value at risk: what a small part of the change adds, times as many parts as there are; None
    where nobody asked for it, and where the book's method knows no states to average over.
    """

    incremental_var: Difference
    incremental_es: Difference
    marginal_var: Difference | None
    marginal_es: Difference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """The answer to "what if": expected loss, its standard deviation ``ul`` and measures of the changed book (currency units), and the differences.

    ``method`` is how the changed book was measured, and ``trusted`` whether that is in its range; ``notes`` are sentences.
    """

    el: float
    incremental_el: float
    ul: float
    ul_se: float
    incremental_ul: Difference
    measures: tuple[WhatIfMeasure, ...]
    method: Method
    notes: tuple[str, ...]
    trusted: bool = True

    def with_first_order_of(self, other: WhatIf) -> WhatIf:
        """The same with what ``other``, an answer to the same question, says of the first order."""
        measures = (
            replace(mine, marginal_var=each.marginal_var, marginal_es=each.marginal_es)
            for mine, each in zip(self.measures, other.measures, strict=True)
        )
        return replace(self, measures=tuple(measures))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; an error or an end that the sample cannot give is None."""

        def plain(each: Difference | None) -> dict[str, float | None] | None:
            return None if each is None else {name: finite_or_none(getattr(each, name)) for name in ("value", "se", "low", "high")}

        return {
            "el": self.el,
            "incremental_el": self.incremental_el,
            "ul": self.ul,
            "ul_se": finite_or_none(self.ul_se),
            "incremental_ul": plain(self.incremental_ul),
            "method": self.method.value,
            "measures": [
                {
                    **m.to_dict(self.el),
                    "incremental_ec": plain(m.incremental_var.less(self.incremental_el)),
                    "incremental_var": plain(m.incremental_var),
                    "incremental_es": plain(m.incremental_es),
                    "marginal_var": plain(m.marginal_var),
                    "marginal_es": plain(m.marginal_es),
                }
                for m in self.measures
            ],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Base:
    """A measured book, and what every what-if of it needs."""

    obligors: Obligors
    factor_model: FactorModel
    found: Collapsed
    factors: list[FloatArray]
    """Composite factors at the points, of each table's classes."""
    by_class: list[list[FloatArray]]
    """Their cumulants there."""
    any_loss: float
    """The sum of PDs of all who may lose something."""
    step: float
    """Of which all losses are multiples, in the book's units; zero where there is none that matters."""


def make_base(obligors: Obligors, factor_model: FactorModel, found: Collapsed, rel_tol: float) -> Base:
    """``found`` is what the collapsed method found of ``obligors``."""
    points, book = found.mixture.points, found.mixture.book
    return Base(
        obligors=obligors,
        factor_model=factor_model,
        found=found,
        factors=[book.factors(table.kinds, points.epsilon) for table in book.tables],
        by_class=[book.by_class(table, points) for table in book.tables],
        any_loss=float(obligors.pd[obligors.loss > 0.0].sum()),
        # However small beside the book, it is not beside a difference.
        step=atom(book.names, 0.0),
    )


def collapsed_what_if(
    base: Base, touched: Obligors | None, obligors: tuple[str, ...], *, rel_tol: float, first_order: bool = True
) -> WhatIf | None:
    """The answer where ``obligors`` become ``touched`` (those of them that stay; None where none does); None where the points do not serve.

    The ``first_order`` takes every touched name at every point: time and memory that a change of a whole book has not. The points do not serve
    where an obligor follows a direction, or has degrees of freedom, that the book has not.
    """
    swap = _swapped(base, touched, obligors)
    if swap is None:
        return None
    mixture, quantiles = _measured(base, swap, rel_tol)
    before_el = float(base.obligors.expected_loss.sum())
    change = (float(touched.expected_loss.sum()) if touched is not None else 0.0) - _sum_of(base.obligors, swap.places, "expected_loss")
    any_before = base.any_loss
    any_after = (
        any_before
        + (float(touched.pd[touched.loss > 0.0].sum()) if touched is not None else 0.0)
        - _sum_of(base.obligors, swap.places, "pd")
    )
    sides = [
        [_Side.of(q, measured, told, base.step, any_loss=any_loss, el=el) for q, told in zip(found, base.found.quantiles, strict=True)]
        for measured, found, any_loss, el in (
            (base.found.mixture, base.found.quantiles, any_before, before_el),
            (mixture, quantiles, any_after, before_el + change),
        )
    ]
    alike = not len(np.setdiff1d(np.intersect1d(mixture.book.explicit, swap.grown), swap.moved))
    added = _added(base, swap) if first_order else None
    (ul, ul_each), (ul_before, ul_before_each) = (
        _spread(one, el) for one, el in ((mixture, before_el + change), (base.found.mixture, before_el))
    )
    notes = ["the changed book is measured at the points of the book itself: the differences have their own noise alone"]
    if doubt(mixture, quantiles, rel_tol) is not None:
        notes.append(
            "the change makes the book too lumpy for its tables at rel_tol: the intervals include what they leave out; measure the changed book by a run "
            "of its own"
        )
    return WhatIf(
        el=before_el + change,
        incremental_el=change,
        ul=ul,
        ul_se=scramble_error(ul_each),
        incremental_ul=difference(ul - ul_before, ul_each - ul_before_each, 0.0),
        method=Method.COLLAPSED,
        measures=tuple(_compared(base, k, before, after, added, alike=alike) for k, (before, after) in enumerate(zip(*sides, strict=True))),
        notes=tuple(notes),
        trusted=all(_comparable(before, after, rel_tol) for before, after in zip(*sides, strict=True)),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Swap:
    """The names after the change; which of the book's left, which of the new ones came (places), and the classes of both.

    ``moved`` are the new places of the book's explicit names that stay, or are restated; ``free`` those who came and have no part in the book's
    measurement that they could keep: new ones, and the ``grown``, who lose far more than before. ``places`` are the touched obligors that the book has.
    """

    names: Names
    leaving: IntArray
    arrived: IntArray
    kinds: IntArray
    moved: IntArray
    free: IntArray
    grown: IntArray
    places: IntArray
    was: IntArray
    """Of each who arrived the place in the book, -1 of those who were not in it."""


def _swapped(base: Base, touched: Obligors | None, obligors: tuple[str, ...]) -> _Swap | None:
    names, known = base.found.mixture.book.names, base.obligors.names
    rank = dict(zip(obligors, known.search_sorted(pl.Series(obligors, dtype=pl.String)).to_list(), strict=True))
    places = np.array([at for obligor, at in rank.items() if at < len(known) and known[at] == obligor], dtype=np.int64)
    gone = np.zeros(len(known), dtype=np.bool_)
    gone[places] = True
    leaving = np.flatnonzero(gone[names.obligor])
    arriving = names.chosen(np.zeros(0, dtype=np.int64))
    came: list[str] = []
    if touched is not None and bool(((touched.pd > 0.0) & (touched.loss > 0.0)).any()):
        fresh = make_names(touched, base.factor_model)
        kinds = kinds_in(names, fresh)
        if kinds is None:
            return None
        ranks = np.array([rank[touched.names[int(i)]] for i in fresh.obligor], dtype=np.int64)
        order = np.lexsort((fresh.obligor, ranks, kinds[fresh.kind]))
        ratio = (fresh.unit / names.unit) ** np.arange(1, 5)
        came = touched.names.gather(fresh.obligor[order]).to_list()
        arriving = replace(
            fresh.chosen(order),
            obligor=ranks[order],
            kind=kinds[fresh.kind][order],
            loss=np.ascontiguousarray(fresh.loss[:, order] * ratio[:, None]),
            certain=fresh.certain[order] * ratio[0],
            random=fresh.random[order] * ratio[0],
        )
    where = places_of(names, leaving, arriving)
    explicit = base.found.mixture.book.explicit
    stays = np.setdiff1d(explicit, leaving)
    shifted = stays - np.searchsorted(leaving, stays)
    arrived = where + np.arange(len(arriving))
    # Who is restated is measured in the way that he was: two books that take other names exactly differ by what an expansion is off.
    left = dict(zip(known.gather(names.obligor[leaving]).to_list(), leaving.tolist(), strict=True))
    was = np.array([left.get(name, -1) for name in came], dtype=np.int64)
    free = (was < 0) | (arriving.loss[0] > _FAR_MORE * names.loss[0, was])
    return _Swap(
        names=names.spliced(leaving, arriving, where),
        leaving=leaving,
        arrived=arrived,
        kinds=np.union1d(names.kind[leaving], arriving.kind),
        moved=np.union1d(shifted + np.searchsorted(where, shifted, side="right"), arrived[np.isin(was, explicit)]),
        free=arrived[free],
        grown=arrived[free & (was >= 0)],
        places=places,
        was=was,
    )


def _measured(base: Base, swap: _Swap, rel_tol: float) -> tuple[Mixture, tuple[Quantile, ...]]:
    """The changed book at the book's points; a name that comes and is large is taken exactly."""
    points = base.found.mixture.points
    losses = swap.names.loss[0]
    explicit = swap.moved
    while True:
        book, by_class = _looked_up(base, swap, explicit)
        spread = spread_of_rest(book, base.found.aims)
        sums = book.summed(by_class, points.epsilon, points.mixing)
        mixture = make_mixture(book, points, spread, sums=sums)
        quantiles = tuple(measure(mixture, q.confidence, guess=q.var) for q in base.found.quantiles)
        large = np.setdiff1d(swap.free[losses[swap.free] > LARGE * spread], explicit)
        if not len(large) or (losses[large].max() <= spread and doubt(mixture, quantiles, rel_tol) is None):
            return mixture, tuple(with_what_is_near(mixture, q) for q in quantiles)
        explicit = np.union1d(explicit, large)


def _looked_up(base: Base, swap: _Swap, explicit: IntArray) -> tuple[ConditionalBook, list[FloatArray]]:
    """The book after the change, and the cumulants at the points of its tables' classes: anew for those that the change touches."""
    names, old, points = swap.names, base.found.mixture.book, base.found.mixture.points
    memo = old.memo.scratch() if old.memo is not None else None
    direct = np.setdiff1d(one_by_one(names), explicit)
    inside = np.ones(len(names), dtype=bool)
    inside[direct] = False
    tabulated = np.bincount(names.kind[inside], minlength=len(names.nu_index))
    inside[explicit] = False
    populated = np.flatnonzero(np.bincount(names.kind[inside], minlength=len(names.nu_index)))
    same = all(
        np.array_equal(table.kinds, populated[names.nu_index[populated] == table.nu_index])
        and table.parted == (int(tabulated[names.nu_index == table.nu_index].sum()) >= LEAST_PARTED)
        for table in old.tables
    ) and len(populated) == sum(len(table.kinds) for table in old.tables)
    if not same:
        book = condition(names, memo=memo).with_explicit(explicit, map)
        return book, [each for table in book.tables for each in book.by_class(table, points)]
    changed = np.isin(np.arange(len(names.nu_index)), swap.kinds)
    staying = names.chosen(np.flatnonzero(inside & changed[names.kind]))
    tables: list[Table] = []
    by_class: list[FloatArray] = []
    for table, factors, values in zip(old.tables, base.factors, base.by_class, strict=True):
        mixing = points.mixing[table.nu_index] if table.nu_index >= 0 else None
        again = np.flatnonzero(np.isin(table.kinds, swap.kinds))
        fresh = class_pieces(staying, table.kinds[again], table.grid, map, parted=table.parted, memo=memo)
        tables.append(table.with_classes(dict(zip(again.tolist(), fresh, strict=True))))
        after = list(values)
        for k in again.tolist():
            after[k] = tables[-1].of_class(k).by_class(factors[k : k + 1], mixing)[0]
        by_class += after
    return replace(old, names=names, tables=tuple(tables), direct=direct, explicit=np.sort(explicit)), by_class


def _added(base: Base, swap: _Swap) -> FloatArray:
    """The change of the loss beyond each value at risk, and at it, by scramble: confidences x 2 x scrambles."""
    return mean_changes(
        base.found.mixture,
        swap.names,
        leaving=swap.leaving,
        arrived=swap.arrived,
        was=swap.was,
        losses=[q.var for q in base.found.quantiles],
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Side:
    """One of the two books at one confidence, currency units: measures, by scramble, and what the expansion leaves out of them, there and nearby.

    ``off_...`` is what else they may be off by (:mod:`crfs.risk.systematic`), and ``jumps_...`` the part of it that a change does not share: a value
    at risk that is one of a few sums of losses stays where it is, or jumps, where a smooth one slides.
    """

    var: float
    es: float
    var_each: FloatArray
    es_each: FloatArray
    bias_var: float
    bias_es: float
    near_var: float = 0.0
    near_es: float = 0.0
    off_var: float = 0.0
    off_es: float = 0.0
    jumps_var: float = 0.0
    jumps_es: float = 0.0

    @classmethod
    def of(cls, q: Quantile, mixture: Mixture, told: Quantile, step: float, *, any_loss: float, el: float) -> _Side:
        """``told`` is the book's own quantile, whose tables, few defaults and ripples are the changed book's too."""
        exactly = rarer_than_the_tail(any_loss, el, q.confidence)
        if exactly is not None:
            zero = np.zeros(len(q.var_by_scramble))
            return cls(var=0.0, es=exactly.es, var_each=zero, es_each=zero + exactly.es, bias_var=0.0, bias_es=0.0)
        unit = mixture.book.names.unit
        jumps_var, jumps_es = step_errors(mixture, q, step, told)
        jumps_var += mixture.smeared(q.var) if q.var > 0.0 else 0.0
        return cls(
            var=unit * q.var,
            es=unit * q.es,
            var_each=unit * q.var_by_scramble,
            es_each=unit * q.es_by_scramble,
            bias_var=unit * q.bias_var,
            bias_es=unit * q.bias_es,
            near_var=unit * q.near_var,
            near_es=unit * q.near_es,
            off_var=unit * (told.off_var + told.few_var + jumps_var),
            off_es=unit * (told.off_es + told.few_es + jumps_es),
            jumps_var=unit * jumps_var,
            jumps_es=unit * jumps_es,
        )


def _comparable(before: _Side, after: _Side, rel_tol: float) -> bool:
    """Whether the expansion says how two books differ: what it leaves out of both is left out of the difference.

    The bound on the changed book's own bias is far above what the book was let pass with, so that of shocks that grow, none is at the edge
    for being a little harder: two methods on either side of it would not be in order.
    """
    for first, second, bias, bias_after in (
        (before.var, after.var, before.bias_var, after.bias_var),
        (before.es, after.es, before.bias_es, after.bias_es),
    ):
        if abs(bias_after) > _MOST_BIAS * rel_tol * after.es:
            return False
        if abs(bias_after - bias) > max(_PART_OF_MOVE * abs(second - first), _NO_MOVE * rel_tol * after.es):
            return False
    return True


def _spread(mixture: Mixture, el: float) -> tuple[float, FloatArray]:
    """The standard deviation of loss about its mean ``el``, and the one of each scramble; currency units."""
    each = mixture.book.names.unit * mixture.spread(el / mixture.book.names.unit)
    return float(each.mean()), each


def _compared(base: Base, k: int, before: _Side, after: _Side, added: FloatArray | None, *, alike: bool) -> WhatIfMeasure:
    """``alike``: the same names are taken exactly in both, so that most of what the expansion leaves out is left out of both."""

    def off(first: float, second: float) -> float:
        return abs(second - first) if alike else abs(first) + abs(second)

    q = base.found.quantiles[k]
    on_line, in_tail = (None, None) if added is None else _first_order(base, k, before, added)
    var = difference(after.var, after.var_each, abs(after.bias_var) + after.near_var + after.off_var)
    es = difference(after.es, after.es_each, abs(after.bias_es) + after.near_es + after.off_es)
    moved_var, moved_es = after.var_each - before.var_each, after.es_each - before.es_each
    # What does not move at all does not jump.
    off_var = (
        off(before.bias_var, after.bias_var)
        + off(before.near_var, after.near_var)
        + (before.jumps_var + after.jumps_var if moved_var.any() else 0.0)
    )
    off_es = (
        off(before.bias_es, after.bias_es)
        + off(before.near_es, after.near_es)
        + (before.jumps_es + after.jumps_es if moved_es.any() else 0.0)
    )
    return WhatIfMeasure(
        confidence=q.confidence,
        var=after.var,
        var_se=var.se,
        var_low=max(0.0, var.low),
        var_high=var.high,
        es=after.es,
        es_se=es.se,
        es_low=max(0.0, es.low),
        es_high=es.high,
        incremental_var=difference(after.var - before.var, moved_var, off_var),
        incremental_es=difference(after.es - before.es, moved_es, off_es),
        marginal_var=on_line,
        marginal_es=in_tail,
    )


def _first_order(base: Base, k: int, before: _Side, added: FloatArray) -> tuple[Difference, Difference]:
    """Of the value at risk and of the expected shortfall."""
    mixture, q = base.found.mixture, base.found.quantiles[k]
    unit = mixture.book.names.unit
    local, level = mixture.local(q.var), 1.0 - q.confidence
    density = mixture.by_scramble(local.density)
    beyond, at = added[k]
    if not (float(density.mean()) > 0.0 and before.var > 0.0):
        none, in_tail = np.zeros_like(beyond), unit * beyond / level
        return difference(0.0, none), difference(float(in_tail.mean()), in_tail)
    # As contributions have it: a ratio in each scramble, larger with the value at risk; and a tail that holds too little begins below.
    mean = unit * float(at.mean()) / float(density.mean())
    on_line = mean + unit * (at - at.mean() / density.mean() * density) / float(density.mean()) + mean * (q.var_by_scramble / q.var - 1.0)
    in_tail = unit * beyond / level + mean * (1.0 - mixture.by_scramble(local.beyond) / level)
    return difference(float(on_line.mean()), on_line, 0.0), difference(float(in_tail.mean()), in_tail, 0.0)


def difference(value: float, each: FloatArray, bias: float = 0.0) -> Difference:
    """With its error from what each scramble says of it, and the interval widened by what the method itself may be off by."""
    se = scramble_error(each)
    half = student(len(each)) * se + abs(bias)
    return Difference(value=value, se=se, low=value - half, high=value + half)


def unchanged(told: RiskResult, *, first_order: bool) -> WhatIf:
    """The answer to a change that changes nothing: every difference is zero, exactly; so is its ``first_order``, where there is one."""
    none = Difference(value=0.0, se=0.0, low=0.0, high=0.0)
    same = rerun_what_if(told, told)
    first = none if first_order else None
    return replace(
        same,
        incremental_ul=none,
        measures=tuple(replace(m, incremental_var=none, incremental_es=none, marginal_var=first, marginal_es=first) for m in same.measures),
        notes=(NOTHING_CHANGES,),
    )


def rerun_what_if(before: RiskResult, after: RiskResult) -> WhatIf:
    """The answer from two runs: the errors of both are in the differences, and there is no first order."""
    note = f"the changed book has a run of its own ({after.method.value}): the differences have the errors of both"
    if before.method is after.method is Method.CREDITRISKPLUS:
        note = (
            "both books have gamma sectors in place of the copula, which is another model of dependence, and a run each: the differences "
            "have the errors of both, which are numerical but for a variance that may be sampled"
        )
    ul, half = after.ul - before.ul, math.hypot(after.reach * after.ul_se, before.reach * before.ul_se)
    return WhatIf(
        el=after.el,
        incremental_el=after.el - before.el,
        ul=after.ul,
        ul_se=after.ul_se,
        incremental_ul=_apart(before.ul, after.ul, (after.ul_se, before.ul_se), (ul + half, half - ul)),
        method=after.method,
        measures=tuple(
            WhatIfMeasure(
                confidence=b.confidence,
                var=a.var,
                var_se=a.var_se,
                var_low=a.var_low,
                var_high=a.var_high,
                es=a.es,
                es_se=a.es_se,
                es_low=a.es_low,
                es_high=a.es_high,
                incremental_var=_apart(b.var, a.var, (a.var_se, b.var_se), (a.var_high - b.var_low, b.var_high - a.var_low)),
                incremental_es=_apart(b.es, a.es, (a.es_se, b.es_se), (a.es_high - b.es_low, b.es_high - a.es_low)),
                marginal_var=None,
                marginal_es=None,
            )
            for b, a in zip(before.measures, after.measures, strict=True)
        ),
        notes=(note,),
    )


def _apart(before: float, after: float, errors: tuple[float, float], reach: tuple[float, float]) -> Difference:
    """``reach``: how far up and down the two intervals allow the difference to be. Two exact answers that differ in their last digits are one."""
    value = after - before
    if max(errors) == 0.0 and abs(value) <= _LAST_DIGITS * abs(before):
        return Difference(value=0.0, se=0.0, low=0.0, high=0.0)
    return Difference(value=value, se=math.hypot(*errors), low=-reach[1], high=reach[0])


def _sum_of(obligors: Obligors, places: IntArray, what: str) -> float:
    pd, loss = obligors.pd[places], obligors.loss[places]
    return float((pd * loss if what == "expected_loss" else np.where(loss > 0.0, pd, 0.0)).sum())
