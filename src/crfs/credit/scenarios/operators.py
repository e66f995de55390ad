"""What may be done to scenarios: shift, scale about a base, combine, extend towards a long-run mean, rename. Each gives a new scenario."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.credit.scenarios.scenario import Path, Scenario, ScenarioSeverity, require_periods
from crfs.credit.scenarios.units import Change
from crfs.credit.schemas import Reason
from crfs.errors import InvalidInput, Problem

FloatArray: TypeAlias = npt.NDArray[np.float64]


class Shift(StrEnum):
    """What a shift's amount means: added to the value, or a share of the value."""

    ADDITIVE = "additive"
    RELATIVE = "relative"


def shift(
    scenario: Scenario,
    amounts: Mapping[str, float | Sequence[float]],
    *,
    how: Shift | str = Shift.ADDITIVE,
    since: date | None = None,
    until: date | None = None,
    name: str | None = None,
    severity: ScenarioSeverity | None = None,
) -> Scenario:
    """Move variables by an amount each.

    ``amounts`` are in the variable's unit where ``how`` is ``additive`` (0.02 = two percentage points of a rate), a share of its value
    where it is ``relative`` (-0.3 = thirty percent less). A list has an amount for each period that starts in ``[since, until)``; a
    number holds for all of them. An amount of zero changes nothing, bit for bit; a value that the scenario does not say stays unsaid.

    >>> from crfs.credit.scenarios.scenario import QUARTER
    >>> base = Scenario(name="base", start=date(2026, 1, 1), period=QUARTER,
    ...                 paths=(Path(variable="us.rate", unit="decimal", values=(0.04, 0.04)),))
    >>> shift(base, {"us.rate": 0.02}, since=date(2026, 4, 1)).path("us.rate").values
    (0.04, 0.06)
    """
    kind = _kind(how)
    inside = np.array([(since is None or day >= since) and (until is None or day < until) for day in scenario.times])
    if not inside.any():
        raise InvalidInput(f"no period of {scenario.name!r} starts in [{since}, {until}); it runs from {scenario.start} to {scenario.end}")
    paths = {path.variable: path for path in scenario.paths}
    for variable, given in amounts.items():
        path = scenario.path(variable)
        moved = np.zeros(scenario.periods)
        moved[inside] = _amounts(variable, given, int(inside.sum()))
        values = path.array()
        with np.errstate(over="ignore"):  # the path refuses what is no number
            after = values + moved if kind is Shift.ADDITIVE else values * (1.0 + moved)
        paths[variable] = with_values(path, after)
    said = ", ".join(f"{variable} {_plain(given)}" for variable, given in sorted(amounts.items()))
    window = "" if since is None and until is None else f" in [{since or ''}, {until or ''})"
    return scenario.with_paths(list(paths.values()), done=f"shifted ({kind.value}) {said}{window}", name=name, severity=severity)


def scale(
    scenario: Scenario,
    base: Scenario,
    factor: float,
    *,
    variables: Sequence[str] | None = None,
    name: str | None = None,
    severity: ScenarioSeverity | None = None,
) -> Scenario:
    """``base + factor * (scenario - base)``: the same story, told ``factor`` times as hard.

    A factor of 0 gives the base path and 1 the scenario, both bit for bit. ``variables`` are those that are scaled (None: all); the rest
    stay. A level that would fall to zero or below is refused with its period: no index loses more than all.
    """
    if not math.isfinite(factor):
        raise InvalidInput(f"factor is a finite number, not {factor}", argument="factor")
    _require_same_periods(scenario, base)
    wanted = scenario.variables if variables is None else tuple(scenario.path(name).variable for name in variables)
    paths = {path.variable: path for path in scenario.paths}
    for variable in wanted:
        own, other = scenario.path(variable), base.path(variable)
        _require_same_unit(own, other)
        # In this form 0 and 1 are exact; what either scenario does not say is not said.
        with np.errstate(over="ignore", invalid="ignore"):  # the path refuses what is no number
            values = (1.0 - factor) * other.array() + factor * own.array()
        values[np.isnan(values) & ~np.isnan(other.array()) & ~np.isnan(own.array())] = np.inf
        paths[variable] = with_values(own, values)
        _require_levels_above_zero(paths[variable], scenario)
    said = "" if variables is None else f" ({', '.join(wanted)})"
    done = f"deviation from {base.name} scaled by {factor:g}{said}"
    return scenario.with_paths(list(paths.values()), done=done, name=name, severity=severity)


def combine(
    scenarios: Sequence[Scenario],
    weights: Sequence[float],
    *,
    name: str,
    severity: ScenarioSeverity | None = None,
    source: str | None = None,
) -> Scenario:
    """The weighted mean of the paths of scenarios with the same variables and periods; the weights are not negative and sum to one.

    The mean lies between the least and the greatest path, whatever the rounding, and does not depend on the order. The loss of a mean
    path is not the mean of the losses: for expected credit losses weigh the losses of each scenario. ``severity``, if not given, is the one
    whose scenarios weigh most together, of equal ones the worse.
    """
    if not scenarios or len(scenarios) != len(weights):
        raise InvalidInput(f"{len(scenarios)} scenarios have {len(weights)} weights; each needs one", argument="weights")
    if any(not math.isfinite(weight) or weight < 0.0 for weight in weights) or abs(math.fsum(weights) - 1.0) > 1e-9:
        raise InvalidInput(f"weights are not negative and sum to 1; given {', '.join(f'{w:g}' for w in weights)}", argument="weights")
    first = scenarios[0]
    for other in scenarios[1:]:
        _require_same_periods(first, other)
        if other.variables != first.variables:
            lost = sorted(set(first.variables) ^ set(other.variables))
            raise InvalidInput(f"{first.name!r} and {other.name!r} differ in their variables: {', '.join(lost)}")
    paths = []
    for position, path in enumerate(first.paths):
        own = [scenario.paths[position] for scenario in scenarios]
        for other_path in own[1:]:
            _require_same_unit(path, other_path)
        paths.append(replace(path, values=tuple(_mean(values, weights) for values in zip(*(p.values for p in own), strict=True))))
    done = "weighted mean of " + ", ".join(f"{weight:g} {scenario.name}" for scenario, weight in zip(scenarios, weights, strict=True))
    if severity is None:
        severity = ScenarioSeverity.of_weights([(scenario.severity, weight) for scenario, weight in zip(scenarios, weights, strict=True)])
    fields = {"name": name, "severity": severity, "source": source}
    return replace(first, notes="").with_paths(paths, done=done, **fields)


def extend(
    scenario: Scenario, periods: int, *, means: Mapping[str, float | None], half_life_years: float, name: str | None = None
) -> Scenario:
    """Carry a scenario on for ``periods`` more, each variable reverting to its long-run mean.

    The distance from the mean halves every ``half_life_years`` (0: it is gone at once). For a rate the mean is its level, in its unit;
    for a level (an index) it is its growth a year, a decimal, and what reverts is the growth of the last period. A mean of None holds the
    last value. Every variable needs an entry, and a value in the last period (a level in the last two).
    """
    require_periods(periods)
    if not half_life_years >= 0.0:
        raise InvalidInput(f"half_life_years is not negative, not {half_life_years}", argument="half_life_years")
    lacking = [variable for variable in scenario.variables if variable not in means]
    if lacking:
        raise InvalidInput(f"say a long-run mean (None: hold the last value) for {', '.join(lacking)}", argument="means")
    years = scenario.period.months / 12.0
    kept = 0.0 if half_life_years == 0.0 else 0.5 ** (years / half_life_years)
    remaining = np.power(kept, np.arange(1, periods + 1, dtype=np.float64))
    paths = []
    for path in scenario.paths:
        tail = _tail(path, scenario, means[path.variable], remaining, years)
        paths.append(with_values(path, np.concatenate([path.array(), tail])))
    said = f"extended by {periods} x {scenario.period}, half-life {half_life_years:g} years"
    return scenario.with_paths(paths, done=said, name=name)


def rename(scenario: Scenario, names: Mapping[str, str], *, keep_others: bool = True) -> Scenario:
    """The scenario with its variables under other names, such as those of the factors that a model was fitted on.

    ``names`` goes from the scenario's name to the new one. With ``keep_others`` off, variables that it does not name are left out.
    """
    for variable in names:
        scenario.path(variable)
    kept = [path for path in scenario.paths if keep_others or path.variable in names]
    if not kept:
        raise InvalidInput("names leaves no variable of the scenario", argument="names")
    return replace(scenario, paths=tuple(replace(path, variable=names.get(path.variable, path.variable)) for path in kept))


def with_values(path: Path, values: FloatArray) -> Path:
    """The path with other values; NaN is what it does not say."""
    return replace(path, values=tuple(None if math.isnan(value) else float(value) for value in values))


def _kind(how: Shift | str) -> Shift:
    try:
        return Shift(how)
    except ValueError:
        raise InvalidInput(f"a shift is additive or relative, not {how!r}", argument="how") from None


def _amounts(variable: str, given: float | Sequence[float], count: int) -> FloatArray:
    amounts = np.asarray(given, dtype=np.float64)
    if amounts.ndim and amounts.shape != (count,):
        raise InvalidInput(f"the shift of {variable} has {amounts.size} amounts for {count} periods", argument="amounts")
    bad = np.flatnonzero(~np.isfinite(np.atleast_1d(amounts)))
    if len(bad):
        problem = Problem(row=int(bad[0]) + 1, column=variable, reason=Reason.NOT_FINITE.value, detail="an amount is a finite number")
        raise InvalidInput(f"the shift of {variable}: {problem}", problems=(problem,), argument="amounts")
    return np.broadcast_to(amounts, (count,))


def _plain(given: float | Sequence[float]) -> str:
    return f"{given:g}" if isinstance(given, int | float) else "[" + ", ".join(f"{amount:g}" for amount in given) + "]"


def _mean(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    told = [value for value in values if value is not None]
    if len(told) < len(values):
        return None
    mean = math.fsum(weight * value for weight, value in zip(weights, told, strict=True))
    return min(max(mean, min(told)), max(told))


def _tail(path: Path, scenario: Scenario, mean: float | None, remaining: FloatArray, years: float) -> FloatArray:
    last = path.values[-1]
    if last is None:
        raise InvalidInput(f"{path.variable} has no value in the last period of {scenario.name!r}; nothing can be carried on")
    if mean is None:
        return np.full(len(remaining), last)
    if not math.isfinite(mean):
        raise InvalidInput(f"the long-run mean of {path.variable} is {mean}, not a finite number", argument="means")
    if path.moves_by is Change.DIFFERENCE:
        return np.asarray(mean + (last - mean) * remaining)
    before = path.values[-2] if len(path.values) > 1 else None
    if before is None or before <= 0.0 or last <= 0.0 or mean <= -1.0:
        raise InvalidInput(
            f"{path.variable} moves by relative changes: its last two values must be there and above 0, and its mean growth above -1"
        )
    usual = (1.0 + mean) ** years - 1.0
    growth = usual + (last / before - 1.0 - usual) * remaining
    with np.errstate(over="ignore"):  # the path refuses what is no number
        return np.asarray(last * np.cumprod(1.0 + growth))


def _require_same_periods(scenario: Scenario, other: Scenario) -> None:
    if (scenario.start, scenario.period, scenario.periods) != (other.start, other.period, other.periods):
        raise InvalidInput(
            f"{scenario.name!r} has {scenario.periods} periods of {scenario.period} from {scenario.start}, "
            f"{other.name!r} {other.periods} of {other.period} from {other.start}; they must be the same"
        )


def _require_same_unit(path: Path, other: Path) -> None:
    if path.unit != other.unit:
        raise InvalidInput(f"{path.variable} is in {path.unit} in one scenario and in {other.unit} in the other")


def _require_levels_above_zero(path: Path, scenario: Scenario) -> None:
    if path.moves_by is not Change.RELATIVE:
        return
    for row in np.flatnonzero(path.array() <= 0.0):
        detail = f"{path.values[row]:g} in the period from {scenario.times[row]} is no level; scale by less"
        problem = Problem(row=int(row) + 1, column=path.variable, reason=Reason.OUT_OF_RANGE.value, detail=detail)
        raise InvalidInput(f"{path.variable}: {detail}", problems=(problem,), argument="factor")
