"""What each method finds out about the loss distribution, in currency units."""

from __future__ import annotations

from dataclasses import dataclass

from crfs.risk.measures import TailMeasure
from crfs.risk.result import Contribution, CurvePoint, Method


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The measures with their errors, moments, loss curve and contributions; ``notes`` are sentences for the reader."""

    measures: tuple[TailMeasure, ...]
    mean: float
    mean_se: float
    ul: float
    ul_se: float
    curve: tuple[CurvePoint, ...]
    contributions: tuple[Contribution, ...]
    method: Method
    scenarios: int
    converged: bool
    notes: tuple[str, ...]
