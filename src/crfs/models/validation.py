"""Validation: the numbers of a model card, from scored rows whose outcomes are known."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from crfs.errors import InvalidInput
from crfs.features.woe import outcome_array
from crfs.models.calibration import brier_parts, calibration_fit, grade_table, hosmer_lemeshow, reliability_table, spiegelhalter
from crfs.models.discrimination import auc, ks
from crfs.models.segments import fit_segment_means
from crfs.models.splits import first_and_last
from crfs.models.stability import EPSILON, psi


def validate(
    scored: pl.DataFrame,
    *,
    reference: pl.DataFrame | None = None,
    target: str = "default_flag",
    pd: str = "pd_12m",
    score: str = "score",
    obligor: str | None = "obligor_id",
    observed_at: str | None = "observed_at",
    grade: str | None = None,
    confidence: float = 0.95,
    groups: int = 10,
    psi_bins: int = 10,
    epsilon: float = EPSILON,
) -> dict[str, Any]:
    """Discrimination, calibration and stability of a PD on rows that the model has not seen, as plain values for a card.

    Args:
        scored: the out-of-time rows with target, ``pd_12m`` and, for the stability index, ``score``.
        reference: the training rows with the same score (and obligor, to count those that are in both); None = no stability index.
        target, pd, score, obligor, observed_at, grade: names of columns; ``obligor=None`` takes rows as independent, and a ``grade``
            gives Jeffreys tests by grade.
        confidence: of the intervals.
        groups: of the reliability table and the Hosmer–Lemeshow test.
        psi_bins: bins of the stability index, fixed on the reference.
        epsilon: its least share.

    Intervals rest on the obligors, whose number is given with them; a shock common to all of them is in no interval.
    """
    needed = [target, pd, *(name for name in (obligor, grade) if name is not None)]
    absent = sorted(set(needed) - set(scored.columns))
    if absent:
        raise InvalidInput(f"the scored table has no column {absent}")
    if scored.height == 0 or scored[target].null_count():
        raise InvalidInput("validation needs rows, each with its outcome; drop those whose outcome window is open")
    y = outcome_array(scored[target], length=scored.height)
    p = scored[pd].cast(pl.Float64).to_numpy()
    clusters = None if obligor is None else scored[obligor]
    ranked = auc(y, p, clusters=clusters, confidence=confidence)
    fitted = calibration_fit(y, p, clusters=clusters, confidence=confidence)
    parts = brier_parts(y, p, groups=groups)
    report: dict[str, Any] = {
        "rows": scored.height,
        "defaults": int(y.sum()),
        "obligors": None if obligor is None else scored[obligor].n_unique(),
        "defaulters": None if obligor is None else scored.filter(pl.Series(y == 1))[obligor].n_unique(),
        "first_observed_at": None,
        "last_observed_at": None,
        "confidence": confidence,
        "mean_pd": float(p.mean()),
        "default_rate": float(y.mean()),
        "auc": {"value": ranked.auc, "se": ranked.se, "lower": ranked.lower, "upper": ranked.upper},
        "gini": ranked.gini,
        "ks": ks(y, p),
        "brier": asdict(parts),
        "calibration": {
            "slope": fitted.slope.to_dict(),
            "intercept": fitted.intercept.to_dict(),
            "in_the_large": fitted.in_the_large.to_dict(),
            "clusters": fitted.clusters,
        },
        "hosmer_lemeshow": asdict(hosmer_lemeshow(y, p, groups=groups)),
        "spiegelhalter": asdict(spiegelhalter(y, p, clusters=clusters)),
        "reliability": reliability_table(y, p, groups=groups, confidence=confidence).to_dicts(),
        "grades": None if grade is None else grade_table(y, p, scored[grade], clusters=clusters).to_dicts(),
        "psi": None,
        "share_of_obligors_in_reference": None,
    }
    if observed_at is not None and observed_at in scored.columns:
        report["first_observed_at"], report["last_observed_at"] = first_and_last(scored[observed_at])
    if reference is not None:
        for side, table in (("scored", scored), ("reference", reference)):
            if score not in table.columns:
                raise InvalidInput(f"the {side} table has no column {score!r}, which the stability index compares")
        moved = psi(reference[score], scored[score], bins=psi_bins, epsilon=epsilon)
        report["psi"] = {
            **asdict(moved),
            "edges": list(moved.edges),
            "shares": list(moved.shares),
            "reference_shares": list(moved.reference_shares),
        }
        if obligor is not None and obligor in reference.columns:
            distinct = scored[obligor].unique()
            report["share_of_obligors_in_reference"] = int(distinct.is_in(reference[obligor].unique().implode()).sum()) / len(distinct)
    return report


def validate_mean(
    scored: pl.DataFrame, *, predicted: str, realised: str, obligor: str | None = "obligor_id", confidence: float = 0.95
) -> dict[str, Any]:
    """Bias and spread of a predicted mean (LGD, EAD, a conversion factor) against what came, as plain values for a card.

    ``bias = mean(predicted - realised)``: above 0 the model is on the safe side. Its error is clustered by obligor. ``r2`` compares with
    the realised mean of these rows, which no model knew, so it can be below 0; null where all realised values are equal.
    """
    absent = sorted({predicted, realised, *([obligor] if obligor else [])} - set(scored.columns))
    if absent:
        raise InvalidInput(f"the scored table has no column {absent}")
    p, y = (scored[name].cast(pl.Float64).to_numpy() for name in (predicted, realised))
    if scored.height < 2 or not (np.isfinite(p).all() and np.isfinite(y).all()):
        raise InvalidInput("validation needs two rows or more, each with a prediction and what came")
    differences = scored.select(pl.Series("bias", p - y), *([pl.col(obligor)] if obligor else []))
    bias = fit_segment_means(differences, outcome="bias", columns=(), minimum=2, obligor=obligor, confidence=confidence).segments[0]
    squared, spread = float(np.mean((p - y) ** 2)), float(np.var(y))
    return {
        "rows": scored.height,
        "obligors": None if obligor is None else bias.clusters,
        "confidence": confidence,
        "mean_predicted": float(p.mean()),
        "mean_realised": float(y.mean()),
        "bias": {"value": bias.mean, "se": bias.se, "lower": bias.lower, "upper": bias.upper},
        "rmse": math.sqrt(squared),
        "mae": float(np.mean(np.abs(p - y))),
        "r2": 1.0 - squared / spread if spread > 0.0 else None,
    }
