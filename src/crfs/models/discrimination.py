"""Discrimination: how well a score ranks defaults above the rest (AUC, Gini, KS, the ROC curve), with errors.

A score here grows with risk: give ``pd_12m``, or minus the points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from crfs.errors import InvalidInput
from crfs.models.logistic import FloatArray, cluster_numbers, cluster_sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Auc:
    """Area under the ROC curve, in [0, 1], its standard error and interval, and how many clusters the error rests on."""

    auc: float
    se: float
    lower: float
    upper: float
    confidence: float
    clusters: int | None

    @property
    def gini(self) -> float:
        """``2 AUC - 1``."""
        return 2.0 * self.auc - 1.0


def normal_quantile(probability: float) -> float:
    """Quantile of the standard normal."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(probability)


def midranks(values: FloatArray) -> FloatArray:
    """Ranks from 1; equal values share the mean of theirs."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.concatenate([[0], np.flatnonzero(ordered[1:] != ordered[:-1]) + 1])
    sizes = np.diff(np.concatenate([starts, [len(values)]]))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(starts + 0.5 * (sizes + 1), sizes)
    return ranks


def _checked(outcome: ArrayLike, score: ArrayLike) -> tuple[FloatArray, FloatArray]:
    y, s = np.asarray(outcome, dtype=np.float64), np.asarray(score, dtype=np.float64)
    if y.ndim != 1 or y.shape != s.shape:
        raise InvalidInput(f"outcome and score must be two columns of one length, not {y.shape} and {s.shape}")
    if not np.all((y == 0.0) | (y == 1.0)) or not np.isfinite(s).all():
        raise InvalidInput("the outcome must be 0 or 1 and the score finite in every row")
    if not 0.0 < y.sum() < len(y):
        raise InvalidInput("discrimination needs both defaults and others; this sample has one of them only")
    return y, s


def auc(outcome: ArrayLike, score: ArrayLike, *, clusters: ArrayLike | pl.Series | None = None, confidence: float = 0.95) -> Auc:
    """Chance that a default scores above a non-default, ties counting half (Mann–Whitney; exact).

    The standard error is DeLong's (DeLong, DeLong & Clarke-Pearson, Biometrics 44, 1988). With ``clusters`` (the obligor of each row) the
    structural components are first added up within a cluster (Obuchowski, Biometrics 53, 1997), so that many rows of one obligor do not
    pass for many obligors. The interval is symmetric on the logit scale and so stays within (0, 1).

    Example:
        >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).auc
        0.75
    """
    y, s = _checked(outcome, score)
    default = y == 1.0
    defaults, others = int(default.sum()), int(len(y) - default.sum())
    ranks = midranks(s)
    area = (float(ranks[default].sum()) - defaults * (defaults + 1) / 2.0) / (defaults * others)
    above = np.empty(len(y))
    above[default] = (ranks[default] - midranks(s[default])) / others
    above[~default] = 1.0 - (ranks[~default] - midranks(s[~default])) / defaults
    grouped = cluster_numbers(clusters)
    if grouped is None:
        variance = sum(
            float(np.var(above[part], ddof=1)) / size if size > 1 else math.inf for part, size in ((default, defaults), (~default, others))
        )
    else:
        influence = cluster_sums((above - area) / np.where(default, defaults, others), grouped)
        variance = grouped[1] / (grouped[1] - 1) * float(np.sum(influence**2)) if grouped[1] > 1 else math.inf
    se = math.sqrt(variance)
    z = normal_quantile(0.5 + 0.5 * confidence)
    if not math.isfinite(se):
        lower, upper = 0.0, 1.0
    elif se == 0.0 or not 0.0 < area < 1.0:
        lower = upper = area
    else:
        centre, width = math.log(area / (1.0 - area)), z * se / (area * (1.0 - area))
        lower, upper = 1.0 / (1.0 + math.exp(-(centre - width))), 1.0 / (1.0 + math.exp(-(centre + width)))
    return Auc(auc=area, se=se, lower=lower, upper=upper, confidence=confidence, clusters=None if grouped is None else grouped[1])


def gini(outcome: ArrayLike, score: ArrayLike) -> float:
    """``2 AUC - 1``, in [-1, 1]; also called accuracy ratio or Somers' D.

    >>> gini([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.5
    """
    return auc(outcome, score).gini


def roc_points(outcome: ArrayLike, score: ArrayLike) -> pl.DataFrame:
    """The ROC curve: ``threshold, false_positive_rate, true_positive_rate``, a row for each distinct score, from the greatest down.

    The first row is the origin, whose threshold is null (nobody is taken for a default).
    """
    y, s = _checked(outcome, score)
    order = np.argsort(-s, kind="stable")
    ordered, hits = s[order], y[order]
    ends = np.concatenate([np.flatnonzero(ordered[1:] != ordered[:-1]), [len(s) - 1]])
    true = np.cumsum(hits)[ends]
    false = ends + 1 - true
    return pl.DataFrame(
        {
            "threshold": [None, *ordered[ends].tolist()],
            "false_positive_rate": np.concatenate([[0.0], false / false[-1]]),
            "true_positive_rate": np.concatenate([[0.0], true / true[-1]]),
        },
        schema={"threshold": pl.Float64, "false_positive_rate": pl.Float64, "true_positive_rate": pl.Float64},
    )


def ks(outcome: ArrayLike, score: ArrayLike) -> float:
    """Kolmogorov–Smirnov distance between the scores of defaults and of the rest, in [0, 1].

    >>> ks([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.5
    """
    curve = roc_points(outcome, score)
    return float(np.max(np.abs(curve["true_positive_rate"].to_numpy() - curve["false_positive_rate"].to_numpy())))
