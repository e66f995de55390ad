"""What is measured of each book between two books: numbers with errors, for the whole and for each value of a tag."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.factor_model import FactorModel
from crfs.risk.portfolio import portfolio_risk
from crfs.risk.result import RiskResult
from crfs.risk.stress.stressed_risk import RiskOptions

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_BITS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """``el``, ``ul``, ``var``, ``es`` or ``ec`` (``var`` less ``el``); the last three at a confidence."""

    name: str
    confidence: float | None = None


def metrics_of(confidences: Sequence[float]) -> tuple[Metric, ...]:
    """All that is measured, in a fixed order; with no confidence the expected loss alone, which takes no run of the engine."""
    if not confidences:
        return (Metric(name="el"),)
    return (Metric(name="el"), Metric(name="ul"), *(Metric(name=name, confidence=c) for c in confidences for name in ("var", "es", "ec")))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Level:
    """``value`` and ``se`` of each metric, and by tag the part of each label (metrics x labels; NaN where a metric has no parts)."""

    value: FloatArray
    se: FloatArray
    parts: dict[str, FloatArray]


def measured(
    book: pl.DataFrame, model: FactorModel, metrics: tuple[Metric, ...], labels: dict[str, tuple[str | None, ...]], options: RiskOptions
) -> Level:
    """One book's numbers; a book that is empty or cannot lose anything has zeros."""
    value, se = np.zeros(len(metrics)), np.zeros(len(metrics))
    parts = {tag: np.zeros((len(metrics), len(known))) for tag, known in labels.items()}
    expected = book["pd_12m"] * book["lgd"] * book["ead"]
    if book.is_empty() or not book["ead"].sum() > 0.0:
        return Level(value=value, se=se, parts=parts)
    if len(metrics) == 1:
        value[0] = math.fsum(expected.to_list())
        for tag, known in labels.items():
            sums = dict(book.select(tag, el=expected).group_by(tag).agg(pl.col("el").sort().sum()).iter_rows())
            parts[tag][0] = [sums.get(label, 0.0) for label in known]
        return Level(value=value, se=se, parts=parts)
    mine: RiskOptions = {**options, "contributions": bool(labels)}
    result = portfolio_risk(book, model, **mine)
    at = {measure.confidence: k for k, measure in enumerate(result.measures)}
    for m, metric in enumerate(metrics):
        if metric.confidence is None:
            value[m], se[m] = (result.el, 0.0) if metric.name == "el" else (result.ul, result.ul_se)
            continue
        found = result.measures[at[metric.confidence]]
        value[m] = found.es if metric.name == "es" else found.var - (result.el if metric.name == "ec" else 0.0)
        se[m] = found.es_se if metric.name == "es" else found.var_se
    for tag, known in labels.items():
        parts[tag] = _by_label(result, book.select(tag, el=expected), metrics, tag, known)
    return Level(value=value, se=se, parts=parts)


def _by_label(result: RiskResult, el: pl.DataFrame, metrics: tuple[Metric, ...], tag: str, known: tuple[str | None, ...]) -> FloatArray:
    """What each label has of each metric (metrics x labels): expected losses summed, of the tail what contributes to it."""
    parts = np.zeros((len(metrics), len(known)))
    place = {label: k for k, label in enumerate(known)}
    at = {measure.confidence: k for k, measure in enumerate(result.measures)}
    sums = dict(el.group_by(tag).agg(pl.col("el").sort().sum()).iter_rows())
    found = {one.name: one for one in result.contributions if one.by == tag}
    for m, metric in enumerate(metrics):
        if metric.name == "ul":
            parts[m] = math.nan
            continue
        for label, amount in sums.items():
            if metric.confidence is None:
                parts[m, place[label]] = amount
                continue
            # A column that is blank throughout is no cut of the run: its one label has the whole.
            whole = found.get(label, result.measures[at[metric.confidence]] if len(sums) == 1 else None)
            tail = 0.0 if whole is None else whole.es if metric.name == "es" else whole.var
            share = tail[at[metric.confidence]] if isinstance(tail, tuple) else tail
            parts[m, place[label]] = share - (amount if metric.name == "ec" else 0.0)
    return parts


def grid_of(values: FloatArray) -> float:
    """A power of two, 2^-50 of the greatest number, of whose multiples all sums are exact in floating point."""
    largest = float(np.abs(values).max(initial=0.0))
    return math.ldexp(1.0, max(math.frexp(largest)[1] - _BITS, -1000)) if largest > 0.0 else 1.0


def on_grid(values: FloatArray, quantum: float) -> IntArray:
    """The nearest multiples, as whole numbers."""
    return np.asarray(np.rint(values / quantum), dtype=np.int64)


def shared_out(parts: FloatArray, total: int, quantum: float) -> IntArray:
    """Parts as multiples that sum to ``total``: what rounding (or the scaling of contributions) leaves goes to the largest."""
    whole = on_grid(parts, quantum)
    if len(whole):
        whole[int(np.argmax(np.abs(whole)))] += total - int(whole.sum())
    return whole
