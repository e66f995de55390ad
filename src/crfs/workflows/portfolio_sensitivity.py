"""Sensitivities as a run: one input of a book, or one macro variable, moved at a time; every number base, bumped and as a difference.

Each input is moved twice, by the bump that is asked about and by a tenth of it: where the two effects are not ten to one the risk bends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput, inside
from crfs.workflows import portfolio_capital, portfolio_risk
from crfs.workflows.book_runs import Asked, BookKind, Ready
from crfs.workflows.default_signs import measured_as_performing
from crfs.workflows.macro_bumps import MacroBumps, macro_bumps
from crfs.workflows.macro_terms import NEEDED, WHERE_KNOWN
from crfs.workflows.runs import RunKind
from crfs.workflows.spines import check_types

if TYPE_CHECKING:
    import polars as pl

    from crfs.risk import WhatIf
    from crfs.risk.result import RiskResult

STANDARD: Mapping[str, float] = {"pd_relative": 0.1, "lgd_add": 0.05, "ead_relative": 0.1, "r2_relative": 0.1, "macro_deviations": 1.0}
"""The bumps if nobody says others: PD +10 % of itself, LGD +5 points, EAD and R² +10 % of themselves, and each macro variable by one of its
standard deviations, the way that is worse."""
DEVIATIONS = "macro_deviations"
SMALL = 0.1
"""The share of a bump that is the small one."""
DEFAULTS: dict[str, Any] = {
    **portfolio_risk.DEFAULTS,
    "default_ccf": None,
    "bumps": dict(STANDARD),
    "capital": None,
    "satellite": None,
    "macro": WHERE_KNOWN,
}
_CENTRAL = "where a macro variable moves, the errors of VaR and ES are those of the measurement, and leave out those of the regressions' coefficients"
_DOING = "moving one input at a time"
_WORDS = {
    "pd_relative": ("PD", 100.0, "%"),
    "pd_probit": ("PD", 1.0, "of the probit"),
    "lgd_add": ("LGD", 100.0, "pp"),
    "ead_relative": ("EAD", 100.0, "%"),
    "ccf_add": ("CCF", 100.0, "pp"),
    "r2_relative": ("R²", 100.0, "%"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bumped:
    """A book with one thing moved: what (an input, or a macro variable), by how much, whether by the small share of it, and the book.

    Of a macro variable ``deviations`` is how many of its standard deviations that is, and ``at`` the period taken.
    """

    name: str
    size: float
    small: bool
    words: str
    at: date | None
    book: pl.DataFrame
    deviations: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bumps:
    """The book as it is and with each thing moved."""

    base: pl.DataFrame
    moved: tuple[Bumped, ...]
    macro: MacroBumps | None
    notes: tuple[str, ...]


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse wrong options before anything is kept; whether a macro variable is known, the store says."""
    import polars as pl

    from crfs.risk.stress import INPUTS, bumped

    portfolio_risk.check_options(options)
    check_types(options, objects=("capital",))
    if options.get("macro", NEEDED) not in (WHERE_KNOWN, NEEDED):
        raise InvalidInput(f"macro is {WHERE_KNOWN} or {NEEDED}, not {options['macro']!r}", argument="macro")
    bumps = options.get("bumps", STANDARD)
    if not isinstance(bumps, Mapping) or not bumps:
        raise InvalidInput("bumps are an object of inputs and by how much each is moved", argument="bumps")
    one = pl.DataFrame({"facility_id": ["F"], "obligor_id": ["O"], "ead": [1.0], "lgd": [0.5], "pd_12m": [0.1], "r2": [0.1]})
    for name, size in bumps.items():
        if not isinstance(size, int | float) or isinstance(size, bool) or not math.isfinite(size):
            detail = f"the bump of {name} is a finite number, not {size!r}"
            raise InvalidInput(detail, argument="bumps", member=(str(name),))
        if name in INPUTS:
            try:
                with inside("bumps", name):
                    bumped(one, name, float(size))
            except InvalidInput as error:
                # What it names is a row of shocks that was made of the bump: nobody gave one.
                said = error.problems[0].detail if error.problems else str(error)
                detail = said if name in said else f"the bump of {name}: {said}"
                raise InvalidInput(detail, argument="bumps", member=error.member or (name,)) from None
    given = options.get("capital")
    if given is not None:
        unknown = sorted(set(given) - set(portfolio_capital.DEFAULTS))
        if unknown:
            raise InvalidInput(
                f"capital: unknown option {unknown[0]!r}; known are {', '.join(portfolio_capital.DEFAULTS)}", argument="capital"
            )
        with inside("capital"):
            portfolio_capital.check_options(given)


def ready(asked: Asked) -> Ready:
    """The book with its blanks filled, and each book with one thing moved: wrong rows, bumps and satellite models are refused here."""
    filled = portfolio_risk.ready(asked)
    bumps = _bumps(asked, filled.rows)
    _capital(asked, bumps.base)
    return replace(filled, more=bumps)


def _bumps(asked: Asked, rows: pl.DataFrame) -> Bumps:
    from crfs.risk.stress import INPUTS, bumped
    from crfs.risk.stress.stressed_book import checked_book

    sizes: Mapping[str, float] = asked.option("bumps", DEFAULTS["bumps"])
    base = checked_book(rows)
    moved = [
        Bumped(
            name=name,
            size=share * size,
            small=share < 1.0,
            words=_words(name, share * size),
            at=None,
            book=bumped(base, name, share * size),
        )
        for name, size in sizes.items()
        if name in INPUTS
        for share in (1.0, SMALL)
    ]
    others = {name: size for name, size in sizes.items() if name not in INPUTS}
    macro, found, notes = _macro(asked, base, others) if others else (None, [], [])
    return Bumps(base=base, moved=(*moved, *found), macro=macro, notes=tuple(notes))


def _macro(asked: Asked, base: pl.DataFrame, sizes: Mapping[str, float]) -> tuple[MacroBumps | None, list[Bumped], list[str]]:
    """The books with a macro variable moved, each of its own size or by so many of its standard deviations."""
    from crfs.models.satellite import frye_jacobs_response
    from crfs.risk.stress import INPUTS

    content, variables = asked.option("satellite"), sorted(set(sizes) - {DEVIATIONS})
    if content is None:
        if variables:
            raise InvalidInput(
                f"a bump of {variables[0]} needs a satellite model; without one there are {', '.join(INPUTS)}",
                argument="bumps",
                member=(variables[0],),
            )
        return None, [], []
    try:
        macro = macro_bumps(asked, content, base)
    except InvalidInput as error:
        if variables or asked.option("macro", DEFAULTS["macro"]) == NEEDED:
            raise
        return None, [], [f"no macro variables: {error}"]
    unknown = [name for name in variables if name not in macro.deviations]
    if unknown:
        detail = f"no bump is of {unknown[0]!r}; known are {', '.join((*INPUTS, DEVIATIONS, *macro.deviations))}"
        raise InvalidInput(detail, argument="bumps", member=(unknown[0],))
    whole = {name: sizes[name] for name in variables}
    if DEVIATIONS in sizes:
        whole = {**{name: sizes[DEVIATIONS] * sd for name, sd in macro.deviations.items()}, **whole}
    notes = [*macro.notes, _CENTRAL]
    model = portfolio_risk.factor_model_of(asked)
    kept = {term["variable"] for fit in macro.satellites.fits for term in fit["terms"]}
    notes += [f"{name} moves nothing: the regressions dropped it, for its sign was wrong" for name in whole if name not in kept]
    found = []
    for name, size in whole.items():
        for share in (1.0, SMALL):
            moved = macro.moved(base, name, share * size, response=frye_jacobs_response, factor_model=model)
            count = share * size / abs(macro.deviations[name]) if macro.deviations[name] else None
            told = f"{name} {_amount(moved.size, relative=moved.relative, unit=moved.unit)}"
            found.append(Bumped(name=name, size=moved.size, small=share < 1.0, words=told, at=moved.at, book=moved.book, deviations=count))
    return macro, found, notes


def _amount(size: float, *, relative: bool, unit: str) -> str:
    if relative:
        return f"{100.0 * size:+.3g} %"
    return f"{100.0 * size:+.3g} pp" if unit == "decimal" else f"{size:+.4g}"


def _words(name: str, size: float) -> str:
    what, scale, unit = _WORDS[name]
    return f"{what} {scale * size:+.4g} {unit}"


def measure(asked: Asked, ready: Ready) -> dict[str, Any]:
    """Expected loss, VaR, ES, economic and regulatory capital of the book and of each moved one, and the differences with their errors."""
    bumps: Bumps = ready.more
    warm = portfolio_risk.warm_portfolio(asked, bumps.base)
    capital, held = _capital(asked, bumps.base)
    rows, notes = [], [*bumps.notes, *(f"capital: {note}" for note in held)]
    for number, moved in enumerate(bumps.moved):
        asked.progress(_DOING, number, len(bumps.moved))
        # What has not moved is no question: its answer is the base, bit for bit.
        answer = None if moved.book.equals(bumps.base) else warm.what_if(put=moved.book, first_order=False)
        notes += [] if answer is None else list(answer.notes)
        after, told = (capital, held) if answer is None else _capital(asked, moved.book)
        notes += [f"capital, {moved.words}: {note}" for note in told if note not in held]
        rows.append(
            {
                "name": moved.name,
                "size": moved.size,
                "small": moved.small,
                "words": moved.words,
                "deviations": moved.deviations,
                "at": None if moved.at is None else moved.at.isoformat(),
                **_effects(warm.result, answer),
                "capital": None if capital is None else {name: _moved(capital[name], (after or capital)[name]) for name in capital},
            }
        )
    base = warm.result.to_dict()
    without = "no regulatory capital: the book has no column exposure_class, and nobody said how to find it"
    return {
        **{name: base[name] for name in ("el", "ul", "measures", "method", "copula", "seed", "currency")},
        "capital": capital,
        "bumps": rows,
        "satellites": [] if bumps.macro is None else list(bumps.macro.satellites.fits),
        "n_facilities": bumps.base.height,
        "n_obligors": bumps.base["obligor_id"].n_unique(),
        "notes": [*([without] if capital is None else []), *dict.fromkeys(notes)],
    }


def _effects(base: RiskResult, answer: WhatIf | None) -> dict[str, Any]:
    """Expected loss and measures: base, bumped and the difference; of VaR, ES and economic capital with the difference's error and interval."""
    levels = base.to_dict()["measures"]
    told = levels if answer is None else answer.to_dict()["measures"]
    measures = []
    for before, after in zip(levels, told, strict=True):
        each: dict[str, Any] = {"confidence": before["confidence"]}
        for name in ("var", "es", "ec"):
            moved = {"value": 0.0, "se": 0.0, "low": 0.0, "high": 0.0} if answer is None else after[f"incremental_{name}"]
            each[name] = {"base": before[name], "bumped": after[name], "change": moved["value"]}
            each[name] |= {f"change_{what}": moved[what] for what in ("se", "low", "high")}
        measures.append(each)
    el = base.el if answer is None else answer.el
    return {"el": {"base": base.el, "bumped": el, "change": 0.0 if answer is None else answer.incremental_el}, "measures": measures}


def _capital(asked: Asked, book: pl.DataFrame) -> tuple[dict[str, float] | None, tuple[str, ...]]:
    """Risk-weighted assets and capital before and after the output floor, and notes on them; None where nobody asked for them and the book has no
    classes."""
    options = asked.option("capital")
    if options is None and "exposure_class" not in asked.table.columns:
        return None, ()
    told = portfolio_capital.capital_of_amounts(asked, book, options or {})
    return portfolio_capital.amounts_before_and_after_floor(told), told.notes


def _moved(before: float, after: float) -> dict[str, float]:
    return {"base": before, "bumped": after, "change": round(after - before, 2)}


def bumps_of(pairs: Sequence[tuple[str, float]]) -> dict[str, float] | None:
    """Bumps that somebody gave one by one; the same name twice is refused, and none at all are the standard ones."""
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInput(f"the bump of {twice[0]} is given twice", argument="bumps")
    return dict(pairs) or None


SENSITIVITY = BookKind(
    kind=RunKind.SENSITIVITY,
    options=DEFAULTS,
    check_options=check_options,
    ready=ready,
    measure=measure,
    summary=("el", "measures", "method"),
    doing=_DOING,
    needed=("factor_model",),
    remarks=measured_as_performing,
)
compute = SENSITIVITY.compute
