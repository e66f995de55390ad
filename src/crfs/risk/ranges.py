"""Numbers that closed forms are given, each refused by its name where it is none or lies outside of what it may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput
from crfs.risk.arguments import shown

FloatArray: TypeAlias = npt.NDArray[np.float64]
Given = ParamSpec("Given")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """From ``low`` to ``high``, the ends included or not; ``said`` is how it is told. NaN lies within only where it means that nobody knows."""

    said: str
    low: float = -math.inf
    high: float = math.inf
    with_low: bool = True
    with_high: bool = True
    or_unknown: bool = False

    def outside(self, values: FloatArray) -> npt.NDArray[np.bool_]:
        """Which of the values do not lie within."""
        above = values >= self.low if self.with_low else values > self.low
        below = values <= self.high if self.with_high else values < self.high
        return np.asarray(~(above & below) & ~(np.isnan(values) & self.or_unknown))


DECIMAL = Range(said="a decimal within [0, 1]", low=0.0, high=1.0)
SHARE_OF_VARIANCE = Range(said="a decimal within [0, 1)", low=0.0, high=1.0, with_high=False)
CONFIDENCE = Range(said="a decimal within (0, 1), such as 0.999", low=0.0, high=1.0, with_low=False, with_high=False)
CORRELATION = Range(said="a correlation within [-1, 1]", low=-1.0, high=1.0)
AMOUNT = Range(said="a finite amount of zero or more", low=0.0, with_high=False)
POSITIVE_AMOUNT = Range(said="an amount above 0 in currency units", low=0.0, with_low=False, with_high=False)
POSITIVE = Range(said="a finite number above 0", low=0.0, with_low=False, with_high=False)
FINITE = Range(said="a finite number", with_low=False, with_high=False)
RATIO = Range(said="a finite decimal of zero or more", low=0.0, with_high=False)
ANYWHERE = Range(said="a number, finite or not")
"""Only NaN lies outside."""


def number(name: str, value: npt.ArrayLike, within: Range) -> float:
    """The number that an argument ``name`` was given, as a ``float``.

    >>> number("pd", 1.5, DECIMAL)
    Traceback (most recent call last):
    crfs.errors.InvalidInput: pd is a decimal within [0, 1], not 1.5
    """
    array = numbers(name, value, within)
    if array.ndim:
        raise InvalidInput(f"{name} is one number, {within.said}, not {value!r:.80}", argument=name)
    return float(array)


def numbers(name: str, values: npt.ArrayLike, within: Range) -> FloatArray:
    """The number or the numbers that an argument ``name`` was given, as an array; of several the first that is wrong is told with its place.

    >>> numbers("pd", [0.01, float("nan")], DECIMAL)
    Traceback (most recent call last):
    crfs.errors.InvalidInput: pd is a decimal within [0, 1], not nan (entry 2 of 2)
    """
    try:
        given = np.asarray(values)
        # A text that reads as a number is none, and neither is True.
        array = np.asarray(given, dtype=np.float64) if given.dtype.kind in "iufO" else None
    except (TypeError, ValueError, OverflowError):
        array = None
    if array is None:
        raise InvalidInput(f"{name} is {within.said}, not {values!r:.80}", argument=name)
    outside = within.outside(array)
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        place = f" (entry {first + 1:,} of {array.size:,})" if array.size > 1 else ""
        raise InvalidInput(f"{name} is {within.said}, not {shown(float(array.flat[first]))}{place}", argument=name)
    return array


def whole_number(name: str, value: float, said: str) -> int:
    """The whole number of one or more that an argument ``name`` was given; 2.0 is one too.

    >>> whole_number("periods", 1.5, "a whole number of 1 or more")
    Traceback (most recent call last):
    crfs.errors.InvalidInput: periods is a whole number of 1 or more, not 1.5
    """
    found = number(name, value, Range(said=said, low=1.0, with_high=False))
    if found != int(found):
        raise InvalidInput(f"{name} is {said}, not {shown(value)}", argument=name)
    return int(found)


def places(name: str, values: npt.ArrayLike, count: int, said: str) -> npt.NDArray[np.int64]:
    """The places in an order of ``count`` that an argument ``name`` was given, 0 for the first; ``said`` is what they are.

    >>> places("rating", [0, 2], 2, "a place in the order of the ratings")
    Traceback (most recent call last):
    crfs.errors.InvalidInput: rating is a place in the order of the ratings, not 2.0 (entry 2 of 2)
    """
    given = numbers(name, values, Range(said=said, low=0.0, high=count, with_high=False))
    broken = np.flatnonzero(given != np.floor(given))
    if len(broken):
        raise InvalidInput(f"{name} is {said}, not {shown(float(given.flat[broken[0]]))}", argument=name)
    return given.astype(np.int64)


def truths(name: str, values: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """What an argument ``name`` says is so or is not: true and false, or 1 and 0; of anything else NumPy would make true.

    >>> truths("small", [True, False]).tolist(), truths("small", 1).tolist()
    ([True, False], True)
    """
    given = np.asarray(values)
    if given.dtype.kind == "b":
        return given
    # The elements of an array of objects are compared as such: a missing one is neither.
    if given.dtype.kind not in "iufO" or not all(each in (0, 1) for each in given.flat):
        raise InvalidInput(f"{name} is True or False, not {values!r:.80}", argument=name)
    return given.astype(np.bool_)


def elementwise(closed_form: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """A closed form of numbers, or arrays of them that go together as NumPy's do: those that do not are refused by their names.

    >>> @elementwise
    ... def expected_loss(pd, lgd):
    ...     return np.asarray(pd) * np.asarray(lgd)
    >>> expected_loss([0.01, 0.02], [0.4, 0.4, 0.4])
    Traceback (most recent call last):
    crfs.errors.InvalidInput: lgd (3) and pd (2) do not go together: each is one value, or there are as many of each
    """

    @wraps(closed_form)
    def checked(*args: Given.args, **kwargs: Given.kwargs) -> Answer:
        try:
            return closed_form(*args, **kwargs)
        except (IndexError, InvalidInput, ValueError) as error:
            # Looked at only now, so that what goes together costs nothing.
            given = signature(closed_form).bind(*args, **kwargs).arguments
            if not isinstance(error, InvalidInput) or error.argument not in given:
                _require_together(given)
            raise

    return checked


def _require_together(given: Mapping[str, Any]) -> None:
    shapes = {name: np.asarray(value).shape for name, value in given.items()}
    before: tuple[int, ...] = ()
    for name, shape in shapes.items():
        try:
            before = np.broadcast_shapes(before, shape)
        except ValueError:
            other = next(known for known, its in shapes.items() if its and its != shape)
            first, second = (f"{each} ({' x '.join(map(str, shapes[each]))})" for each in (name, other))
            raise InvalidInput(
                f"{first} and {second} do not go together: each is one value, or there are as many of each", argument=name
            ) from None
