"""The tables of a month: their columns, and how arrays become them."""

from __future__ import annotations

from datetime import date

import polars as pl

from crfs.sources.providers.bureau.streams import Floats, Ints

_PLACE = {"slot": pl.Int64(), "place": pl.Int64()}
OBLIGOR_SCHEMA: dict[str, pl.DataType] = {
    "obligor_id": pl.String(),
    "month": pl.Date(),
    "segment": pl.String(),
    "sector": pl.String(),
    "region": pl.String(),
    "income": pl.Float64(),
    "revenue": pl.Float64(),
    "months_on_book": pl.Int64(),
    "facilities": pl.Int64(),
    "total_limit": pl.Float64(),
    "total_balance": pl.Float64(),
    "balance_change_6m": pl.Float64(),
    "utilisation": pl.Float64(),
    "payment_due": pl.Float64(),
    "payment_ratio": pl.Float64(),
    "debt_to_income": pl.Float64(),
    "enquiries_6m": pl.Int64(),
    "days_past_due": pl.Int64(),
    "max_days_past_due_6m": pl.Int64(),
    "max_days_past_due_12m": pl.Int64(),
    "delinquencies_6m": pl.Int64(),
    "delinquencies_12m": pl.Int64(),
    "minor_delays_12m": pl.Int64(),
    "score": pl.Int64(),
    "status": pl.String(),
    "in_default": pl.Int64(),
    **_PLACE,
}
FACILITY_SCHEMA: dict[str, pl.DataType] = {
    "facility_id": pl.String(),
    "month": pl.Date(),
    "obligor_id": pl.String(),
    "facility_type": pl.String(),
    "months_on_book": pl.Int64(),
    "remaining_months": pl.Int64(),
    "interest_rate": pl.Float64(),
    "credit_limit": pl.Float64(),
    "balance": pl.Float64(),
    "utilisation": pl.Float64(),
    "collateral_value": pl.Float64(),
    "payment_due": pl.Float64(),
    "payment": pl.Float64(),
    "arrears": pl.Float64(),
    "days_past_due": pl.Int64(),
    "in_default": pl.Int64(),
    **_PLACE,
}
DEFAULT_SCHEMA: dict[str, pl.DataType] = {
    "facility_id": pl.String(),
    "default_date": pl.Date(),
    "obligor_id": pl.String(),
    "segment": pl.String(),
    "facility_type": pl.String(),
    "ead": pl.Float64(),
    "limit_at_default": pl.Float64(),
    "drawn_12m_before": pl.Float64(),
    "limit_12m_before": pl.Float64(),
    "months_on_book": pl.Int64(),
    "collateral_value": pl.Float64(),
    "status": pl.String(),
    "ended_on": pl.Date(),
    **_PLACE,
}
RECOVERY_SCHEMA: dict[str, pl.DataType] = {
    "facility_id": pl.String(),
    "month": pl.Date(),
    "obligor_id": pl.String(),
    "facility_type": pl.String(),
    "default_date": pl.Date(),
    "amount": pl.Float64(),
    "cost": pl.Float64(),
    "status": pl.String(),
    **_PLACE,
}
NO_DEFAULTS = pl.DataFrame(schema=DEFAULT_SCHEMA)
NO_RECOVERIES = pl.DataFrame(schema=RECOVERY_SCHEMA)
NO_LOSSES = pl.DataFrame(
    schema={
        "facility_id": pl.String(),
        "obligor_id": pl.String(),
        "default_date": pl.Date(),
        "ead": pl.Float64(),
        "lgd": pl.Float64(),
        "cures": pl.Boolean(),
    }
)


def obligor_ids(seed: int, slots: Ints) -> pl.Series:
    """The ids of obligors by their places, which say nothing but which one."""
    return pl.select(pl.format(f"O{seed}-{{}}", pl.lit(pl.Series(slots + 1_000_000)))).to_series()


def facility_ids(seed: int, slots: Ints, place: Ints, generation: Ints) -> pl.Series:
    """An id says nothing but which one: place and renewal are in it so that no two facilities share it."""
    return pl.select(pl.format(f"F{seed}-{{}}", pl.lit(pl.Series((slots + 1_000_000) * 100 + place * 20 + generation % 20)))).to_series()


def named(names: tuple[str, ...], codes: Ints) -> pl.Series:
    """The names of codes.

    >>> import numpy as np
    >>> named(("open", "cured"), np.array([1, 0])).to_list()
    ['cured', 'open']
    """
    return pl.Series(names, dtype=pl.String()).gather(codes)


def constant(day: date, count: int) -> pl.Series:
    """One day, so many times."""
    return pl.Series([day], dtype=pl.Date()).new_from_index(0, count)


def nullable(values: Floats) -> pl.Series:
    """Numbers of which NaN is none."""
    return pl.Series(values, dtype=pl.Float64()).fill_nan(None)


def dates(days: Ints) -> pl.Series:
    """Days since 1970 as dates; a negative number is none."""
    numbers = pl.Series(days, dtype=pl.Int32())
    return numbers.set(numbers < 0, None).cast(pl.Date())


def days_since_1970(day: date) -> int:
    """A date as a number.

    >>> days_since_1970(date(1970, 2, 1))
    31
    """
    return (day - date(1970, 1, 1)).days
