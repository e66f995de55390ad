"""The policy of provisions as a file: when a facility changes its stage, which futures are weighed, and what management adds.

A TOML file has a table ``[staging]`` (:class:`crfs.risk.provisions.StagingRule`), tables ``[[scenario]]``
(:class:`crfs.risk.provisions.EclScenario`) and tables ``[[overlay]]`` (:class:`crfs.risk.provisions.Overlay`); each may be left out. A
run keeps them as plain values among its options.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput, inside

if TYPE_CHECKING:
    from crfs.risk.provisions import EclScenario, Overlay, StagingRule

TABLES = {"staging": "staging", "scenario": "scenarios", "overlay": "overlays"}
"""The tables of a policy, and the options that they become."""


def read_policy(given: Path | str | Mapping[str, Any] | None) -> dict[str, Any]:
    """The options ``staging``, ``scenarios`` and ``overlays`` of a policy file, or of its content; days become texts."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        content, where = given, "the policy"
    else:
        where = str(given)
        try:
            content = tomllib.loads(Path(given).read_text(encoding="utf-8"))
        except OSError as error:
            raise InvalidInput(f"cannot read {where}: {error.strerror}", argument="policy") from None
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InvalidInput(f"{where}: not TOML: {error}", argument="policy") from None
    unknown = sorted(set(content) - set(TABLES))
    if unknown:
        raise InvalidInput(f"{where}: a policy has {', '.join(TABLES)}, not {unknown[0]!r}", argument="policy")
    options = {TABLES[name]: _plain(value) for name, value in content.items()}
    try:
        staging_rule(options.get("staging")), ecl_scenarios(options.get("scenarios")), read_overlays(options.get("overlays"))
    except InvalidInput as error:
        table = next((name for name, option in TABLES.items() if option == error.argument), None)
        member = (*(() if table is None else (table,)), *error.member)
        raise InvalidInput(f"{where}: {error}", problems=error.problems, argument="policy", member=member) from None
    return options


def staging_rule(data: Any) -> StagingRule:
    """The rule of a policy; where it says nothing, the usual one."""
    from crfs.credit.reading import known, made
    from crfs.risk.provisions import StagingRule

    if data is None:
        return StagingRule()
    if not isinstance(data, Mapping):
        raise InvalidInput("staging is a table", argument="staging")
    with inside("staging"):
        return made(StagingRule, known(StagingRule, data, "staging"), "staging")


def ecl_scenarios(data: Any) -> tuple[EclScenario, ...]:
    """The scenarios of a policy; where it has none, the one in which nothing changes."""
    from crfs.risk.provisions import BASE
    from crfs.risk.provisions.scenarios import check_weights

    if not data:
        return (BASE,)
    found = []
    for number, item in enumerate(_tables(data, "scenario")):
        with inside("scenarios", number):
            found.append(_ecl_scenario(item))
    check_weights(found)
    return tuple(found)


def read_overlays(data: Any) -> tuple[Overlay, ...]:
    """The overlays of a policy; each has an author, somebody else as approver, a reason and a last day."""
    found = []
    for number, item in enumerate(_tables(data or [], "overlay")):
        with inside("overlays", number):
            found.append(_overlay(item))
    if len({one.name for one in found}) < len(found):
        raise InvalidInput("two overlays have one name", argument="overlays")
    return tuple(found)


def _ecl_scenario(item: Any) -> EclScenario:
    from crfs.credit.reading import called, known
    from crfs.risk.provisions import EclScenario

    what = called("scenario", item, "name")
    values = known(EclScenario, item, what)
    if "pd_curves" in values:
        raise InvalidInput(f"{what}: curves of default probabilities are for the library alone", argument="pd_curves")
    for name in ("hazard_multiplier", "lgd_multiplier", "ead_multiplier", "factor"):
        if name in values:
            with inside(name):
                values[name] = _paths(values[name], f"{what}: {name}", by_segment=name != "factor")
    for name in ("weight", "period_years"):
        if name in values and not _is_number(values[name]):
            raise InvalidInput(f"{what}: {name} = {values[name]!r}: a number is wanted", argument=name)
    if not isinstance(values.get("name"), str) or "weight" not in values:
        raise InvalidInput(f"{what}: it needs a name and a weight")
    return EclScenario(**values)


def _overlay(item: Any) -> Overlay:
    from crfs.credit.reading import called, known, made
    from crfs.risk.provisions import Overlay

    what = called("overlay", item, "name")
    values = known(Overlay, item, what)
    where = values.pop("where", {})
    if not isinstance(where, Mapping) or not all(isinstance(of, list) for of in where.values()):
        raise InvalidInput(f"{what}: where is a table of columns and lists of values", argument="where")
    return made(Overlay, {**values, "where": dict(where)}, what, effective=date.fromisoformat, expires=date.fromisoformat)


def _tables(data: Any, name: str) -> list[Any]:
    if not isinstance(data, list):
        raise InvalidInput(f"{name} is no list of tables; write [[{name}]]", argument=f"{name}s")
    return data


def _paths(value: Any, what: str, *, by_segment: bool) -> Any:
    """A path (a number alone is one of one period), or a table of segments and paths."""
    if _is_number(value):
        return [float(value)]
    if isinstance(value, list) and all(map(_is_number, value)):
        return [float(number) for number in value]
    if by_segment and isinstance(value, Mapping):
        return {name: _paths(path, f"{what}: {name}", by_segment=False) for name, path in value.items()}
    raise InvalidInput(f"{what} is a number or a list of numbers{', or a table of them by segment' if by_segment else ''}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: Any) -> Any:
    match value:
        case date():
            return value.isoformat()
        case Mapping():
            return {str(name): _plain(item) for name, item in value.items()}
        case list():
            return [_plain(item) for item in value]
    return value
