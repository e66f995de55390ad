"""A change of a book: facilities that come, go or are restated, and PDs that move. Only what is touched is checked again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import polars as pl

from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.quality.portfolio import validate_portfolio


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BookChange:
    """What changes of a book, in this order: ``drop`` names facilities that go, ``pd`` gives obligors another PD, ``put`` has rows of facilities.

    A row of ``put`` whose ``facility_id`` is in the book takes that facility's place, any other is new. ``put`` has the columns of a book
    (:data:`crfs.credit.schemas.PORTFOLIO`); amounts in currency units, ``pd`` decimals within [0, 1].
    """

    put: pl.DataFrame | None = None
    drop: Collection[str] = ()
    pd: Mapping[str, float] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing changes."""
        return (self.put is None or self.put.is_empty()) and not self.drop and not self.pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Changed:
    """A changed book: the rows of obligors that the change does not touch, and the rows, as they are now, of those that it does."""

    untouched: pl.DataFrame
    touched: pl.DataFrame
    obligors: tuple[str, ...]

    @property
    def book(self) -> pl.DataFrame:
        """All rows."""
        return pl.concat([self.untouched, self.touched], how="diagonal_relaxed") if self.touched.height else self.untouched


def changed_book(book: pl.DataFrame, change: BookChange, factor_model: FactorModel, *, default_ccf: float | None = None) -> Changed:
    """``book`` (checked rows) after ``change``; a row that is not a facility's, or a facility or obligor that is not there, is
    :class:`InvalidInput`. In its problems row 1 is the first of ``change.put``.
    """
    put = change.put if change.put is not None and change.put.height else None
    _require(change.drop, book["facility_id"], "facility")
    _require(change.pd, book["obligor_id"], "obligor")
    restated = put["facility_id"].cast(pl.String).drop_nulls().to_list() if put is not None and "facility_id" in put.columns else []
    arriving = put["obligor_id"].cast(pl.String).drop_nulls().to_list() if put is not None and "obligor_id" in put.columns else []
    leaving = book["facility_id"].is_in([*change.drop, *restated])
    obligors = tuple(sorted({*book.filter(leaving)["obligor_id"].to_list(), *arriving, *change.pd}))
    touched = book["obligor_id"].is_in(obligors)
    staying = book.filter(touched & ~leaving)
    if change.pd:
        values = pl.Series([float(value) for value in change.pd.values()], dtype=pl.Float64)
        staying = staying.with_columns(
            pl.coalesce(
                pl.col("obligor_id").replace_strict(list(change.pd), values, default=None, return_dtype=pl.Float64), "pd_12m"
            ).alias("pd_12m")
        )
    rows = pl.concat([put, staying], how="diagonal_relaxed") if put is not None and staying.height else staying if put is None else put
    if rows.height:
        rows = validate_portfolio(rows, factor_model, default_ccf=default_ccf).require_all("the change")
    untouched = book.filter(~touched)
    if not rows.height and not untouched.height:
        raise InvalidInput("the change leaves the book without a row: nothing would be left to measure")
    _require_one_currency(untouched, rows)
    return Changed(untouched=untouched, touched=rows, obligors=obligors)


def _require(asked: Collection[str], known: pl.Series, what: str) -> None:
    missing = sorted(set(asked) - set(known.filter(known.is_in(list(asked))).to_list())) if asked else []
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise InvalidInput(f"the book has no {what} {missing[0]!r}{more}")


def _require_one_currency(untouched: pl.DataFrame, touched: pl.DataFrame) -> None:
    before, after = (
        set(rows["currency"].unique().to_list()) if rows.height and "currency" in rows.columns else set() for rows in (untouched, touched)
    )
    if before and after and before | after != before & after:
        names = " and ".join(sorted(str(name) for name in before | after))
        raise InvalidInput(f"a book has one currency, and with this change it would have {names}: convert it first", argument="put")
