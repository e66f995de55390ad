"""Mark-to-market risk as a run: a book of rated positions, the curves that the store knew, a transition matrix, and the loss of value by a horizon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput
from crfs.workflows import portfolio_risk
from crfs.workflows.book_runs import Asked, BookKind, Ready, refusing
from crfs.workflows.filling import fill_wanted
from crfs.workflows.portfolio_risk import factor_model_of
from crfs.workflows.runs import RunKind

if TYPE_CHECKING:
    import polars as pl

    from crfs.risk.migration import RatedPositions, TransitionMatrix
    from crfs.workflows.market_curves import MarketCurves

DRAWN: dict[str, Any] = {
    "periods": 1,
    "persistence": 0.0,
    "confidences": [0.99, 0.999],
    "method": "auto",
    "rel_tol": 0.01,
    "seed": 1,
    "max_scenarios": 200_000,
    "budget": 1e11,
}
"""Options of :func:`crfs.risk.migration.positions_risk`."""
VALUED: dict[str, Any] = {"reference": "now", "frequency": 1, "default_ccf": None}
"""Options of :func:`crfs.risk.migration.rated_positions`."""
QUOTED: dict[str, Any] = {"quotes": "auto", "grades": {}, "spreads": {}}
"""Options of :func:`crfs.workflows.market_curves.market_curves`."""
CURRENCY = "USD"
"""What the curves are of."""
_MATRIX = "transition_matrix is a CSV file of a matrix of 12 months, or an object of ratings (default last) and rows of probabilities"


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse wrong options: they are checked by the measurement itself, on one loan and few scenarios."""
    import polars as pl

    from crfs.credit.factor_model import FactorModel
    from crfs.risk.arguments import LEAST_SCENARIOS, MOST_SCENARIOS, check_budget
    from crfs.risk.migration import TransitionMatrix, ZeroCurves, mark_to_market_risk
    from crfs.workflows.market_curves import Quotes

    if options.get("quotes", QUOTED["quotes"]) not in list(Quotes):
        raise InvalidInput(f"quotes is {', '.join(Quotes)}, not {options['quotes']!r}", argument="quotes")
    for name, holds in (
        ("grades", "ratings and the agencies' grades that they are like"),
        ("spreads", "ratings and spreads, decimals a year"),
    ):
        if not isinstance(options.get(name, {}), Mapping):
            raise InvalidInput(f"{name} is an object of {holds}", argument=name)
    for name in ("periods", "frequency"):
        value = options.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000:
            raise InvalidInput(f"{name} is a whole number of 1 to 1000, not {value!r}", argument=name)
    portfolio_risk.check_finite_budget(options)
    told = {name: options[name] for name in (*DRAWN, *VALUED) if name in options}
    check_budget(told.pop("budget", DRAWN["budget"]))
    most = told.get("max_scenarios", LEAST_SCENARIOS)
    one_loan = pl.DataFrame(
        {
            "facility_id": ["F"], "obligor_id": ["O"], "ead": [1.0], "lgd": [1.0], "rating": ["A"], "maturity_years": [1.0], "r2": [0.1],
            "group": ["all"],
        }
    )  # fmt: skip
    mark_to_market_risk(
        one_loan,
        FactorModel.one_factor("all"),
        TransitionMatrix.from_rows(("A", "D"), [[0.5, 0.5]]),
        ZeroCurves.from_spreads(("A",), [1.0], [0.0], [0.0]),
        contributions=False,
        **{**told, "max_scenarios": LEAST_SCENARIOS if isinstance(most, int) and LEAST_SCENARIOS <= most <= MOST_SCENARIOS else most},
    )


def matrix_of(asked: Asked) -> TransitionMatrix:
    """The transition matrix of a specification."""
    from crfs.workflows.migrations import matrix_of_content

    return matrix_of_content(asked.specification["transition_matrix"], argument="transition_matrix", what=_MATRIX)


def read_transition_matrix(given: Any) -> dict[str, Any]:
    """A transition matrix as a specification keeps it: of a CSV file (a column ``rating`` and one an end rating, the best first and default last,
    decimals), or its content."""
    from crfs.workflows.migrations import read_matrix

    return read_matrix(given, argument="transition_matrix", what=_MATRIX)


def ready(asked: Asked) -> Ready:
    """The book with blank losses and exposures filled, every row valued on the curves of the time that was asked for."""
    from crfs.credit.schemas import PORTFOLIO
    from crfs.quality.portfolio import blank_cells
    from crfs.risk.migration import rated_positions
    from crfs.workflows.book_columns import columns_for
    from crfs.workflows.market_curves import market_curves

    matrix, factor_model = matrix_of(asked), factor_model_of(asked)
    at = asked.at
    assert at is not None  # required of a specification
    market = market_curves(asked.reader, matrix.performing, known_by=at, **_options(asked, QUOTED))
    table = columns_for(asked.table, PORTFOLIO)
    every = blank_cells(table, "lgd") | True
    wanted = {"ead": blank_cells(table, "ccf"), "lgd": every, "pd_12m": ~every}
    with refusing(asked):
        filled, filler = fill_wanted(asked.session, asked.reader, table, asked.models, at=at, wanted=wanted)
        positions = rated_positions(
            filled, factor_model, matrix, market.curves, horizon_years=matrix.years * asked.option("periods", 1), **_options(asked, VALUED)
        )
    return Ready(rows=filled, filler=filler, more=(matrix, market, positions))


def measure(asked: Asked, ready: Ready) -> dict[str, Any]:
    """The distribution of the loss of value, the ratings that come out, and the curves on which the book was valued."""
    from crfs.risk.migration import positions_risk

    made: tuple[TransitionMatrix, MarketCurves, RatedPositions] = ready.more
    matrix, market, positions = made
    with asked.pieces() as mapped:
        result = positions_risk(positions, factor_model_of(asked), matrix, map_blocks=mapped, **_options(asked, DRAWN))
    currency = _currency(ready.rows)
    told = market.to_dict()
    notes = [*matrix.notes, *told.pop("notes"), *result.notes]
    if currency not in {None, CURRENCY}:
        notes.append(f"the curves are of {CURRENCY}, the book's amounts of {currency}: they are valued as if they were {CURRENCY}")
    return {
        **result.to_dict(),
        "n_facilities": ready.rows.height,
        "currency": currency,
        "reference": asked.option("reference", VALUED["reference"]),
        "curves": told,
        "notes": notes,
    }


def _options(asked: Asked, defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {name: asked.option(name, default) for name, default in defaults.items()}


def _currency(rows: pl.DataFrame) -> str | None:
    told = rows["currency"].drop_nulls() if "currency" in rows.columns else None
    return None if told is None or told.is_empty() else str(told[0])


MARK_TO_MARKET = BookKind(
    kind=RunKind.MARK_TO_MARKET,
    options={**DRAWN, **VALUED, **QUOTED},
    check_options=check_options,
    ready=ready,
    measure=measure,
    summary=("el", "ul", "measures", "reference_value", "method", "scenarios"),
    doing="letting ratings migrate",
    needed=("factor_model", "transition_matrix", "as_of"),
    timed=True,
)
compute = MARK_TO_MARKET.compute
