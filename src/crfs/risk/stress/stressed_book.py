"""The book after a shock: the same rows and columns, with default probabilities, losses, exposures and correlations moved."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.factor_model import FactorModel
from crfs.credit.schemas import PORTFOLIO, Reason
from crfs.errors import InvalidInput, Problem
from crfs.quality.checks import Faults, check_columns
from crfs.quality.portfolio import LOADING, require_factor_model, require_filled, require_table
from crfs.risk.arguments import check_choice, check_function, check_kind, check_text
from crfs.risk.obligors import systematic_shares
from crfs.risk.stress.grades import Grades
from crfs.risk.stress.shifts import scaled_r2, scaled_spread, shifted_ead, shifted_lgd, shifted_pd
from crfs.risk.stress.transmission import NO_SHOCK, LgdResponse

FloatArray: TypeAlias = npt.NDArray[np.float64]

_NEEDED = ("ead", "lgd", "pd_12m")


class Band(StrEnum):
    """Which end of the shocks' band is taken: the centre, or the milder or the harder default probabilities."""

    CENTRAL = "central"
    LOW = "low"
    HIGH = "high"


def checked_book(book: pl.DataFrame) -> pl.DataFrame:
    """The typed rows of a book with ``ead``, ``lgd`` and ``pd_12m`` in each; wrong cells are named by row and column."""
    require_table(book, argument="book")
    if book.is_empty():
        detail = "the book has no rows; there is nothing to stress"
        raise InvalidInput(detail, problems=(Problem(row=None, column=None, reason=Reason.EMPTY.value, detail=detail),))
    absent = [name for name in _NEEDED if name not in book.columns]
    if absent:
        raise InvalidInput(f"the book lacks {', '.join(absent)}; fill it before it is stressed")
    typed, faults = check_columns(book, PORTFOLIO)
    _require(typed, faults)
    if not faults.bad.any():
        return typed
    problems = tuple(Problem(**fault) for fault in faults.table().iter_rows(named=True))
    raise InvalidInput(f"{faults.bad.sum()} row(s) of the book are wrong; first: {problems[0]}", problems=problems)


def _require(typed: pl.DataFrame, faults: Faults) -> None:
    for name in _NEEDED:
        blank = typed[name].is_null() & ~faults.bad
        faults.add(blank, column=name, reason=Reason.MISSING, detail="the cell is blank; fill the book before it is stressed")


def matched_shocks(book: pl.DataFrame, shocks: pl.DataFrame, by: str) -> pl.DataFrame:
    """One row of shocks a facility, in the book's order: its segment's, else the row without a segment.

    ``shocks`` has one row a segment. A facility that no row is for is refused: silence would be no shock.
    """
    values = [name for name in shocks.columns if name not in {"valid_time", "segment"}]
    named = shocks.filter(pl.col("segment").is_not_null())
    rest = shocks.filter(pl.col("segment").is_null())
    if named.is_empty():
        return pl.DataFrame({name: pl.repeat(rest[name][0], book.height, dtype=rest.schema[name], eager=True) for name in values})
    if by not in book.columns or book.schema[by] != pl.String:
        raise InvalidInput(f"the shocks are by segment, and the book has no column {by!r} of texts that says whose is whose", argument="by")
    found = book.select(segment=pl.col(by)).join(
        named.select("segment", *values).with_columns(__named=True), on="segment", how="left", maintain_order="left"
    )
    if rest.is_empty():
        lost = found.with_row_index("row", offset=1).filter(pl.col("__named").is_null())
        if not lost.is_empty():
            problems = tuple(
                Problem(row=row, column=by, reason=Reason.UNKNOWN_VALUE.value, detail=f"no shock is for {segment!r}, nor for all others")
                for row, segment in lost.head(100).select("row", "segment").iter_rows()
            )
            raise InvalidInput(f"{lost.height} row(s) of the book have no shock; first: {problems[0]}", problems=problems)
        return found.select(values)
    return found.select(pl.when(pl.col("__named")).then(pl.col(name)).otherwise(pl.lit(rest[name][0])).alias(name) for name in values)


def stressed_book(
    book: pl.DataFrame,
    shocks: pl.DataFrame,
    *,
    by: str = "segment",
    band: Band | str = Band.CENTRAL,
    lgd_response: LgdResponse | None = None,
    grades: Grades | None = None,
    factor_model: FactorModel | None = None,
) -> pl.DataFrame:
    """A checked book under the checked shocks of one period; rows and columns stay in their order.

    Args:
        book: rows of :func:`checked_book`.
        shocks: rows of :func:`crfs.risk.stress.transmission.checked_shocks`, one a segment.
        by: the book's column that says a row's segment.
        band: the end of the shocks' band for default probabilities.
        lgd_response: moves ``lgd`` with the default probability before ``lgd_add`` does; it needs R2 of every row.
        grades: the rating scale, where shocks have ``notches``.
        factor_model: whose factors the rows' own loadings are on; needed where rows have them in place of ``r2`` and losses answer.

    ``pd_12m`` moves by ``pd_probit`` and by the grades' probits, ``lgd`` by the response and ``lgd_add`` (its spread with it), ``ead`` by
    ``ccf_add`` where the row has ``drawn`` and ``limit``, ``r2`` by ``r2_scale`` (loadings by its root). An obligor whose facilities
    would end with different probabilities is refused: it defaults as one.
    """
    require_filled(book, argument="book", numbers=_NEEDED, texts=("obligor_id",))
    require_filled(shocks, argument="shocks", numbers=tuple(NO_SHOCK), texts=("segment",))
    _check_answers(lgd_response, grades, factor_model)
    mine = matched_shocks(book, shocks, check_text("by", by))
    columns: dict[str, pl.Series] = {}
    pd = book["pd_12m"].to_numpy()
    shift = mine[_of_band(mine, check_choice("band", band, Band))].to_numpy()
    notches = mine["notches"].to_numpy()
    if notches.any():
        moved, probit = _by_grades(book, notches, grades)
        columns["rating"], shift = moved, shift + probit
    after = shifted_pd(pd, shift)
    columns["pd_12m"] = pl.Series(after)
    _require_one_probability(book, after)
    lgd = book["lgd"].to_numpy()
    answered = lgd if lgd_response is None else _answer(lgd_response, _r2(book, factor_model), pd, after, lgd)
    lost = shifted_lgd(answered, mine["lgd_add"].to_numpy())
    columns["lgd"] = pl.Series(lost)
    if "lgd_sd" in book.columns:
        spread = scaled_spread(book["lgd_sd"].fill_null(0.0).to_numpy(), lgd, lost)
        columns["lgd_sd"] = pl.Series(spread).set(book["lgd_sd"].is_null(), None)
    if {"drawn", "limit"} <= set(book.columns):
        drawn, limit = (book[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in ("drawn", "limit"))
        columns["ead"] = pl.Series(shifted_ead(book["ead"].to_numpy(), drawn, limit, mine["ccf_add"].to_numpy()))
    columns |= _correlations(book, mine["r2_scale"].to_numpy())
    return book.with_columns(series.alias(name) for name, series in columns.items())


def _check_answers(lgd_response: object, grades: object, factor_model: object) -> None:
    """Refuse what is neither None nor what is asked for by these names."""
    if lgd_response is not None:
        check_function("lgd_response", lgd_response, "such as frye_jacobs, or None")
    if grades is not None:
        check_kind("grades", grades, Grades)
    if factor_model is not None:
        require_factor_model(factor_model)


def _of_band(mine: pl.DataFrame, band: Band) -> str:
    if band is Band.CENTRAL:
        return "pd_probit"
    name = f"pd_probit_{band.value}"
    if name not in mine.columns:
        raise InvalidInput(f"the shocks have no column {name}: their band is not known", argument="band")
    return name


def _by_grades(book: pl.DataFrame, notches: npt.NDArray[np.int64], grades: Grades | None) -> tuple[pl.Series, FloatArray]:
    if grades is None or "rating" not in book.columns:
        raise InvalidInput("shocks by notches need a rating scale, and a column rating in the book", argument="grades")
    wanted = notches != 0
    before = grades.positions(book["rating"], wanted)
    known = np.maximum(before, 0)
    after = np.where(wanted, grades.moved(known, notches), known)
    names = pl.Series(list(grades.names)).gather(after)
    return names.zip_with(pl.Series(wanted), book["rating"]), np.where(wanted, grades.probit_shift(known, after), 0.0)


def _r2(book: pl.DataFrame, factor_model: FactorModel | None) -> FloatArray:
    """R2 of every row, by its loadings where it has them; one that neither says is refused."""
    r2 = systematic_shares(book, factor_model)
    unknown = np.flatnonzero(np.isnan(r2))
    if len(unknown):
        row = None if "r2" not in book.columns else int(unknown[0]) + 1
        loads = any(name.startswith(LOADING) for name in book.columns) and factor_model is None
        detail = "losses that answer to default probabilities need it" + ("; loadings say it with a factor model" if loads else "")
        problem = Problem(row=row, column="r2", reason=Reason.MISSING.value, detail=detail)
        raise InvalidInput(f"the book has no r2: {problem}", problems=(problem,), argument="lgd_response")
    return r2


def _answer(response: LgdResponse, r2: FloatArray, pd: FloatArray, after: FloatArray, lgd: FloatArray) -> FloatArray:
    answered = np.asarray(response(pd, after, lgd, r2), dtype=np.float64)
    if answered.shape != lgd.shape or not ((answered >= 0.0) & (answered <= 1.0)).all():
        raise InvalidInput("lgd_response gives one decimal within [0, 1] a row of the book", argument="lgd_response")
    return answered


def _require_one_probability(book: pl.DataFrame, after: FloatArray) -> None:
    pairs = pl.DataFrame({"obligor": book["obligor_id"], "before": book["pd_12m"], "after": after})
    spread = pairs.group_by("obligor", maintain_order=True).agg(
        pl.col("before").n_unique().alias("before"), pl.col("after").n_unique().alias("after")
    )
    torn = spread.filter((pl.col("after") > 1) | (pl.col("before") > 1))
    if not torn.is_empty():
        name, were = torn["obligor"][0], torn["before"][0] > 1
        detail = f"obligor {name!r} {'has' if were else 'would have'} facilities with different default probabilities, and defaults as one"
        raise InvalidInput(
            f"{detail}; {'correct the book' if were else 'give its segments the same shock'}",
            problems=(Problem(row=None, column="pd_12m", reason=Reason.INCONSISTENT.value, detail=detail),),
        )


def _correlations(book: pl.DataFrame, scale: FloatArray) -> dict[str, pl.Series]:
    columns: dict[str, pl.Series] = {}
    if (scale == NO_SHOCK["r2_scale"]).all():
        return columns
    if "r2" in book.columns:
        columns["r2"] = pl.Series(scaled_r2(book["r2"].fill_null(0.0).to_numpy(), scale)).set(book["r2"].is_null(), None)
    for name in book.columns:
        if name.startswith(LOADING):
            columns[name] = pl.Series(book[name].fill_null(0.0).to_numpy() * np.sqrt(scale)).set(book[name].is_null(), None)
    return columns
