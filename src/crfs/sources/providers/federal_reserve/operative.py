"""Which words about the federal funds rate say what the Committee decides, and which tell of its past, its plans or its dissenters."""

from __future__ import annotations

import re

_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_DECIDES = re.compile(
    r"\b(?:decid(?:ed|es|ing)|vot(?:ed|es|ing)|agreed|announced|directed|established|judged it appropriate|today|at this meeting|will (?:maintain|keep))\b",
    re.I,
)
_NOW = re.compile(r"\b(?:today(?!['’]s)|at this meeting|effective immediately)\b", re.I)
_EARLIER = re.compile(
    rf"\b(?:(?:since|in|its|last) (?:early |late |mid-|last )?{_MONTH}"
    r"|(?:previous|prior|last|preceding) (?:meeting|month|week|year|spring|summer|fall|autumn|winter)"
    r"|earlier this (?:year|month)|(?:over|during) the past|previously|a year ago)\b",
    re.I,
)
# "Has decided" decides; "has lowered" and "had judged" tell of the past, and the rest of hopes and of what was turned down.
_NO_DECISION = re.compile(
    r"\b(?:(?:has|have|had|having)(?! (?:today |now |also |unanimously |therefore )*(?:decided|voted|agreed|announced|directed|today)\b)"
    r"|would|prefer\w*|favou?red|if|unless|project\w*|forecasts?|(?<!is )(?<!are )expect(?:s|ed)?|anticipat\w+|foresees?)\b",
    re.I,
)
_REFUSED = re.compile(
    r"\b(?:decided|voted|agreed|chose|chosen|elected) (?:today |at this meeting )?"
    r"(?:not to|against) (?:rais|increas|lower|reduc|decreas|cut|chang|adjust|tighten|eas)",
    re.I,
)
_POLICY = re.compile(r"[^.;\n]{0,80}\b(?:federal funds rate|stance)\b", re.I)
_STAYS = re.compile(r"\b(?:remain|stay|stand|unchanged)", re.I)
_MOST = 600
"""Characters that are looked back over to the start of a sentence."""
# The same end of a sentence as in decisions.py, and a semicolon, after which another clause begins.
_CLAUSE_END = re.compile(r"(?<![A-Z])(?<!\bJr)(?<!\bSr)\.(?=\s|$)|\n|;")


def standing(text: str, start: int, end: int) -> int | None:
    """How surely a number between two places is what is decided, 0 the surest; None where it is past, wished for, expected or refused.

    >>> said = "In May it was cut to 5 percent; it has been lowered to 4 percent; the Committee decided today to cut to 3 percent."
    >>> [standing(said, place - 5, place) for place in (30, 66, 115)]
    [1, None, 0]
    """
    lead, rest = _around(text, start, end)
    if _REFUSED.search(lead):
        return 0 if _STAYS.search(text, start, end) else None
    decided = max((found.start() for found in _DECIDES.finditer(lead)), default=-1)
    other = max((found.start() for found in _NO_DECISION.finditer(lead)), default=-1)
    if other > decided:
        return None
    is_earlier = _EARLIER.search(lead) is not None and _NOW.search(lead) is None and _NOW.search(rest) is None
    return 0 if decided >= 0 and not is_earlier else 1


def is_refused(text: str) -> bool:
    """Whether a change of the policy rate was turned down: "decided not to raise the federal funds rate"."""
    return any(_POLICY.match(text, found.end()) for found in _REFUSED.finditer(text))


def _around(text: str, start: int, end: int) -> tuple[str, str]:
    """The clause up to the end of a number, and what follows in it."""
    floor = max(0, start - _MOST)
    begin = max((found.end() for found in _CLAUSE_END.finditer(text, floor, start)), default=floor)
    stop = _CLAUSE_END.search(text, end, min(len(text), end + _MOST))
    return text[begin:end], text[end : stop.start() if stop else min(len(text), end + _MOST)]
