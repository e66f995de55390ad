"""A stress test along a path: expected loss period by period, base and stressed, on a balance sheet that stands still or runs off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.bitemporal.tenor import Tenor
from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput, naming
from crfs.risk.arguments import check_choice
from crfs.risk.stress.grades import Grades
from crfs.risk.stress.stressed_book import Band, checked_book, stressed_book
from crfs.risk.stress.transmission import LgdResponse, checked_shocks
from crfs.risk.stress.waterfall import label_sums, on_grid, quantum_of, tag_codes

FloatArray: TypeAlias = npt.NDArray[np.float64]


class BalanceSheet(StrEnum):
    """What becomes of the book along the path.

    ``static``: what defaults or matures is replaced by the like, as in the European Banking Authority's stress tests: every period begins
    with the same book, and a harder shock in any period never makes the path's loss smaller. ``closed``: what has defaulted is gone and
    facilities end at their maturity; then who defaults early cannot default later, when the loss may be higher.
    """

    STATIC = "static"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StressPath:
    """Expected losses by period (rows) and label (columns): of the book as it is and under the shocks; currency units.

    ``labels`` are the values of ``tag`` (None: blank), or one for all. All numbers are whole multiples of ``quantum``, so that sums over
    periods and labels are exact, and the same in every cut. ``pd_base`` and ``pd_stressed`` are exposure-weighted default probabilities
    of 12 months, one a period.
    """

    times: tuple[date, ...]
    period: Tenor
    tag: str | None
    labels: tuple[str | None, ...]
    base: FloatArray
    stressed: FloatArray
    pd_base: FloatArray
    pd_stressed: FloatArray
    quantum: float
    balance_sheet: BalanceSheet
    band: Band

    @property
    def total_base(self) -> float:
        """Expected loss of the whole path as the book is."""
        return float(self.base.sum())

    @property
    def total_stressed(self) -> float:
        """Expected loss of the whole path under the shocks."""
        return float(self.stressed.sum())

    def to_table(self) -> pl.DataFrame:
        """One row a period: ``valid_time``, ``el_base``, ``el_stressed``, ``change``, ``cumulative_change``, ``pd_base``, ``pd_stressed``."""
        before, after = self.base.sum(axis=1), self.stressed.sum(axis=1)
        return pl.DataFrame(
            {
                "valid_time": list(self.times),
                "el_base": before,
                "el_stressed": after,
                "change": after - before,
                "cumulative_change": np.cumsum(after - before),
                "pd_base": self.pd_base,
                "pd_stressed": self.pd_stressed,
            }
        )

    def by_label(self) -> pl.DataFrame:
        """One row a label: the tag's column, ``el_base``, ``el_stressed`` and ``change`` over the whole path, the largest change first."""
        before, after = self.base.sum(axis=0), self.stressed.sum(axis=0)
        columns = {
            self.tag or "all": pl.Series(self.labels, dtype=pl.String),
            "el_base": before,
            "el_stressed": after,
            "change": after - before,
        }
        return pl.DataFrame(columns).sort("change", descending=True, maintain_order=True)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "period": str(self.period),
            "balance_sheet": self.balance_sheet.value,
            "band": self.band.value,
            "el_base": self.total_base,
            "el_stressed": self.total_stressed,
            "el_change": self.total_stressed - self.total_base,
            "path": [{**row, "valid_time": row["valid_time"].isoformat()} for row in self.to_table().to_dicts()],
            "by": self.tag,
            "rows": self.by_label().to_dicts() if self.tag else [],
        }


def stress_path(
    book: pl.DataFrame,
    shocks: pl.DataFrame,
    *,
    by: str = "segment",
    period: Tenor | str | None = None,
    balance_sheet: BalanceSheet | str = BalanceSheet.STATIC,
    band: Band | str = Band.CENTRAL,
    lgd_response: LgdResponse | None = None,
    grades: Grades | None = None,
    factor_model: FactorModel | None = None,
    tag: str | None = None,
) -> StressPath:
    """Expected loss along the periods of the shocks.

    A name with the probability p in twelve months defaults in a period of y years with ``1 - (1 - p)^y``, p being that period's stressed
    one.

    Args:
        shocks: as :func:`~crfs.risk.stress.one_period.stress` takes them, with ``valid_time`` in every row, each segment in every period.
        period: the length of a period; None takes it from the shocks' times, which follow each other without a gap.
        tag: a column of the book by which losses are cut.

    >>> book = pl.DataFrame({"facility_id": ["F1"], "obligor_id": ["A"], "ead": [1000.0], "lgd": 0.5, "pd_12m": 0.04, "segment": "loan"})
    >>> shocks = pl.DataFrame({"valid_time": [date(2026, m, 1) for m in (1, 4, 7, 10)], "pd_probit": [0.0, 0.2, 0.4, 0.2]})
    >>> path = stress_path(book, shocks, balance_sheet="closed")
    >>> round(path.total_base, 9), path.to_table()["change"].round(3).to_list()
    (20.0, [0.0, 2.635, 6.171, 2.446])
    """
    given, base = checked_shocks(shocks), checked_book(book)
    sheet, asked = check_choice("balance_sheet", balance_sheet, BalanceSheet), check_choice("band", band, Band)
    times, length = _periods(given, period)
    years = length.months / 12.0
    codes, labels = tag_codes(base, tag)
    ends = _maturities(base, sheet)
    survivors = [np.ones(base.height), np.ones(base.height)]
    losses = np.zeros((2, len(times), base.height))
    mean_pd = np.zeros((2, len(times)))
    for number, time in enumerate(times):
        rows = given.filter(pl.col("valid_time").dt.date() == time)
        after = stressed_book(base, rows, by=by, band=band, lgd_response=lgd_response, grades=grades, factor_model=factor_model)
        share = np.clip(ends - number * years, 0.0, years)
        for side, state in enumerate((base, after)):
            pd, amount = state["pd_12m"].to_numpy(), (state["lgd"] * state["ead"]).to_numpy()
            defaults = _period_probability(pd, share) * survivors[side]
            losses[side, number] = defaults * amount
            exposure = state["ead"].to_numpy() * survivors[side]
            weight = float(np.add.reduce(exposure))
            mean_pd[side, number] = float(np.add.reduce(exposure * pd)) / weight if weight > 0.0 else 0.0
            if sheet is BalanceSheet.CLOSED:
                survivors[side] = survivors[side] - defaults
    quantum = quantum_of(base, losses.reshape(2, -1), times=len(times))
    grid = np.array([[label_sums(on_grid(row, quantum), codes, len(labels)) for row in side] for side in losses]) * quantum
    return StressPath(
        times=times,
        period=length,
        tag=tag,
        labels=labels,
        base=grid[0],
        stressed=grid[1],
        pd_base=mean_pd[0],
        pd_stressed=mean_pd[1],
        quantum=quantum,
        balance_sheet=sheet,
        band=asked,
    )


def _period_probability(pd: FloatArray, years: FloatArray) -> FloatArray:
    """``1 - (1 - pd)^years`` without cancellation; a certain default comes in any time but none."""
    inside = np.where(pd < 1.0, pd, 0.0)
    usual = -np.expm1(years * np.log1p(-inside))
    return np.where(pd < 1.0, usual, np.where(years > 0.0, 1.0, 0.0))


def _maturities(book: pl.DataFrame, sheet: BalanceSheet) -> FloatArray:
    """Years until a facility ends; infinite where it is replaced or the book does not say."""
    if sheet is BalanceSheet.STATIC or "maturity_years" not in book.columns:
        return np.full(book.height, np.inf)
    return np.asarray(book["maturity_years"].fill_null(np.inf).to_numpy(), dtype=np.float64)


def _periods(shocks: pl.DataFrame, period: Tenor | str | None) -> tuple[tuple[date, ...], Tenor]:
    if shocks["valid_time"].null_count():
        raise InvalidInput("a path has a valid_time in every row of its shocks", argument="shocks")
    times = tuple(shocks["valid_time"].dt.date().unique().sort().to_list())
    months = [day.year * 12 + day.month for day in times]
    steps = {after - before for before, after in pairwise(months)}
    if period is not None:
        with naming("period"):
            length = Tenor.parse(period)
    elif len(steps) == 1:
        length = Tenor(months=steps.pop())
    else:
        raise InvalidInput(f"the periods of the shocks do not follow each other evenly ({', '.join(map(str, times[:5]))} …); give period")
    even = all(after - before == length.months for before, after in pairwise(months))
    if length.months < 1 or length.days or length.seconds or not even:
        raise InvalidInput(f"the periods of the shocks are not those of {length}, one after the other", argument="period")
    return times, length
