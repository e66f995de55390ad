"""What a risk run answers: numbers with their errors, how they were made, and the shape of the JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from crfs.risk.as_json import finite_or_none
from crfs.risk.largest_names import NameConcentration
from crfs.risk.measures import TailMeasure
from crfs.risk.scrambles import SCRAMBLES, Z95, student


class Method(StrEnum):
    """How the loss distribution is found."""

    AUTO = "auto"
    CLOSED_FORM = "closed_form"
    EXACT = "exact"
    FEW_NAMES = "few_names"
    CONVOLUTION = "convolution"
    COLLAPSED = "collapsed"
    IMPORTANCE_SAMPLING = "importance_sampling"
    THINNING = "thinning"
    PLAIN = "plain"
    CREDITRISKPLUS = "creditriskplus"


SIMULATED = (Method.IMPORTANCE_SAMPLING, Method.THINNING, Method.PLAIN)
"""Methods that draw every name's default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One point of the loss distribution: the loss exceeded with this probability, with its 95 % interval; currency units.

    The probability is that of more than ``loss``, P(L > loss). Of a distribution of steps it holds from this loss up to the next point's, and the
    greatest loss, which nothing exceeds, has no point; of a sample the loss is the quantile, and many probabilities may have the same.
    """

    exceedance_probability: float
    loss: float
    loss_low: float
    loss_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """Part of the expected loss (exact), of each value at risk and of each expected shortfall that one obligor or one tag makes; currency units.

    ``by`` is ``obligor`` or a column of the book such as ``sector``; ``name`` is None for facilities without one. ``es``, ``var`` and their
    errors are in the order of the run's confidences: the mean loss of this part given that the whole is in its tail, or at its
    value at risk, and the standard error given the value at risk. Over all values of a column they sum to the whole.
    """

    by: str
    name: str | None
    ead: float
    el: float
    es: tuple[float, ...]
    es_se: tuple[float, ...]
    var: tuple[float, ...]
    var_se: tuple[float, ...]

    def to_dict(self, confidences: list[float], *, reach: float) -> dict[str, Any]:
        """Plain values for JSON; 95 % intervals reach by ``reach`` standard errors, and not below 0, for no part is smaller."""
        return {
            "by": self.by,
            "name": self.name,
            "ead": self.ead,
            "el": self.el,
            "es": [
                {"confidence": confidence, **_with_ends("es", es, es_se, reach), **_with_ends("var", var, var_se, reach)}
                for confidence, es, es_se, var, var_se in zip(confidences, self.es, self.es_se, self.var, self.var_se, strict=True)
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SectorIndex:
    """How concentrated a book is over the values of one of its columns, such as its sectors: Herfindahl indices, 1 for a single value.

    ``hhi`` is that of the exposures and ``effective`` one over it; ``es_hhi``, at each of the run's confidences, that of the contributions to expected
    shortfall (none where the run had no contributions), with its standard error.
    """

    by: str
    values: int
    hhi: float
    effective: float
    es_hhi: tuple[float, ...]
    es_hhi_se: tuple[float, ...]

    def to_dict(self, confidences: list[float], *, reach: float) -> dict[str, Any]:
        """Plain values for JSON; 95 % intervals reach by ``reach`` standard errors, within what an index can be."""
        return {
            "by": self.by,
            "values": self.values,
            "hhi": self.hhi,
            "effective": self.effective,
            "es": [
                {"confidence": confidence, **_with_ends("hhi", hhi, hhi_se, reach, least=1.0 / max(self.values, 1), most=1.0)}
                for confidence, hhi, hhi_se in zip(confidences, self.es_hhi, self.es_hhi_se, strict=False)
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskResult:
    """Loss in 12 months of a book; positive numbers, in ``currency`` units.

    ``el`` is exact; ``el_simulated`` is what the same scenarios gave, to be compared. ``ul`` is the standard deviation of loss.
    ``granularity_adjustment`` is None where it does not apply, and ``granularity_note`` says why. ``notes`` are sentences for the reader.
    ``hhi`` and ``effective_names`` are of obligors; ``connected_clients`` has those of groups of connected clients, each one name, where the book
    names them, else None.
    """

    el: float
    ul: float
    ul_se: float
    el_simulated: float
    el_simulated_se: float
    measures: tuple[TailMeasure, ...]
    loss_curve: tuple[CurvePoint, ...]
    method: Method
    scenarios: int
    converged: bool
    rel_tol: float
    seed: int
    hhi: float
    effective_names: float
    granularity_adjustment: float | None
    granularity_note: str
    contributions: tuple[Contribution, ...]
    currency: str | None
    n_obligors: int
    n_facilities: int
    n_rejected: int
    total_ead: float
    copula: str
    notes: tuple[str, ...]
    sector_indices: tuple[SectorIndex, ...] = ()
    connected_clients: NameConcentration | None = None

    @property
    def economic_capital(self) -> tuple[float, ...]:
        """Value at risk less expected loss at each confidence, currency units; its error is that of the value at risk, for ``el`` is exact."""
        return tuple(measure.var - self.el for measure in self.measures)

    @property
    def reach(self) -> float:
        """By how many standard errors a 95 % interval reaches to either side where nothing better is known: Student's quantile of a few scrambles, or
        the normal one of many scenarios."""
        return (
            student(SCRAMBLES)
            if self.method in {Method.COLLAPSED, Method.FEW_NAMES, Method.CONVOLUTION, Method.IMPORTANCE_SAMPLING, Method.CREDITRISKPLUS}
            else Z95
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; an interval's end that the sample cannot give is None."""
        confidences = [measure.confidence for measure in self.measures]
        return {
            "el": self.el,
            **_with_ends("ul", self.ul, self.ul_se, self.reach),
            "measures": [{**m.to_dict(self.el), "tail_scenarios": m.tail_scenarios, "exact": m.exact} for m in self.measures],
            "method": self.method.value,
            "scenarios": self.scenarios,
            "converged": self.converged,
            "rel_tol": self.rel_tol,
            "seed": self.seed,
            "copula": self.copula,
            "hhi": self.hhi,
            "effective_names": self.effective_names,
            "granularity_adjustment": self.granularity_adjustment,
            "granularity_note": self.granularity_note,
            # Only where the book names them: a run of another book has the bytes that it had before.
            **({} if self.connected_clients is None else {"connected_clients": self.connected_clients.to_dict()}),
            "sector_indices": [index.to_dict(confidences, reach=self.reach) for index in self.sector_indices],
            "contributions": [part.to_dict(confidences, reach=self.reach) for part in self.contributions],
            "loss_curve": [
                {
                    "exceedance_probability": p.exceedance_probability,
                    "loss": p.loss,
                    "loss_low": finite_or_none(p.loss_low),
                    "loss_high": finite_or_none(p.loss_high),
                }
                for p in self.loss_curve
            ],
            "el_simulated": self.el_simulated,
            "el_simulated_se": finite_or_none(self.el_simulated_se),
            "currency": self.currency,
            "n_obligors": self.n_obligors,
            "n_facilities": self.n_facilities,
            "n_rejected": self.n_rejected,
            "total_ead": self.total_ead,
            "notes": list(self.notes),
        }


def _with_ends(name: str, value: float, se: float, reach: float, *, least: float = 0.0, most: float = math.inf) -> dict[str, float | None]:
    """A number under its name, with its standard error and the ends of its interval, which is held within what the number can be."""
    low, high = max(least, value - reach * se), min(most, value + reach * se)
    return {
        name: value,
        f"{name}_se": finite_or_none(se),
        f"{name}_low": finite_or_none(min(value, low)),
        f"{name}_high": finite_or_none(max(value, high)),
    }
