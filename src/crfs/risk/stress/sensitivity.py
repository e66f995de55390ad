"""Sensitivities: a book with one input of every row moved, and expected losses of such books and of scenarios with one variable moved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date

import numpy as np
import polars as pl

from crfs.credit.scenarios import Scenario, shift
from crfs.errors import InvalidInput
from crfs.risk.stress.grades import Grades
from crfs.risk.stress.one_period import stressed_at
from crfs.risk.stress.stressed_book import Band, checked_book, stressed_book
from crfs.risk.stress.transmission import LgdResponse, Transmission, checked_shocks
from crfs.risk.stress.waterfall import expected_loss

BUMPS: Mapping[str, float] = {"pd_probit": 0.1, "pd_relative": 0.1, "lgd_add": 0.05, "ccf_add": 0.1}
"""By how much each input of a book is moved if nothing is said, up and down."""

INPUTS = ("pd_relative", "pd_probit", "lgd_add", "ead_relative", "ccf_add", "r2_relative")
"""The inputs that :func:`bumped` moves."""

_MOST_RELATIVE = 999.0


def bumped(book: pl.DataFrame, name: str, size: float) -> pl.DataFrame:
    """A checked book (:func:`~crfs.risk.stress.stressed_book.checked_book`) with one input of every row moved; a size of 0 changes no bit.

    ``pd_relative``, ``ead_relative`` and ``r2_relative`` are shares of what there is, -1 to 999: probabilities are held at 1, ``r2`` below
    0.99, and loadings of a row's own go by the root. ``pd_probit`` adds to the probits of probabilities; ``lgd_add`` and ``ccf_add`` are
    decimals, held within [0, 1]; the spread of a loss goes with its mean.

    >>> book = pl.DataFrame({"facility_id": ["F1"], "obligor_id": ["A"], "ead": [100.0], "lgd": [0.4], "pd_12m": [0.02], "r2": [0.2]})
    >>> [round(bumped(book, name, 0.1)[column][0], 9) for name, column in (("pd_relative", "pd_12m"), ("lgd_add", "lgd"), ("r2_relative", "r2"))]
    [0.022, 0.5, 0.22]
    """
    if name not in INPUTS:
        raise InvalidInput(f"a bump is of {', '.join(INPUTS)}, not of {name}", argument="bumps")
    relative = name.endswith("relative")
    if not math.isfinite(size) or (relative and not -1.0 <= size <= _MOST_RELATIVE):
        within = f", -1 or more and {_MOST_RELATIVE:g} at most" if relative else ""
        raise InvalidInput(f"the bump of {name} is a finite number{within}, not {size}", argument="bumps")
    if size == 0.0:
        return book
    match name:
        case "pd_relative":
            return book.with_columns(pd_12m=pl.Series(np.clip(book["pd_12m"].to_numpy() * (1.0 + size), 0.0, 1.0)))
        case "ead_relative":
            return book.with_columns(ead=pl.Series(book["ead"].to_numpy() * (1.0 + size)))
        case "r2_relative":
            return stressed_book(book, checked_shocks(pl.DataFrame({"r2_scale": [1.0 + size]})))
    return stressed_book(book, checked_shocks(pl.DataFrame({name: [size]})))


def sensitivities(book: pl.DataFrame, *, bumps: Mapping[str, float] = BUMPS) -> pl.DataFrame:
    """Expected loss of 12 months where one input of every row moves: one row an input and direction.

    ``pd_probit`` adds to the probits of default probabilities, ``pd_relative`` is a share of them (held below 1), ``lgd_add`` and
    ``ccf_add`` are decimals. Columns: ``input``, ``bump``, ``el``, ``change`` (currency units), ``relative`` (of the base's expected
    loss; null where that is 0).
    """
    unknown = sorted(set(bumps) - set(BUMPS))
    if unknown:
        raise InvalidInput(f"bumps are of {', '.join(BUMPS)}, not of {', '.join(unknown)}", argument="bumps")
    base = checked_book(book)
    rows = []
    for name, size in bumps.items():
        for signed in (size, -size):
            rows.append((name, signed, _total(base), _total(bumped(base, name, signed))))
    return _table(rows, "input")


def macro_sensitivities(
    book: pl.DataFrame,
    scenario: Scenario,
    transmission: Transmission,
    bumps: Mapping[str, float],
    *,
    at: date | str,
    by: str = "segment",
    lgd_response: LgdResponse | None = None,
    grades: Grades | None = None,
) -> pl.DataFrame:
    """Stressed expected loss where one variable of the scenario moves over its whole path, up and down.

    ``bumps`` are in the variable's unit (0.01 = one percentage point of a rate, one index point). Columns as in :func:`sensitivities`,
    with ``variable`` for ``input``; the base is the scenario itself at ``at`` (the first day of a period, or ``worst``: each run's own
    worst).
    """

    checked = checked_book(book)

    def loss(one: Scenario) -> float:
        shocks = checked_shocks(transmission(one))
        after, _, _ = stressed_at(checked, shocks, at, by=by, band=Band.CENTRAL, lgd_response=lgd_response, grades=grades)
        return _total(after)

    base = loss(scenario)
    rows = []
    for variable, size in bumps.items():
        for signed in (size, -size):
            rows.append((variable, signed, base, loss(shift(scenario, {variable: signed}, name=scenario.name))))
    return _table(rows, "variable")


def _total(book: pl.DataFrame) -> float:
    return float(np.add.reduce(expected_loss(book)))


def _table(rows: list[tuple[str, float, float, float]], name: str) -> pl.DataFrame:
    table = pl.DataFrame(rows, schema={name: pl.String(), "bump": pl.Float64(), "base": pl.Float64(), "el": pl.Float64()}, orient="row")
    change = pl.col("el") - pl.col("base")
    return table.select(name, "bump", "el", change=change, relative=pl.when(pl.col("base") > 0.0).then(change / pl.col("base")))
