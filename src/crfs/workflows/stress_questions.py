"""From what a user asks to a stress run's specification: scenarios and their bases by reference, with the files that have to be kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput, in_file, naming
from crfs.workflows.satellites import read_satellite
from crfs.workflows.scenarios import Named, Resolver, packaged_attachment, resolver, with_attached
from crfs.workflows.session import Session

if TYPE_CHECKING:
    from crfs.credit.scenarios import Scenario
    from crfs.workflows.book_runs import Attachment


@dataclass(frozen=True, slots=True, kw_only=True)
class StressSettings:
    """What a stress is, as a specification keeps it, and the files that come with it."""

    settings: Mapping[str, Any]
    attachments: tuple[Attachment, ...]


def stress_settings(
    session: Session,
    *,
    scenario: Named | None,
    base: Named | None,
    shocks: Sequence[Mapping[str, Any]] | None,
    satellite: str | Path | Mapping[str, Any] | None,
    batch_id: int,
    known_by: datetime | None,
) -> StressSettings:
    """The settings of a stress by a scenario, or by shocks; a name that is not there is refused.

    Without a ``base`` the scenario is compared with the nearest baseline that it was made of, with the baseline of its supervisory set, or
    with the last known values going on.
    """
    if shocks is not None:
        if scenario is not None or base is not None:
            raise InvalidInput("shocks stand for a scenario: give one of them", argument="shocks")
        return StressSettings(settings={"shocks": [dict(row) for row in shocks]}, attachments=())
    if scenario is None:
        raise InvalidInput("a stress needs a scenario, by its name or in a file; crfs scenarios list shows the names", argument="scenario")
    attachments = {one.attachment.sha256: one.attachment for one in (scenario, base) if one is not None and one.attachment is not None}
    found = resolver(session, batch_id=batch_id, known_by=known_by)
    found.landed = with_attached(session.landed, list(attachments.values()))
    with naming("scenario"):
        found.resolve_possible(scenario.reference)
    compared = found.baseline_of(scenario.reference) if base is None else dict(base.reference)
    if compared is not None:
        with naming("base", instead_of="scenario"):
            found.resolve_possible(compared)
    settings: dict[str, Any] = {"scenario": dict(scenario.reference), "satellite": read_satellite(satellite)}
    if compared is not None:
        settings["base"] = compared
    if found.touched:
        packaged = packaged_attachment()
        attachments[packaged.sha256] = packaged
        settings["packaged"] = packaged.sha256
    return StressSettings(settings=settings, attachments=tuple(attachments.values()))


def macro_settings(
    session: Session,
    scenarios: Sequence[tuple[Named, float]],
    *,
    base: Named | None,
    satellite: str | Path | Mapping[str, Any] | None,
    batch_id: int,
    known_by: datetime | None,
) -> StressSettings:
    """The settings of provisions that weigh macro scenarios, all of them against one ``base``; the weights sum to one.

    ``base`` None is the nearest baseline that all of them were made of.
    """
    if not scenarios:
        raise InvalidInput("a base is that of macro scenarios: name them with their weights", argument="base")
    if abs(math.fsum(weight for _, weight in scenarios) - 1.0) > 1e-9:
        listed = ", ".join(f"{named.reference['name']} {weight:g}" for named, weight in scenarios)
        raise InvalidInput(f"the weights of the scenarios sum to 1, not those of {listed}", argument="scenarios")
    macro: list[dict[str, Any]] = []
    asked = [named for named, _ in scenarios]
    given = [named.attachment for named in (*asked, base) if named is not None and named.attachment is not None]
    attachments = {attachment.sha256: attachment for attachment in given}
    settings: dict[str, Any] = {}
    found = resolver(session, batch_id=batch_id, known_by=known_by)
    found.landed = with_attached(session.landed, list(attachments.values()))
    with naming("scenarios", instead_of="scenario"):
        resolved = [found.resolve_possible(named.reference) for named in asked]
    if base is None:
        common = _common_base(found, [named.reference for named in asked], resolved)
        base = None if common is None else Named(reference=common, attachment=attachments.get(common.get("sha256", "")))
    if base is not None and len(asked) > 1:
        with naming("base", instead_of="scenario"):
            _check_periods(resolved, found.resolve(base.reference))
    for named, weight in scenarios:
        told = stress_settings(session, scenario=named, base=base, shocks=None, satellite=satellite, batch_id=batch_id, known_by=known_by)
        own = dict(told.settings)
        macro.append({"scenario": own.pop("scenario"), "base": own.pop("base", None), "weight": weight})
        settings |= own
        attachments |= {one.sha256: one for one in told.attachments}
    return StressSettings(settings={"macro": macro, **settings}, attachments=tuple(attachments.values()))


def _common_base(found: Resolver, references: Sequence[Mapping[str, Any]], scenarios: Sequence[Scenario]) -> dict[str, Any] | None:
    """The base of scenarios that are weighed together: the nearest baseline that all of them were made of, a baseline itself among those.

    One that was made of no baseline has that of the others; None where none of several was, and of one alone: then the last known values go on.
    Scenarios that have no baseline in common are refused.
    """
    told = [found.baselines_of(reference, itself=len(references) > 1) for reference in references]
    lists = [baselines for baselines in told if baselines]
    if not lists:
        return None
    shared = [one for one in lists[0] if all(one in others for others in lists[1:])]
    if not shared:
        named = zip(scenarios, told, strict=True)
        listed = "; ".join(f"{one.name}: {', '.join(each['name'] for each in baselines)}" for one, baselines in named if baselines)
        raise InvalidInput(
            f"scenarios that are weighed together are measured against one base, and the baselines of these have none in common ({listed}): "
            "say which base is meant, or measure them apart",
            argument="scenarios",
        )
    return min(shared, key=lambda one: sum(baselines.index(one) for baselines in lists))


def _check_periods(scenarios: Sequence[Scenario], base: Scenario) -> None:
    """Refuse scenarios that are weighed together and have other periods than their base."""
    for scenario in scenarios:
        if (scenario.start, scenario.period) != (base.start, base.period) or scenario.periods > base.periods:
            raise InvalidInput(
                f"{scenario.name} and {base.name}, the base of the scenarios that are weighed together, differ in their periods: "
                "let them start together, and extend the shorter one",
                argument="scenarios",
            )


def read_shocks(file: Path | str) -> list[dict[str, Any]]:
    """The rows of a CSV file of shocks: ``segment`` (blank: all others) and some of ``pd_probit``, ``lgd_add``, ``ccf_add``, ``r2_scale``."""
    import polars as pl

    from crfs.risk.stress.transmission import checked_shocks

    try:
        table = pl.read_csv(Path(file), infer_schema=False)
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}", argument="shocks") from None
    except pl.exceptions.PolarsError as error:
        raise InvalidInput(f"{file} cannot be read as CSV: {str(error).splitlines()[0]}", argument="shocks") from None
    with in_file(file):
        checked = checked_shocks(table.drop("valid_time", strict=False))
    return checked.drop("valid_time").to_dicts()


def provision_options(
    *, policy: str | Path | Mapping[str, Any] | None, interest_rate: float | None, expected_life_years: float | None
) -> dict[str, Any]:
    """What was said of provisions under stress; empty where nothing was."""
    from crfs.workflows.provision_policy import read_policy

    told = {"interest_rate": interest_rate, "expected_life_years": expected_life_years}
    return {**{name: value for name, value in told.items() if value is not None}, **read_policy(policy)}
