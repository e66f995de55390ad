"""What a stress test is given from outside: shocks as a table, and the functions that make them, so that risk knows no model."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.bitemporal.rows import INSTANT
from crfs.credit.scenarios import Scenario
from crfs.credit.schemas import ColumnSchema, Reason, TableSchema
from crfs.errors import InvalidInput, Problem
from crfs.quality.checks import check_table
from crfs.quality.portfolio import require_table

FloatArray: TypeAlias = npt.NDArray[np.float64]

MOST_DEVIATIONS = 100.0
"""More than takes the smallest probability that a computer knows to the largest: beyond it a shock is a mistake."""
SHOCKS = TableSchema(
    name="shocks",
    columns=(
        ColumnSchema(name="valid_time", dtype=INSTANT, meaning="start of the period in which the shock stands"),
        ColumnSchema(name="segment", dtype=pl.String, meaning="whose shock it is; blank: of all that no other row names"),
        ColumnSchema(
            name="pd_probit",
            dtype=pl.Float64,
            unit="standard deviations",
            minimum=-MOST_DEVIATIONS,
            maximum=MOST_DEVIATIONS,
            meaning="added to the probit of pd_12m; above 0 is worse",
        ),
        *(
            ColumnSchema(
                name=f"pd_probit_{end}",
                dtype=pl.Float64,
                unit="standard deviations",
                minimum=-MOST_DEVIATIONS,
                maximum=MOST_DEVIATIONS,
                meaning=f"{what} end of its band",
            )
            for end, what in (("low", "lower"), ("high", "upper"))
        ),
        ColumnSchema(
            name="lgd_add", dtype=pl.Float64, unit="decimal", minimum=-1.0, maximum=1.0, meaning="added to lgd, held within [0, 1]"
        ),
        ColumnSchema(
            name="ccf_add",
            dtype=pl.Float64,
            unit="decimal",
            minimum=-1.0,
            maximum=1.0,
            meaning="added to the share of the undrawn that is drawn",
        ),
        ColumnSchema(name="notches", dtype=pl.Int64, unit="grades", minimum=-100, maximum=100, meaning="grades down (above 0) or up"),
        ColumnSchema(name="r2_scale", dtype=pl.Float64, unit="ratio", minimum=0.0, maximum=1000.0, meaning="times r2; 1 is no shock"),
    ),
)
"""One row a segment and period. A blank cell and an absent column are no shock."""

NO_SHOCK = {"pd_probit": 0.0, "lgd_add": 0.0, "ccf_add": 0.0, "notches": 0, "r2_scale": 1.0}
"""The value of each column that changes nothing."""


class Transmission(Protocol):
    """From a scenario to shocks: a fitted satellite model, or any function of a scenario.

    The answer has the columns of :data:`SHOCKS`. The scenario that stands for no shock gives shocks that are exactly none.
    """

    def __call__(self, scenario: Scenario, /) -> pl.DataFrame:
        """The shocks that a scenario brings, one row a segment and period."""
        ...


class LgdResponse(Protocol):
    """How losses given default answer to default probabilities, facility by facility: arrays of the book's length, all decimals.

    It gives ``lgd`` itself, bit for bit, where ``stressed_pd`` is ``pd``, and is not below it where the probability is higher.
    """

    def __call__(self, pd: FloatArray, stressed_pd: FloatArray, lgd: FloatArray, r2: FloatArray, /) -> FloatArray:
        """The stressed loss given default."""
        ...


def checked_shocks(table: pl.DataFrame) -> pl.DataFrame:
    """The shocks typed, with every column of :data:`NO_SHOCK` filled; a wrong cell, or a second row for a segment and period, is named.

    >>> checked_shocks(pl.DataFrame({"segment": ["card", None], "pd_probit": [0.5, None]})).rows()
    [(None, 'card', 0.5, 0.0, 0.0, 0, 1.0), (None, None, 0.0, 0.0, 0.0, 0, 1.0)]
    """
    require_table(table, argument="shocks")
    if table.is_empty():
        raise InvalidInput(
            "the table of shocks has no rows",
            problems=(Problem(row=None, column=None, reason=Reason.EMPTY.value, detail="it has no rows"),),
        )
    given = check_table(table, SHOCKS).require_all("shocks")
    if not set(NO_SHOCK) & set(given.columns):
        raise InvalidInput(f"a table of shocks has at least one of the columns {', '.join(NO_SHOCK)}")
    for name, kind in (("valid_time", INSTANT), ("segment", pl.String())):
        if name not in given.columns:
            given = given.with_columns(pl.lit(None, kind).alias(name))
    absent = [pl.lit(None).alias(name) for name in NO_SHOCK if name not in given.columns]
    given = given.with_columns(absent).with_columns(
        pl.col(name).cast(pl.Int64 if name == "notches" else pl.Float64).fill_null(value) for name, value in NO_SHOCK.items()
    )
    twice = given.with_row_index("row", offset=1).filter(
        pl.struct("valid_time", "segment").is_duplicated() & ~pl.struct("valid_time", "segment").is_first_distinct()
    )
    if not twice.is_empty():
        problems = tuple(
            Problem(row=row, column="segment", reason=Reason.DUPLICATE.value, detail=f"{segment!r} has a row for this period already")
            for row, segment in twice.select("row", "segment").iter_rows()
        )
        raise InvalidInput(f"shocks: {problems[0]}", problems=problems)
    band = [name for name in ("pd_probit_low", "pd_probit_high") if name in given.columns]
    return given.select("valid_time", "segment", *NO_SHOCK, *(pl.col(name).fill_null(pl.col("pd_probit")) for name in band))
