"""A stress test as a run: a book, a scenario, what transmits it, and every number base, stressed and as a difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput, inside, naming
from crfs.workflows import portfolio_capital, portfolio_ecl, portfolio_risk
from crfs.workflows.book_columns import with_amounts, with_lifetimes
from crfs.workflows.book_runs import Asked, BookKind, Ready, refusing
from crfs.workflows.conditional_losses import Conditioned, condition_on, conditional_losses
from crfs.workflows.cutting import cuts_of
from crfs.workflows.default_signs import measured_as_performing
from crfs.workflows.migrations import matrix_of, migration_of
from crfs.workflows.runs import RunKind
from crfs.workflows.spines import check_types

if TYPE_CHECKING:
    import polars as pl

    from crfs.credit.factor_model import FactorModel
    from crfs.credit.scenarios import Scenario
    from crfs.risk import WarmPortfolio
    from crfs.risk.stress import LgdResponse, RatingMigration, StressResult
    from crfs.workflows.satellites import Satellites

DEFAULTS: dict[str, Any] = {
    **portfolio_risk.DEFAULTS,
    "default_ccf": None,
    "at": "worst",
    "lgd_response": None,
    "balance_sheet": "static",
    "losses": True,
    "conditional": False,
    "migration": None,
    "capital": None,
    "ecl": None,
}
LGD_RESPONSES = ("frye_jacobs", "none")
"""How losses given default answer to default probabilities. If nothing is said: to a scenario by Frye and Jacobs, to given shocks not at all."""
SETTINGS = ("scenario", "base", "satellite", "shocks", "packaged")
"""Keys of a specification that say what the stress is: a scenario with its base and what is fitted for it, or the shocks themselves."""
_SEGMENT = "segment"
_AS_GIVEN = "losses given default move by the shocks' own lgd_add alone; with lgd_response frye_jacobs they would answer to the default probabilities too"
_GIVEN_STAGES = (
    "provisions: stages are given with the book, so no shock changes them; with stages = found among the options of ecl they answer to it"
)
_NO_CHANGE: Mapping[str, float | None] = {"value": 0.0, "se": 0.0, "low": 0.0, "high": 0.0}
_CENTRAL = (
    "stressed VaR, ES and UL are those of the shocks at the centre: their +- are errors of the measurement, and leave out those of the regressions, which "
    "the band of the expected loss tells"
)
_STAY = "losses given default stay as they are: they do not answer to the default probabilities"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stressed:
    """What a stress is made of: the shocks, where they come from, and the result on expected losses."""

    result: StressResult
    shocks: pl.DataFrame
    scenario: Scenario | None
    base: Scenario | None
    satellites: Satellites | None
    response: LgdResponse | None
    factor_model: FactorModel
    notes: tuple[str, ...]
    conditioned: Conditioned | None = None
    migration: RatingMigration | None = None


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse wrong options before anything is kept."""
    from crfs.risk.stress import BalanceSheet
    from crfs.risk.stress.one_period import WORST

    portfolio_risk.check_options(options)
    check_types(options, flags=("losses", "conditional"), objects=("capital", "ecl"))
    known = {"lgd_response": LGD_RESPONSES, "balance_sheet": tuple(BalanceSheet)}
    for name, values in known.items():
        if options.get(name) is not None and options[name] not in values:
            raise InvalidInput(f"{name} = {options[name]!r}; known: {', '.join(values)}", argument=name)
    if options.get("migration") is not None:
        matrix_of(options["migration"])
    at = options.get("at") or WORST
    if at != WORST:
        try:
            date.fromisoformat(at)
        except (TypeError, ValueError):
            raise InvalidInput(f"at is the first day of a period, such as 2026-01-01, or 'worst', not {at!r}", argument="at") from None
    for name, kind in (("capital", portfolio_capital), ("ecl", portfolio_ecl)):
        given = options.get(name)
        if given is not None:
            unknown = sorted(set(given) - set(kind.DEFAULTS))
            if unknown:
                raise InvalidInput(f"{name}: unknown option {unknown[0]!r}; known are {', '.join(kind.DEFAULTS)}", argument=name)
            with inside(name):
                kind.check_options(given)


def check_days(options: Mapping[str, Any], known_on: date) -> None:
    """Refuse a reporting date of the provisions that nobody closes books for."""
    portfolio_ecl.check_reporting_day(options.get("ecl") or {}, known_on)


def ready(asked: Asked) -> Ready:
    """The book with its blanks filled, and the stress of its expected losses: wrong rows, scenarios and shocks are refused here."""
    filled = portfolio_risk.ready(asked)
    stressed = _stressed(asked, filled.rows)
    if asked.option("conditional", DEFAULTS["conditional"]):
        stressed = replace(stressed, conditioned=_conditioned(asked, stressed))
    if asked.option("migration") is not None:
        with refusing(asked):
            stressed = replace(stressed, migration=migration_of(asked.option("migration"), stressed.result.base, stressed.result.stressed))
    _further(asked, filled.rows, filled.rows)
    return replace(filled, more=stressed)


def _conditioned(asked: Asked, stressed: Stressed) -> Conditioned:
    if stressed.scenario is None or stressed.satellites is None:
        raise InvalidInput(
            "losses given a scenario's factors need a scenario: shocks say nothing of the factors; leave out conditional",
            argument="conditional",
        )
    return condition_on(
        asked,
        stressed.result.base,
        stressed.scenario,
        stressed.satellites,
        at=stressed.result.at,
        lgd_answers=stressed.response is not None,
    )


def _stressed(asked: Asked, rows: pl.DataFrame) -> Stressed:
    from crfs.models.satellite import frye_jacobs_response
    from crfs.risk.stress import stress

    told = asked.specification
    if ("scenario" in told) == ("shocks" in told):
        raise InvalidInput("a stress is of a scenario, or of shocks: give one of them", argument="scenario")
    notes: list[str] = []
    response: LgdResponse | None = None
    wanted = asked.option("lgd_response", DEFAULTS["lgd_response"]) or ("none" if "shocks" in told else "frye_jacobs")
    beside = " before lgd_add moves them" if "shocks" in told else ""
    if wanted == "none":
        notes.append(_AS_GIVEN if "shocks" in told else _STAY)
    else:
        response = frye_jacobs_response
        notes.append(f"losses given default answer to the default probabilities, by the function of Frye and Jacobs{beside}")
    model = portfolio_risk.factor_model_of(asked)
    scenario = base = satellites = None
    if "shocks" in told:
        with naming("shocks"):
            shocks = shock_table(told["shocks"])
    else:
        scenario, base, satellites, aged = _of_scenario(asked, rows)
        shocks = satellites.transmission(scenario)
        base = satellites.transmission.base
        notes += [*aged, *satellites.notes]
    at = asked.option("at", DEFAULTS["at"])
    several = "valid_time" in shocks.columns and shocks["valid_time"].n_unique() > 1
    try:
        result = stress(rows, shocks, by=_SEGMENT, at=at if several or at != "worst" else None, lgd_response=response, factor_model=model)
    except InvalidInput as error:
        if error.argument == "by":  # nobody names the column here: shocks are by segment, and the book has none
            error.argument = "shocks"
        raise
    return Stressed(
        result=result,
        shocks=shocks,
        scenario=scenario,
        base=base,
        satellites=satellites,
        response=response,
        factor_model=model,
        notes=tuple(notes),
    )


def _of_scenario(asked: Asked, rows: pl.DataFrame) -> tuple[Scenario, Scenario | None, Satellites, list[str]]:
    """The scenario, its base, what is fitted for them, and notes on what they start from."""
    from crfs.workflows.satellites import fit_satellites
    from crfs.workflows.scenarios import resolver_of

    told = asked.specification
    found = resolver_of(asked)
    scenario = found.resolve(told["scenario"])
    sets = list(found.sets)
    base = None if told.get("base") is None else found.resolve(told["base"])
    satellites = fit_satellites(
        asked,
        told["satellite"],
        scenario,
        base,
        present=rows[_SEGMENT].unique().to_list() if _SEGMENT in rows.columns else [None],
        scenario_set=sets[-1] if sets else None,
        known_by=found.known_by,
    )
    return scenario, base, satellites, found.notes


def shock_table(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """A table of shocks from rows of plain values; every wrong cell is named."""
    import polars as pl

    from crfs.risk.stress.transmission import checked_shocks

    names = list(dict.fromkeys(name for row in rows for name in row))
    return checked_shocks(pl.DataFrame({name: [row.get(name) for row in rows] for name in names}, strict=False))


def measure(asked: Asked, ready: Ready) -> dict[str, Any]:
    """Expected loss with its reasons and its band, the loss distribution, capital and provisions: base, stressed and the difference."""
    stressed: Stressed = ready.more
    result = stressed.result
    cuts = cuts_of(result.base)
    rows = result.base
    currency: Sequence[str] = rows["currency"].drop_nulls().to_list() if "currency" in rows.columns else []
    whole: dict[str, Any] | None = None
    losses: dict[str, Any] | None = None
    said: list[str] = []
    if asked.option("losses", DEFAULTS["losses"]) or stressed.conditioned is not None:
        with asked.pieces() as mapped:
            warm = portfolio_risk.warm_portfolio(asked, result.base, map_blocks=mapped)
            whole = warm.result.to_dict()
            if asked.option("losses", DEFAULTS["losses"]):
                losses, said = _losses(warm, result)
                said += [] if stressed.satellites is None else [_CENTRAL]
    further, notes = _further(asked, result.base, result.stressed)
    if whole is not None and stressed.conditioned is not None:
        further["conditional"] = conditional_losses(asked, whole, stressed.conditioned, at=result.at, cuts=cuts)
    if stressed.migration is not None:
        further["migration"] = stressed.migration.to_dict(tags=cuts)
    document = result.to_dict(tags=cuts)
    return {
        **document,
        "cuts": {name: [_named(row, name) for row in document["cuts"][name]] for name in cuts},
        "band": _band(stressed),
        "path": _path(asked, stressed),
        "scenario": _scenario(stressed.scenario),
        "base_scenario": _scenario(stressed.base),
        "shocks": _shocks(stressed),
        "satellites": [] if stressed.satellites is None else list(stressed.satellites.fits),
        "losses": losses,
        **further,
        "currency": currency[0] if len(currency) else None,
        "n_facilities": rows.height,
        "n_obligors": rows["obligor_id"].n_unique(),
        "notes": [*document["notes"], *stressed.notes, *notes, *said],
    }


def _losses(warm: WarmPortfolio, result: StressResult) -> tuple[dict[str, Any], list[str]]:
    """The loss distribution of both books in the same states of the world, with the differences' own errors, and what there is to say of it.

    No change is none at all, and needs no answer.
    """
    base = warm.result.to_dict()
    told = None if result.stressed.equals(result.base) else warm.what_if(put=result.stressed, first_order=False).to_dict()
    measures = []
    for k, before in enumerate(base["measures"]):
        after = before if told is None else told["measures"][k]
        each: dict[str, Any] = {"confidence": before["confidence"]}
        for name in ("var", "es", "ec"):
            change = _NO_CHANGE if told is None else _incremental(after, name)
            each[name] = {"base": before[name], "stressed": after[name], "change": change["value"]}
            for end in ("se", "low", "high"):
                each[f"{name}_{end}"] = {"base": before[f"{name}_{end}"], "stressed": after[f"{name}_{end}"], "change": change[end]}
        measures.append(each)
    change = _NO_CHANGE if told is None else told["incremental_ul"]
    after = base if told is None else told
    losses = {
        "ul": {"base": base["ul"], "stressed": after["ul"], "change": change["value"]},
        "ul_se": {"base": base["ul_se"], "stressed": after["ul_se"], "change": change["se"]},
        "measures": measures,
        "method": {"base": base["method"], "stressed": after["method"]},
        "seed": base["seed"],
        "copula": base["copula"],
    }
    return losses, [] if told is None else list(told["notes"])


def _incremental(after: Mapping[str, Any], name: str) -> Mapping[str, float | None]:
    found: Mapping[str, float | None] = after[f"incremental_{name}"]
    return found


def _further(asked: Asked, base: pl.DataFrame, after: pl.DataFrame) -> tuple[dict[str, Any], list[str]]:
    """Capital and provisions of both books, where they were asked for or the book has what they need; notes say why there is none."""
    notes = []
    found: dict[str, Any] = {"capital": None, "ecl": None}
    for name, column, measured in (("capital", "exposure_class", _capital), ("ecl", "stage", _provisions)):
        options = asked.option(name)
        if options is None and column not in asked.table.columns:
            notes.append(f"no {name} under stress: the book has no column {column}, and nobody said how to find it")
            continue
        found[name], said = measured(asked, options or {}, base, after)
        notes += said
    return found, notes


def _capital(asked: Asked, options: Mapping[str, Any], base: pl.DataFrame, after: pl.DataFrame) -> tuple[dict[str, Any], list[str]]:
    """Risk-weighted assets, capital (both before and after the output floor, where that was asked for) and expected loss; and what there is to say."""
    told = [portfolio_capital.capital_of_amounts(asked, book, options) for book in (base, after)]
    amounts = [{**portfolio_capital.amounts_before_and_after_floor(one), "el": one.totals_in_cents.el} for one in told]
    notes = [f"capital: {note}" for note in told[0].notes]
    notes += [f"capital under stress: {note}" for note in told[1].notes if note not in told[0].notes]
    return {name: _difference(amounts[0][name], amounts[1][name]) for name in amounts[0]}, notes


def _provisions(asked: Asked, options: Mapping[str, Any], base: pl.DataFrame, after: pl.DataFrame) -> tuple[dict[str, Any], list[str]]:
    """Allowances of both books, whole and by stage; and what there is to say of both."""
    on = portfolio_ecl.reporting_day(options.get("reporting_date"), asked.at)
    tables = with_amounts(asked.table, base), with_lifetimes(with_amounts(asked.table, after), base["pd_12m"], after["pd_12m"])
    told = [portfolio_ecl.provisions_of(table, options, on=on) for table in tables]
    cents = [int(one.rows["ecl_after_cents"].sum()) for one in told]
    stages = [{part["name"]: part["allowance"] for part in one.by("stage")} if "stage" in one.rows.columns else {} for one in told]
    names = sorted({*stages[0], *stages[1]}, key=lambda stage: (stage is None, stage))
    found = {
        "allowance": {"base": cents[0] / 100.0, "stressed": cents[1] / 100.0, "change": (cents[1] - cents[0]) / 100.0},
        "stages": [{"stage": name, **_difference(stages[0].get(name, 0.0), stages[1].get(name, 0.0))} for name in names],
    }
    said = [portfolio_ecl.notes_on(one, options) for one in told]
    notes = [f"provisions: {note}" for note in said[0]]
    notes += [f"provisions under stress: {note}" for note in said[1] if note not in said[0]]
    if told[0].staging is None and options.get("standard", portfolio_ecl.DEFAULTS["standard"]) == "ifrs9":
        notes.append(_GIVEN_STAGES)
    return found, notes


def _difference(base: float, stressed: float) -> dict[str, float]:
    """Two amounts of whole cents, and what lies between them."""
    return {"base": base, "stressed": stressed, "change": round(stressed - base, 2)}


def _band(stressed: Stressed) -> dict[str, Any] | None:
    """Expected losses at the ends of the regressions' band, at the same period as the centre; None where shocks were given."""
    from crfs.risk.stress import Band, stress

    if stressed.satellites is None:
        return None
    result = stressed.result
    ends = {
        band.value: stress(
            result.base,
            stressed.shocks,
            by=_SEGMENT,
            at=result.at,
            band=band,
            lgd_response=stressed.response,
            factor_model=stressed.factor_model,
        ).el_stressed
        for band in (Band.LOW, Band.HIGH)
    }
    confidence = stressed.satellites.fits[0]["confidence"]
    return {"confidence": confidence, "el_low": ends["low"], "el_high": ends["high"]}


def _path(asked: Asked, stressed: Stressed) -> dict[str, Any] | None:
    """Expected losses along the scenario's periods; None where the shocks are of no period."""
    from crfs.risk.stress import stress_path

    if stressed.scenario is None:
        return None
    return stress_path(
        stressed.result.base,
        stressed.shocks,
        by=_SEGMENT,
        period=stressed.scenario.period,
        balance_sheet=asked.option("balance_sheet", DEFAULTS["balance_sheet"]),
        lgd_response=stressed.response,
        factor_model=stressed.factor_model,
    ).to_dict()


def _scenario(scenario: Scenario | None) -> dict[str, Any] | None:
    return None if scenario is None else {**scenario.to_dict(), "digest": scenario.digest}


def _shocks(stressed: Stressed) -> list[dict[str, Any]]:
    """The shocks of the period that was taken, a row a segment."""
    import polars as pl

    table = stressed.shocks
    at = stressed.result.at
    if at is not None and "valid_time" in table.columns:
        table = table.filter(pl.col("valid_time").dt.date() == at)
    return table.drop("valid_time", strict=False).to_dicts()


def _named(row: Mapping[str, Any], tag: str) -> dict[str, Any]:
    return {"name" if name == tag else name: value for name, value in row.items()}


def _files(specification: Mapping[str, Any]) -> list[str]:
    told = [specification.get(name) or {} for name in ("scenario", "base")]
    return [sha256 for sha256 in (*(one.get("sha256") for one in told), specification.get("packaged")) if sha256]


STRESS = BookKind(
    kind=RunKind.STRESS,
    options={**DEFAULTS, **dict.fromkeys(SETTINGS)},
    check_options=check_options,
    ready=ready,
    measure=measure,
    summary=("el_base", "el_stressed", "el_change"),
    doing="stressing the book",
    needed=("factor_model",),
    files=_files,
    check_days=check_days,
    dated=lambda options: portfolio_ecl.is_dated(options.get("ecl") or {}),
    remarks=measured_as_performing,
)
compute = STRESS.compute
