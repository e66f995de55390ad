"""Amounts in whole cents whose sum is the rounded total: the largest remainders are rounded up.

A column of amounts that are each rounded to the cent does not add up to the rounded total. Here the total is rounded once (half to even),
each amount is cut down to its cent, and the cents that are then missing go one each to the amounts with the largest remainders; of equal
remainders the earlier row comes first. Every part is off by less than one cent, and sums over any cut are sums of whole numbers, so they
reconcile without a difference, whatever the order in which they are added.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.errors import InvalidInput
from crfs.risk.ranges import Range, numbers

LARGEST = 2.0**62 / 100.0
"""Of one amount and of all together, in currency units: what whole cents in 64 bits can hold."""

# One that is not finite is told as what cents need.
_AMOUNTS = Range(said="one sequence of numbers", or_unknown=True)
_SPLITTER = 2.0**27 + 1.0


def in_cents(amounts: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Whole cents, one for each of ``amounts`` (currency units, of any sign), that sum to :func:`total_in_cents` of them.

    The method of the largest remainder (Hamilton's). A negative amount is cut down too, so its remainder is positive like the others'.
    An amount that is not finite, or amounts beyond :data:`LARGEST`, are :class:`crfs.errors.InvalidInput`.

    >>> in_cents([0.005, 0.005, 0.005]).tolist()
    [1, 1, 0]
    >>> in_cents([100 / 3, 100 / 3, 100 / 3]).tolist()
    [3334, 3333, 3333]
    """
    cents, parts = _split(amounts)
    missing = _missing(cents, parts)
    if missing:
        cents[np.argsort(-parts.sum(axis=0), kind="stable")[:missing]] += 1
    return cents


def total_in_cents(amounts: npt.ArrayLike) -> int:
    """The sum of ``amounts`` (currency units), rounded once to a whole cent, half to even; their order changes nothing.

    >>> total_in_cents([0.1] * 10)
    100
    """
    cents, parts = _split(amounts)
    return int(cents.sum()) + _missing(cents, parts)


def in_units(table: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The table with columns of whole cents in currency units, each the number nearest to its decimal; null stays null.

    polars divides a column by a number as it multiplies by the reciprocal, which is off by one digit of the last place here and there.

    >>> in_units(pl.DataFrame({"ecl": [41968629]}), "ecl")["ecl"].to_list()
    [419686.29]
    """
    return table.with_columns(pl.Series(name, table[name].to_numpy() / 100.0, dtype=pl.Float64, nan_to_null=True) for name in columns)


def _missing(cents: npt.NDArray[np.int64], parts: npt.NDArray[np.float64]) -> int:
    """How many cents the rounded total has beyond the sum of ``cents``."""
    terms = parts.ravel().tolist()
    near = round(math.fsum(terms))
    rest = math.fsum([*terms, -near])  # within a half of nought, rounded once; what that rounding lost tells a half from almost a half
    beyond = math.fsum([*terms, -near, -rest])
    if abs(rest) != 0.5:
        return near + round(rest)
    if beyond:
        return near + int(rest + math.copysign(0.5, beyond))
    even = (int(cents.sum()) + near) % 2 == 0
    return near if even else near + int(2.0 * rest)


def _split(amounts: npt.ArrayLike) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Each amount as its whole cents, rounded down, and what is left of a cent (within [0, 1]) as four numbers that sum to it exactly."""
    values = numbers("amounts", amounts, _AMOUNTS)
    if values.ndim != 1:
        raise InvalidInput(f"amounts is {_AMOUNTS.said}, not {amounts!r:.80}", argument="amounts")
    wrong = ~np.isfinite(values)
    if wrong.any():
        raise InvalidInput(f"amount {int(np.argmax(wrong)) + 1} is {values[wrong][0]}: cents need a finite amount", argument="amounts")
    if math.fsum(np.abs(values).tolist()) > LARGEST:
        raise InvalidInput(
            f"the amounts sum to more than {LARGEST:.4g}, which whole cents cannot hold; count in thousands", argument="amounts"
        )
    product = values * 100.0
    # What the product lost in rounding, exactly (Dekker, 1971): a product rounded up to a whole number must not count as that number.
    high = values * _SPLITTER
    high = high - (high - values)
    lost = (high * 100.0 - product) + (values - high) * 100.0
    whole = np.floor(product)
    carry = np.where(product == whole, np.floor(lost), 0.0)
    return whole.astype(np.int64) + carry.astype(np.int64), np.stack([product, -whole, lost, -carry])
