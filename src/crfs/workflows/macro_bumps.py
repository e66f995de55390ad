"""A book under the last known values with one macro variable moved: what a satellite specification makes of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from crfs.errors import InvalidInput, inside, naming
from crfs.workflows.book_runs import Asked
from crfs.workflows.factor_satellites import material_known
from crfs.workflows.macro_history import age_notes, last_known, last_quarters, newest_quarters, values_at
from crfs.workflows.satellites import Material, Satellites, fit_satellites

if TYPE_CHECKING:
    import polars as pl

    from crfs.credit.factor_model import FactorModel
    from crfs.credit.scenarios import Scenario
    from crfs.models.satellite import Term
    from crfs.risk.stress import LgdResponse

PERIODS = 8
_SEGMENT = "segment"


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableMoved:
    """A book under a variable that moved by ``size`` in its unit (a relative change where it enters as one), and the period taken."""

    variable: str
    size: float
    relative: bool
    unit: str
    at: date | None
    book: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroBumps:
    """The last known values going on (``hold``), what is fitted for them, and each variable's standard deviation in its whole known history.

    The deviation is that of what enters the regressions, with the sign that makes it worse: of a change over a year for a variable that enters
    as such. ``relative`` are the variables that enter by their logarithms.
    """

    hold: Scenario
    satellites: Satellites
    deviations: Mapping[str, float]
    relative: frozenset[str]
    units: Mapping[str, str]
    notes: tuple[str, ...]

    def moved(
        self, book: pl.DataFrame, variable: str, size: float, *, response: LgdResponse | None, factor_model: FactorModel
    ) -> VariableMoved:
        """The book where a variable is ``size`` higher in every period than it was last known, in the period of the greatest expected loss."""
        from crfs.credit.scenarios import shift
        from crfs.risk.stress import stress

        relative = variable in self.relative
        amount = math.expm1(size) if relative else size
        name = f"{variable} moved by {amount:g}"
        with inside("bumps", variable), naming("bumps", instead_of="scenario"):
            scenario = shift(self.hold, {variable: amount}, how="relative" if relative else "additive", name=name)
            shocks = self.satellites.transmission(scenario)
        result = stress(book, shocks, by=_SEGMENT, at="worst", lgd_response=response, factor_model=factor_model)
        unit = self.units[variable]
        return VariableMoved(variable=variable, size=amount, relative=relative, unit=unit, at=result.at, book=result.stressed)


def macro_bumps(asked: Asked, content: Mapping[str, Any], rows: pl.DataFrame) -> MacroBumps:
    """What moves macro variables for a book: fitted on what was known, about a scenario in which nothing moves."""
    from crfs.credit.scenarios import QUARTER, hold
    from crfs.models.satellite import Transform

    known_by = asked.at or asked.session.pin(asked.reader.batch_id).recorded_at
    material = material_known(asked.reader, content, known_by=known_by)
    names = [term.variable for term in material.spec.terms]
    history = material.history.filter(material.history["variable"].is_in(names))
    _, start = last_known(history)
    if start is None:
        raise InvalidInput("nothing is known of the variables of the satellite model", argument="satellite")
    still = hold(history, periods=PERIODS, today=values_at(history, start), start=start, name="hold", period=QUARTER)
    satellites = fit_satellites(
        asked,
        content,
        still,
        None,
        present=rows[_SEGMENT].unique().to_list() if _SEGMENT in rows.columns else [None],
        scenario_set=None,
        known_by=known_by,
    )
    return MacroBumps(
        hold=still,
        satellites=satellites,
        deviations={term.variable: (term.sign or 1) * _deviation(material, term) for term in material.spec.terms},
        relative=frozenset(term.variable for term in material.spec.terms if term.transform is Transform.LOG_CHANGE),
        units={path.variable: path.unit for path in still.paths},
        notes=(
            *age_notes(asked.reader, last_quarters(history, start), known_by=known_by, newest=newest_quarters(history)),
            *satellites.notes,
        ),
    )


def _deviation(material: Material, term: Term) -> float:
    """Of what a term makes of its variable, over the whole history."""
    import numpy as np
    import polars as pl

    from crfs.credit.scenarios import QUARTER, from_table
    from crfs.models.satellite.terms import regressor

    rows = material.history.filter(pl.col("variable") == term.variable)
    values = regressor(from_table(rows, name="history", period=QUARTER), term, 0)
    values = values[~np.isnan(values)]
    if len(values) < 2:
        raise InvalidInput(f"{term.variable} is known for too few quarters to say how it varies", argument="satellite")
    middle = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((values - middle) ** 2) / (len(values) - 1))
