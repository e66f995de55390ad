"""Zero curves by rating: what a promise of one unit is worth, today or seen from a horizon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.schemas import ColumnSchema, Reason, TableSchema
from crfs.errors import InvalidInput, Problem, naming
from crfs.quality.checks import check_table
from crfs.quality.portfolio import require_table
from crfs.risk.arguments import check_texts
from crfs.risk.ranges import FINITE, Range, number, numbers

FloatArray: TypeAlias = npt.NDArray[np.float64]

ZERO_CURVES = TableSchema(
    name="zero_curves",
    unique=("rating", "years"),
    columns=(
        ColumnSchema(name="rating", dtype=pl.String, required=True),
        ColumnSchema(name="years", dtype=pl.Float64, unit="years", required=True, minimum=0.0, minimum_open=True),
        ColumnSchema(name="zero_rate", dtype=pl.Float64, unit="decimal a year", required=True, minimum=-1.0, minimum_open=True),
    ),
)
"""One row a rating and tenor."""

_TENORS = Range(said="positive and rising, one a tenor", low=0.0, with_low=False, with_high=False)
# What of them is no rate is told with its row and column.
_RATES = Range(said="decimals a year", or_unknown=True)
_START = Range(said="zero or more", low=0.0, with_high=False)
_AHEAD = Range(said="zero or more, in years", low=0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ZeroCurves:
    """Zero rates of each performing rating, annually compounded decimals: linear in between tenors, flat outside.

    ``rates`` is one row a rating of ``ratings``, one column a tenor of ``years`` (rising). With ``start_years`` above zero, tenors are counted
    from that time on, and discounts are those implied from the curves of today: :meth:`forward` makes such curves.

    >>> curves = ZeroCurves(ratings=("A", "B"), years=np.array([1.0, 2.0]), rates=np.array([[0.03, 0.04], [0.05, 0.05]]))
    >>> curves.discount(np.array([2.0])).round(6).tolist(), curves.forward(1.0).discount(np.array([1.0])).round(6).tolist()
    ([[0.924556, 0.907029]], [[0.952293, 0.952381]])
    """

    ratings: tuple[str, ...]
    years: FloatArray
    rates: FloatArray
    start_years: float = 0.0

    def __post_init__(self) -> None:
        names = check_texts("ratings", self.ratings)
        years, rates = numbers("years", self.years, _TENORS).copy(), numbers("rates", self.rates, _RATES).copy()
        if not names or len(set(names)) != len(names):
            raise InvalidInput("ratings are one or more names that differ, the best first, without default", argument="ratings")
        if years.ndim != 1 or not len(years) or (np.diff(years) <= 0.0).any():
            raise InvalidInput("years are positive and rising, one a tenor", argument="years")
        if rates.shape != (len(names), len(years)):
            raise InvalidInput(
                f"rates are {len(names)} x {len(years)}, a row a rating and a column a tenor, not {' x '.join(map(str, rates.shape))}",
                argument="rates",
            )
        problems = [
            Problem(
                row=int(i) + 1,
                column=f"{years[j]:g} years",
                reason=Reason.OUT_OF_RANGE.value,
                detail=f"{rates[i, j]} is no zero rate of {names[i]}: decimals above -1, and below 10",
            )
            for i, j in np.argwhere(~(np.isfinite(rates) & (rates > -1.0) & (rates < 10.0)))
        ]
        if problems:
            raise InvalidInput("; ".join(map(str, problems[:3])), problems=tuple(problems), argument="rates")
        number("start_years", self.start_years, _START)
        object.__setattr__(self, "ratings", names)
        for values, name in ((years, "years"), (rates, "rates")):
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    @classmethod
    def from_spreads(cls, ratings: Sequence[str], years: npt.ArrayLike, base: npt.ArrayLike, spreads: npt.ArrayLike) -> ZeroCurves:
        """A base curve (decimal zero rates, one a tenor) plus a spread a rating: one number each, or one a tenor."""
        names, tenors = check_texts("ratings", ratings), numbers("years", years, _TENORS)
        riskless, added = numbers("base", base, FINITE), numbers("spreads", spreads, FINITE)
        if tenors.ndim != 1:
            raise InvalidInput(f"years are {_TENORS.said}", argument="years")
        if riskless.shape != tenors.shape:
            raise InvalidInput(f"base has {riskless.size} rates for {tenors.size} tenors", argument="base")
        if added.ndim == 1:
            added = np.repeat(added[:, None], len(tenors), axis=1)
        if added.shape != (len(names), len(tenors)):
            raise InvalidInput("spreads are one a rating, or one row a rating and one column a tenor", argument="spreads")
        with naming("spreads", instead_of="rates"):
            return cls(ratings=names, years=tenors, rates=riskless + added)

    @classmethod
    def from_table(cls, table: pl.DataFrame, ratings: Sequence[str]) -> ZeroCurves:
        """From :data:`ZERO_CURVES`, for ``ratings`` in order; each rating may have its own tenors. Rows of other ratings are not used."""
        require_table(table, argument="table")
        names = check_texts("ratings", ratings)
        if not names:
            raise InvalidInput("ratings are one or more names that differ, the best first, without default", argument="ratings")
        rows = check_table(table, ZERO_CURVES).require_all("the zero curves")
        lacking = [name for name in names if name not in rows["rating"]]
        if lacking:
            raise InvalidInput(f"there is no zero curve for {', '.join(lacking)}", argument="table")
        mine = rows.filter(pl.col("rating").is_in(list(names))).sort("years")
        years = mine["years"].unique().sort().to_numpy()
        curves = []
        for name in names:
            own = mine.filter(pl.col("rating") == name)
            curves.append(np.interp(years, own["years"].to_numpy(), own["zero_rate"].to_numpy()))
        return cls(ratings=names, years=years, rates=np.stack(curves))

    def forward(self, years: float) -> ZeroCurves:
        """The curves that today's imply for ``years`` from their start: no view on how they will move."""
        with naming("years", instead_of="start_years"):
            return replace(self, start_years=self.start_years + number("years", years, FINITE))

    def discount(self, years: FloatArray) -> FloatArray:
        """Value of one unit promised in each of ``years`` (zero or more), a row each, a column a rating."""
        ahead = numbers("years", years, _AHEAD)
        if ahead.ndim != 1:
            raise InvalidInput(f"years is a list of times, each {_AHEAD.said}, not {years!r:.80}", argument="years")
        later = self._from_today(ahead + self.start_years)
        return later if self.start_years == 0.0 else later / self._from_today(np.array([self.start_years]))

    def _from_today(self, years: FloatArray) -> FloatArray:
        zero = np.stack([np.interp(years, self.years, row) for row in self.rates], axis=1)
        return np.asarray(np.exp(-years[:, None] * np.log1p(zero)), dtype=np.float64)
