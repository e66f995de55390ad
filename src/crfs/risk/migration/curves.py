"""Zero curves by rating: what a promise of one unit is worth, today or seen from a horizon."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.schemas import ColumnSchema, Reason, TableSchema
from crfs.errors import InvalidInput, Problem
from crfs.quality.checks import check_table

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
        years, rates = np.array(self.years, dtype=np.float64), np.array(self.rates, dtype=np.float64)
        if not self.ratings or len(set(self.ratings)) != len(self.ratings):
            raise InvalidInput("ratings are one or more names that differ, the best first, without default", argument="ratings")
        if years.ndim != 1 or not len(years) or not np.isfinite(years).all() or years[0] <= 0.0 or (np.diff(years) <= 0.0).any():
            raise InvalidInput("years are positive and rising, one a tenor", argument="years")
        if rates.shape != (len(self.ratings), len(years)):
            raise InvalidInput(
                f"rates are {len(self.ratings)} x {len(years)}, a row a rating and a column a tenor, not {' x '.join(map(str, rates.shape))}",
                argument="rates",
            )
        problems = [
            Problem(
                row=int(i) + 1,
                column=f"{years[j]:g} years",
                reason=Reason.OUT_OF_RANGE.value,
                detail=f"{rates[i, j]} is no zero rate of {self.ratings[i]}: decimals above -1, and below 10",
            )
            for i, j in np.argwhere(~(np.isfinite(rates) & (rates > -1.0) & (rates < 10.0)))
        ]
        if problems:
            raise InvalidInput("; ".join(map(str, problems[:3])), problems=tuple(problems))
        if not (math.isfinite(self.start_years) and self.start_years >= 0.0):
            raise InvalidInput(f"start_years is zero or more, not {self.start_years}", argument="start_years")
        for values, name in ((years, "years"), (rates, "rates")):
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    @classmethod
    def from_spreads(cls, ratings: Sequence[str], years: npt.ArrayLike, base: npt.ArrayLike, spreads: npt.ArrayLike) -> ZeroCurves:
        """A base curve (decimal zero rates, one a tenor) plus a spread a rating: one number each, or one a tenor."""
        tenors, riskless, added = (np.asarray(values, dtype=np.float64) for values in (years, base, spreads))
        if riskless.shape != tenors.shape:
            raise InvalidInput(f"base has {riskless.size} rates for {tenors.size} tenors", argument="base")
        if added.ndim == 1:
            added = np.repeat(added[:, None], len(tenors), axis=1)
        if added.shape != (len(ratings), len(tenors)):
            raise InvalidInput("spreads are one a rating, or one row a rating and one column a tenor", argument="spreads")
        return cls(ratings=tuple(ratings), years=tenors, rates=riskless + added)

    @classmethod
    def from_table(cls, table: pl.DataFrame, ratings: Sequence[str]) -> ZeroCurves:
        """From :data:`ZERO_CURVES`, for ``ratings`` in order; each rating may have its own tenors. Rows of other ratings are not used."""
        rows = check_table(table, ZERO_CURVES).require_all("the zero curves")
        lacking = [name for name in ratings if name not in rows["rating"]]
        if lacking:
            raise InvalidInput(f"there is no zero curve for {', '.join(lacking)}", argument="table")
        mine = rows.filter(pl.col("rating").is_in(list(ratings))).sort("years")
        years = mine["years"].unique().sort().to_numpy()
        curves = []
        for name in ratings:
            own = mine.filter(pl.col("rating") == name)
            curves.append(np.interp(years, own["years"].to_numpy(), own["zero_rate"].to_numpy()))
        return cls(ratings=tuple(ratings), years=years, rates=np.stack(curves))

    def forward(self, years: float) -> ZeroCurves:
        """The curves that today's imply for ``years`` from their start: no view on how they will move."""
        return replace(self, start_years=self.start_years + years)

    def discount(self, years: FloatArray) -> FloatArray:
        """Value of one unit promised in each of ``years`` (zero or more), a row each, a column a rating."""
        later = self._from_today(np.asarray(years, dtype=np.float64) + self.start_years)
        return later if self.start_years == 0.0 else later / self._from_today(np.array([self.start_years]))

    def _from_today(self, years: FloatArray) -> FloatArray:
        zero = np.stack([np.interp(years, self.years, row) for row in self.rates], axis=1)
        return np.asarray(np.exp(-years[:, None] * np.log1p(zero)), dtype=np.float64)
