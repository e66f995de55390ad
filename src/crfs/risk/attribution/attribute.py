"""The change of risk between two dates, step by step or in equal right, in parts that sum exactly, with their errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
import polars as pl

from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.quality.portfolio import require_factor_model
from crfs.risk.arguments import check_confidences, check_flag, check_seed, check_texts, is_whole, shown
from crfs.risk.as_json import finite_or_none
from crfs.risk.attribution.books import ORDER, Block, Sides, make_sides
from crfs.risk.attribution.levels import Level, Metric, grid_of, measured, metrics_of, on_grid, shared_out
from crfs.risk.attribution.plan import Plan
from crfs.risk.obligors import TAGS
from crfs.risk.stress.stressed_risk import RiskOptions

_MOST_LABELS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """How one number changed; currency units.

    ``measure`` is ``el``, ``ul``, ``var``, ``es`` or ``ec`` (value at risk less expected loss), the last three at ``confidence``. ``steps``
    are in the attribution's order and ``before + steps = after``, exactly. ``step_se`` are their standard errors, 0 where they are exact.
    ``by`` and ``label`` say whose part it is, None and None for the whole book; a part's errors are not told (None).
    """

    measure: str
    confidence: float | None
    by: str | None
    label: str | None
    before: float
    steps: tuple[float, ...]
    step_se: tuple[float, ...] | None
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Why the risk of a book changed.

    ``order`` are the steps in the order in which they were taken; with ``shapley`` each is the mean over all orders. All numbers of a measure
    are whole multiples of one power of two, some 2^-50 of the largest, so that steps sum to the change and labels to the whole without any
    rounding, in any order of adding. ``runs`` is how many books were measured; blocks in which the two dates do not differ cost no run.
    """

    order: tuple[Block, ...]
    shapley: bool
    effects: tuple[Effect, ...]
    runs: int
    replicates: int
    currency: str | None
    notes: tuple[str, ...]

    def effect(self, measure: str, confidence: float | None = None) -> Effect:
        """The change of one number of the whole book."""
        for one in self.effects:
            if one.by is None and one.measure == measure and one.confidence == confidence:
                return one
        raise InvalidInput(f"the attribution has no {measure} at {confidence}", argument="measure")

    def to_table(self) -> pl.DataFrame:
        """One row a number: ``measure``, ``confidence``, ``by``, ``label``, ``before``, a column a step, ``after``, ``change``."""
        return pl.DataFrame(
            [
                {
                    "measure": one.measure,
                    "confidence": one.confidence,
                    "by": one.by,
                    "label": one.label,
                    "before": one.before,
                    **{block.value: amount for block, amount in zip(self.order, one.steps, strict=True)},
                    "after": one.after,
                    "change": one.after - one.before,
                }
                for one in self.effects
            ],
            schema_overrides={"confidence": pl.Float64(), "by": pl.String(), "label": pl.String()},
            infer_schema_length=None,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "order": [block.value for block in self.order],
            "shapley": self.shapley,
            "runs": self.runs,
            "replicates": self.replicates,
            "currency": self.currency,
            "effects": [
                {
                    "measure": one.measure,
                    "confidence": one.confidence,
                    "by": one.by,
                    "label": one.label,
                    "before": one.before,
                    "steps": [
                        {"step": block.value, "amount": amount, "se": None if one.step_se is None else finite_or_none(one.step_se[k])}
                        for k, (block, amount) in enumerate(zip(self.order, one.steps, strict=True))
                    ],
                    "after": one.after,
                    "change": one.after - one.before,
                }
                for one in self.effects
            ],
            "notes": list(self.notes),
        }


def attribute(
    before: pl.DataFrame,
    after: pl.DataFrame,
    before_model: FactorModel,
    after_model: FactorModel | None = None,
    *,
    revised: pl.DataFrame | None = None,
    remodelled: pl.DataFrame | None = None,
    order: Sequence[Block | str] = ORDER,
    shapley: bool = False,
    tags: Sequence[str] = (),
    replicates: int = 1,
    **options: Unpack[RiskOptions],
) -> Attribution:
    """Explain the change of EL, UL, value at risk, expected shortfall and economic capital between two books.

    Args:
        before, after: the books, one row a facility, as :func:`crfs.risk.portfolio_risk` takes them. A facility is the same where
            ``facility_id`` and ``obligor_id`` are.
        before_model, after_model: their factor models; one alone stands for both dates.
        revised: the positions of ``before`` as they are known today. None: nothing was revised.
        remodelled: the positions of ``after`` as the models of the earlier date see them. None: the models are the same.
        order: every :class:`Block` once; each step goes on from the one before.
        shapley: the mean of each step over all orders in place of one order: no step gains by being first. That takes two to the power of
            the blocks in which the dates differ runs.
        tags: of ``sector``, ``region``, ``rating``, ``segment``, ``facility_type`` and ``connected_clients``, those by which each number but UL is cut. A
            facility's label is that of the later book, where it is in it.
        replicates: independent seeds (``seed`` and those after it) of which the mean is taken; from 2 on a step's error is their spread. With 1
            it is that of the difference of two independent runs: too large, since all runs share their random numbers.
        options: those of :func:`crfs.risk.portfolio_risk`. With ``confidences=()`` the expected loss alone is explained: exact, and at once for any book.

    What is an obligor's (PD, r2, group, loadings) moves with the obligor. Where today's models meet the earlier inputs (in some orders) they
    move PD in probits, EAD in ratio and LGD by addition as much as they move the later inputs.

    >>> book = pl.DataFrame({"facility_id": ["F1", "F2"], "obligor_id": ["A", "B"], "ead": [100.0, 50.0], "lgd": 0.5, "pd_12m": 0.02,
    ...                      "r2": 0.2, "group": "all"})
    >>> later = book.with_columns(pd_12m=pl.Series([0.03, 0.02])).head(1)
    >>> found = attribute(book, later, FactorModel.one_factor("all"), confidences=(0.99,))
    >>> table = found.to_table().filter(pl.col("measure") == "el")
    >>> [round(table[name][0], 9) for name in ("before", "gone", "new", "pd", "after")]
    [1.5, -0.5, 0.0, 0.5, 1.5]
    """
    blocks = _checked_order(order)
    if not is_whole(replicates) or replicates < 1:
        raise InvalidInput(f"replicates is a whole number, one or more, not {shown(replicates)}", argument="replicates")
    shapley, tags = check_flag("shapley", shapley), check_texts("tags", tags)
    check_seed(options.get("seed", 0))
    asked = options.get("confidences", (0.99, 0.999))
    # None at all asks for the expected loss alone.
    confidences = () if isinstance(asked, list | tuple) and not asked else check_confidences(asked)
    if check_flag("accept_partial", options.get("accept_partial", False)):
        raise InvalidInput("two books are compared whole: take the rejected rows out of both first", argument="accept_partial")
    models = (before_model, before_model if after_model is None else after_model)
    for name, model in zip(("before_model", "after_model"), models, strict=True):
        require_factor_model(model, argument=name)
    check_flag("contributions", options.get("contributions", False))
    sides = make_sides(before, after, models, revised=revised, remodelled=remodelled, default_ccf=options.get("default_ccf"))
    labels = _labels(sides, tags)
    metrics = metrics_of(confidences)
    plan = Plan.of(sides, blocks, shapley=shapley)
    levels = []
    for replicate in range(replicates):
        mine: RiskOptions = {**options, "seed": options.get("seed", 0) + replicate}
        levels.append([measured(*sides.book(plan.taken(taken)), metrics, labels, mine) for taken in plan.wanted])
    effects = [one for m, metric in enumerate(metrics) for one in _effects(levels, m, metric, labels, plan)]
    currency = sides.rows["currency"].drop_nulls() if "currency" in sides.rows.columns else pl.Series([], dtype=pl.String)
    return Attribution(
        order=blocks,
        shapley=shapley,
        effects=tuple(effects),
        runs=len(plan.wanted) * replicates,
        replicates=replicates,
        currency=currency[0] if len(currency) else None,
        notes=_notes(plan, replicates),
    )


def _effects(levels: list[list[Level]], m: int, metric: Metric, labels: dict[str, tuple[str | None, ...]], plan: Plan) -> list[Effect]:
    """The change of one measure: of the whole book, then of each label of each tag."""
    values = np.array([[level.value[m] for level in row] for row in levels])
    errors = np.array([[level.se[m] for level in row] for row in levels])
    mean = values.mean(axis=0)
    quantum = grid_of(mean)
    totals = on_grid(mean, quantum)
    whole = plan.steps(totals[:, None])[:, 0]
    effects = [
        Effect(
            measure=metric.name,
            confidence=metric.confidence,
            by=None,
            label=None,
            before=float(totals[0]) * quantum,
            steps=plan.told(whole, quantum),
            step_se=plan.errors(values, errors),
            after=float(totals[-1]) * quantum,
        )
    ]
    for tag, known in labels.items():
        parts = np.array([[level.parts[tag][m] for level in row] for row in levels]).mean(axis=0)
        if np.isnan(parts).any():
            continue  # a standard deviation has no parts that sum
        shared = np.array([shared_out(row, int(total), quantum) for row, total in zip(parts, totals, strict=True)])
        each = plan.steps(shared)
        # Shapley's shares are rounded label by label: what the labels then lack of the whole goes to one of them.
        for step, rest in enumerate(whole - each.sum(axis=1)):
            each[step, int(np.argmax(np.abs(each[step])))] += rest
        effects += [
            Effect(
                measure=metric.name,
                confidence=metric.confidence,
                by=tag,
                label=label,
                before=float(shared[0, k]) * quantum,
                steps=plan.told(each[:, k], quantum),
                step_se=None,
                after=float(shared[0, k] + each[:, k].sum()) * quantum,
            )
            for k, label in enumerate(known)
        ]
    return effects


def _labels(sides: Sides, tags: Sequence[str]) -> dict[str, tuple[str | None, ...]]:
    labels: dict[str, tuple[str | None, ...]] = {}
    for tag in tags:
        if tag not in TAGS or tag == "group" or tag not in sides.rows.columns or sides.rows[tag].null_count() == sides.rows.height:
            known = [name for name in TAGS if name != "group" and name in sides.rows.columns]
            raise InvalidInput(f"the books cannot be cut by {tag!r}; they have {', '.join(known) or 'no tag'}", argument="tags")
        found = sides.rows[tag].unique().to_list()
        if len(found) > _MOST_LABELS:
            raise InvalidInput(f"{tag} has {len(found):,} values; {_MOST_LABELS} are the most for a cut", argument="tags")
        known_values = sorted(value for value in found if value is not None)
        labels[tag] = (*known_values, None) if None in found else tuple(known_values)
    return labels


def _checked_order(order: Sequence[Block | str]) -> tuple[Block, ...]:
    try:
        blocks = tuple(Block(step) for step in check_texts("order", order))
    except ValueError as error:
        raise InvalidInput(f"{error}; blocks are {', '.join(Block)}", argument="order") from None
    if sorted(blocks) != sorted(Block):
        raise InvalidInput(f"order has each of {', '.join(Block)} once, not {', '.join(blocks)}", argument="order")
    return blocks


def _notes(plan: Plan, replicates: int) -> tuple[str, ...]:
    notes = ["each step is its mean over all orders (Shapley)" if plan.shapley else f"steps in this order: {', '.join(plan.blocks)}"]
    same = [block.value for block in plan.blocks if block not in plan.active]
    if same:
        notes.append(f"the dates do not differ in {', '.join(same)}")
    notes.append(
        f"errors are the spread of {replicates} seeds"
        if replicates > 1
        else "errors are those of differences of independent runs: too large, since all runs share their random numbers"
    )
    return tuple(notes)
