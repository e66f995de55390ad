"""The rates that the Board of Governors sets: the discount rate of a statement, and the rates of an implementation note.

Only what is approved or set now is a rate. What the Board did in another month, had done, declined, or what a Reserve Bank asked for is
none; and of two rates that differ neither is, unless one of them alone is said of today.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from crfs.sources.providers.federal_reserve.other_times import around, is_of_another_time, is_of_now, with_its_day_as_today
from crfs.sources.providers.federal_reserve.rates import PERCENT, RATE, STEP, plainly, points, rate

_FROM = rf"(?:,? by (?:an? )?{STEP})?,?(?: from (?P<old>{RATE}){PERCENT})?,?"
_DISCOUNT = re.compile(
    rf"\bapprov\w+ (?:an? |the )?{STEP}[- ](?P<way>increase|decrease|reduction|cut) in the (?:discount|primary credit) rate"
    rf"(?: \([^)]{{0,40}}\))?,? (?:from {RATE}{PERCENT} )?to (?P<rate>{RATE}){PERCENT}",
    re.I,
)
_DISCOUNT_MOVE = re.compile(
    rf"\bapprov\w+ an? (?:increase|decrease|reduction) in the discount rate(?: (?:by|of) {STEP})?,?"
    rf" from (?P<old>{RATE}){PERCENT},? to (?P<rate>{RATE}){PERCENT}",
    re.I,
)
_DISCOUNT_SAME = re.compile(
    rf"\b(?:no change was made in the (?:federal reserve )?discount rate, which remains|discount rate remains unchanged) at (?P<rate>{RATE}){PERCENT}",
    re.I,
)
_RESERVES = re.compile(
    rf"interest rates? paid on (?:required and excess |required |excess )?reserve balances(?: unchanged)?{_FROM} (?:at|to) (?P<rate>{RATE}){PERCENT}",
    re.I,
)
_REVERSE_REPO = re.compile(rf"reverse repurchase (?:(?!\. )[^\n]){{0,500}}?at an offering rate of (?P<rate>{RATE}){PERCENT}", re.I)
_PRIMARY_CREDIT = re.compile(
    rf"primary credit rate\)?{_FROM} (?:at the existing level of|which remains at|at|to) (?P<rate>{RATE}){PERCENT}", re.I
)
# What is not done now. "Took no action to change the rate, which remains at" keeps it, so a plain "no" is not here.
_NOT_DONE = re.compile(
    r"\b(?:had(?: [a-z]+)? (?:approved|voted|decided|agreed|set|established|left|maintained|lowered|raised)|had|not approved"
    r"|directors\b[^,;]{0,160}? (?:approved|voted|agreed)|declin(?:ed|es|ing)|refus(?:ed|es|ing)|reject\w*|fail(?:ed|s) to|against|not to"
    r"|(?:did|do|does|has|have|was|were|will|would) not(?! change)|turned down|oppos\w+|(?-i:may)|might|could|would|should|will"
    r"|consider\w*|discuss\w*|ready|prepared|prefer\w*|dissent\w*|expect\w*|anticipat\w*|project\w*|propos\w+|if|unless"
    r"|requests? (?:to|for)|request(?:ed|s|ing))\b",
    re.I,
)
_UNDONE = re.compile(r",? (?:was|were|is|has been) (?:\w+ly )?(?:rejected|turned down|voted down|defeated|not approved)\b", re.I)
_ACTS = re.compile(r"\b(?:approv(?:ed|es|ing)|voted|decided|agreed|set|established|left|maintained|lowered|raised)\b", re.I)
_MOST_CHARACTERS = 20_000  # twice the longest note, with its directive
_Said = TypeVar("_Said")


@dataclass(frozen=True, slots=True, kw_only=True)
class Implementation:
    """The administered rates of one implementation note, in percent; None is not said."""

    interest_on_reserves: float | None = None
    reverse_repo_rate: float | None = None
    primary_credit_rate: float | None = None


def read_implementation(text: str, day: date | None = None) -> Implementation:
    """The rates that an implementation note says; where its ``day`` is given, that date in the text is today.

    >>> read_implementation("voted to lower the interest rate paid on reserve balances to 3.65 percent").interest_on_reserves
    3.65
    """
    plain = plainly(text[:_MOST_CHARACTERS])
    if day is not None:
        plain = with_its_day_as_today(plain, day)
    reserves, reverse_repo, primary_credit = (
        _only([(rank, rate(match["rate"])) for rank, match in _standing(plain, pattern)])
        for pattern in (_RESERVES, _REVERSE_REPO, _PRIMARY_CREDIT)
    )
    return Implementation(interest_on_reserves=reserves, reverse_repo_rate=reverse_repo, primary_credit_rate=primary_credit)


def discount(text: str) -> tuple[float | None, float | None]:
    """The discount rate that a plain text says was approved or left, and its change in basis points.

    >>> discount("The Board of Governors approved a 25-basis-point decrease in the discount rate to 4-1/4 percent.")
    (4.25, -25.0)
    >>> discount("The Board of Governors declined to approve a 25-basis-point decrease in the discount rate to 4-1/4 percent.")
    (None, None)
    """
    said: list[tuple[bool, tuple[float | None, float | None]]] = []
    for is_past, found in _standing(text, _DISCOUNT_SAME):
        said.append((is_past, (rate(found["rate"]), 0.0)))
    for is_past, found in _standing(text, _DISCOUNT_MOVE):
        old, new = rate(found["old"]), rate(found["rate"])
        said.append((is_past, (new, None if old is None or new is None else (new - old) * 100.0)))
    for is_past, found in _standing(text, _DISCOUNT):
        size = points(found["size"], found["unit"])
        change = None if size is None else size if found["way"].lower() == "increase" else -size
        said.append((is_past, (rate(found["rate"]), change)))
    return _only(said) or (None, None)


def _standing(text: str, pattern: re.Pattern[str]) -> list[tuple[bool, re.Match[str]]]:
    """What a pattern finds of what is done now, each with whether it leaves out to say that it is of today."""
    found = []
    for match in pattern.finditer(text):
        lead, rest = around(text, match.start(), match.end())
        if not (is_of_another_time(lead, rest) or _UNDONE.match(rest) or _is_undone(lead)):
            found.append((not is_of_now(lead, rest), match))
    return found


def _is_undone(lead: str) -> bool:
    """Whether the nearest word before a rate that says what is done with it says that it is not."""
    undone = max((found.end() for found in _NOT_DONE.finditer(lead)), default=-1)
    return undone > max((found.start() for found in _ACTS.finditer(lead)), default=-1)


def _only(said: list[tuple[bool, _Said]]) -> _Said | None:
    """What is said of today, else what is said at all; None where that is nothing, or two different things."""
    surest = [value for is_other, value in said if not is_other] or [value for _, value in said]
    return surest[0] if surest and all(value == surest[0] for value in surest) else None
