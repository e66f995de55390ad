"""Scenarios written by people: a TOML file of paths, or of steps that are taken from scenarios that there are."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from crfs.bitemporal.tenor import Tenor
from crfs.credit.reading import called
from crfs.credit.scenarios.operators import combine, extend, scale, shift
from crfs.credit.scenarios.replay import hold, replay
from crfs.credit.scenarios.scenario import MONTH, QUARTER, Path, Scenario, ScenarioSeverity
from crfs.credit.scenarios.units import Change, shifted_right, unit_in_engine
from crfs.errors import InvalidInput, NotFound

_ABOUT = {"name", "severity", "probability", "source", "notes"}
_KINDS = ("path", "base", "combine", "replay", "hold")


def parse_scenarios(
    text: str,
    *,
    where: str,
    known: Mapping[str, Scenario] | None = None,
    history: pl.DataFrame | None = None,
    today: Mapping[str, float] | None = None,
    start: date | None = None,
    only: Collection[str] | None = None,
) -> tuple[Scenario, ...]:
    """The scenarios of a file, in its order.

    Each ``[[scenario]]`` has a ``name`` and what it is made of: ``[[scenario.path]]`` tables, a ``base``, ``combine`` (a table of names
    and weights), ``replay`` (a window of history) or ``hold`` (the last known values, going on); then ``[[scenario.step]]`` tables are
    taken one after the other. Names stand for scenarios above in the file, else for those in ``known``. ``history`` is the long table that
    a replay needs, ``today`` the last known values of variables and ``start`` the first period of which nothing is known yet: they stand
    for what a scenario does not say of them itself. ``only`` reads those names alone. ``where`` names the
    file in errors. The keys are explained in the documentation ("Scenario files").
    """
    found: dict[str, Scenario] = {}
    for item in scenario_tables(text, where=where):
        what = "scenario"
        try:
            what = called("scenario", item, "name")
            if only is not None and item.get("name") not in only:
                continue
            one = _Reader(what, {**(known or {}), **found}, history, today or {}, start).read(item)
            if one.name in found:
                raise InvalidInput(f"{what}: the file has another scenario of this name")
        except InvalidInput as error:
            # What operators and paths refuse does not know whose it is.
            told = str(error) if str(error).startswith("scenario") else f"{what}: {error}"
            raise InvalidInput(f"{where}: {told}", problems=error.problems, argument=error.argument) from None
        found[one.name] = one
    return tuple(found.values())


def scenario_tables(text: str, *, where: str) -> Sequence[Any]:
    """The ``[[scenario]]`` tables of a file, as they are written."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{where}: not TOML: {error}") from None
    items = data.get("scenario")
    if set(data) != {"scenario"} or not isinstance(items, list) or not items:
        raise InvalidInput(
            f"{where}: a file of scenarios has [[scenario]] tables and nothing else; found {', '.join(sorted(data)) or 'nothing'}"
        )
    return items


def severity_of_table(item: Mapping[str, Any], severity_of: Callable[[str], ScenarioSeverity]) -> ScenarioSeverity:
    """How bad the scenario of a ``[[scenario]]`` table is, without making it: what it says of itself, else as its base, or as what it
    combines is by weight (:meth:`ScenarioSeverity.of_weights`).

    >>> severity_of_table({"name": "calm", "hold": {"periods": 4}}, lambda name: ScenarioSeverity.ADVERSE).value
    'baseline'
    >>> severity_of_table({"name": "twice", "base": "slump"}, lambda name: ScenarioSeverity.SEVERELY_ADVERSE).value
    'severely_adverse'
    """
    if "severity" in item:
        return ScenarioSeverity(item["severity"])
    if "base" in item:
        return severity_of(item["base"])
    if "combine" in item:
        return ScenarioSeverity.of_weights([(severity_of(name), weight) for name, weight in item["combine"].items()])
    return ScenarioSeverity.BASELINE if "hold" in item else ScenarioSeverity.ADVERSE


class _Reader:
    """Reads one ``[[scenario]]`` table; ``what`` is what errors call it."""

    def __init__(
        self,
        what: str,
        others: Mapping[str, Scenario],
        history: pl.DataFrame | None,
        today: Mapping[str, float],
        start: date | None,
    ) -> None:
        self.what = what
        self.others = others
        self.history = history
        self.today = today
        self.start = start

    def read(self, item: Mapping[str, Any]) -> Scenario:
        kinds = [kind for kind in _KINDS if kind in item]
        if len(kinds) != 1:
            raise InvalidInput(f"{self.what}: it is made of exactly one of {', '.join(_KINDS)}; found {', '.join(kinds) or 'none'}")
        own = {
            "path": {"path", "start", "period"},
            "base": {"base"},
            "combine": {"combine"},
            "replay": {"replay", "start"},
            "hold": {"hold", "start", "period"},
        }[kinds[0]]
        self._keys(item, _ABOUT | own | {"step"}, self.what)
        about = self._about(item)
        match kinds[0]:
            case "path":
                made = self._of_paths(item, about)
            case "base":
                made = self._known(item["base"]).with_paths(self._known(item["base"]).paths, done=f"from {item['base']}", **about)
            case "combine":
                made = self._of_weights(item, about)
            case "hold":
                made = self._of_today(item, about)
            case _:
                made = self._of_history(item, about)
        for number, step in enumerate(self._tables(item, "step"), start=1):
            try:
                made = self._step(made, step, f"{self.what}: step {number}")
            except InvalidInput as error:
                told = str(error) if str(error).startswith(self.what) else f"{self.what}: step {number}: {error}"
                raise InvalidInput(told, problems=error.problems, argument=error.argument) from None
        given = {key: value for key, value in about.items() if key in {"probability"}}
        return made.with_paths(made.paths, done=str(item.get("notes", "")), **given)

    def _about(self, item: Mapping[str, Any]) -> dict[str, Any]:
        name, source = self._text(item, "name"), item.get("source", "")
        if not isinstance(source, str) or not isinstance(item.get("notes", ""), str):
            raise InvalidInput(f"{self.what}: source and notes are texts")
        probability = item.get("probability")
        if probability is not None and (isinstance(probability, bool) or not isinstance(probability, int | float)):
            raise InvalidInput(f"{self.what}: probability = {probability!r}: a decimal within [0, 1] is wanted")
        severity = None
        if "severity" in item:
            listed = ", ".join(ScenarioSeverity)
            if item["severity"] not in list(ScenarioSeverity):
                raise InvalidInput(f"{self.what}: severity = {item['severity']!r}: it is one of {listed}")
            severity = ScenarioSeverity(item["severity"])
        return {"name": name, "severity": severity, "probability": probability, "source": source or None}

    def _of_paths(self, item: Mapping[str, Any], about: Mapping[str, Any]) -> Scenario:
        period = Tenor.parse(item.get("period", "P3M"))
        if period not in {MONTH, QUARTER}:
            raise InvalidInput(f"{self.what}: period = {item['period']!r}: P1M or P3M is wanted")
        paths = tuple(self._path(path) for path in self._tables(item, "path"))
        given = {key: value for key, value in about.items() if value is not None}
        return Scenario(start=self._start(item), period=period, paths=paths, **given)

    def _of_today(self, item: Mapping[str, Any], about: Mapping[str, Any]) -> Scenario:
        told = item["hold"]
        if not isinstance(told, dict):
            raise InvalidInput(f"{self.what}: hold is a table with periods and variables")
        self._keys(told, {"periods", "variables", "today"}, f"{self.what}: hold")
        if self.history is None:
            raise InvalidInput(f"{self.what}: holding the last known values needs the history of the variables, and none was given")
        periods = self._number(told, "periods", f"{self.what}: hold")
        if periods != int(periods):
            raise InvalidInput(f"{self.what}: hold: periods = {periods}: a whole number is wanted")
        given = {key: value for key, value in about.items() if value is not None}
        today = self._today(told, "hold")
        return hold(self.history, periods=int(periods), today=today, start=self._start(item), period=item.get("period"), **given)

    def _start(self, item: Mapping[str, Any]) -> date:
        """Its own start, else the first period of which nothing is known."""
        return self.start if "start" not in item and self.start is not None else self._day(item, "start")

    def _today(self, told: Mapping[str, Any], what: str) -> Mapping[str, float]:
        """Its own values, else the last known ones of its variables."""
        today, variables = told.get("today"), told.get("variables")
        if today is None and isinstance(variables, list) and variables and self.today:
            lost = [variable for variable in variables if variable not in self.today]
            if lost:
                raise InvalidInput(f"{self.what}: {what}: nothing is known of {', '.join(map(str, lost))}", argument="scenario")
            return {variable: self.today[variable] for variable in variables}
        if not isinstance(today, dict) or not all(_is_number(value) for value in today.values()):
            raise InvalidInput(
                f"{self.what}: {what}: today is a table of variables and their last values, in decimals; in a run about a store "
                "variables, a list of names, will do"
            )
        return today

    def _path(self, item: Any) -> Path:
        what = f"{self.what}: {called('path', item, 'variable')}"
        self._keys(item, {"variable", "unit", "values", "change"}, what)
        variable, unit, values = (item.get(key) for key in ("variable", "unit", "values"))
        if not isinstance(variable, str) or not isinstance(unit, str) or not isinstance(values, list):
            raise InvalidInput(f"{what}: it needs variable (a text), unit (a text) and values (a list of numbers)")
        for number, value in enumerate(values, start=1):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InvalidInput(f"{what}: value {number} is {value!r}, not a number (nan: the scenario does not say)")
        kept, places = unit_in_engine(variable, unit)
        change = item.get("change")
        if change is not None and change not in list(Change):
            raise InvalidInput(f"{what}: change = {change!r}: difference or relative is wanted")
        # TOML has no null: nan stands for what the scenario does not say.
        written = tuple(None if value != value else shifted_right(value, places) for value in values)  # noqa: PLR0124
        return Path(variable=variable, unit=kept, values=written, change=None if change is None else Change(change))

    def _of_weights(self, item: Mapping[str, Any], about: Mapping[str, Any]) -> Scenario:
        weights = item["combine"]
        if not isinstance(weights, dict) or not weights or not all(_is_number(weight) for weight in weights.values()):
            raise InvalidInput(f"{self.what}: combine is a table of scenarios and weights, such as {{ base = 0.6, slump = 0.4 }}")
        parts = [self._known(name) for name in weights]
        return combine(parts, list(weights.values()), name=about["name"], severity=about["severity"], source=about["source"])

    def _of_history(self, item: Mapping[str, Any], about: Mapping[str, Any]) -> Scenario:
        window = item["replay"]
        if not isinstance(window, dict):
            raise InvalidInput(f"{self.what}: replay is a table with since, until and today")
        self._keys(window, {"since", "until", "today", "variables", "bounds", "period"}, f"{self.what}: replay")
        if self.history is None:
            raise InvalidInput(f"{self.what}: a replay needs the history of its variables, and none was given")
        bounds = window.get("bounds", {})
        if not isinstance(bounds, dict) or not all(
            isinstance(b, list) and len(b) == 2 and all(map(_is_number, b)) for b in bounds.values()
        ):
            raise InvalidInput(f"{self.what}: replay: bounds is a table of variables and [least, greatest], such as [0.0, inf]")
        given = {key: value for key, value in about.items() if value is not None}
        return replay(
            self.history,
            since=self._day(window, "since"),
            until=self._day(window, "until"),
            today=self._today(window, "replay"),
            start=self._start(item),
            bounds={variable: (low, high) for variable, (low, high) in bounds.items()},
            period=window.get("period"),
            **given,
        )

    def _step(self, made: Scenario, step: Any, what: str) -> Scenario:
        kind = called(what, step, "do") and step.get("do")
        match kind:
            case "shift":
                self._keys(step, {"do", "by", "how", "since", "until"}, what)
                by = step.get("by")
                if not isinstance(by, dict) or not by:
                    raise InvalidInput(f'{what}: by is a table of variables and amounts, such as {{ "us.rate" = 0.01 }}')
                return shift(
                    made,
                    by,
                    how=step.get("how", "additive"),
                    since=self._maybe(step, "since"),
                    until=self._maybe(step, "until"),
                    name=made.name,
                )
            case "scale":
                self._keys(step, {"do", "about", "factor", "variables"}, what)
                factor = self._number(step, "factor", what)
                return scale(made, self._known(step.get("about")), factor, variables=step.get("variables"), name=made.name)
            case "extend":
                self._keys(step, {"do", "periods", "half_life_years", "means"}, what)
                means = step.get("means")
                if not isinstance(means, dict) or not all(_is_number(mean) or mean == "hold" for mean in means.values()):
                    raise InvalidInput(f"{what}: means is a table of variables and long-run means, or 'hold' for the last value")
                plain = {variable: None if mean == "hold" else float(mean) for variable, mean in means.items()}
                periods, life = self._number(step, "periods", what), self._number(step, "half_life_years", what)
                if periods != int(periods):
                    raise InvalidInput(f"{what}: periods = {periods}: a whole number is wanted")
                return extend(made, int(periods), means=plain, half_life_years=life, name=made.name)
            case _:
                raise InvalidInput(f"{what}: do is shift, scale or extend, not {kind!r}")

    def _known(self, name: Any) -> Scenario:
        if isinstance(name, str) and name in self.others:
            return self.others[name]
        raise NotFound(f"{self.what}: no scenario is called {name!r}; there are {', '.join(sorted(self.others)) or 'none yet'}")

    def _keys(self, item: Mapping[str, Any], allowed: set[str], what: str) -> None:
        unknown = sorted(set(item) - allowed)
        if unknown:
            raise InvalidInput(f"{what}: unknown key {unknown[0]!r}; known are {', '.join(sorted(allowed))}")

    def _tables(self, item: Mapping[str, Any], key: str) -> Sequence[Any]:
        tables = item.get(key, [])
        if not isinstance(tables, list):
            raise InvalidInput(f"{self.what}: {key} is no list of tables; write [[scenario.{key}]]")
        return tables

    def _text(self, item: Mapping[str, Any], key: str) -> str:
        value = item.get(key)
        if not isinstance(value, str) or not value.strip():
            raise InvalidInput(f"{self.what}: it needs a {key}")
        return value

    def _day(self, item: Mapping[str, Any], key: str) -> date:
        value = self._maybe(item, key)
        if value is None:
            raise InvalidInput(f"{self.what}: it needs {key}, the first day of a period, such as 2026-01-01")
        return value

    def _maybe(self, item: Mapping[str, Any], key: str) -> date | None:
        value = item.get(key)
        if value is not None and type(value) is not date:
            raise InvalidInput(f"{self.what}: {key} = {value!r}: a day is wanted, such as 2026-01-01 without quotation marks")
        return value

    def _number(self, item: Mapping[str, Any], key: str, what: str) -> float:
        value = item.get(key)
        if not _is_number(value):
            raise InvalidInput(f"{what}: {key} = {value!r}: a number is wanted")
        return float(value)  # type: ignore[arg-type] # it is a number


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124 # not NaN
