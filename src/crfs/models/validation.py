"""Validation: the numbers of a model card, from scored rows whose outcomes are known."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import polars as pl

from crfs.errors import InvalidInput
from crfs.features.woe import outcome_array
from crfs.models.calibration import brier_parts, calibration_fit, grade_table, hosmer_lemeshow, reliability_table, spiegelhalter
from crfs.models.discrimination import auc, ks
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
        "hosmer_lemeshow": _test(hosmer_lemeshow(y, p, groups=groups)),
        "spiegelhalter": _test(spiegelhalter(y, p, clusters=clusters)),
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


def _test(result: Any) -> dict[str, Any]:
    return asdict(result)
