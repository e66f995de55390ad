"""What an answer says that it is about, held against what was asked for: an answer about something else would change that."""

from __future__ import annotations

from collections.abc import Iterable

_SHOWN = 5


def other_than_asked(asked: Iterable[str], told: Iterable[str]) -> str | None:
    """What is wrong where an answer names other series than those asked for (in capitals or not): both, in words; None where it does not.

    >>> other_than_asked(["unrate"], ["UNRATE"]), other_than_asked(["S9"], ["GDP"])
    (None, 'S9 was asked for, and the answer is about GDP')
    """
    asked, told = list(asked), list(told)
    if {name.upper() for name in asked} == {name.upper() for name in told}:
        return None
    return in_words(", ".join(asked[:_SHOWN]), told)


def beside_asked(asked: Iterable[str], told: Iterable[str]) -> str | None:
    """The same where an answer may leave out what there is not, but is about nothing else.

    >>> beside_asked(["LNS1", "CES0"], ["CES0"]), beside_asked(["LNS1"], ["CES0"])
    (None, 'LNS1 was asked for, and the answer is about CES0')
    """
    asked = list(asked)
    names = {name.upper() for name in asked}
    others = [name for name in told if name.upper() not in names]
    return in_words(", ".join(asked[:_SHOWN]), others) if others else None


def outside_key(asked: str, keys: Iterable[str]) -> str | None:
    """The same of series whose keys are codes with dots between; of a place in ``asked`` a few codes (``A+B``) or any (none) may be asked for.

    >>> outside_key("D.USD+JPY.EUR..A", ["D.USD.EUR.SP00.A"]), outside_key("D.USD.EUR..A", ["D.GBP.EUR.SP00.A"])
    (None, 'D.USD.EUR..A was asked for, and the answer is about D.GBP.EUR.SP00.A')
    """
    places = [frozenset(place.split("+")) - {""} for place in asked.split(".")]

    def is_asked(key: str) -> bool:
        codes = key.split(".")
        return len(codes) != len(places) or all(not wanted or code in wanted for code, wanted in zip(codes, places, strict=True))

    others = [key for key in keys if not is_asked(key)]
    return in_words(asked, others) if others else None


def in_words(asked: str, told: Iterable[str]) -> str:
    """What was asked for, and what came instead."""
    return f"{asked} was asked for, and the answer is about {', '.join(list(told)[:_SHOWN]) or 'no series'}"
