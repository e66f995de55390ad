"""A book as rated positions: what each name loses in each end rating, from a table of facilities, a matrix and zero curves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.factor_model import FactorModel
from crfs.credit.schemas import LONGEST_YEARS, Reason
from crfs.errors import InvalidInput, Problem
from crfs.quality.checks import Faults, quoted
from crfs.quality.portfolio import require_table, validate_portfolio
from crfs.risk.arguments import check_kind, check_texts
from crfs.risk.migration.curves import ZeroCurves
from crfs.risk.migration.transition_matrix import TransitionMatrix
from crfs.risk.migration.valuation import bullet_flows, par_coupon, values_by_rating
from crfs.risk.obligors import Obligors, roll_up
from crfs.risk.ranges import SHARE_OF_VARIANCE, Range, numbers, places, whole_number

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]


_LOSS = Range(said="one row a name, one column an end rating, of finite amounts", with_low=False, with_high=False)
_DIRECTIONS = Range(said="one row a direction, one column a factor, of finite numbers", with_low=False, with_high=False)
_AMOUNTS = Range(said="a list of amounts", or_unknown=True)


class Reference(StrEnum):
    """What the value at the horizon is compared with: the value ``now``, or that at the horizon if the rating is ``unchanged`` (without carry)."""

    NOW = "now"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RatedPositions:
    """Names with ratings and losses, in the order of ``names``; currency units, losses positive and gains negative.

    ``rating`` is the place in the matrix's order. ``loss`` is one row a name and one column an end rating, default last and at its mean.
    ``reference_value`` is what a value at the horizon is compared with, and ``ead`` what is owed. A name's latent variable is
    ``sqrt(r2) * directions[direction] . Z + sqrt(1 - r2) * e``.

    Facilities whose recovery is random stand in arrays of their own, by name: a default loses ``random_ead`` times a Beta(``beta_a``, ``beta_b``)
    variable minus its mean more.
    """

    names: tuple[str, ...]
    rating: IntArray
    r2: FloatArray
    direction: IntArray
    directions: FloatArray
    loss: FloatArray
    reference_value: FloatArray
    ead: FloatArray
    random_name: IntArray
    random_ead: FloatArray
    beta_a: FloatArray
    beta_b: FloatArray

    def __post_init__(self) -> None:
        names = check_texts("names", self.names)
        count = len(names)
        loss, directions = numbers("loss", self.loss, _LOSS), numbers("directions", self.directions, _DIRECTIONS)
        if loss.ndim != 2 or len(loss) != count or not count:
            raise InvalidInput(f"loss is {_LOSS.said}", argument="loss")
        if directions.ndim != 2 or not directions.size:
            raise InvalidInput(f"directions is {_DIRECTIONS.said}, not {self.directions!r:.80}", argument="directions")
        columns: dict[str, npt.NDArray[Any]] = {
            "rating": places("rating", self.rating, loss.shape[1], "a place in the order of the matrix's ratings"),
            "r2": numbers("r2", self.r2, SHARE_OF_VARIANCE),
            "direction": places("direction", self.direction, len(directions), "a row of directions"),
            **{name: numbers(name, getattr(self, name), _AMOUNTS) for name in ("reference_value", "ead")},
        }
        random = {
            "random_name": places("random_name", self.random_name, count, "a place in the order of names"),
            **{name: numbers(name, getattr(self, name), _AMOUNTS) for name in ("random_ead", "beta_a", "beta_b")},
        }
        for name, values in columns.items():
            if values.shape != (count,):
                raise InvalidInput(f"{name} has one entry a name, {count} in all", argument=name)
        for name, values in random.items():
            if values.shape != (random["random_name"].size,):
                raise InvalidInput(f"{name} has one entry a facility whose recovery is random, as random_name has", argument=name)
        for name, checked in ({"names": names, "loss": loss, "directions": directions} | columns | random).items():
            object.__setattr__(self, name, checked)

    @classmethod
    def of_losses(
        cls, names: tuple[str, ...], *, rating: IntArray, r2: FloatArray, direction: IntArray, directions: FloatArray, loss: FloatArray
    ) -> RatedPositions:
        """Positions whose losses by end rating are known already, with certain recoveries; ``ead`` is the loss of a default."""
        nothing = np.zeros(0)
        known, amounts = check_texts("names", names), numbers("loss", loss, _LOSS)
        if amounts.ndim != 2 or not amounts.size:
            raise InvalidInput(f"loss is {_LOSS.said}", argument="loss")
        return cls(
            names=known,
            rating=rating,
            r2=r2,
            direction=direction,
            directions=directions,
            loss=amounts,
            reference_value=np.zeros(len(known)),
            ead=amounts[:, -1],
            random_name=np.zeros(0, dtype=np.int64),
            random_ead=nothing,
            beta_a=nothing,
            beta_b=nothing,
        )


def rated_positions(
    portfolio: pl.DataFrame,
    factor_model: FactorModel,
    matrix: TransitionMatrix,
    curves: ZeroCurves,
    *,
    horizon_years: float,
    horizon_curves: ZeroCurves | None = None,
    reference: Reference | str = Reference.NOW,
    frequency: int = 1,
    default_ccf: float | None = None,
) -> RatedPositions:
    """Value every facility now and in each rating at the horizon, and add up by obligor.

    ``portfolio`` is :data:`crfs.credit.schemas.PORTFOLIO`; each row needs ``rating`` (one of the matrix's, the same on all rows of an obligor),
    ``maturity_years`` above zero and ``lgd``. A facility is a bullet loan of ``ead`` with the coupon ``effective_interest_rate`` (decimal a year,
    paid ``frequency`` times); where that is blank, the coupon at which it is worth ``ead`` now. ``pd_12m`` is not used: the matrix says it.

    ``curves`` are today's zero curves of the matrix's performing ratings; ``horizon_curves`` those at the horizon (None: the forward curves that
    today's imply). In default a facility is worth ``ead * (1 - lgd)``, now where it is rated so, and at the horizon; a spread of the loss given default
    (``lgd_sd``) counts for defaults to come. A facility that ends before the horizon is held to it at its name's full risk of default.
    """
    try:
        rule = Reference(reference)
    except (TypeError, ValueError):
        raise InvalidInput(f"reference is 'now' or 'unchanged', not {reference!r:.80}", argument="reference") from None
    check_kind("matrix", matrix, TransitionMatrix)
    check_kind("curves", curves, ZeroCurves)
    if horizon_curves is not None:
        check_kind("horizon_curves", horizon_curves, ZeroCurves)
    require_table(portfolio, argument="portfolio")
    later = horizon_curves if horizon_curves is not None else curves.forward(horizon_years)
    for given, argument in ((curves, "curves"), (later, "horizon_curves")):
        if given.ratings != matrix.performing:
            raise InvalidInput(
                f"{argument} need the matrix's performing ratings in its order: {', '.join(matrix.performing)}", argument=argument
            )
    book = _checked(portfolio, factor_model, matrix, default_ccf)
    obligors = roll_up(book, factor_model)
    obligors.require_lgd_alone("rating migration")
    place = _places(book, matrix)
    ead, recovery = obligors.facility_ead, obligors.facility_ead * (1.0 - obligors.facility_lgd)
    maturity = book["maturity_years"].to_numpy().astype(np.float64)
    performing = np.minimum(place, len(matrix.performing) - 1)
    coupon = par_coupon(curves, performing, maturity_years=maturity, frequency=frequency)
    if "effective_interest_rate" in book.columns:
        stated = book["effective_interest_rate"]
        coupon = np.where(stated.is_null().to_numpy(), coupon, stated.fill_null(0.0).to_numpy())
    flows = bullet_flows(ead, coupon=coupon, maturity_years=maturity, frequency=frequency)
    defaulted = place == len(matrix.performing)
    value_now = np.where(defaulted, recovery, np.take_along_axis(values_by_rating(flows, curves), performing[:, None], axis=1)[:, 0])
    at_horizon = np.column_stack([values_by_rating(flows, later, at_years=horizon_years, carry=curves), recovery])
    unchanged = np.take_along_axis(at_horizon, place[:, None], axis=1)[:, 0]
    compared = value_now if rule is Reference.NOW else unchanged
    return _by_obligor(obligors, place, compared, compared[:, None] - at_horizon)


def _by_obligor(obligors: Obligors, place: IntArray, compared: FloatArray, loss: FloatArray) -> RatedPositions:
    count = len(obligors.names)
    owner = obligors.facility_obligor

    def total(values: FloatArray) -> FloatArray:
        return np.bincount(owner, weights=values, minlength=count).astype(np.float64)

    first = np.searchsorted(owner, np.arange(count))
    spread = obligors.facility_lgd_sd
    random = np.flatnonzero((spread > 0.0) & (obligors.facility_ead > 0.0))
    lgd = obligors.facility_lgd[random]
    precision = lgd * (1.0 - lgd) / np.square(spread[random]) - 1.0
    return RatedPositions(
        names=tuple(obligors.names.to_list()),
        rating=place[first],
        r2=obligors.r2,
        direction=obligors.direction,
        directions=obligors.directions,
        loss=np.stack([total(column) for column in loss.T], axis=1),
        reference_value=total(compared),
        ead=obligors.ead,
        random_name=owner[random],
        random_ead=obligors.facility_ead[random],
        beta_a=lgd * precision,
        beta_b=(1.0 - lgd) * precision,
    )


def _checked(portfolio: pl.DataFrame, factor_model: FactorModel, matrix: TransitionMatrix, default_ccf: float | None) -> pl.DataFrame:
    """Rows that passed, by obligor and facility, the matrix's default probability in the place of ``pd_12m``."""
    lacking = [name for name in ("rating", "maturity_years") if name not in portfolio.columns]
    if lacking and not portfolio.is_empty():
        problems = tuple(
            Problem(row=None, column=name, reason=Reason.MISSING_COLUMN.value, detail=f"a revaluation needs a column {name}")
            for name in lacking
        )
        raise InvalidInput("; ".join(problem.detail for problem in problems), problems=problems)
    plain = portfolio.drop("pd_12m", strict=False)
    checked = validate_portfolio(plain, factor_model, allow_blank=("pd_12m",), default_ccf=default_ccf)
    if checked.rejected.is_empty():
        book = checked.accepted
        faults = Faults(height=book.height)
        _check_ratings(book, matrix, faults)
        if not faults.table().is_empty():
            found = tuple(Problem(**fault) for fault in faults.table().iter_rows(named=True))
            raise InvalidInput(f"portfolio: {len(found)} fault(s): {'; '.join(map(str, found[:3]))}", problems=found)
    else:
        book = checked.require_all("portfolio")
    pd = {name: float(matrix.row(name)[-1]) for name in matrix.ratings}
    return book.with_columns(pl.col("rating").replace_strict(pd, return_dtype=pl.Float64).alias("pd_12m")).sort("obligor_id", "facility_id")


def _check_ratings(book: pl.DataFrame, matrix: TransitionMatrix, faults: Faults) -> None:
    faults.add(book["rating"].is_null(), column="rating", reason=Reason.MISSING, detail="the cell is blank; a rating is required")
    unknown = book["rating"].is_not_null() & ~book["rating"].is_in(list(matrix.ratings))
    detail = quoted(book["rating"], before="'", after=f"' is none of {', '.join(matrix.ratings)}")
    faults.add(unknown, column="rating", reason=Reason.UNKNOWN_VALUE, detail=detail)
    first = book.select(pl.col("rating").drop_nulls().first().over("obligor_id")).to_series()
    differs = book["rating"].is_not_null() & (book["rating"] != first)
    faults.add(
        differs,
        column="rating",
        reason=Reason.INCONSISTENT,
        detail=quoted(book["rating"], after=" differs from another row of this obligor"),
    )
    blank = book["maturity_years"].is_null()
    faults.add(blank, column="maturity_years", reason=Reason.MISSING, detail="the cell is blank; a maturity is required")
    short = book["maturity_years"] <= 0.0
    outside = quoted(book["maturity_years"], after=f" is not within (0, {LONGEST_YEARS:g}], in years")
    faults.add(short, column="maturity_years", reason=Reason.OUT_OF_RANGE, detail=outside)


def _places(book: pl.DataFrame, matrix: TransitionMatrix) -> IntArray:
    order = {name: k for k, name in enumerate(matrix.ratings)}
    places = book["rating"].replace_strict(order, return_dtype=pl.Int64).to_numpy()
    return np.asarray(places, dtype=np.int64)


def check_horizon(matrix: TransitionMatrix, periods: int) -> float:
    """The horizon in years of a whole number of the matrix's periods."""
    check_kind("matrix", matrix, TransitionMatrix)
    horizon = matrix.years * whole_number("periods", periods, "a whole number of 1 or more")
    if not math.isfinite(horizon):
        raise InvalidInput(f"periods of {matrix.years} years each reach too far: {periods}", argument="periods")
    return horizon
