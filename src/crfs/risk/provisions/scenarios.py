"""Scenarios of provisions: paths that move hazard, LGD and exposure, with a weight each; weights sum to one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from crfs.errors import InvalidInput
from crfs.risk.arguments import check_kind, check_kinds, check_text, told_of
from crfs.risk.provisions.term_structure import PdCurves
from crfs.risk.ranges import DECIMAL, POSITIVE, Range, number, numbers

Path: TypeAlias = Sequence[float]
Paths: TypeAlias = "Path | Mapping[str, Path]"

_ABOVE_ZERO = Range(said="a path of finite numbers above 0", low=0.0, with_low=False, with_high=False)
_FINITE = Range(said="a path of finite numbers", with_low=False, with_high=False)

OTHERS = "*"
"""In a mapping of paths by segment: the path of every segment that is not named."""


def _check_path(name: str, path: Path, within: Range) -> None:
    """Refuse what is no row of numbers, or none at all."""
    if numbers(name, path, within).ndim != 1 or not len(path):
        raise InvalidInput(f"{name} is {within.said}, one or more, not {path!r:.80}", argument=name)


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
        if not check_text("name", self.name):
            raise InvalidInput("a scenario needs a name", argument="name")
        with told_of(f"scenario {self.name}"):
            number("weight", self.weight, DECIMAL)
            number("period_years", self.period_years, POSITIVE)
            for what in ("hazard_multiplier", "lgd_multiplier", "ead_multiplier"):
                paths = self.paths(what)
                if not all(isinstance(segment, str) for segment in paths):
                    raise InvalidInput(f"{what} has a path for each segment, whose name is a text, not {paths!r:.80}", argument=what)
                for path in paths.values():
                    _check_path(what, path, _ABOVE_ZERO)
            if self.factor is not None:
                _check_path("factor", self.factor, _FINITE)
            if self.pd_curves is not None:
                check_kind("pd_curves", self.pd_curves, PdCurves)

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


def check_weights(scenarios: Iterable[EclScenario]) -> tuple[EclScenario, ...]:
    """The scenarios; :class:`crfs.errors.InvalidInput` unless there is one, each name comes once, and the weights sum to one (to 1e-9)."""
    known = check_kinds("scenarios", scenarios, EclScenario)
    names = [scenario.name for scenario in known]
    if not names or len(set(names)) != len(names):
        raise InvalidInput(f"scenarios are one or more, each name once; given {', '.join(names) or 'none'}", argument="scenarios")
    total = math.fsum(scenario.weight for scenario in known)
    if abs(total - 1.0) > 1e-9:
        raise InvalidInput(f"the weights of the scenarios sum to {total:.12g}, not to 1", argument="scenarios")
    return known


def curves_of(scenarios: Sequence[EclScenario], pd_curves: PdCurves | None) -> list[PdCurves]:
    """The curves of the scenarios that have any: their own, or the call's ``pd_curves``."""
    if pd_curves is not None:
        check_kind("pd_curves", pd_curves, PdCurves)
    return [curves for scenario in scenarios if (curves := scenario.pd_curves or pd_curves) is not None]


def time_grid(scenarios: Sequence[EclScenario], *, until_years: float, period_years: float, further: Sequence[float] = ()) -> list[float]:
    """Times at which periods of losses begin and end, from 0 to ``until_years`` or a little beyond.

    Multiples of ``period_years``, one year (so that 12 months are a whole number of periods), the times at which a scenario's path turns,
    and ``further`` ones.
    """
    number("period_years", period_years, POSITIVE)
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
