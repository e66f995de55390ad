"""The output floor: risk-weighted assets from models are not below a share of those under the standardised approaches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from crfs.errors import InvalidInput
from crfs.risk.arguments import check_day, check_flag
from crfs.risk.ranges import AMOUNT, number

FULL = 0.725
"""The share once the transition is over (RBC20.4)."""

PATHS: dict[str, tuple[tuple[date, float], ...]] = {
    "basel": tuple((date(2023 + k, 1, 1), share) for k, share in enumerate((0.5, 0.55, 0.6, 0.65, 0.7, FULL))),
    "eu": tuple((date(2025 + k, 1, 1), share) for k, share in enumerate((0.5, 0.55, 0.6, 0.65, 0.7, FULL))),
}
"""From which day which share holds: RBC90.1, and Regulation (EU) 2024/1623, articles 92(3) and 465(1) of the CRR."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFloor:
    """What the floor does to risk-weighted assets; currency units.

    ``modelled_rwa`` is before the floor, ``standardised_rwa`` its base, ``share`` the share that holds that day, ``rwa`` what counts in
    the end, and ``capped`` says whether the transitional cap held the increase back.
    """

    modelled_rwa: float
    standardised_rwa: float
    share: float
    rwa: float
    capped: bool

    @property
    def add_on(self) -> float:
        """What the floor adds: zero or more."""
        return self.rwa - self.modelled_rwa

    @property
    def binding(self) -> bool:
        """Whether it adds anything."""
        return self.rwa > self.modelled_rwa

    def in_cents(self, modelled_rwa: float) -> OutputFloor:
        """The same with amounts in whole cents, of which ``modelled_rwa`` is given; what did not bind does not bind by a rounding."""
        rwa = max(modelled_rwa, round(self.rwa, 2)) if self.binding else modelled_rwa
        return replace(self, modelled_rwa=modelled_rwa, standardised_rwa=round(self.standardised_rwa, 2), rwa=rwa)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "modelled_rwa": self.modelled_rwa,
            "standardised_rwa": self.standardised_rwa,
            "share": self.share,
            "rwa": self.rwa,
            "add_on": round(self.add_on, 2),
            "binding": self.binding,
            "capped": self.capped,
        }


def floor_share(on: date | None = None, *, path: str = "basel") -> float:
    """The share that holds on a day: 0 before the first step, 72.5 % from the last one and where no day is given.

    >>> floor_share(date(2026, 6, 30)), floor_share(date(2028, 1, 1)), floor_share(date(2026, 6, 30), path="eu")
    (0.65, 0.725, 0.55)
    """
    given: object = path  # what is no text may have no hash to be looked up by
    if not isinstance(given, str) or given not in PATHS:
        raise InvalidInput(f"{path!r:.80} is no path of the output floor; known: {', '.join(PATHS)}", argument="path")
    if on is None:
        return FULL
    day = check_day("on", on)
    return next((share for start, share in reversed(PATHS[path]) if day >= start), 0.0)


def output_floor(
    modelled_rwa: float, standardised_rwa: float, *, on: date | None = None, path: str = "basel", transitional_cap: bool = False
) -> OutputFloor:
    """Risk-weighted assets after the floor: max(modelled, share · standardised), in currency units (RBC20.4).

    ``modelled_rwa`` are of all facilities under the approach that each has, ``standardised_rwa`` of all of them under the standardised one.
    ``transitional_cap`` holds the increase to 25 % of the modelled during the transition, where the supervisor allows it (RBC90.2).

    >>> floor = output_floor(76.0, 140.0)
    >>> round(floor.rwa, 9), floor.binding
    (101.5, True)
    >>> output_floor(76.0, 140.0, on=date(2027, 6, 30), transitional_cap=True).rwa
    95.0
    """
    for name, amount in (("modelled_rwa", modelled_rwa), ("standardised_rwa", standardised_rwa)):
        number(name, amount, AMOUNT)
    check_flag("transitional_cap", transitional_cap)
    share = floor_share(on, path=path)
    floored = max(modelled_rwa, share * standardised_rwa)
    in_transition = on is not None and on < PATHS[path][-1][0]
    capped = transitional_cap and in_transition and floored > 1.25 * modelled_rwa
    return OutputFloor(
        modelled_rwa=modelled_rwa,
        standardised_rwa=standardised_rwa,
        share=share,
        rwa=1.25 * modelled_rwa if capped else floored,
        capped=capped,
    )
