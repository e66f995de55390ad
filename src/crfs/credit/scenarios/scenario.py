"""A scenario: named paths of macro variables over regular periods, frozen, checked, and known by the hash of its content."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.bitemporal.rows import INSTANT
from crfs.bitemporal.tenor import Tenor
from crfs.credit.reading import known
from crfs.credit.scenarios.units import Change, change_of_unit
from crfs.credit.schemas import Reason
from crfs.errors import InvalidInput, NotFound, Problem

FloatArray: TypeAlias = npt.NDArray[np.float64]

MONTH, QUARTER = Tenor(months=1), Tenor(months=3)
_VARIABLE = re.compile(r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$")
_YEARS = (1600, 2199)
MOST_PERIODS = 2_400
"""200 years of months."""


class ScenarioSeverity(StrEnum):
    """How bad a scenario is meant to be; the later in the list the worse."""

    UPSIDE = "upside"
    BASELINE = "baseline"
    ADVERSE = "adverse"
    SEVERELY_ADVERSE = "severely_adverse"

    @property
    def rank(self) -> int:
        """0 for the mildest."""
        return list(ScenarioSeverity).index(self)

    @classmethod
    def of_weights(cls, parts: Sequence[tuple[ScenarioSeverity, float]]) -> ScenarioSeverity:
        """What a weighted mean of scenarios mostly is: the severity whose parts weigh most together, of equal ones the worse.

        It does not depend on the order, and a part without weight says nothing.

        >>> baseline, severe = ScenarioSeverity.BASELINE, ScenarioSeverity.SEVERELY_ADVERSE
        >>> ScenarioSeverity.of_weights([(baseline, 0.6), (severe, 0.4)]).value
        'baseline'
        >>> ScenarioSeverity.of_weights([(baseline, 0.4), (severe, 0.3), (severe, 0.3)]).value
        'severely_adverse'
        >>> ScenarioSeverity.of_weights([(severe, 0.5), (baseline, 0.5)]).value
        'severely_adverse'
        """
        # Sums of decimals such as 0.1 + 0.2 and 0.3 are equal to a reader.
        weights = {kind: round(math.fsum(weight for other, weight in parts if other is kind), 12) for kind, _ in parts}
        return max(weights, key=lambda kind: (weights[kind], kind.rank))


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One variable over the periods of its scenario.

    ``unit`` is the engine's: rates are ``decimal`` (0.05 is five percent; ``percent`` is refused), names that end in ``_bp`` are basis
    points. A value is finite, or None where the scenario does not say. ``change`` is how the variable moves where its unit does not tell.

    >>> Path(variable="us.unemployment_rate", unit="decimal", values=(0.05, 0.06)).moves_by
    <Change.DIFFERENCE: 'difference'>
    """

    variable: str
    unit: str
    values: tuple[float | None, ...]
    change: Change | None = None

    def __post_init__(self) -> None:
        if not _VARIABLE.match(self.variable):
            raise InvalidInput(f"variable {self.variable!r}: a mnemonic is dotted lower case, scope first, like us.unemployment_rate")
        if not self.unit.strip():
            raise InvalidInput(f"variable {self.variable}: it needs a unit, such as decimal or index")
        if self.unit.strip().lower() == "percent":
            raise InvalidInput(f"variable {self.variable}: percent never enters the engine; give decimals (5 percent are 0.05)")
        object.__setattr__(self, "values", tuple(None if value is None else float(value) for value in self.values))
        problems = tuple(
            Problem(row=row, column=self.variable, reason=Reason.NOT_FINITE.value, detail=f"{value} is not a finite number")
            for row, value in enumerate(self.values, start=1)
            if value is not None and not math.isfinite(value)
        )
        if problems:
            raise InvalidInput(f"path of {self.variable}: {problems[0]}", problems=problems)

    @property
    def moves_by(self) -> Change:
        """In what terms the variable moves; :class:`~crfs.errors.InvalidInput` where neither ``change`` nor the unit says."""
        return self.change or change_of_unit(self.unit)

    def array(self) -> FloatArray:
        """The values, NaN where the scenario does not say."""
        return np.array([math.nan if value is None else value for value in self.values], dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        result: dict[str, Any] = {"variable": self.variable, "unit": self.unit, "values": list(self.values)}
        return result if self.change is None else {**result, "change": self.change.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Paths of macro variables over the same regular periods.

    ``start`` is the first day of the first period, ``period`` the length of each: ``P1M`` or ``P3M``. ``paths`` are kept in the order of
    their variables' names. ``probability`` is a decimal in [0, 1], None where nobody gave one; ``source`` says who made the scenario,
    ``notes`` what was done to it.

    >>> slump = Scenario(name="slump", start=date(2026, 1, 1), period=QUARTER, severity=ScenarioSeverity.ADVERSE,
    ...                  paths=(Path(variable="us.unemployment_rate", unit="decimal", values=(0.05, 0.06)),))
    >>> slump.to_table().rows()[1][1:]
    ('us.unemployment_rate', 0.06, 'decimal')
    """

    name: str
    start: date
    period: Tenor
    paths: tuple[Path, ...]
    severity: ScenarioSeverity = ScenarioSeverity.ADVERSE
    probability: float | None = None
    source: str = ""
    notes: str = ""

    def __post_init__(self) -> None:
        what = f"scenario {self.name!r}"
        if not self.name.strip():
            raise InvalidInput("a scenario needs a name")
        if self.period not in {MONTH, QUARTER}:
            raise InvalidInput(f"{what}: its period is P1M or P3M, not {self.period}")
        if type(self.start) is not date or self.start.day != 1 or not _YEARS[0] <= self.start.year <= _YEARS[1]:
            raise InvalidInput(f"{what}: its start is the first day of a period, like 2026-01-01, not {self.start}")
        if self.probability is not None and not 0.0 <= self.probability <= 1.0:
            raise InvalidInput(f"{what}: its probability is a decimal within [0, 1], not {self.probability}", argument="probability")
        if not self.paths:
            raise InvalidInput(f"{what}: it has no path")
        object.__setattr__(self, "paths", tuple(sorted(self.paths, key=lambda path: path.variable)))
        names = self.variables
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InvalidInput(f"{what}: it has more than one path of {', '.join(twice)}")
        if not 1 <= self.periods <= MOST_PERIODS:
            lacks = (
                "no periods: give values, one a period" if self.periods < 1 else f"{self.periods:,} periods; {MOST_PERIODS:,} are the most"
            )
            raise InvalidInput(f"{what}: {self.paths[0].variable} has {lacks}")
        uneven = [path for path in self.paths if len(path.values) != self.periods]
        if uneven:
            raise InvalidInput(
                f"{what}: {uneven[0].variable} has {len(uneven[0].values)} periods where {self.paths[0].variable} has {self.periods}"
            )

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables, in order."""
        return tuple(path.variable for path in self.paths)

    @property
    def periods(self) -> int:
        """How many periods there are."""
        return len(self.paths[0].values)

    @property
    def times(self) -> tuple[date, ...]:
        """The first day of each period."""
        return period_starts(self.start, self.period, self.periods)

    @property
    def end(self) -> date:
        """The first day after the last period."""
        return period_starts(self.start, self.period, self.periods + 1)[-1]

    def path(self, variable: str) -> Path:
        """The path of one variable; :class:`~crfs.errors.NotFound` names those that there are."""
        for path in self.paths:
            if path.variable == variable:
                return path
        raise NotFound(f"scenario {self.name!r} has no path of {variable!r}; it has {', '.join(self.variables)}")

    def values(self, variable: str) -> FloatArray:
        """The values of one variable, every period of which must be there."""
        values = self.path(variable).array()
        problems = tuple(
            Problem(row=int(row) + 1, column=variable, reason=Reason.MISSING.value, detail=f"no value for {self.times[row]}")
            for row in np.flatnonzero(np.isnan(values))
        )
        if problems:
            raise InvalidInput(f"scenario {self.name!r} is not complete: {problems[0]}", problems=problems)
        return values

    def to_table(self) -> pl.DataFrame:
        """One row a variable and period: ``valid_time`` (the period's first instant, UTC), ``variable``, ``value`` (null: not said) and
        ``unit``."""
        times = pl.Series(list(self.times)).cast(INSTANT)
        parts = [
            pl.DataFrame({"valid_time": times, "value": pl.Series(path.values, dtype=pl.Float64)}).select(
                "valid_time", variable=pl.lit(path.variable), value="value", unit=pl.lit(path.unit)
            )
            for path in self.paths
        ]
        return pl.concat(parts)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; :meth:`from_dict` reads it back."""
        return {
            "name": self.name,
            "severity": self.severity.value,
            "probability": self.probability,
            "source": self.source,
            "notes": self.notes,
            "start": self.start.isoformat(),
            "period": str(self.period),
            "paths": [path.to_dict() for path in self.paths],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`, exactly."""
        values = known(cls, data, f"scenario {data.get('name', '?')}")
        try:
            paths = tuple(
                Path(**{**item, "values": tuple(item["values"])} | ({"change": Change(item["change"])} if item.get("change") else {}))
                for item in values.pop("paths")
            )
            return cls(
                **{
                    **values,
                    "paths": paths,
                    "start": date.fromisoformat(values["start"]),
                    "period": Tenor.parse(values["period"]),
                    "severity": ScenarioSeverity(values["severity"]),
                }
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"scenario {data.get('name', '?')}: its stored form cannot be read: {error!r}") from None

    @property
    def digest(self) -> str:
        """SHA-256 of everything that the scenario says, hexadecimal: the same content, the same hash, in whatever order it was given."""
        plain = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(plain.encode()).hexdigest()

    def with_paths(self, paths: Sequence[Path], *, done: str, **changes: Any) -> Self:
        """The scenario with other paths; what was ``done`` goes into its notes, and ``changes`` (None: as it was) onto its other fields."""
        notes = "; ".join(part for part in (self.notes, done) if part)
        given = {name: value for name, value in changes.items() if value is not None}
        return replace(self, **{"paths": tuple(paths), "notes": notes, "probability": None, **given})


def require_periods(periods: int) -> None:
    """Refuse a number of periods that no scenario has."""
    if not 1 <= periods <= MOST_PERIODS:
        raise InvalidInput(f"periods is a number of periods, 1 to {MOST_PERIODS:,}, not {periods:,}", argument="periods")


def period_starts(start: date, period: Tenor, count: int) -> tuple[date, ...]:
    """The first days of ``count`` periods from ``start`` on.

    >>> [str(day) for day in period_starts(date(2025, 10, 1), QUARTER, 2)]
    ['2025-10-01', '2026-01-01']
    """
    months = start.year * 12 + start.month - 1
    return tuple(date(*_year_and_month(months + period.months * i), 1) for i in range(count))


def _year_and_month(months: int) -> tuple[int, int]:
    return months // 12, months % 12 + 1


def require_weights(scenarios: Sequence[Scenario]) -> tuple[float, ...]:
    """The probabilities of scenarios that together are all that may happen: each given, summing to one within 1e-9."""
    lacking = [scenario.name for scenario in scenarios if scenario.probability is None]
    if lacking or not scenarios:
        raise InvalidInput(f"every scenario needs a probability; none have {', '.join(lacking) or 'been given'}", argument="probability")
    weights = tuple(float(scenario.probability or 0.0) for scenario in scenarios)
    if abs(math.fsum(weights) - 1.0) > 1e-9:
        listed = ", ".join(f"{scenario.name} {scenario.probability}" for scenario in scenarios)
        raise InvalidInput(f"the probabilities sum to {math.fsum(weights):.12g}, not to 1: {listed}", argument="probability")
    return weights
