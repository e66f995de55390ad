"""Sensitivities of expected loss: one input moved at a time, of the book's and of the scenario's."""

from __future__ import annotations

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
            if name == "pd_relative":
                moved = base.with_columns(pd_12m=pl.Series(np.clip(base["pd_12m"].to_numpy() * (1.0 + signed), 0.0, 1.0)))
                rows.append((name, signed, _total(base), _total(moved)))
            else:
                moved = stressed_book(base, checked_shocks(pl.DataFrame({name: [signed]})))
                rows.append((name, signed, _total(base), _total(moved)))
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
