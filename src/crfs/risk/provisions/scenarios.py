"""Scenarios of provisions: paths that move hazard, LGD and exposure, with a weight each; weights sum to one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from crfs.errors import InvalidInput
from crfs.risk.provisions.term_structure import PdCurves

Path: TypeAlias = Sequence[float]
Paths: TypeAlias = "Path | Mapping[str, Path]"

OTHERS = "*"
"""In a mapping of paths by segment: the path of every segment that is not named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EclScenario:
    """One future, with its probability ``weight``.

    A path is a number for each period of ``period_years`` from today; after its end the last number goes on. ``hazard_multiplier``
    multiplies the hazard of default (so a PD stays below 1), ``lgd_multiplier`` the LGD (which stays at most 1) and ``ead_multiplier``
    the exposure. Each is one path, or one for each segment of facilities, ``"*"`` for those not named. ``factor`` is a path of the
    systematic factor (standard normal; low is bad): 12-month PDs are then taken as through the cycle, and move with each facility's
    ``r2``. ``pd_curves`` take the place of the call's. What is not given changes nothing.

    >>> EclScenario(name="adverse", weight=0.3, hazard_multiplier=[1.5, 2.0, 1.0], lgd_multiplier={"mortgage": [1.2], "*": [1.0]}).weight
    0.3
    """

    name: str
    weight: float
    period_years: float = 0.25
    hazard_multiplier: Paths = (1.0,)
    lgd_multiplier: Paths = (1.0,)
    ead_multiplier: Paths = (1.0,)
    factor: Path | None = None
    pd_curves: PdCurves | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise InvalidInput("a scenario needs a name", argument="name")
        if not (math.isfinite(self.weight) and 0.0 <= self.weight <= 1.0):
            raise InvalidInput(f"scenario {self.name}: weight is a decimal within [0, 1], not {self.weight}", argument="weight")
        if not (math.isfinite(self.period_years) and self.period_years > 0.0):
            raise InvalidInput(f"scenario {self.name}: period_years is a finite number above 0", argument="period_years")
        for what in ("hazard_multiplier", "lgd_multiplier", "ead_multiplier"):
            for path in self.paths(what).values():
                if not len(path) or not all(math.isfinite(value) and value > 0.0 for value in path):
                    raise InvalidInput(f"scenario {self.name}: {what} is a path of finite numbers above 0", argument=what)
        if self.factor is not None and (not len(self.factor) or not all(math.isfinite(value) for value in self.factor)):
            raise InvalidInput(f"scenario {self.name}: factor is a path of finite numbers", argument="factor")

    def paths(self, what: str) -> Mapping[str, Path]:
        """The paths of ``hazard_multiplier``, ``lgd_multiplier`` or ``ead_multiplier`` by segment."""
        given: Paths = getattr(self, what)
        return given if isinstance(given, Mapping) else {OTHERS: given}

    def nodes(self, until_years: float) -> list[float]:
        """The times, up to ``until_years``, at which one of its paths turns; where none does there is none, so that nothing is cut for nothing."""
        every = [path for what in ("hazard_multiplier", "lgd_multiplier", "ead_multiplier") for path in self.paths(what).values()]
        every += [self.factor] if self.factor is not None else []
        turns = {k for path in every for k in range(1, len(path)) if path[k] != path[k - 1]}
        return [k * self.period_years for k in sorted(turns) if k * self.period_years < until_years]

    def at(self, path: Path, years: float) -> float:
        """The value of a path at a time."""
        # A node that was computed as a multiple of the period must not fall just before itself.
        return float(path[min(int(years / self.period_years + 1e-9), len(path) - 1)])


BASE = EclScenario(name="base", weight=1.0)
"""Nothing changes."""


def check_weights(scenarios: Sequence[EclScenario]) -> None:
    """Raise :class:`crfs.errors.InvalidInput` unless there is a scenario, each name comes once, and the weights sum to one (to 1e-9)."""
    names = [scenario.name for scenario in scenarios]
    if not names or len(set(names)) != len(names):
        raise InvalidInput(f"scenarios are one or more, each name once; given {', '.join(names) or 'none'}", argument="scenarios")
    total = math.fsum(scenario.weight for scenario in scenarios)
    if abs(total - 1.0) > 1e-9:
        raise InvalidInput(f"the weights of the scenarios sum to {total:.12g}, not to 1", argument="scenarios")


def time_grid(scenarios: Sequence[EclScenario], *, until_years: float, period_years: float, further: Sequence[float] = ()) -> list[float]:
    """Times at which periods of losses begin and end, from 0 to ``until_years`` or a little beyond.

    Multiples of ``period_years``, one year (so that 12 months are a whole number of periods), the times at which a scenario's path turns,
    and ``further`` ones.
    """
    if not (math.isfinite(period_years) and period_years > 0.0):
        raise InvalidInput("period_years is a finite number above 0", argument="period_years")
    count = math.ceil(until_years / period_years - 1e-9)
    if count > 50_000:
        raise InvalidInput(f"{count:,} periods of {period_years:g} years; make them longer", argument="period_years")
    last = max(count, 1) * period_years
    nodes = {k * period_years for k in range(1, max(count, 1) + 1)} | {time for time in (1.0, *further) if time < last}
    for scenario in scenarios:
        nodes.update(scenario.nodes(last))
    ordered = np.unique(np.array([0.0, *nodes]))
    # Two ways to compute one time may differ by a bit: the earlier one stands.
    apart = np.concatenate([[True], np.diff(ordered) > 1e-9])
    return [float(time) for time in ordered[apart]]
