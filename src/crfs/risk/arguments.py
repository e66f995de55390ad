"""What the functions of risk are asked with: confidences, tolerance, seed, flags, texts, days and values of a kind, each checked in one place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from enum import StrEnum
from numbers import Integral, Real
from typing import Any, TypeGuard, TypeVar

import numpy as np

from crfs.errors import InvalidInput

Choice = TypeVar("Choice", bound=StrEnum)
Value = TypeVar("Value")

LEAST_SCENARIOS = 1_000
MOST_SCENARIOS = 100_000_000
"""The loss of every scenario is kept until all are drawn, for quantiles of them; more would take several gigabytes, whatever the budget."""
MOST_THREADS = 1_024
LEAST_TAIL = 1e-12
"""The least probability beyond a value at risk: of less than that one less a confidence has lost its digits in double precision."""


def check_confidences(confidences: Sequence[float]) -> tuple[float, ...]:
    """Confidences as given, each within (0, 1) and no nearer to 1 than a double can tell, none twice, at least one.

    >>> check_confidences([0.99, 0.999])
    (0.99, 0.999)
    """
    # A text is a sequence too, of its characters.
    given: object = confidences
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InvalidInput(f"confidences are several decimals, such as (0.99, 0.999), not {given!r:.80}", argument="confidences")
    asked = tuple(confidences)
    if not asked:
        raise InvalidInput("confidences is empty; ask for at least one, such as 0.999", argument="confidences")
    for confidence in asked:
        if not is_number(confidence) or not 0.0 < confidence < 1.0:
            raise InvalidInput(f"confidence is a decimal within (0, 1), such as 0.999, not {shown(confidence)}", argument="confidences")
    levels = tuple(float(confidence) for confidence in asked)
    if 1.0 - max(levels) < 0.999 * LEAST_TAIL:
        raise InvalidInput(
            f"confidence {max(levels)!r} is nearer to 1 than {LEAST_TAIL:g}: what lies beyond it has no digits left; ask for less",
            argument="confidences",
        )
    if len(set(levels)) != len(levels):
        raise InvalidInput("confidences has the same one twice", argument="confidences")
    return levels


def check_run(*, rel_tol: float, seed: int, max_scenarios: int) -> None:
    """Refuse a tolerance, a seed or a number of scenarios that cannot be meant."""
    if not is_number(rel_tol) or not 0.0 < rel_tol < 1.0:
        raise InvalidInput(f"rel_tol is a decimal within (0, 1), such as 0.005, not {shown(rel_tol)}", argument="rel_tol")
    check_seed(seed)
    if not is_whole(max_scenarios) or max_scenarios < LEAST_SCENARIOS:
        raise InvalidInput(
            f"max_scenarios is a whole number, {LEAST_SCENARIOS:,} or more, not {shown(max_scenarios)}", argument="max_scenarios"
        )
    if max_scenarios > MOST_SCENARIOS:
        raise InvalidInput(
            f"max_scenarios is {MOST_SCENARIOS:,} at most, since the loss of each is kept until all are drawn, not {max_scenarios:,}",
            argument="max_scenarios",
        )


def check_seed(seed: int) -> None:
    """Refuse a seed that is no whole number of 64 bits.

    >>> check_seed(3)
    """
    if not is_whole(seed) or not 0 <= seed < 2**64:
        raise InvalidInput(f"seed is a whole number from 0 to 2^64 - 1, not {shown(seed)}", argument="seed")


def check_workers(*, threads: int | None, map_blocks: object) -> None:
    """Refuse a number of threads that is none, or more than any machine has work for, and what cannot map; None of both is a thread a core.

    >>> check_workers(threads=None, map_blocks=map)
    """
    if threads is not None and (not is_whole(threads) or not 1 <= threads <= MOST_THREADS):
        raise InvalidInput(f"threads is a whole number, one to {MOST_THREADS:,}, not {shown(threads)}", argument="threads")
    if map_blocks is not None:
        check_map_blocks(map_blocks)


def check_map_blocks(map_blocks: object) -> None:
    """Refuse what cannot map.

    >>> check_map_blocks(map)
    """
    check_function("map_blocks", map_blocks, "that maps as map does, such as a pool's map")


def check_listed(listed: int) -> None:
    """Refuse a number of obligors to list that is none; more than a book has are all of them.

    >>> check_listed(0)
    """
    if not is_whole(listed) or listed < 0:
        raise InvalidInput(f"listed is how many obligors to list, a whole number of zero or more, not {shown(listed)}", argument="listed")


def check_texts(name: str, texts: Iterable[str]) -> tuple[str, ...]:
    """What an argument ``name`` lists: texts, none or more, and not one text, whose characters Python would take for them.

    >>> check_texts("carry", ["sector"])
    ('sector',)
    """
    given: object = texts
    listed: list[Any] = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [None]
    if not all(isinstance(text, str) for text in listed):
        raise InvalidInput(f"{name} is a list of texts, not {given!r:.80}", argument=name)
    return tuple(listed)


def check_text(name: str, text: str) -> str:
    """What an argument ``name`` says in words: a text.

    >>> check_text("segment_column", 5)
    Traceback (most recent call last):
    crfs.errors.InvalidInput: segment_column is a text, not 5
    """
    if not isinstance(text, str):
        raise InvalidInput(f"{name} is a text, not {shown(text)}", argument=name)
    return text


def check_day(name: str, day: object) -> date:
    """The day that an argument ``name`` is: a date, and no moment of one, which is neither before nor after it.

    >>> check_day("on", datetime(2026, 6, 30))
    Traceback (most recent call last):
    crfs.errors.InvalidInput: on is a day, such as date(2026, 6, 30), not datetime.datetime(2026, 6, 30, 0, 0)
    """
    if not isinstance(day, date) or isinstance(day, datetime):
        raise InvalidInput(f"{name} is a day, such as date(2026, 6, 30), not {shown(day)}", argument=name)
    return day


def check_kind(name: str, given: object, kind: type[Value]) -> Value:
    """What an argument ``name`` was given, which is a value of the class ``kind``.

    >>> check_kind("rule", {"dpd_stage_2": 30}, date)
    Traceback (most recent call last):
    crfs.errors.InvalidInput: rule is a date, not {'dpd_stage_2': 30}
    """
    if not isinstance(given, kind):
        raise InvalidInput(f"{name} is {_a(kind)}, not {shown(given)}", argument=name)
    return given


def check_mapping(name: str, given: object) -> Mapping[Any, Any]:
    """What an argument ``name`` was given, which is a mapping.

    >>> check_mapping("pd", [0.01])
    Traceback (most recent call last):
    crfs.errors.InvalidInput: pd is a mapping, such as a dict, not [0.01]
    """
    if not isinstance(given, Mapping):
        raise InvalidInput(f"{name} is a mapping, such as a dict, not {shown(given)}", argument=name)
    return given


def check_kinds(name: str, given: object, kind: type[Value]) -> tuple[Value, ...]:
    """What an argument ``name`` lists: values of the class ``kind``, none or more.

    >>> check_kinds("days", [5], date)
    Traceback (most recent call last):
    crfs.errors.InvalidInput: days is a list whose every entry is a date, not [5]
    """
    listed = list(given) if isinstance(given, Iterable) else [None]
    if not all(isinstance(each, kind) for each in listed):
        raise InvalidInput(f"{name} is a list whose every entry is {_a(kind)}, not {shown(given)}", argument=name)
    return tuple(each for each in listed if isinstance(each, kind))


def _a(kind: type) -> str:
    return f"{'an' if kind.__name__[0] in 'AEIO' else 'a'} {kind.__name__}"


def check_function(name: str, given: object, said: str) -> None:
    """Refuse what cannot be called in place of an argument ``name``; ``said`` is what function it is.

    >>> check_function("measure", "el", "of a book")
    Traceback (most recent call last):
    crfs.errors.InvalidInput: measure is a function of a book, not 'el'
    """
    if not callable(given):
        raise InvalidInput(f"{name} is a function {said}, not {shown(given)}", argument=name)


@contextmanager
def told_of(whose: str) -> Iterator[None]:
    """Say of what is wrong with an argument whose argument it is.

    >>> with told_of("overlay energy"):
    ...     check_text("reason", None)
    Traceback (most recent call last):
    crfs.errors.InvalidInput: overlay energy: reason is a text, not None
    """
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(f"{whose}: {error}", problems=error.problems, argument=error.argument, member=error.member) from None


def check_flag(name: str, flag: bool) -> bool:
    """What an argument ``name`` says is so or is not: True or False, of Python or NumPy, and no text or number that Python would take for one.

    >>> check_flag("accept_partial", "yes")
    Traceback (most recent call last):
    crfs.errors.InvalidInput: accept_partial is True or False, not 'yes'
    """
    if not isinstance(flag, bool | np.bool_):
        raise InvalidInput(f"{name} is True or False, not {shown(flag)}", argument=name)
    return bool(flag)


def shown(given: object) -> str:
    """What was given in place of a number, short enough to be quoted; a text is told from a number by its quotation marks.

    >>> shown(1.5), shown("x"), shown(None)
    ('1.5', "'x'", 'None')
    """
    return str(given) if is_number(given) else f"{given!r:.80}"


def is_number(number: object) -> TypeGuard[Real | float]:
    """Whether it is a real number, of Python or NumPy, and not a text that looks like one; True is none."""
    return isinstance(number, Real) and not isinstance(number, bool)


def is_whole(number: object) -> bool:
    """Whether it is an integer, of Python or NumPy: 1.5 as a seed would be another run's, and True is none."""
    return isinstance(number, Integral) and not isinstance(number, bool)


def check_budget(budget: float) -> None:
    """Refuse a budget that is no amount of work: NaN, which no price is above, zero or less.

    >>> check_budget(float("inf"))
    """
    if not is_number(budget) or not budget > 0.0:
        raise InvalidInput(
            f"budget is how many evaluations a run may take on, above 0, such as 1e11, not {shown(budget)}", argument="budget"
        )


def within_budget(budget: float, work: float) -> str:
    """What to do about a run whose every scenario takes so much ``work`` that the most of them are above the ``budget``.

    >>> within_budget(1e6, 100.0), within_budget(1e6, 3000.0)
    ('lower max_scenarios to 10,000 or raise the budget', 'raise the budget: the fewest scenarios, 1,000, take 3e+06')
    """
    most = int(budget / work)
    if most < LEAST_SCENARIOS:
        return f"raise the budget: the fewest scenarios, {LEAST_SCENARIOS:,}, take {LEAST_SCENARIOS * work:.3g}"
    return f"lower max_scenarios to {most:,} or raise the budget"


def check_method(method: str, methods: type[Choice]) -> Choice:
    """The method of that name."""
    return check_choice("method", method, methods)


def check_choice(name: str, given: str, choices: type[Choice]) -> Choice:
    """Which of the ``choices`` an argument ``name`` was given, or names.

    >>> check_choice("band", "middle", StrEnum("Band", ["LOW", "HIGH"]))
    Traceback (most recent call last):
    crfs.errors.InvalidInput: band 'middle' is not known; use low, high
    """
    try:
        return choices(given)
    except (TypeError, ValueError):  # of a table's column nobody can say whether it is a text
        raise InvalidInput(f"{name} {given!r:.80} is not known; use {', '.join(known.value for known in choices)}", argument=name) from None
