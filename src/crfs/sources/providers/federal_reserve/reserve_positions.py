"""What statements of 1994 to 1996 say of the policy rate without naming it: pressure on reserve positions, and discount rates that show through.

The Committee then did not tell its target. A pressure that it increases is a rate that rises, by how much is not said; a change of the
discount rate that it lets show through completely is one of the federal funds rate by as much.
"""

from __future__ import annotations

import re

from crfs.sources.providers.federal_reserve.operative import standing
from crfs.sources.providers.federal_reserve.other_times import around, is_of_another_time

_PRESSURE = re.compile(
    r"\b(?:(?P<up>increas|tighten)|(?P<down>decreas|reduc|eas))(?:e[sd]?|ed|ing|s)? (?:(?:slightly|somewhat|further) ){0,2}"
    r"the (?:existing )?degree of pressure on (?:bank |existing )?reserve positions\b",
    re.I,
)
# "The Federal Reserve will increase slightly the degree of pressure" is announced for today, and no plan.
_ANNOUNCED = re.compile(r"\bannounced today that the (?:federal reserve|(?:federal open market )?committee|fomc) will $", re.I)
_SHOWN = re.compile(
    r"\b(?:agreed|decided)(?P<end>) that (?:this|the) (?:(?P<up>increase)|(?P<down>reduction|decrease))(?: in the discount rate)? (?:should|would|will) be "
    r"(?:allowed to show through (?P<wholly>completely|fully)|reflected (?P<all>fully|completely)"
    r"|(?:allowed to show through|reflected)(?: partially| in part)?) "
    r"(?:into|in|on) (?:short-term )?interest rates in (?:the )?reserve markets\b",
    re.I,
)


def of_reserves(text: str, discount_change: float | None) -> tuple[float | None, str | None]:
    """The change of the policy rate in basis points, if it is said, and its direction; None and None where the text tells neither.

    >>> of_reserves("The Committee decided today to increase slightly the degree of pressure on reserve positions.", None)
    (None, 'raise')
    >>> of_reserves("The Committee agreed that this increase should be allowed to show through completely into interest rates in reserve markets.", 50.0)
    (50.0, 'raise')
    """
    said: list[tuple[float | None, str]] = []
    for found in _PRESSURE.finditer(text):
        if standing(text, found.start(), found.end()) is not None or _is_announced(text, found):
            said.append((None, _way(found)))
    for found in _SHOWN.finditer(text):
        if standing(text, found.start(), found.end("end")) is not None:
            way = _way(found)
            is_whole = bool(found["wholly"] or found["all"])
            agrees = discount_change is not None and (discount_change > 0) == (way == "raise")
            said.append((discount_change if is_whole and agrees else None, way))
    if not said or len({way for _, way in said}) > 1:
        return None, None
    sizes = {size for size, _ in said if size is not None}
    return (sizes.pop() if len(sizes) == 1 else None), said[0][1]


def _is_announced(text: str, found: re.Match[str]) -> bool:
    lead, rest = around(text, found.start(), found.start())
    return _ANNOUNCED.search(lead) is not None and not is_of_another_time(lead, rest)


def _way(found: re.Match[str]) -> str:
    return "raise" if found["up"] else "lower"
