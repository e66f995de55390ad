"""CreditRisk+ of a book: from a table of facilities to obligors and their weights on sectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.credit.schemas import PORTFOLIO, ColumnSchema, Reason, TableSchema
from crfs.errors import InvalidInput, Problem
from crfs.quality.checks import Checked, Faults, check_columns, column_problems, quoted, require_columns
from crfs.quality.portfolio import require_table, with_ead
from crfs.risk.creditriskplus.book import check_sectors
from crfs.risk.creditriskplus.distribution import loss_distribution
from crfs.risk.creditriskplus.result import CreditRiskPlusResult
from crfs.risk.ranges import DECIMAL, number

FloatArray: TypeAlias = npt.NDArray[np.float64]

WEIGHT = "weight:"

SECTOR_PORTFOLIO = TableSchema(
    name="portfolio",
    unique=("facility_id",),
    columns=(
        *PORTFOLIO.columns,
        ColumnSchema(
            name=WEIGHT,
            dtype=pl.Float64,
            unit="decimal",
            minimum=0.0,
            maximum=1.0,
            prefix=True,
            meaning="share of the obligor's default rate",
        ),
    ),
)
"""One row a facility, as :data:`crfs.credit.schemas.PORTFOLIO`, with ``weight:<sector>`` where an obligor follows several sectors."""


def portfolio_loss_distribution(
    portfolio: pl.DataFrame,
    *,
    sectors: Mapping[str, float],
    systematic_share: float = 1.0,
    default_ccf: float | None = None,
    **options: Any,
) -> CreditRiskPlusResult:
    """:func:`~crfs.risk.creditriskplus.loss_distribution` of a book of facilities.

    ``portfolio`` has the columns of :data:`SECTOR_PORTFOLIO`. Facilities of one obligor default together; it loses the sum of ead x lgd.
    Its weights stand in columns ``weight:<sector>`` (blank: zero; the same on all its rows), or follow from the column ``sector``:
    ``systematic_share`` (decimal) of it follows the sectors of its facilities in proportion to their losses, the rest is idiosyncratic, and so is
    a facility whose sector is blank. ``sectors`` maps each sector to the relative variance of its default rate. Further ``options`` are those of
    :func:`~crfs.risk.creditriskplus.loss_distribution`; a spread of the loss given default (``lgd_sd``, ``lgd_factor_loading``) is not used.

    >>> book = pl.DataFrame({"facility_id": ["F1", "F2", "F3"], "obligor_id": ["A", "A", "B"], "ead": [100.0, 100.0, 300.0], "lgd": 0.5,
    ...                      "pd_12m": [0.02, 0.02, 0.01], "sector": ["retail", "energy", "energy"]})
    >>> result = portfolio_loss_distribution(book, sectors={"energy": 0.5, "retail": 0.2}, confidences=(0.99,))
    >>> result.el, result.obligors["obligor_id"].to_list(), result.sectors["el"].to_list()
    (3.5, ['A', 'B'], [2.5, 1.0, 0.0])
    """
    check_sectors(sectors)
    systematic_share = number("systematic_share", systematic_share, DECIMAL)
    require_table(portfolio, argument="portfolio")
    book = _checked(portfolio, tuple(sectors), default_ccf)
    ids = book["obligor_id"]
    first = (ids != ids.shift(1)).fill_null(True)
    owner = first.cast(pl.Int64).cum_sum().to_numpy() - 1
    by_obligor = book.filter(first)
    facility_loss = book["ead"].to_numpy() * book["lgd"].to_numpy()
    loss = np.bincount(owner, weights=facility_loss, minlength=by_obligor.height).astype(np.float64)
    if any(name.startswith(WEIGHT) for name in book.columns):
        weights = np.column_stack([_weight(by_obligor, f"{WEIGHT}{name}") for name in sectors])
    else:
        weights = systematic_share * _shares(book, tuple(sectors), owner, facility_loss, loss)
    return loss_distribution(
        loss, by_obligor["pd_12m"].to_numpy(), sectors=sectors, weights=weights, names=by_obligor["obligor_id"].to_list(), **options
    )


def _weight(by_obligor: pl.DataFrame, column: str) -> FloatArray:
    if column not in by_obligor.columns:
        return np.zeros(by_obligor.height)
    return np.asarray(by_obligor[column].fill_null(0.0).to_numpy(), dtype=np.float64)


def _shares(
    book: pl.DataFrame, sectors: tuple[str, ...], owner: npt.NDArray[np.int64], facility_loss: FloatArray, loss: FloatArray
) -> FloatArray:
    """Of each obligor the part of its loss that lies in each sector; none where it has nothing to lose."""
    total = np.where(loss > 0.0, loss, 1.0)
    columns = []
    for name in sectors:
        inside = (book["sector"] == name).fill_null(False).to_numpy()
        columns.append(np.bincount(owner, weights=np.where(inside, facility_loss, 0.0), minlength=len(loss)) / total)
    return np.column_stack(columns)


def _checked(portfolio: pl.DataFrame, sectors: tuple[str, ...], default_ccf: float | None) -> pl.DataFrame:
    """Rows that passed, by obligor."""
    if portfolio.is_empty():
        detail = "the book has no rows; there is nothing to measure"
        raise InvalidInput(detail, problems=(Problem(row=None, column=None, reason=Reason.EMPTY.value, detail=detail),))
    weights = [name for name in portfolio.columns if name.startswith(WEIGHT)]
    unknown = [name for name in weights if name.removeprefix(WEIGHT) not in sectors]
    problems = column_problems(portfolio.columns, SECTOR_PORTFOLIO)
    if unknown or not (weights or "sector" in portfolio.columns):
        column, reason = (unknown[0], Reason.UNKNOWN_COLUMN) if unknown else ("sector", Reason.MISSING_COLUMN)
        detail = (
            f"{column}: sectors has {', '.join(sectors)}"
            if unknown
            else "portfolio needs a column sector, or a column weight:<sector> a sector"
        )
        problems.append(Problem(row=None, column=column, reason=reason.value, detail=detail))
    require_columns(problems)
    typed, faults = check_columns(portfolio, SECTOR_PORTFOLIO)
    typed = with_ead(portfolio, typed, faults, default_ccf)
    if not weights:
        strange = typed["sector"].is_not_null() & ~typed["sector"].is_in(list(sectors))
        found = quoted(typed["sector"], before="'", after=f"' is none of {', '.join(sectors)}; give it a relative variance")
        faults.add(strange, column="sector", reason=Reason.UNKNOWN_VALUE, detail=found)
    _check_agreement(typed, ["pd_12m", *weights], faults)
    accepted = Checked(accepted=typed.filter(~faults.bad), rejected=faults.table()).require_all("portfolio")
    return accepted.sort("obligor_id", "facility_id")


def _check_agreement(typed: pl.DataFrame, columns: list[str], faults: Faults) -> None:
    """An obligor defaults as one: what drives its default is the same on all its rows; the first row that says it stands."""
    for name in columns:
        values = typed[name].fill_null(0.0) if name.startswith(WEIGHT) else typed[name]
        rows = typed.select("obligor_id", values.alias("v"))
        first = rows.select(pl.col("v").drop_nulls().first().over("obligor_id")).to_series()
        differs = rows["obligor_id"].is_not_null() & values.is_not_null() & (values != first)
        faults.add(
            differs, column=name, reason=Reason.INCONSISTENT, detail=quoted(values, after=" differs from another row of this obligor")
        )
