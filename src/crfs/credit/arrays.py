"""Names, numbers, rows and matrices as a caller gives them (lists, tuples, NumPy's arrays), made plain tuples or refused by argument and place."""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

from crfs.credit.texts import text_fault
from crfs.errors import InvalidInput


def check_name(name: object, place: str, argument: str) -> None:
    """Refuse a name that is no text, or none that can be kept."""
    fault = text_fault(name) if isinstance(name, str) else "no text"
    if fault is not None:
        raise InvalidInput(f"{place}, {name!r:.80}, has {fault}; give it a name that can be written", argument=argument)


def names(argument: str, given: object, each: str) -> tuple[str, ...]:
    """Texts, none or more, each of which is the name of ``each``; one text is no list of its characters.

    >>> names("factors", ["us", "eu"], "factor")
    ('us', 'eu')
    """
    if not isinstance(given, list | tuple):
        raise InvalidInput(f"{argument} is a list of names, not {given!r:.80}", argument=argument)
    for number, name in enumerate(given, 1):
        check_name(name, f"{each} {number}", argument)
    return tuple(given)


def finite(value: object, place: str, argument: str) -> float:
    """A finite number, of Python or NumPy; True is none.

    >>> finite(True, "group 'us', factor 'oil'", "groups")
    Traceback (most recent call last):
    crfs.errors.InvalidInput: group 'us', factor 'oil': True is not a number
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidInput(f"{place}: {value!r:.80} is not a number", argument=argument)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidInput(f"{place}: the number is not finite, or too large", argument=argument)
    return number


def row(argument: str, given: object) -> tuple[float, ...]:
    """Finite numbers, none or more.

    >>> row("mean", [-2, 0.5])
    (-2.0, 0.5)
    """
    values = given.tolist() if isinstance(given, np.ndarray) else given
    if not isinstance(values, list | tuple):
        raise InvalidInput(f"{argument} is a list of numbers, not {given!r:.80}", argument=argument)
    return tuple(finite(value, f"{argument}, entry {number}", argument) for number, value in enumerate(values, 1))


def matrix(argument: str, given: object) -> tuple[tuple[float, ...], ...]:
    """Rows of finite numbers, of whatever lengths.

    >>> matrix("covariance", [[0, 1], ["x"]])
    Traceback (most recent call last):
    crfs.errors.InvalidInput: covariance, row 2, column 1: 'x' is not a number
    """
    rows = given.tolist() if isinstance(given, np.ndarray) else given
    if not isinstance(rows, list | tuple) or not all(isinstance(each, list | tuple) for each in rows):
        raise InvalidInput(f"{argument} is a list of rows of numbers, not {given!r:.80}", argument=argument)
    return tuple(
        tuple(finite(value, f"{argument}, row {i}, column {j}", argument) for j, value in enumerate(each, 1))
        for i, each in enumerate(rows, 1)
    )
