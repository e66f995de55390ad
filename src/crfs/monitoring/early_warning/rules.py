"""Rules of early warning: what is looked at, from where on it is alarming at which severity, and how long it must last. Read from TOML."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from crfs.bitemporal.tenor import Tenor
from crfs.credit.reading import called, known, made
from crfs.errors import InvalidInput
from crfs.monitoring.alert_states import Severity

_NAME = re.compile(r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$")


class Scope(StrEnum):
    """Whom a table's rows, and so a rule, are about."""

    OBLIGOR = "obligor"
    SECTOR = "sector"
    PORTFOLIO = "portfolio"


class RuleKind(StrEnum):
    """What a rule makes of its column; ``now`` is the last value known, ``before`` the one ``lookback`` before it."""

    PD_INCREASE = "pd_increase"
    """``now - before`` of a default probability."""
    PD_RELATIVE_INCREASE = "pd_relative_increase"
    """``now / before - 1``; none while ``now - before`` is below ``floor``."""
    RATING_DOWNGRADE = "rating_downgrade"
    """Grades of ``scale`` down from ``before``."""
    UTILISATION_JUMP = "utilisation_jump"
    """``now - before`` of the share of a limit that is drawn."""
    DAYS_PAST_DUE = "days_past_due"
    """Days past due."""
    SPREAD_MOVE = "spread_move"
    """How many of its own standard deviations the change of a spread is above its own mean, by the ``window`` changes before it."""
    SENTIMENT = "sentiment"
    """Mean of the last ``window`` sentiments; low is bad."""
    COVENANT = "covenant"
    """Headroom under a covenant; low is bad, below 0 it is broken."""
    LIMIT_USE = "limit_use"
    """Use of a limit: 1 is all of it."""
    EC_DRIFT = "ec_drift"
    """``|now - before| / sqrt(se_now^2 + se_before^2)`` of an economic capital: how far it moved beyond its own error."""
    LEVEL = "level"
    """The value of any column as it is; high is bad."""
    LOW_LEVEL = "low_level"
    """The value of any column as it is; low is bad."""

    @property
    def low_is_bad(self) -> bool:
        """Whether smaller signals are worse, so that an alert opens below its threshold."""
        return self in {RuleKind.SENTIMENT, RuleKind.COVENANT, RuleKind.LOW_LEVEL}

    @property
    def looks_back(self) -> bool:
        """Whether the value before is needed."""
        return self in _LOOKS_BACK


_LOOKS_BACK = frozenset(
    {
        RuleKind.PD_INCREASE,
        RuleKind.PD_RELATIVE_INCREASE,
        RuleKind.RATING_DOWNGRADE,
        RuleKind.UTILISATION_JUMP,
        RuleKind.SPREAD_MOVE,
        RuleKind.EC_DRIFT,
    }
)
_COLUMNS: Mapping[RuleKind, str] = {
    RuleKind.PD_INCREASE: "pd",
    RuleKind.PD_RELATIVE_INCREASE: "pd",
    RuleKind.RATING_DOWNGRADE: "rating",
    RuleKind.UTILISATION_JUMP: "utilisation",
    RuleKind.DAYS_PAST_DUE: "days_past_due",
    RuleKind.SPREAD_MOVE: "spread_bp",
    RuleKind.SENTIMENT: "sentiment",
    RuleKind.COVENANT: "covenant_headroom",
    RuleKind.LIMIT_USE: "limit_use",
    RuleKind.EC_DRIFT: "ec",
}


MOST_OBSERVATIONS = 1_000
"""The most observations that a rule may count, or take a mean of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """An alert of ``severity`` opens at ``open`` or beyond, and closes when the signal is back on the good side of ``close``.

    Between the two nothing changes: that is the hysteresis. Where high is bad ``close`` is at most ``open``, where low is bad at least.
    """

    severity: Severity
    open: float
    close: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule.

    Args:
        name: dotted, unique, such as ``obligor.pd_jump``: with the subject it is what makes two sightings one alert.
        kind, scope: what is looked at, and in the table of what.
        levels: from the mildest severity to the worst; thresholds do not get milder.
        column: in place of the kind's own; needed by ``level`` and ``low_level``.
        lookback: from the valid time of the last value back to that of the value before; a rule of kind ``ec_drift`` without it compares with
            the observation before.
        max_age: a value whose valid time is longer ago says nothing any more; None: it stands until the next.
        count, of: an alert opens when ``count`` of the last ``of`` observations are beyond the threshold, the last among them.
        clear: it closes when so many observations in a row are back.
        floor: of a change in absolute terms, below which a relative one counts as none.
        scale: grades from the best to the worst.
        window, least: observations that a mean or a standard deviation is taken of, and the fewest that will do.
    """

    name: str
    kind: RuleKind
    levels: tuple[Level, ...]
    scope: Scope = Scope.OBLIGOR
    column: str | None = None
    title: str = ""
    lookback: Tenor | None = None
    max_age: Tenor | None = None
    count: int = 1
    of: int = 1
    clear: int = 1
    floor: float = 0.0
    scale: tuple[str, ...] = ()
    window: int = 1
    least: int = 1

    def __post_init__(self) -> None:
        what = f"rule {self.name}"
        if not _NAME.match(self.name):
            raise InvalidInput(f"{what}: a name is dotted lower case, such as obligor.pd_jump")
        if not self.levels:
            raise InvalidInput(f"{what}: it needs a level, such as {{ severity = 'warning', open = 2.0, close = 1.5 }}")
        self._check_levels(what)
        for name in ("count", "of", "clear", "window", "least"):
            if getattr(self, name) > MOST_OBSERVATIONS:
                raise InvalidInput(f"{what}: {name} is at most {MOST_OBSERVATIONS:,} observations")
        if not 1 <= self.count <= self.of:
            raise InvalidInput(f"{what}: count of the last `of` observations: 1 <= count <= of, not {self.count} of {self.of}")
        if self.clear < 1 or self.floor < 0.0:
            raise InvalidInput(f"{what}: clear is at least 1 and floor not negative; given {self.clear}, {self.floor}")
        never = self.lookback is None and self.kind is not RuleKind.EC_DRIFT
        if self.kind.looks_back and (never or (self.lookback is not None and self.lookback.is_zero)):
            raise InvalidInput(f"{what}: a rule of kind {self.kind} compares with a value before: give lookback, such as P3M")
        if self.kind is RuleKind.RATING_DOWNGRADE and len(set(self.scale)) < 2:
            raise InvalidInput(f"{what}: scale lists the grades from the best to the worst")
        if len(set(self.scale)) < len(self.scale):
            raise InvalidInput(f"{what}: scale has a grade twice")
        if self.kind is RuleKind.SPREAD_MOVE and not 3 <= self.least <= self.window:
            raise InvalidInput(f"{what}: a standard deviation is taken of window changes, of at least 3: 3 <= least <= window")
        if not 1 <= self.least <= self.window:
            raise InvalidInput(f"{what}: 1 <= least <= window, not {self.least}, {self.window}")
        if self.column is None and self.kind not in _COLUMNS:
            raise InvalidInput(f"{what}: a rule of kind {self.kind} needs the column that it looks at")

    def _check_levels(self, what: str) -> None:
        sign = -1.0 if self.kind.low_is_bad else 1.0
        for level in self.levels:
            if sign * level.close > sign * level.open:
                side = "above" if self.kind.low_is_bad else "below"
                raise InvalidInput(f"{what}: {level.severity}: close = {level.close:g} is not {side} open = {level.open:g}, nor the same")
        for mild, bad in zip(self.levels, self.levels[1:], strict=False):
            if bad.severity.rank <= mild.severity.rank:
                raise InvalidInput(
                    f"{what}: levels go from the mildest severity to the worst, each once; {bad.severity} follows {mild.severity}"
                )
            if sign * bad.open < sign * mild.open or sign * bad.close < sign * mild.close:
                raise InvalidInput(f"{what}: the thresholds of {bad.severity} are milder than those of {mild.severity}")

    @property
    def watched(self) -> str:
        """The column that it looks at."""
        return self.column or _COLUMNS[self.kind]

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that it needs in its table."""
        return (self.watched, f"{self.watched}_se") if self.kind is RuleKind.EC_DRIFT else (self.watched,)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, without what is at its default."""
        result: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value == field.default:
                continue
            match value:
                case Tenor():
                    result[field.name] = str(value)
                case tuple() if field.name == "levels":
                    result["levels"] = [{"severity": one.severity.value, "open": one.open, "close": one.close} for one in value]
                case tuple():
                    result[field.name] = list(value)
                case StrEnum():
                    result[field.name] = value.value
                case _:
                    result[field.name] = value
        return result


def parse_rules(text: str, *, where: str) -> tuple[Rule, ...]:
    """The rules of a TOML file: ``[[rule]]`` tables with the keys of :class:`Rule`; ``where`` names the file in errors.

    >>> text = '''
    ... [[rule]]
    ... name = "obligor.pd_jump"
    ... kind = "pd_relative_increase"
    ... lookback = "P3M"
    ... floor = 0.002
    ... levels = [{ severity = "warning", open = 0.5, close = 0.3 }]
    ... '''
    >>> [rule.watched for rule in parse_rules(text, where="rules.toml")]
    ['pd']
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{where}: not TOML: {error}") from None
    items = data.get("rule")
    if set(data) != {"rule"} or not isinstance(items, list) or not items:
        raise InvalidInput(f"{where}: a file of rules has [[rule]] tables and nothing else; found {', '.join(sorted(data)) or 'nothing'}")
    try:
        rules = tuple(rule_from_dict(item) for item in items)
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error}") from None
    require_distinct(rules, where)
    return rules


@cache
def packaged_rules() -> tuple[Rule, ...]:
    """The rules that ship with crfs: a beginning, to be measured on one's own defaults and changed."""
    text = (files("crfs") / "catalog" / "early_warning" / "rules.toml").read_text(encoding="utf-8")
    return parse_rules(text, where="catalog/early_warning/rules.toml")


def rule_from_dict(data: Mapping[str, Any]) -> Rule:
    """A rule from its TOML or JSON form; :meth:`Rule.to_dict` is the other way."""
    what = called("rule", data, "name")
    values = known(Rule, data, what)
    levels = values.get("levels")
    if levels is not None:
        if not isinstance(levels, list):
            raise InvalidInput(f"{what}: levels is a list of tables with severity, open and close")
        values["levels"] = tuple(made(Level, known(Level, _table(one, what), what), f"{what}: level", severity=Severity) for one in levels)
    scale = values.get("scale")
    if scale is not None:
        if not isinstance(scale, list) or not all(isinstance(grade, str) for grade in scale):
            raise InvalidInput(f"{what}: scale is a list of texts")
        values["scale"] = tuple(scale)
    if "kind" in values:
        if values["kind"] not in list(RuleKind):
            raise InvalidInput(f"{what}: kind = {values['kind']!r}: it is one of {', '.join(RuleKind)}")
        values["kind"] = RuleKind(values["kind"])
    return made(Rule, values, what, scope=Scope, lookback=Tenor.parse, max_age=Tenor.parse)


def require_distinct(rules: tuple[Rule, ...], where: str) -> None:
    """Refuse two rules of one name."""
    names = [rule.name for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInput(f"{where}: more than one rule is called {', '.join(twice)}")


def _table(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{what}: a level is a table with severity, open and close, not {value!r}")
    return value
