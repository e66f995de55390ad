"""A stress test over twelve months: the stressed book, the change of its expected loss, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl

from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.risk.arguments import check_choice
from crfs.risk.stress.grades import Grades
from crfs.risk.stress.stressed_book import Band, checked_book, stressed_book
from crfs.risk.stress.transmission import LgdResponse, checked_shocks
from crfs.risk.stress.waterfall import ORDER, Channel, Measure, Waterfall, expected_loss, waterfall

WORST = "worst"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StressResult:
    """Base, stressed, and the difference.

    ``base`` and ``stressed`` are books of the same rows, which :func:`crfs.risk.portfolio_risk` takes as it takes any; ``waterfall``
    explains the change of the expected loss. ``at`` is the period whose shocks were taken, None where they have none. ``notes`` are
    sentences for the reader.
    """

    base: pl.DataFrame
    stressed: pl.DataFrame
    waterfall: Waterfall
    at: date | None
    band: Band
    notes: tuple[str, ...]

    @property
    def el_base(self) -> float:
        """Expected loss in 12 months as the book is, currency units."""
        return self.waterfall.total_base

    @property
    def el_stressed(self) -> float:
        """Expected loss in 12 months under the shocks, currency units."""
        return self.waterfall.total_stressed

    def cut(self, tag: str, *, measure: Measure = expected_loss) -> Waterfall:
        """The same waterfall by the values of any column of the book."""
        return waterfall(self.base, self.stressed, measure=measure, order=self.waterfall.order, shapley=self.waterfall.shapley, tag=tag)

    def ratings(self) -> pl.DataFrame:
        """Exposure by rating before and after: ``rating``, ``ead_base``, ``ead_stressed``; without a column ``rating`` no row."""
        if "rating" not in self.base.columns:
            return pl.DataFrame(schema={"rating": pl.String(), "ead_base": pl.Float64(), "ead_stressed": pl.Float64()})
        sides = [
            # In the order of their size: the same bits whatever the order of the rows, and the number of threads.
            book.group_by("rating").agg(pl.col("ead").sort().sum().alias(f"ead_{name}"))
            for name, book in (("base", self.base), ("stressed", self.base.with_columns(self.stressed["rating"])))
        ]
        joined = sides[0].join(sides[1], on="rating", how="full", coalesce=True, nulls_equal=True)
        return joined.with_columns(pl.col("ead_base", "ead_stressed").fill_null(0.0)).sort("rating", nulls_last=True)

    def to_dict(self, *, tags: Sequence[str] = ()) -> dict[str, Any]:
        """Plain values for JSON; ``tags`` are columns by which the change is cut."""
        return {
            "el_base": self.el_base,
            "el_stressed": self.el_stressed,
            "el_change": self.waterfall.change,
            "ead_base": float(self.base["ead"].sum()),
            "ead_stressed": float(self.stressed["ead"].sum()),
            "at": None if self.at is None else self.at.isoformat(),
            "band": self.band.value,
            "waterfall": self.waterfall.to_dict(),
            "cuts": {tag: self.cut(tag).to_dict()["rows"] for tag in tags},
            "ratings": self.ratings().to_dicts(),
            "notes": list(self.notes),
        }


def stress(
    book: pl.DataFrame,
    shocks: pl.DataFrame,
    *,
    by: str = "segment",
    at: date | str | None = None,
    band: Band | str = Band.CENTRAL,
    lgd_response: LgdResponse | None = None,
    grades: Grades | None = None,
    factor_model: FactorModel | None = None,
    order: Sequence[Channel | str] = ORDER,
    shapley: bool = False,
) -> StressResult:
    """Stress a book's losses of twelve months.

    Args:
        book: one row a facility (:data:`crfs.credit.schemas.PORTFOLIO`) with ``ead``, ``lgd`` and ``pd_12m`` in each.
        shocks: the table of :data:`~crfs.risk.stress.transmission.SHOCKS`, such as a :class:`~crfs.risk.stress.transmission.Transmission`
            gives.
        by: the book's column of segments.
        at: the first day of the period whose shocks are taken, or ``worst``: the one of the greatest expected loss. Needed where there
            are several.
        band, lgd_response, grades, factor_model: as :func:`~crfs.risk.stress.stressed_book.stressed_book` has them.
        order, shapley: as :func:`~crfs.risk.stress.waterfall.waterfall` has them.

    A shock of nothing is a change of exactly nothing; a harder shock never a smaller loss.

    >>> book = pl.DataFrame({"facility_id": ["F1", "F2"], "obligor_id": ["A", "B"], "ead": [100.0, 200.0], "lgd": 0.4, "pd_12m": 0.02,
    ...                      "segment": ["card", "loan"]})
    >>> result = stress(book, pl.DataFrame({"segment": ["card", None], "pd_probit": [0.5, 0.0], "lgd_add": [0.1, 0.0]}))
    >>> round(result.el_base, 9), round(result.el_stressed, 6), result.cut("segment").to_table()["change"].round(6).to_list()
    (2.4, 4.606108, [2.206108, 0.0])
    """
    given = checked_shocks(shocks)
    base = checked_book(book)
    asked = check_choice("band", band, Band)
    after, moment, notes = stressed_at(
        base, given, at, by=by, band=asked, lgd_response=lgd_response, grades=grades, factor_model=factor_model
    )
    unused = _unused(base, given, by)
    return StressResult(
        base=base,
        stressed=after,
        waterfall=waterfall(base, after, order=order, shapley=shapley),
        at=moment,
        band=asked,
        notes=(*notes, *unused),
    )


def stressed_at(
    base: pl.DataFrame,
    shocks: pl.DataFrame,
    at: date | str | None,
    *,
    by: str,
    band: Band,
    lgd_response: LgdResponse | None,
    grades: Grades | None,
    factor_model: FactorModel | None = None,
) -> tuple[pl.DataFrame, date | None, tuple[str, ...]]:
    """A checked book under the checked shocks of one period of them: the book, the period, and notes."""
    times = shocks["valid_time"].unique().sort().to_list()

    def under(time: datetime | None) -> pl.DataFrame:
        rows = shocks.filter(pl.col("valid_time").eq_missing(time))
        return stressed_book(base, rows, by=by, band=band, lgd_response=lgd_response, grades=grades, factor_model=factor_model)

    if at is None:
        if len(times) > 1:
            raise InvalidInput(
                f"the shocks are of {len(times)} periods, {_day(times[0])} to {_day(times[-1])}; "
                "say at which, or 'worst', or go over the path",
                argument="at",
            )
        return under(times[0]), _day(times[0]), ()
    if not isinstance(at, str) or at != WORST:
        wanted = at if isinstance(at, date) else _read_day(at)
        found = [time for time in times if _day(time) == wanted]
        if not found:
            raise InvalidInput(
                f"no shock is of the period from {wanted}; there are {', '.join(str(_day(t)) for t in times[:20])}", argument="at"
            )
        return under(found[0]), wanted, ()
    worst, loss, moment = base, -1.0, times[0]
    for time in times:
        after = under(time)
        lost = float(np.add.reduce(expected_loss(after)))
        if lost > loss:  # of equal ones the first
            worst, loss, moment = after, lost, time
    return worst, _day(moment), (f"the worst of {len(times)} periods by expected loss",)


def _read_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        raise InvalidInput(f"at is the first day of a period, such as 2026-01-01, or 'worst', not {text!r:.80}", argument="at") from None


def _day(time: datetime | None) -> date | None:
    return None if time is None else time.date()


def _unused(book: pl.DataFrame, shocks: pl.DataFrame, by: str) -> tuple[str, ...]:
    named = shocks["segment"].drop_nulls()
    if named.is_empty():
        return ()
    lost = sorted(set(named.to_list()) - set(book[by].drop_nulls().unique().to_list()))
    return (f"no row of the book is of {', '.join(lost)}",) if lost else ()
