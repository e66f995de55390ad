"""Regulatory capital as a run: a book, the models that fill it, and what the Basel rules ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput
from crfs.workflows.book_runs import Asked, BookKind, Ready, refusing
from crfs.workflows.cutting import cuts_of
from crfs.workflows.default_signs import beside_a_default, counted, says
from crfs.workflows.filling import fill_wanted
from crfs.workflows.idle_options import refuse_idle
from crfs.workflows.runs import RunKind
from crfs.workflows.spines import check_types

if TYPE_CHECKING:
    import polars as pl

    from crfs.risk.capital import CapitalResult

DEFAULTS: dict[str, Any] = {
    "approach": "advanced",
    "regime": "basel_iii",
    "ratings_allowed": True,
    "output_floor": False,
    "floor_on": None,
    "floor_path": "basel",
    "transitional_cap": False,
    "general_provisions": 0.0,
    "defaulted_excess_covers_others": False,
    "capital_ratio": 0.08,
    "exposure_classes": {},
}
ANY = "*"
"""The key of ``exposure_classes`` that stands for every facility which nothing else says."""
LARGEST = 20


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse wrong options: they are checked by the measurement itself, on one facility."""
    import polars as pl

    from crfs.risk.capital import ExposureClass

    check_types(
        options,
        numbers=("general_provisions", "capital_ratio"),
        flags=("ratings_allowed", "output_floor", "transitional_cap", "defaulted_excess_covers_others"),
    )
    classes = options.get("exposure_classes", {})
    if not isinstance(classes, Mapping):
        raise InvalidInput(
            "exposure_classes is an object of facility types (or segments) and exposure classes", argument="exposure_classes"
        )
    for name, kind in classes.items():
        if kind not in list(ExposureClass):
            detail = f"{name}: {kind!r} is no exposure class; known: {', '.join(ExposureClass)}"
            raise InvalidInput(detail, argument="exposure_classes")
    one = pl.DataFrame({"facility_id": ["F"], "exposure_class": ["corporate"], "pd_12m": [0.01], "lgd": [0.4], "ead": [1.0]})
    capital_of(one, options)
    if not options.get("output_floor"):
        refuse_idle(options, ("floor_on", "floor_path", "transitional_cap"), defaults=DEFAULTS, goes_with="output_floor")
    elif options.get("floor_on") is None:
        # Without a day the transition is over: every path has the same share then, and no cap.
        refuse_idle(options, ("floor_path", "transitional_cap"), defaults=DEFAULTS, goes_with="floor_on, a day of the transition")


def capital_of(rows: pl.DataFrame, options: Mapping[str, Any]) -> CapitalResult:
    """The capital of a table that has the columns of :func:`crfs.risk.capital.capital_schema`, with the options of a run."""
    from crfs.risk.capital import regulatory_capital

    told = {**DEFAULTS, **{name: value for name, value in options.items() if name in DEFAULTS}}
    told.pop("exposure_classes")
    on = told.pop("floor_on")
    try:
        floor_on = None if on is None else date.fromisoformat(on)
    except (TypeError, ValueError):
        raise InvalidInput(f"floor_on = {on!r} is no day; write 2026-06-30", argument="floor_on") from None
    return regulatory_capital(rows, floor=told.pop("output_floor"), floor_on=floor_on, **told)


def capital_of_amounts(asked: Asked, book: pl.DataFrame, options: Mapping[str, Any]) -> CapitalResult:
    """The capital of the book that was asked about, with the probabilities, losses and exposures of one that was made of it row by row."""
    from crfs.workflows.book_columns import with_amounts

    return capital_of(capital_table(with_amounts(asked.table, book), options.get("exposure_classes") or {}), options)


def amounts_before_and_after_floor(result: CapitalResult) -> dict[str, float]:
    """The amounts that a run tells of a book and of what is made of it; whole cents, in currency units.

    ``rwa`` are risk-weighted assets before the output floor, ``capital`` is what is asked for in the end: after the floor, where there is one. Then
    ``rwa_after_floor`` and ``capital_before_floor`` are told too, so that each amount has the one that it belongs to.

    >>> import polars as pl
    >>> one = pl.DataFrame({"facility_id": ["F"], "exposure_class": ["corporate"], "pd_12m": [0.001], "lgd": [0.05], "ead": [1000.0]})
    >>> amounts_before_and_after_floor(capital_of(one, {"output_floor": True}))
    {'rwa': 164.74, 'capital': 58.0, 'rwa_after_floor': 725.0, 'capital_before_floor': 13.18}
    >>> amounts_before_and_after_floor(capital_of(one, {}))
    {'rwa': 164.74, 'capital': 13.18}
    """
    from crfs.risk.cents import total_in_cents

    totals = result.totals_in_cents
    told = {"rwa": totals.rwa, "capital": totals.capital}
    if result.floor is not None:
        told["rwa_after_floor"] = result.floor.in_cents(totals.rwa).rwa
        told["capital_before_floor"] = total_in_cents(result.table["capital"].fill_null(0.0).to_numpy()) / 100.0
    return told


def named_amounts(told: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """What :func:`amounts_before_and_after_floor` tells, or what was made of each of its amounts, with its words: in the order of a computation.

    >>> named_amounts({"rwa": 100.0, "capital": 8.0})
    [('risk-weighted assets', 100.0), ('regulatory capital', 8.0)]
    >>> [words for words, _ in named_amounts({"rwa": 100.0, "capital": 16.0, "rwa_after_floor": 200.0, "capital_before_floor": 8.0})][2:]
    ['regulatory capital before the output floor', 'regulatory capital after the output floor']
    """
    rwa, capital = "risk-weighted assets", "regulatory capital"
    if "rwa_after_floor" not in told:
        return [(rwa, told["rwa"]), (capital, told["capital"])]
    return [
        (f"{rwa} before the output floor", told["rwa"]),
        (f"{rwa} after the output floor", told["rwa_after_floor"]),
        (f"{capital} before the output floor", told["capital_before_floor"]),
        (f"{capital} after the output floor", told["capital"]),
    ]


def capital_table(book: pl.DataFrame, classes: Mapping[str, str]) -> pl.DataFrame:
    """The columns of a book that capital knows, with ``exposure_class`` where the book leaves it blank: by facility type, else by segment,
    else what stands for any."""
    import polars as pl

    from crfs.quality.connected_clients import with_connected_clients
    from crfs.quality.portfolio import blank_cells
    from crfs.risk.capital import capital_schema
    from crfs.workflows.book_columns import columns_for

    table = with_connected_clients(columns_for(book, capital_schema()))
    if not classes:
        return table
    told = pl.repeat(classes.get(ANY), table.height, dtype=pl.String, eager=True)
    for name in ("segment", "facility_type"):
        if name in table.columns:
            found = table[name].cast(pl.String).replace_strict(dict(classes), default=None, return_dtype=pl.String)
            told = found.zip_with(found.is_not_null(), told)
    blank = blank_cells(table, "exposure_class")
    given = table["exposure_class"].cast(pl.String) if "exposure_class" in table.columns else told
    return table.with_columns(told.zip_with(blank, given).alias("exposure_class"))


def ready(asked: Asked) -> Ready:
    """The book with those blanks filled that its approach needs; every row of it can be weighed."""
    from crfs.quality.portfolio import blank_cells

    options = asked.specification
    with refusing(asked):
        table = capital_table(asked.table, options.get("exposure_classes", {}))
    usual = options.get("approach", DEFAULTS["approach"])
    own, foundation = (_under(table, approach, usual) for approach in ("advanced", "foundation"))
    with refusing(asked):
        filled, filler = fill_wanted(
            asked.session,
            asked.reader,
            table,
            asked.models,
            at=asked.at,
            wanted={
                "ead": own & blank_cells(table, "ccf"),
                "lgd": own,
                "pd_12m": (own | foundation) & ~says(table, "defaulted", "true", "1"),
            },
        )
        return Ready(rows=filled, filler=filler, more=capital_of(filled, options))


def _under(table: pl.DataFrame, approach: str, usual: str) -> pl.Series:
    """The rows that are under an approach, by their own word or as usual."""
    import polars as pl

    from crfs.quality.portfolio import blank_cells

    blank = blank_cells(table, "approach")
    if "approach" not in table.columns:
        return blank & (usual == approach)
    return (table["approach"].cast(pl.String).str.strip_chars() == approach).fill_null(False) | (blank & (usual == approach))


def _overlooked(asked: Asked, rows: pl.DataFrame) -> list[str]:
    """That rows are weighed as performing though the book says that they, or others of their obligor, are in default.

    Retail may be in default by the facility (CRE36.79), so there the others say nothing.
    """
    import polars as pl

    from crfs.risk.capital import ExposureClass

    retail = (ExposureClass.RESIDENTIAL_MORTGAGE, ExposureClass.QRRE, ExposureClass.OTHER_RETAIL)
    taken = says(rows, "defaulted", "true", "1")
    if "pd_12m" in rows.columns:
        taken |= (rows["pd_12m"].cast(pl.Float64, strict=False) == 1.0).fill_null(False)
    staged = says(asked.table, "stage", "3", "3.0") & ~taken
    others = beside_a_default(asked.table, taken | staged) & ~rows["exposure_class"].cast(pl.String).is_in(retail).fill_null(False)
    found = staged | others
    if not found.any():
        return []
    are, they_are = ("is", "it is") if int(found.sum()) == 1 else ("are", "they are")
    return [
        f"{counted(asked.table, found)} {are} weighed as performing though {they_are} in stage 3, or not retail and of an obligor with another facility in "
        "default: capital takes for defaulted what says defaulted, or a pd_12m of 1, facility by facility; where the default is the obligor's (only "
        "retail may be in default by the facility, CRE36.79), say defaulted on each"
    ]


def measure(asked: Asked, ready: Ready) -> dict[str, Any]:
    """Totals, the output floor, expected loss against provisions, and risk-weighted assets by every cut."""
    import polars as pl

    result: CapitalResult = ready.more
    table = result.table
    currency = table["currency"].drop_nulls() if "currency" in table.columns else pl.Series([], dtype=pl.String)
    shown = [name for name in ("facility_id", "exposure_class", "approach", "ead", "rw", "rwa", "capital", "el") if name in table.columns]
    largest = table.sort("rwa", "facility_id", descending=[True, False]).head(LARGEST).select(shown)
    document, totals = result.to_dict(), result.totals_in_cents
    document.pop("by_exposure_class")
    return {
        **document,
        "notes": [*document["notes"], *_overlooked(asked, table)],
        "approach": asked.option("approach", DEFAULTS["approach"]),
        "capital_ratio": asked.option("capital_ratio", DEFAULTS["capital_ratio"]),
        "currency": currency[0] if len(currency) else None,
        "n_facilities": table.height,
        "rw": totals.rwa / totals.ead if totals.ead > 0.0 else None,
        "by": {name: result.by(name).rename({name: "name"}).to_dicts() for name in cuts_of(table, "exposure_class", "approach")},
        "largest": largest.to_dicts(),
    }


CAPITAL = BookKind(
    kind=RunKind.CAPITAL,
    options=DEFAULTS,
    check_options=check_options,
    ready=ready,
    measure=measure,
    summary=("rw", "totals"),
    doing="weighing risks",
)
compute = CAPITAL.compute
