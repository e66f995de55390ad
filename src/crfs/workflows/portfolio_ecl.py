"""Provisions as a run: a book, the models that fill it, the policy of provisions, and the expected credit losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput, naming
from crfs.workflows.book_runs import Asked, BookKind, Ready, refusing
from crfs.workflows.cutting import cuts_of
from crfs.workflows.default_signs import beside_a_default, counted, says
from crfs.workflows.filling import fill_wanted
from crfs.workflows.idle_options import refuse_idle
from crfs.workflows.provision_policy import ecl_scenarios, read_overlays, staging_rule
from crfs.workflows.runs import RunKind
from crfs.workflows.spines import check_types
from crfs.workflows.times import day_of

if TYPE_CHECKING:
    import polars as pl

    from crfs.risk.provisions import CeclResult, EclResult, OverlayResult, StagingResult

DEFAULTS: dict[str, Any] = {
    "standard": "ifrs9",
    "stages": None,
    "interest_rate": None,
    "expected_life_years": None,
    "timing": "exact",
    "period_years": 0.25,
    "forecast_years": 2.0,
    "reversion_years": 1.0,
    "discounted": False,
    "reporting_date": None,
    "staging": None,
    "scenarios": None,
    "overlays": None,
}
SETTINGS = ("macro", "satellite", "packaged")
"""Keys of a specification whose scenarios are macro ones: each with its weight and base, and what is fitted for them."""
STANDARDS = ("ifrs9", "cecl")
STAGES = ("given", "found")
ISSUED = {"ifrs9": ("IFRS 9", date(2014, 7, 24)), "cecl": ("ASU 2016-13", date(2016, 6, 16))}
"""When each standard was issued as a whole, with its expected credit losses."""
YEAR = timedelta(days=366)
LARGEST = 20
FIRST = 5
"""How many rows a note names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroScenarios:
    """Macro scenarios as provisions take them, the names of their ``bases``, what was fitted for them, and what a reader must know."""

    scenarios: list[dict[str, Any]]
    bases: list[str]
    satellites: list[dict[str, Any]]
    notes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisions:
    """What a standard makes of a book: ``rows`` have ``ecl_cents``, ``overlay_cents`` and ``ecl_after_cents``, whole cents a facility.

    ``staging`` is None where stages came with the book, or the standard has none. ``overlooked`` are the numbers of rows (the first is 1) which
    are in default by what the book says of it, and which the standard, by their given stage or for want of a word, does not take for that;
    ``beside`` counts in words those that are not in default, though another facility of their obligor is.
    """

    rows: pl.DataFrame
    result: EclResult | CeclResult
    staging: StagingResult | None
    overlays: OverlayResult
    overlooked: tuple[int, ...] = ()
    beside: str | None = None
    macro: MacroScenarios | None = None

    @property
    def total(self) -> float:
        """What is set aside in the end, currency units."""
        return int(self.rows["ecl_after_cents"].sum()) / 100.0

    def by(self, column: str) -> list[dict[str, Any]]:
        """Facilities, exposure, losses, overlays and allowance by the values of a column, in whole cents that sum to the totals."""
        import polars as pl

        from crfs.risk.cents import in_cents, in_units

        cut = self.rows.select(
            pl.col(column).alias("name"),
            pl.Series("ead", in_cents(self.rows["exposure"].to_numpy())),
            ecl="ecl_cents",
            overlay="overlay_cents",
            allowance="ecl_after_cents",
        )
        amounts = ("ead", "ecl", "overlay", "allowance")
        sums = cut.group_by("name").agg(pl.len().alias("facilities"), pl.col(amounts).sum()).sort("name", nulls_last=True)
        return in_units(sums, *amounts).to_dicts()


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse wrong options: they are checked by the measurement itself, on one facility."""
    import polars as pl

    check_types(
        options,
        numbers=("interest_rate", "expected_life_years", "period_years", "forecast_years", "reversion_years"),
        flags=("discounted",),
    )
    for name, known in (("standard", STANDARDS), ("stages", STAGES)):
        if options.get(name) is not None and options[name] not in known:
            raise InvalidInput(f"{name} = {options[name]!r}; known: {', '.join(known)}", argument=name)
    life = options.get("expected_life_years")
    if life is not None and not 0.0 < life <= 100.0:
        raise InvalidInput(f"expected_life_years is a number of years within (0, 100], not {life}", argument="expected_life_years")
    one = {"facility_id": ["F"], "ead": [1.0], "lgd": [0.4], "pd_12m": [0.01], "maturity_years": [1.0], "stage": [1], "r2": [0.1]}
    staging_rule(options.get("staging"))
    with naming("overlays"):
        read_overlays(options.get("overlays"))
    rate = options.get("interest_rate")
    with naming("scenarios"):
        ecl_scenarios(options.get("scenarios"))
    plain = [{**item, "hazard_multiplier": 1.0, "lgd_multiplier": 1.0, "ead_multiplier": 1.0} for item in options.get("scenarios") or []]
    measured(pl.DataFrame(one), {**options, "interest_rate": 0.0 if rate is None else rate, "scenarios": plain})
    reporting_day(options.get("reporting_date"), None)
    if (options.get("standard") or DEFAULTS["standard"]) == "cecl":
        refuse_idle(options, ("timing", "stages"), defaults=DEFAULTS, goes_with="standard = 'ifrs9'")
    else:
        refuse_idle(options, ("forecast_years", "reversion_years", "discounted"), defaults=DEFAULTS, goes_with="standard = 'cecl'")


def ready(asked: Asked) -> Ready:
    """The book with its blanks filled and every facility in its stage, and what it is expected to lose."""
    from crfs.quality.portfolio import blank_cells

    table = asked.table
    with refusing(asked):
        filled, filler = fill_wanted(
            asked.session,
            asked.reader,
            table,
            asked.models,
            at=asked.at,
            wanted={
                "ead": blank_cells(table, "ccf") & ~blank_cells(table, "drawn"),
                "lgd": blank_cells(table, "lgd"),
                "pd_12m": blank_cells(table, "pd_curve") & ~_in_default(table, asked.option("standard", DEFAULTS["standard"])),
            },
        )
        options: Mapping[str, Any] = asked.specification
        macro = None if asked.option("macro") is None else macro_scenarios(asked, filled)
        if macro is not None:
            options = {**options, "scenarios": macro.scenarios}
        provisions = provisions_of(filled, options, on=reporting_day(asked.option("reporting_date"), asked.at))
    return Ready(rows=filled, filler=filler, more=replace(provisions, macro=macro))


def macro_scenarios(asked: Asked, book: pl.DataFrame) -> MacroScenarios:
    """The scenarios of a run through satellite models: how many times the base's hazard each period's is, by segment."""
    import polars as pl

    from crfs.workflows.satellites import fit_satellites
    from crfs.workflows.scenarios import resolver_of

    if asked.option("scenarios"):
        raise InvalidInput("the policy has scenarios already: leave them out, or the macro ones", argument="scenarios")
    present = book["segment"].cast(pl.String).unique().to_list() if "segment" in book.columns else [None]
    scenarios, bases, notes = [], [], []
    satellites: dict[str | None, dict[str, Any]] = {}
    for item in asked.specification["macro"]:
        found = resolver_of(asked)
        with naming("scenarios", instead_of="scenario"):
            scenario = found.resolve(item["scenario"])
            sets = list(found.sets)
            fitted = fit_satellites(
                asked,
                asked.specification["satellite"],
                scenario,
                None if item.get("base") is None else found.resolve(item["base"]),
                present=present,
                scenario_set=sets[-1] if sets else None,
                known_by=found.known_by,
            )
            multipliers = fitted.hazard_multipliers(scenario)
        scenarios.append(
            {
                "name": scenario.name,
                "weight": item["weight"],
                "period_years": scenario.period.months / 12.0,
                "hazard_multiplier": multipliers,
            }
        )
        bases.append(fitted.transmission.base.name)
        satellites |= {fit["segment"]: fit for fit in fitted.fits}
        notes += [*(note for note in found.notes if note not in notes), *(f"{scenario.name}: {note}" for note in fitted.notes)]
    ecl_scenarios(scenarios)
    return MacroScenarios(scenarios=scenarios, bases=bases, satellites=list(satellites.values()), notes=notes)


def provisions_of(book: pl.DataFrame, options: Mapping[str, Any], *, on: date | None) -> Provisions:
    """Stages, losses and overlays of a book whose blanks are filled."""
    import polars as pl

    from crfs.quality.connected_clients import with_connected_clients
    from crfs.risk.provisions import apply_overlays, provisions_schema
    from crfs.workflows.book_columns import columns_for

    book = with_connected_clients(book)
    life = options.get("expected_life_years")
    if life is not None:
        book = _with_life(book, float(life))
    staging = None
    if options.get("standard", DEFAULTS["standard"]) == "ifrs9" and _finds_stages(book, options):
        staging = found_stages(book, options)
        book = book.with_columns(staging.table["stage"])
    result = measured(columns_for(book, provisions_schema()), options)
    rows = result.table if "ecl_cents" in result.table.columns else result.table.rename({"allowance_cents": "ecl_cents"})
    overlays = read_overlays(options.get("overlays"))
    if overlays and on is None:
        raise InvalidInput(
            "overlays hold for some days: say which day it is with reporting_date (on the command line --reporting-date 2026-06-30)",
            argument="reporting_date",
        )
    applied = apply_overlays(rows, overlays, on=on or date.min)
    shown = book.select("facility_id", *cuts_of(book)).with_columns(pl.col("facility_id").cast(pl.String))
    lost = [name for name in shown.columns if name not in applied.table.columns]
    return Provisions(
        rows=applied.table.with_columns(shown[name] for name in lost),
        result=result,
        staging=staging,
        overlays=applied,
        **_told_of_default(book, rows, options, found=staging is not None),
    )


def _told_of_default(book: pl.DataFrame, rows: pl.DataFrame, options: Mapping[str, Any], *, found: bool) -> dict[str, Any]:
    """What the book says of default that the standard did not take up; ``rows`` are those of the book, measured, in stages that were ``found`` or given.

    What came credit-impaired has no stage: nothing is overlooked there.
    """
    import numpy as np
    import polars as pl

    from crfs.risk.provisions import in_default_by, staging_schema
    from crfs.risk.provisions.book import in_default
    from crfs.workflows.book_columns import columns_for

    said = in_default_by(columns_for(book, staging_schema()), rule=staging_rule(options.get("staging")))
    ifrs9 = options.get("standard", DEFAULTS["standard"]) == "ifrs9"
    taken = ~rows["stage"].is_in([1, 2]).fill_null(False).to_numpy() if ifrs9 else in_default(rows)
    others = beside_a_default(book, pl.Series(said | taken))
    if ifrs9:
        others &= rows["stage"].is_in([1, 2]).fill_null(False)
    return {
        "overlooked": () if found else tuple((np.flatnonzero(said & ~taken) + 1).tolist()),
        "beside": counted(book, others) if others.any() else None,
    }


def measured(table: pl.DataFrame, options: Mapping[str, Any]) -> EclResult | CeclResult:
    """The losses of a table that has the columns of :func:`crfs.risk.provisions.provisions_schema`, by the standard of the options."""
    from crfs.risk.provisions import cecl_allowance, expected_credit_loss

    told = {name: options[name] if options.get(name) is not None else default for name, default in DEFAULTS.items()}
    shared = {
        "scenarios": ecl_scenarios(told["scenarios"]),
        "period_years": told["period_years"],
        "interest_rate": told["interest_rate"],
        "segment_column": "segment",
    }
    if told["standard"] == "ifrs9":
        return expected_credit_loss(table, timing=told["timing"], **shared)
    own = {name: told[name] for name in ("forecast_years", "reversion_years", "discounted")}
    return cecl_allowance(table, **own, **shared)


def found_stages(book: pl.DataFrame, options: Mapping[str, Any]) -> StagingResult:
    """The stage of each facility by the policy's rule; a stage that came with the book is the one before.

    The lifetime PD of today, of rows that have that of recognition alone, is that of a constant hazard until the contract's end.
    """
    import polars as pl

    from crfs.quality.checks import check_columns
    from crfs.quality.portfolio import blank_cells
    from crfs.risk.provisions import stage_facilities, staging_schema
    from crfs.workflows.book_columns import columns_for

    table = columns_for(book, staging_schema())
    blank = blank_cells(table, "pd_lifetime")
    if "pd_lifetime_at_origination" in table.columns and blank.any():
        typed, _ = check_columns(table, staging_schema())
        now = 1.0 - (1.0 - pl.col("pd_12m")) ** pl.col("maturity_years")
        then = pl.col("pd_lifetime_at_origination").is_not_null()
        if {"pd_12m", "maturity_years"} <= set(typed.columns):
            found = typed.select(pl.when(then).then(now).alias("pd_lifetime"))["pd_lifetime"]
            given = table["pd_lifetime"] if "pd_lifetime" in table.columns else found
            if given.dtype == pl.String:
                found = found.cast(pl.String)
            elif given.dtype.is_numeric() or given.dtype == pl.Null:
                given = given.cast(pl.Float64)
            table = table.with_columns(found.zip_with(blank, given).alias("pd_lifetime"))
    return stage_facilities(table, rule=staging_rule(options.get("staging")))


def reporting_day(text: Any, at: datetime | None) -> date | None:
    """The day on which overlays hold or not: the one that was asked for, else the day that the question is about."""
    if text is None:
        return None if at is None else day_of(at)
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        raise InvalidInput(f"reporting_date = {text!r} is no day; write 2026-06-30", argument="reporting_date") from None


def is_dated(options: Mapping[str, Any]) -> bool:
    """Whether provisions with these options are those of a day that nobody named: overlays hold or not as of it."""
    return bool(options.get("overlays")) and options.get("reporting_date") is None


def check_reporting_day(options: Mapping[str, Any], known_on: date) -> None:
    """Refuse a reporting date that nobody closes books for, seen from the day whose knowledge is asked for.

    Losses are measured at a reporting date with what is known "at the reporting date about past events, current conditions and forecasts of future
    economic conditions" (IFRS 9, 5.5.17(c)). Knowledge is mostly of some weeks after it, since books are closed and audited then, and of years after
    where comparative figures are put right. It is of before where a closing is made ahead of its day: at the most a year, when the financial year
    that is under way ends. No books were closed by a standard before it was issued, but a back-test may ask so: its reporting date is at most a year
    before what it knows.

    >>> check_reporting_day({"reporting_date": "2090-12-31"}, date(2026, 6, 30))
    Traceback (most recent call last):
    crfs.errors.InvalidInput: reporting_date = 2090-12-31 lies more than a year after 2026-06-30, the day of what is known
    >>> check_reporting_day({"reporting_date": "1800-12-31"}, date(2026, 6, 30))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    crfs.errors.InvalidInput: reporting_date = 1800-12-31 is before 2014-07-24, when IFRS 9 was issued; a back-test asks as_of a day within a year ...
    >>> check_reporting_day({"reporting_date": "2008-12-31"}, date(2009, 3, 31))
    """
    if options.get("reporting_date") is None:
        return
    on = reporting_day(options["reporting_date"], None)
    assert on is not None
    standard = options.get("standard") or DEFAULTS["standard"]
    name, issued = ISSUED[standard]
    if on - known_on > YEAR:
        raise InvalidInput(
            f"reporting_date = {on} lies more than a year after {known_on}, the day of what is known", argument="reporting_date"
        )
    if on < issued and known_on - on > YEAR:
        raise InvalidInput(
            f"reporting_date = {on} is before {issued}, when {name} was issued; a back-test asks as_of a day within a year of it",
            argument="reporting_date",
        )


def measure(asked: Asked, ready: Ready) -> dict[str, Any]:
    """Totals, stages, what put facilities into them, scenarios, overlays, and the allowance by every cut."""
    import polars as pl

    from crfs.risk.cents import in_cents, in_units

    provisions: Provisions = ready.more
    rows = provisions.rows
    currency = rows["currency"].drop_nulls() if "currency" in rows.columns else pl.Series([], dtype=pl.String)
    wanted = ("facility_id", "stage", "exposure", "pd_lifetime", "ecl_12m", "ecl_lifetime", "ecl_after_cents")
    shown = [name for name in wanted if name in rows.columns]
    largest = rows.sort("ecl_after_cents", "facility_id", descending=[True, False]).head(LARGEST).select(shown)
    document = provisions.result.to_dict()
    document.pop("allowance", None)
    standard = asked.option("standard", DEFAULTS["standard"])
    cecl = standard == "cecl"
    macro = provisions.macro
    return {
        **document,
        "standard": standard,
        "ecl": int(rows["ecl_cents"].sum()) / 100.0,
        "overlays": provisions.overlays.to_dict() if provisions.overlays.lines else None,
        "allowance": provisions.total,
        "macro": None if macro is None else [{**one, "base": base} for one, base in zip(macro.scenarios, macro.bases, strict=True)],
        "satellites": [] if macro is None else macro.satellites,
        "staging": None if provisions.staging is None else provisions.staging.to_dict(),
        "currency": currency[0] if len(currency) else None,
        "n_facilities": rows.height,
        "total_ead": int(in_cents(rows["exposure"].to_numpy()).sum()) / 100.0,
        "by": {name: provisions.by(name) for name in (cuts_of(rows) if cecl else cuts_of(rows, "stage"))},
        "largest": in_units(largest, "ecl_after_cents").rename({"ecl_after_cents": "allowance"}).to_dicts(),
        "notes": notes_on(provisions, asked.specification),
    }


def _no_stages(rows: pl.DataFrame) -> tuple[str, ...]:
    """What becomes under CECL of stages that the book has."""
    given = 0 if "stage" not in rows.columns else rows.height - rows["stage"].null_count()
    if not given:
        return ()
    facilities = "facility" if given == 1 else "facilities"
    return (f"CECL has no stages: of the stage given for {given:,} {facilities} only a 3 counts, which says that one is in default",)


def notes_on(provisions: Provisions, options: Mapping[str, Any]) -> list[str]:
    """What a reader of provisions must know: of the losses, of scenarios, overlays and stages, and of lives that are taken."""
    cecl = options.get("standard", DEFAULTS["standard"]) == "cecl"
    notes = [*provisions.result.notes, *(_no_stages(provisions.rows) if cecl else ())]
    notes += [] if provisions.macro is None else provisions.macro.notes
    notes += provisions.overlays.notes
    staging = provisions.staging
    if provisions.overlooked:
        notes.append(_told_overlooked(options, provisions.overlooked))
    if provisions.beside is not None:
        where = "under CECL" if cecl else "here (stage 1 or 2)"
        notes.append(
            f"{provisions.beside}: not in default {where}, though another facility of the same obligor is. Default is taken facility by facility; where it "
            f"is the obligor's, say {'defaulted' if cecl else 'defaulted (or stage 3, where stages are given)'} on each"
        )
    if staging is not None and "pd_lifetime_at_origination" not in staging.table.columns:
        notes.append(
            "the book has no PD of recognition, so no stage comes from an increase of PD: arrears and flags alone tell stages apart"
        )
    if options.get("expected_life_years") is not None:
        notes.append(f"facilities without a maturity are taken to live {options['expected_life_years']:g} years")
    return notes


def _told_overlooked(options: Mapping[str, Any], rows: tuple[int, ...]) -> str:
    count, days = len(rows), staging_rule(options.get("staging")).dpd_stage_3
    facilities, are = ("facility", "is") if count == 1 else ("facilities", "are")
    more = f" and {count - FIRST} more" if count > FIRST else ""
    where = f"in row{'' if count == 1 else 's'} {', '.join(map(str, rows[:FIRST]))}{more}"
    if options.get("standard", DEFAULTS["standard"]) == "cecl":
        late = (
            f"{count} {facilities} {are} {days} days past due or more and {are} not in default (defaulted, stage 3, or a PD of 1), {where}"
        )
        return f"{late}: they have the losses of a life, not LGD times exposure"
    words = ", or a PD of 1" if days is None else f", a PD of 1, or {days} days past due or more"
    return (
        f"{count} {facilities} {are} given stage 1 or 2 and {are} in default (defaulted{words}), {where}: the given stage counts; "
        "stages = found takes them to stage 3"
    )


def _in_default(table: pl.DataFrame, standard: str) -> pl.Series:
    """Where the book says so: what is credit-impaired needs no probability of default. Under IFRS 9 stage 3 says it, under CECL ``defaulted`` too."""
    return says(table, "stage", "3") | says(table, "defaulted", "true", "1") if standard == "cecl" else says(table, "stage", "3")


def _finds_stages(book: pl.DataFrame, options: Mapping[str, Any]) -> bool:
    asked = options.get("stages")
    return asked == "found" if asked is not None else "stage" not in book.columns


def _with_life(book: pl.DataFrame, years: float) -> pl.DataFrame:
    """The book with a life where it has no maturity; text where the column is text."""
    import polars as pl

    from crfs.quality.portfolio import blank_cells

    given = book["maturity_years"] if "maturity_years" in book.columns else pl.repeat(None, book.height, dtype=pl.Float64, eager=True)
    filled = pl.repeat(repr(years) if given.dtype == pl.String else years, book.height, dtype=given.dtype, eager=True)
    return book.with_columns(filled.zip_with(blank_cells(book, "maturity_years"), given).alias("maturity_years"))


def _files(specification: Mapping[str, Any]) -> list[str]:
    told = [item.get(name) or {} for item in specification.get("macro") or () for name in ("scenario", "base")]
    return [sha256 for sha256 in (*(one.get("sha256") for one in told), specification.get("packaged")) if sha256]


ECL = BookKind(
    kind=RunKind.ECL,
    options={**DEFAULTS, **dict.fromkeys(SETTINGS)},
    check_options=check_options,
    ready=ready,
    measure=measure,
    summary=("ecl", "allowance", "total_ead"),
    doing="measuring provisions",
    files=_files,
    check_days=check_reporting_day,
    dated=is_dated,
)
compute = ECL.compute
