"""What a mark-to-market run answers: losses against the value of the book, with their errors, and the ratings that came out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import polars as pl

from crfs.risk.as_json import finite_or_none
from crfs.risk.measures import TailMeasure
from crfs.risk.result import CurvePoint

_TOP_OBLIGORS = 20


class MigrationMethod(StrEnum):
    """How the distribution is found: every name drawn, or the book's conditional law (:mod:`crfs.risk.migration.collapsed`)."""

    AUTO = "auto"
    NAMES = "names"
    COLLAPSED = "collapsed"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarkToMarketResult:
    """Loss of value of a book by the horizon; losses positive, gains negative, in currency units.

    ``el`` is exact (``el_se`` zero) where periods are independent, else simulated; ``el_simulated`` is what the scenarios gave. ``ul`` is the
    standard deviation. ``shape_bias`` is a bound on what the method leaves out of a quantile (zero where every name was drawn): the intervals of the
    ``measures`` include it, their standard errors are those of the sample. ``converged`` says whether both are within ``rel_tol``.

    ``default_term_structure``: ``rating`` (at the start), ``years``, ``pd`` and ``pd_se`` as they came out along the paths, ``pd_memoryless`` of the
    matrix's power; they differ where the factors persist from period to period. ``migrations``: ``rating``, ``years``, ``to_rating``, ``share`` and
    ``share_se``: exact as ``el`` is (errors zero), else as they came out along the paths.
    ``obligors``: one row a name with ``ead``, ``reference_value``, ``el`` and, a confidence, ``es:0.99`` and ``es_se:0.99``, its mean loss given that
    the book is in its tail: each ``es:`` column sums to the book's. Empty where contributions were not asked for.
    """

    el: float
    el_se: float
    ul: float
    ul_se: float
    el_simulated: float
    el_simulated_se: float
    measures: tuple[TailMeasure, ...]
    loss_curve: tuple[CurvePoint, ...]
    default_term_structure: pl.DataFrame
    migrations: pl.DataFrame
    obligors: pl.DataFrame
    method: MigrationMethod
    shape_bias: float
    scenarios: int
    converged: bool
    rel_tol: float
    seed: int
    periods: int
    horizon_years: float
    persistence: float
    copula: str
    reference_value: float
    total_ead: float
    n_obligors: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; an interval's end that the sample cannot give is None, and obligors are the twenty largest contributors."""
        last = f"es:{max(m.confidence for m in self.measures)!r}"
        top = self.obligors.sort(last, descending=True, maintain_order=True).head(_TOP_OBLIGORS) if last in self.obligors.columns else None
        return {
            "el": self.el,
            "el_se": self.el_se,
            "ul": self.ul,
            "ul_se": finite_or_none(self.ul_se),
            "el_simulated": self.el_simulated,
            "el_simulated_se": finite_or_none(self.el_simulated_se),
            "measures": [
                {
                    name: finite_or_none(getattr(m, name))
                    for name in ("confidence", "var", "var_se", "var_low", "var_high", "es", "es_se", "es_low", "es_high", "tail_scenarios")
                }
                for m in self.measures
            ],
            "loss_curve": [
                {name: finite_or_none(getattr(p, name)) for name in ("exceedance_probability", "loss", "loss_low", "loss_high")}
                for p in self.loss_curve
            ],
            "default_term_structure": self.default_term_structure.to_dicts(),
            "migrations": self.migrations.to_dicts(),
            "contributions": top.to_dicts() if top is not None else [],
            "method": self.method.value,
            "shape_bias": self.shape_bias,
            "scenarios": self.scenarios,
            "converged": self.converged,
            "rel_tol": self.rel_tol,
            "seed": self.seed,
            "periods": self.periods,
            "horizon_years": self.horizon_years,
            "persistence": self.persistence,
            "copula": self.copula,
            "reference_value": self.reference_value,
            "total_ead": self.total_ead,
            "n_obligors": self.n_obligors,
            "notes": list(self.notes),
        }
