"""The macro variables of a state in words that screens and pages share: a rate moves by points, a level by percent, and both come to a level."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_WORTH_SAYING = 0.05


def words(moves: list[dict[str, Any]]) -> str:
    """The variables that moved, in words: by how much, how unusual that is, and what level it is.

    >>> told = {"mnemonic": "us.unemployment_rate", "transform": "difference", "over": 4, "unit": "decimal", "value": 0.034, "sd": 0.012}
    >>> words([{**told, "deviations": 2.1, "level": 0.129}])
    'us.unemployment_rate +3.4 points in 4 quarters to 12.9 % (+2.1 sd)'
    """
    said = [f"{move['mnemonic']} {_phrase(move)} ({move['deviations']:+.1f} sd)" for move in moves if _worth_saying(move)]
    return ", ".join(said) or "the macro variables as they usually are"


def change(move: Mapping[str, Any], name: str = "value") -> str:
    """What enters the regressions, such as its ``value`` or its ``usual`` one: a change with its sign, a level without.

    >>> rate = {"transform": "difference", "unit": "decimal", "value": 0.03957, "sd": 0.012}
    >>> change(rate), change({**rate, "transform": "level"}), change({**rate, "transform": "log_change"})
    ('+4.0 points', '4.0 %', '+4.0 %')
    >>> change({"transform": "difference", "unit": "index", "value": -12.345})
    '-12.35'
    """
    value, sign = move[name], "" if move["transform"] == "level" else "+"
    if move["transform"] == "log_change":
        return f"{100.0 * math.expm1(value):{sign}.1f} %"
    return f"{100.0 * value:{sign}.1f}{_unit(move)}" if _is_share(move) else f"{value:{sign}.4g}"


def spread(move: Mapping[str, Any], name: str = "sd") -> str:
    """A standard deviation of that: of a rate in points where it enters as a change.

    >>> spread({"transform": "difference", "unit": "decimal", "sd": 0.012}), spread({"transform": "level", "unit": "index", "sd": 12.345})
    ('1.2 points', '12')
    """
    return f"{100.0 * move[name]:.1f}{_unit(move)}" if _is_share(move) else f"{move[name]:.2g}"


def most_likely(move: Mapping[str, Any]) -> str:
    """The value with what the state leaves open of it.

    >>> most_likely({"transform": "difference", "unit": "decimal", "value": 0.03957, "sd": 0.012})
    '+4.0 ± 1.2 points'
    """
    unit = _unit(move)
    return f"{change(move).removesuffix(unit)} ± {spread(move).removesuffix(unit)}{unit}"


def level(move: Mapping[str, Any], name: str = "level") -> str:
    """The level that the variable comes to, or its ``last_known`` one.

    >>> level({"unit": "decimal", "level": 0.1294}), level({"unit": "index", "level": 1294.3})
    ('12.9 %', '1294')
    """
    return f"{100.0 * move[name]:.1f} %" if move["unit"] == "decimal" else f"{move[name]:.4g}"


def _is_share(move: Mapping[str, Any]) -> bool:
    return bool(move["unit"] == "decimal" or move["transform"] == "log_change")


def _unit(move: Mapping[str, Any]) -> str:
    if not _is_share(move):
        return ""
    return " points" if move["transform"] == "difference" else " %"


def _worth_saying(move: Mapping[str, Any]) -> bool:
    return bool(abs(move["deviations"]) >= _WORTH_SAYING)


def _phrase(move: Mapping[str, Any]) -> str:
    if move["transform"] == "level":
        return level(move)
    return f"{change(move)} in {move['over']} quarter{'s' if move['over'] > 1 else ''} to {level(move)}"
