"""What CreditRisk+ answers: the distribution on its lattice, the measures of its tail, and who makes them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.errors import InvalidInput
from crfs.risk.creditriskplus.book import check_confidence
from crfs.risk.creditriskplus.contributions import lattice_tail
from crfs.risk.creditriskplus.lattice import Rounding
from crfs.risk.creditriskplus.sectors import Dependence
from crfs.risk.measures import TailMeasure

FloatArray: TypeAlias = npt.NDArray[np.float64]

_TOP_OBLIGORS = 20
_CURVE_POINTS = 120


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CreditRiskPlusResult:
    """Loss in 12 months under CreditRisk+: no sampling error; losses are positive, in currency units.

    ``probability[n]`` is that of a loss of ``n * unit``; what lies beyond the array has a probability of at most ``missing_mass_bound``,
    a bound that is proved, not guessed; a discrete Fourier transform folds it onto the array's beginning.

    ``el`` and ``ul`` are those of the losses as given; ``el_lattice`` and ``ul_lattice`` those of the losses on the lattice, on which the
    measures stand: their difference is what rounding did.

    ``obligors`` has one row an obligor (``obligor_id``, ``loss``, ``pd_12m``, ``el``, ``ul`` and, a confidence, ``var:0.999``, ``es:0.999``),
    ``sectors`` one a sector and one for what follows none (``el``, ``ul`` and the same parts; ``standalone_ul`` is the sector by itself). Each
    column sums to the whole's, an ``es:`` or ``var:`` column to the measure: they are Euler contributions, the mean loss of the part given that
    the whole is at, or beyond, its value at risk. A sector's part is that of the defaults which it drives. Where contributions were not asked
    for, both tables have no ``var:`` and ``es:``.
    """

    el: float
    ul: float
    el_lattice: float
    ul_lattice: float
    measures: tuple[TailMeasure, ...]
    probability: FloatArray
    unit: float
    rounding: Rounding
    missing_mass_bound: float
    dependence: Dependence
    sector_covariance: FloatArray
    """Relative covariance of the sectors that the chosen dependence gives, K x K in the order of ``sectors``."""
    obligors: pl.DataFrame
    sectors: pl.DataFrame
    n_obligors: int
    total_loss: float
    """All obligors' losses together: what is lost if each defaults once."""
    notes: tuple[str, ...]

    def value_at_risk(self, confidence: float) -> float:
        """The smallest loss on the lattice with P(loss <= it) >= ``confidence``."""
        return self.unit * lattice_tail(self.probability, check_confidence(confidence)).at

    def expected_shortfall(self, confidence: float) -> float:
        """Mean loss in the worst ``1 - confidence``, with the part of the atom at the value at risk that belongs there."""
        return self.unit * lattice_tail(self.probability, check_confidence(confidence)).es_units

    def exceedance(self, loss: float) -> float:
        """P(L > loss)."""
        if math.isnan(loss):
            raise InvalidInput("loss is a number, not NaN", argument="loss")
        # The tolerance is that with which losses are put on the lattice.
        first = 0 if loss < 0.0 else min(int(loss / self.unit * (1.0 + 1e-12) + 1e-9) + 1, len(self.probability))
        return float(self.probability[first:].sum())

    def loss_curve(self) -> pl.DataFrame:
        """Losses and the probabilities with which they are exceeded, even in the logarithm of the probability, from 0.999 down to 1e-6."""
        tail = np.cumsum(self.probability[::-1])[::-1]  # P(L >= n)
        levels = np.geomspace(0.999, 1e-6, _CURVE_POINTS)
        beyond = np.r_[tail[1:], 0.0]  # P(L > n), falling
        index = len(beyond) - np.searchsorted(beyond[::-1], levels, side="right")
        index = np.unique(np.minimum(index, len(beyond) - 1))
        return pl.DataFrame({"loss": index * self.unit, "exceedance_probability": beyond[index]})

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: the curve in place of the whole distribution, the twenty largest contributors in place of all obligors."""
        last = f"es:{max(m.confidence for m in self.measures)!r}"
        top = self.obligors.sort(last, descending=True, maintain_order=True).head(_TOP_OBLIGORS) if last in self.obligors.columns else None
        return {
            "el": self.el,
            "ul": self.ul,
            "el_lattice": self.el_lattice,
            "ul_lattice": self.ul_lattice,
            "measures": [{"confidence": m.confidence, "var": m.var, "es": m.es, "exact": True} for m in self.measures],
            "method": "creditriskplus",
            "dependence": self.dependence.value,
            "unit": self.unit,
            "rounding": self.rounding.value,
            "lattice_points": len(self.probability),
            "missing_mass_bound": self.missing_mass_bound,
            "sectors": self.sectors.to_dicts(),
            "sector_covariance": self.sector_covariance.tolist(),
            "contributions": top.to_dicts() if top is not None else [],
            "loss_curve": self.loss_curve().to_dicts(),
            "n_obligors": self.n_obligors,
            "total_loss": self.total_loss,
            "notes": list(self.notes),
        }
