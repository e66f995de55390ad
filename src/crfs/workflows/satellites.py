"""Satellite models on the store: fitted on default rates and macro history as they were known, and given to a stress as a function.

What is fitted is told by a TOML file (or its content): ``[rates]`` names the datasets of defaults and obligors and the segments,
``[regression]`` the link, the band's confidence and what becomes of a wrong sign, and ``[[term]]`` tables the macro variables, several
for one concept where scenarios call it by several names. ``[factors]`` says which factors, or groups, of a factor model default rates stand
for (:mod:`crfs.workflows.factor_satellites`).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput
from crfs.workflows.default_history import default_counts
from crfs.workflows.macro_history import carried_to, is_history, macro_history, passed_over, supervisory_quarters, values_at

if TYPE_CHECKING:
    import polars as pl

    from crfs.credit.scenarios import Scenario
    from crfs.models.satellite import DefaultRateModel, SatelliteSpec, SatelliteTransmission, Term
    from crfs.store.scan import StoreReader
    from crfs.workflows.book_runs import Asked

PACKAGED = "us_credit"
EVERY = "*"
"""Stands for all obligors where a segment is named."""
GOING_ON = "the last known values going on"
"""What the base is called where no scenario is: it has no name in any list."""
_TABLES = {"rates": {"defaults", "obligors", "segments"}, "regression": {"link", "lagged", "confidence", "wrong_sign", "hac_lags"}}
_TERM = {"concept", "variable", "transform", "over", "lags", "sign"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What satellite models are fitted on: macro ``history``, what the regressions are to be, and default ``counts`` by segment (None: all)."""

    history: pl.DataFrame
    spec: SatelliteSpec
    counts: Mapping[str | None, pl.DataFrame]


@dataclass(frozen=True, slots=True, kw_only=True)
class Satellites:
    """Satellite models that were fitted for a scenario: the transmission, what the fits are like, and what a reader must know."""

    transmission: SatelliteTransmission
    material: Material
    fits: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]

    def hazard_multipliers(self, scenario: Scenario) -> dict[str, list[float]]:
        """How many times the base's hazard each period's is, by segment (``"*"``: all others); after the scenario it is the base's again.

        The hazard of a default rate ``p`` over a period is ``-ln(1 - p)``; rates are the means that the models foretell.
        """
        import numpy as np

        found = {}
        for name, model in self.transmission.pd.items():
            told, base = (self.transmission.rates(model, one, band=False).mean for one in (scenario, self.transmission.base))
            found[name or "*"] = [*(float(ratio) for ratio in np.log1p(-told) / np.log1p(-base)), 1.0]
        return found


def read_satellite(given: str | Path | Mapping[str, Any] | None) -> dict[str, Any]:
    """The content of a satellite specification: as it is, of a file, or the one of that name that ships with crfs."""
    from crfs.workflows.packaged import packaged_satellite

    if given is None or isinstance(given, str | Path):
        file = Path(given or PACKAGED)
        if file.suffix or file.exists():
            try:
                content = tomllib.loads(file.read_text(encoding="utf-8"))
            except OSError as error:
                raise InvalidInput(f"cannot read {file}: {error.strerror}", argument="satellite") from None
            except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
                raise InvalidInput(f"{file}: not TOML: {error}", argument="satellite") from None
        else:
            content = packaged_satellite(str(given or PACKAGED))
    else:
        content = dict(given)
    _check(content)
    return content


def fit_satellites(
    asked: Asked,
    content: Mapping[str, Any],
    scenario: Scenario,
    base: Scenario | None,
    *,
    present: Sequence[str | None],
    scenario_set: str | None,
    known_by: datetime,
) -> Satellites:
    """Models of the segments that are ``present`` in a book, for the variables that the scenario has, fitted on what was known.

    A segment that the specification does not name (None: a row without one) has the model of all obligors.

    ``base`` None is the scenario in which the last known values go on. The history up to the scenario is that of the store, or of the
    supervisory set that the scenario is of. Scenarios of the same variables have the same models, which a run fits once.
    """
    from crfs.models.satellite import SatelliteTransmission

    wanted = frozenset(term["variable"] for term in content["term"]) & frozenset(scenario.variables)
    segments = frozenset(present)
    key = ("satellites", json.dumps(content, sort_keys=True), wanted, segments, scenario_set, known_by)
    fitted = asked.session.shared(
        asked.reader, key, lambda own: _fitted(own, content, scenario, wanted, segments, scenario_set=scenario_set, known_by=known_by)
    )
    material = fitted.material
    carried, notes = carried_to(material.history, scenario.start)
    if base is not None and base.periods > scenario.periods and (base.start, base.period) == (scenario.start, scenario.period):
        shorter = [replace(path, values=path.values[: scenario.periods]) for path in base.paths]
        base = base.with_paths(shorter, done=f"its first {scenario.periods} periods")
    before = base if base is not None else _held(scenario, material.history, carried, material.spec)
    transmission = SatelliteTransmission(pd=fitted.models, base=before, history=carried)
    return Satellites(
        transmission=transmission,
        material=material,
        fits=tuple({"segment": name, **model.to_dict()} for name, model in fitted.models.items()),
        notes=(
            *early_start(asked.reader, scenario, material.history, known_by=known_by),
            *notes,
            *fitted.refused,
            *transmission.notes(scenario),
        ),
    )


def early_start(reader: StoreReader, scenario: Scenario, history: pl.DataFrame, *, known_by: datetime) -> tuple[str, ...]:
    """That a scenario stands in place of quarters that are known; ``history`` has some of its variables, and the others are looked at where these
    are known beyond its start: it begins where one of them ends."""
    import polars as pl

    others = {name for name in set(scenario.variables) - set(history["variable"].unique().to_list()) if is_history(reader, name)}
    if not history.is_empty() and not passed_over(history, scenario.start):
        return ()
    return passed_over(pl.concat([history, macro_history(reader, others, known_by=known_by)]), scenario.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fitted:
    """Models by segment (None: of all obligors), what they are fitted on, and why segments have none of their own."""

    material: Material
    models: Mapping[str | None, DefaultRateModel]
    refused: tuple[str, ...]


def _fitted(
    reader: StoreReader,
    content: Mapping[str, Any],
    scenario: Scenario,
    wanted: Set[str],
    present: Set[str | None],
    *,
    scenario_set: str | None,
    known_by: datetime,
) -> _Fitted:
    from crfs.models.satellite import fit_default_rates

    history = _history(reader, wanted, scenario_set, known_by)
    material = material_of(reader, content, _terms(content, scenario, history), history, known_by=known_by)
    fit = partial(fit_default_rates, history=history, spec=material.spec, link=content["regression"].get("link", "probit"))
    models: dict[str | None, DefaultRateModel] = {}
    refused = []
    modelled = [name for name in content["rates"]["segments"] if name in present]
    for name in modelled:
        try:
            models[name] = fit(material.counts[name])
        except InvalidInput as error:  # too few defaults, or no term with the right sign
            refused.append(f"{name}: {error}: the model of all obligors stands for it")
    if refused or any(name not in modelled for name in present):
        models[None] = fit(material.counts[None])
    return _Fitted(material=material, models=models, refused=tuple(refused))


def material_of(
    reader: StoreReader, content: Mapping[str, Any], terms: tuple[Term, ...], history: pl.DataFrame, *, known_by: datetime
) -> Material:
    """Default rates by the quarter as they were known, and the regression of them on ``terms`` that a specification asks for."""
    from crfs.bitemporal.tenor import Tenor
    from crfs.models.satellite import SatelliteSpec

    regression, rates = content["regression"], content["rates"]
    spec = SatelliteSpec(
        terms=terms,
        lagged=regression.get("lagged", True),
        hac_lags=regression.get("hac_lags"),
        wrong_sign=regression.get("wrong_sign", "drop"),
        confidence=regression.get("confidence", 0.9),
        horizon=Tenor.parse("P3M"),
    )
    counts = default_counts(reader, defaults=rates["defaults"], obligors=rates["obligors"], segments=rates["segments"], known_by=known_by)
    return Material(history=history, spec=spec, counts=counts)


def _held(scenario: Scenario, history: pl.DataFrame, carried: pl.DataFrame, spec: SatelliteSpec) -> Scenario:
    """The scenario's periods with the last known value of each variable of the terms."""
    from crfs.credit.scenarios import hold

    names = [term.variable for term in spec.terms]
    today = {name: value for name, value in values_at(history, scenario.start).items() if name in names}
    return hold(carried, periods=scenario.periods, today=today, start=scenario.start, name=GOING_ON, period=scenario.period)


def _history(reader: StoreReader, wanted: Set[str], scenario_set: str | None, known_by: datetime) -> pl.DataFrame:
    import polars as pl

    own = {name for name in wanted if is_history(reader, name)}
    parts = [macro_history(reader, own, known_by=known_by)]
    if wanted - own and any(name.split(".")[1:2] == ["scenario"] for name in wanted - own):
        told = supervisory_quarters(reader, scenario_set, known_by=known_by)
        parts.append(told.filter(pl.col("variable").is_in(sorted(wanted - own))).select(parts[0].columns))
    return pl.concat(parts)


def _terms(content: Mapping[str, Any], scenario: Scenario, history: pl.DataFrame) -> tuple[Term, ...]:
    """Of each concept the first term whose variable the scenario says and history knows."""
    chosen = chosen_terms(content, set(history["variable"].unique().to_list()) & set(scenario.variables))
    if not chosen:
        raise InvalidInput(
            f"scenario {scenario.name!r} has {', '.join(scenario.variables)}; the satellite model looks at {listed_variables(content)}, and none "
            "of these is both in the scenario and known to the store",
            argument="scenario",
        )
    return chosen


def chosen_terms(content: Mapping[str, Any], known: set[str]) -> tuple[Term, ...]:
    """Of each concept the first term whose variable is known; none where none is."""
    from crfs.models.satellite import Term

    chosen: dict[str, Term] = {}
    for item in content["term"]:
        concept = item.get("concept", item["variable"])
        if concept not in chosen and item["variable"] in known:
            values = {name: value for name, value in item.items() if name != "concept"}
            chosen[concept] = Term(**{**values, "lags": tuple(values.get("lags", (0,)))})
    return tuple(chosen.values())


def listed_variables(content: Mapping[str, Any]) -> str:
    """The variables of a specification's terms, for an error."""
    return ", ".join(dict.fromkeys(item["variable"] for item in content["term"]))


def _check(content: Mapping[str, Any]) -> None:
    unknown = sorted(set(content) - {*_TABLES, "factors", "term"})
    if unknown:
        detail = f"a satellite specification has rates, regression, factors and term, not {unknown[0]!r}"
        raise InvalidInput(detail, argument="satellite")
    for name, known in _TABLES.items():
        table = content.get(name)
        if not isinstance(table, Mapping) or set(table) - known:
            raise InvalidInput(f"satellite: {name} is a table of {', '.join(sorted(known))}", argument="satellite")
    rates, terms = content["rates"], content.get("term")
    if not {"defaults", "obligors", "segments"} <= set(rates) or not isinstance(rates["segments"], list):
        raise InvalidInput("satellite: rates needs defaults, obligors and segments (a list of names)", argument="satellite")
    factors = content.get("factors", {})
    segments = [EVERY, *rates["segments"]]
    if not isinstance(factors, Mapping) or any(segment not in segments for segment in factors.values()):
        raise InvalidInput(
            f"satellite: factors is a table of factors (or groups) and the segment whose default rates each stands for: {', '.join(segments)}",
            argument="satellite",
        )
    if not isinstance(terms, list) or not terms:
        raise InvalidInput("satellite: it needs [[term]] tables", argument="satellite")
    for number, term in enumerate(terms, start=1):
        if not isinstance(term, Mapping) or set(term) - _TERM or not isinstance(term.get("variable"), str):
            raise InvalidInput(f"satellite: term {number} has a variable, and perhaps {', '.join(sorted(_TERM))}", argument="satellite")
