"""Why a number changed: from base to stressed step by step, or in equal right (Shapley), in parts that add up exactly in every cut."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.errors import InvalidInput
from crfs.quality.portfolio import LOADING, require_filled, require_table
from crfs.risk.arguments import check_flag, check_function, check_text, check_texts
from crfs.risk.shapley import shapley_parts

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
Measure: TypeAlias = Callable[[pl.DataFrame], "FloatArray | float"]
"""What is explained: a number a row of the book (which can be cut by tags), or one for the whole book."""

ALL = "all"
_BITS = 52


class Channel(StrEnum):
    """A group of columns through which a shock reaches a book."""

    PD = "pd"
    LGD = "lgd"
    EAD = "ead"
    CORRELATION = "correlation"

    def columns(self, book: pl.DataFrame) -> list[str]:
        """The columns of the channel that the book has."""
        named = {
            Channel.PD: ("pd_12m", "rating"),
            Channel.LGD: ("lgd", "lgd_sd"),
            Channel.EAD: ("ead",),
            Channel.CORRELATION: ("r2",),
        }[self]
        return [name for name in book.columns if name in named or (self is Channel.CORRELATION and name.startswith(LOADING))]


ORDER = tuple(Channel)
"""The order of steps if none is given: PD, then LGD, then EAD, then correlation."""


def expected_loss(book: pl.DataFrame) -> FloatArray:
    """``pd_12m * lgd * ead`` of each row, currency units."""
    require_filled(book, argument="book", numbers=("pd_12m", "lgd", "ead"))
    return np.asarray((book["pd_12m"] * book["lgd"] * book["ead"]).to_numpy(), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """A measure of the base book, what each step adds, and the measure of the stressed book; currency units.

    ``order`` are the steps in the order in which they were taken; with ``shapley`` each is the mean over all orders. ``tag`` is the
    column of the cut, ``labels`` its values (None: blank), one row each in ``base``, ``steps`` and ``stressed``. The numbers of the
    book's rows are rounded to whole multiples of ``quantum``, a power of two some 2^-52 of the exposure: so base + steps = stressed in each
    label, labels sum to the totals in each column, and every cut has the same totals: exactly, in floating point, in any order of adding.
    """

    order: tuple[Channel, ...]
    shapley: bool
    tag: str | None
    labels: tuple[str | None, ...]
    base: tuple[float, ...]
    steps: tuple[tuple[float, ...], ...]
    stressed: tuple[float, ...]
    quantum: float

    @property
    def total_base(self) -> float:
        """The measure of the base book."""
        return sum(self.base)

    @property
    def total_stressed(self) -> float:
        """The measure of the stressed book."""
        return sum(self.stressed)

    @property
    def total_steps(self) -> tuple[float, ...]:
        """What each step adds, in the order of ``order``."""
        return tuple(sum(column) for column in zip(*self.steps, strict=True))

    @property
    def change(self) -> float:
        """Stressed less base."""
        return self.total_stressed - self.total_base

    def to_table(self) -> pl.DataFrame:
        """One row a label, the largest change first: the tag's column, ``base``, one column a step, ``stressed``, ``change``."""
        steps = zip(*self.steps, strict=True)
        return pl.DataFrame(
            {
                self.tag or ALL: pl.Series(self.labels, dtype=pl.String),
                "base": self.base,
                **{channel.value: pl.Series(column, dtype=pl.Float64) for channel, column in zip(self.order, steps, strict=True)},
                "stressed": self.stressed,
                "change": [after - before for before, after in zip(self.base, self.stressed, strict=True)],
            }
        ).sort("change", descending=True, maintain_order=True)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "order": [channel.value for channel in self.order],
            "shapley": self.shapley,
            "base": self.total_base,
            "steps": [{"step": channel.value, "amount": amount} for channel, amount in zip(self.order, self.total_steps, strict=True)],
            "stressed": self.total_stressed,
            "change": self.change,
            "by": self.tag,
            "rows": self.to_table().to_dicts() if self.tag else [],
        }


def waterfall(
    base: pl.DataFrame,
    stressed: pl.DataFrame,
    *,
    measure: Measure = expected_loss,
    order: Sequence[Channel | str] = ORDER,
    shapley: bool = False,
    tag: str | None = None,
) -> Waterfall:
    """Explain the change of a measure between two books of the same rows.

    Args:
        base: the book as it is, and ``stressed`` the same rows after :func:`~crfs.risk.stress.stressed_book.stressed_book`.
        measure: the expected loss if none is given. Of a measure of the whole book (a value at risk) there is no cut.
        order: every channel once; each step goes on from the one before. Correlation moves no expected loss, but it moves a tail.
        shapley: the mean of each step over all orders in place of one order: no channel gains by being first.
        tag: a column of texts by which the change is cut.
    """
    require_table(base, argument="base")
    require_table(stressed, argument="stressed")
    check_flag("shapley", shapley)
    check_function("measure", measure, "of a book")
    try:
        channels = tuple(Channel(step) for step in check_texts("order", order))
    except ValueError as error:
        raise InvalidInput(f"{error}; channels are {', '.join(Channel)}", argument="order") from None
    if sorted(channels) != sorted(Channel):
        raise InvalidInput(f"order has each of {', '.join(Channel)} once, not {', '.join(channels)}", argument="order")
    if base.height != stressed.height or not base["facility_id"].equals(stressed["facility_id"]):
        raise InvalidInput("the two books differ in their rows", argument="stressed")
    codes, labels = tag_codes(base, tag)
    wanted = list(itertools.product((False, True), repeat=len(channels))) if shapley else [
        tuple(k < done for k in range(len(channels))) for done in range(len(channels) + 1)
    ]  # fmt: skip
    levels = np.array([_measured(_mixed(base, stressed, channels, moved), measure, len(labels)) for moved in wanted])
    quantum = quantum_of(base, levels)
    codes = codes if levels.shape[1] == len(codes) else np.zeros(1, dtype=np.int64)
    whole = {moved: label_sums(on_grid(level, quantum), codes, len(labels)) for moved, level in zip(wanted, levels, strict=True)}
    none, every = (False,) * len(channels), (True,) * len(channels)
    steps = shapley_parts(whole, len(channels)) if shapley else np.diff(np.array([whole[moved] for moved in wanted]), axis=0)
    return Waterfall(
        order=channels,
        shapley=shapley,
        tag=tag,
        labels=labels,
        base=tuple(float(value) * quantum for value in whole[none]),
        steps=tuple(tuple(float(value) * quantum for value in column) for column in np.asarray(steps).T),
        stressed=tuple(float(value) * quantum for value in whole[every]),
        quantum=quantum,
    )


def tag_codes(book: pl.DataFrame, tag: str | None) -> tuple[IntArray, tuple[str | None, ...]]:
    """A number a row, and the values of a tag in the order of their names (a blank last) that the numbers stand for."""
    if tag is None:
        return np.zeros(book.height, dtype=np.int64), (None,)
    if check_text("tag", tag) not in book.columns:
        raise InvalidInput(f"the book has no column {tag!r} to cut by", argument="tag")
    values = book[tag].cast(pl.String)
    known = sorted(values.drop_nulls().unique().to_list())
    labels: tuple[str | None, ...] = (*known, None) if values.null_count() else tuple(known)
    numbers = {name: number for number, name in enumerate(known)}
    codes = values.replace_strict(numbers, default=len(known), return_dtype=pl.Int64) if known else pl.repeat(0, book.height, eager=True)
    return np.asarray(codes.to_numpy(), dtype=np.int64), labels


def quantum_of(book: pl.DataFrame, levels: FloatArray, *, times: int = 1) -> float:
    """A power of two of whose multiples all sums are exact: 2^-52 of what ``times`` such books can lose at most.

    It depends on the base book alone, so that shocks of any size are told on one grid, and a harder one is never less by rounding. A measure
    that goes beyond what can be lost takes a coarser one. A hundred thousand rows round an expected loss by some 1e-12 of itself.
    """
    if not np.isfinite(levels).all():
        raise InvalidInput("the measure has a number that is not finite", argument="measure")
    most = book["ead"] if "limit" not in book.columns else book.select(pl.max_horizontal("ead", "limit")).to_series()
    largest = max(times * float(most.sum()), float(np.abs(levels).sum(axis=-1).max()))
    return math.ldexp(1.0, max(math.frexp(largest)[1] - _BITS, -1000)) if largest > 0.0 else 1.0


def on_grid(levels: FloatArray, quantum: float) -> IntArray:
    """The nearest multiples, as whole numbers."""
    return np.asarray(np.rint(levels / quantum), dtype=np.int64)


def label_sums(numbers: IntArray, codes: IntArray, labels: int) -> IntArray:
    """Sums of whole numbers by label: exact, since all of them together are below 2^53."""
    return np.bincount(codes, weights=numbers.astype(np.float64), minlength=labels).astype(np.int64)


def _mixed(base: pl.DataFrame, stressed: pl.DataFrame, channels: Sequence[Channel], moved: Sequence[bool]) -> pl.DataFrame:
    """The base book with the columns of those channels from the stressed one that have moved."""
    return base.with_columns(
        stressed[name] for channel, done in zip(channels, moved, strict=True) if done for name in channel.columns(base)
    )


def _measured(book: pl.DataFrame, measure: Measure, labels: int) -> FloatArray:
    """The measure's numbers, one a row or a single one."""
    value = np.asarray(measure(book), dtype=np.float64)
    if value.ndim == 0:
        if labels > 1:
            raise InvalidInput("a measure of the whole book cannot be cut", argument="tag")
        return value.reshape(1)
    if value.shape != (book.height,):
        raise InvalidInput("a measure gives one number a row of the book, or one for the whole", argument="measure")
    return value
