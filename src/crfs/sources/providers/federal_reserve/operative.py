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
_SEASON = r"(?:spring|summer|fall|autumn|winter)"
_YEAR = r"(?:19|20)\d\d"
_DAYS = r"\d{1,2}(?:-\d{1,2})?"
_WHEN = (
    r"(?:(?:at (?:its|the|a|their) meeting )?(?:"
    rf"(?:in|last) (?:early |late |mid-|last |the {_SEASON} of )?(?:{_MONTH}(?: (?:of )?{_YEAR})?|{_YEAR})(?! \d)"
    rf"|(?:last|the previous|the prior) (?:week|month|year|{_SEASON}))"
    r"|(?:at|in|during) (?:its|the|their) (?:(?:previous|prior|last|preceding|most recent) (?:[a-z]+ ){0,2}"
    rf"|(?:[a-z]+ )?{_MONTH}(?: {_DAYS})?(?:,? {_YEAR},?)? )meeting"
    r"|earlier this (?:year|month|week)|previously|yesterday"
    r"|(?:a|an|one|two|three|four|five|six|several|\d{1,2}) (?:day|week|month|year)s? ago)\b"
)
_COMMITTEE = r"(?:(?:the )?(?:federal open market |federal reserve )?(?:committee|fomc|board|members|policymakers|officials)|the federal reserve|it|they|we)\b"
_RATE_ITSELF = r"(?:the|its) (?:target|federal funds rate)\b"
# A date tells when the decision was made where it opens the Committee's clause, or stands beside who decided or the verb. A date of
# anything else ("as it signaled in December", "inflation fell in May") does not.
_DATED = re.compile(
    rf"(?:^\W*|, )(?:(?:and|but|while|after|when|however),? )?{_WHEN}(?:,[^,]{{0,80}})?,? (?:{_COMMITTEE}|{_RATE_ITSELF})"
    rf"|\b(?:{_COMMITTEE}|decided|voted|agreed|announced|directed|chose|elected)(?: unanimously)?,? {_WHEN}",
    re.I,
)
_DATED_AFTER = re.compile(rf",? (?:back )?{_WHEN}", re.I)
_NOW_AFTER = re.compile(r",? (?:today(?!['’]s)|at this meeting|effective immediately)\b", re.I)
# "Has decided" decides; "has lowered" and "had judged" tell of the past, and the rest of hopes and of what was turned down.
_NO_DECISION = re.compile(
    r"\b(?:(?:has|have|had|having)(?! (?:today |now |also |unanimously |therefore )*(?:decided|voted|agreed|announced|directed|today)\b)"
    r"|would|prefer\w*|favou?red|if|unless|project\w*|forecasts?|(?<!is )(?<!are )expect(?:s|ed)?|anticipat\w+|foresees?"
    r"|reject\w*|turned down|voted down|defeated|oppos\w+|(?<!approved a )(?<!approved the )(?<!adopted a )(?<!adopted the )(?:proposals?|motions?))\b",
    re.I,
)
_TURNED_DOWN = re.compile(
    r",? (?:was|were|is|has been|have been) (?:\w+ly )?(?:rejected|turned down|voted down|defeated|not (?:adopted|approved|agreed))\b", re.I
)
_CHANGE = r"(?:rais|increas|lower|reduc|decreas|cut|chang|adjust|alter|tighten|eas)"
_REFUSED = re.compile(
    rf"\b(?:decided|voted|agreed|chose|chosen|elected) (?:today |at this meeting )?(?:not to|against) {_CHANGE}"
    rf"|\b(?:did not|declined to) {_CHANGE}(?=[a-z]* (?:the|its) (?:target|federal funds rate|stance)\b)",
    re.I,
)
_DECIDES_AFTER = re.compile(r"\b(?:decided|voted|agreed)\b", re.I)
_POLICY = re.compile(r"[^.;\n]{0,80}\b(?:federal funds rate|stance)\b|[a-z]* (?:the|its) target (?:range|rate)\b", re.I)
_NO_ACTION = re.compile(
    r"\b(?:took no|did not take(?: any)?) action on (?:interest rates|rates|the federal funds rate|the target range)\b", re.I
)
_STAYS = re.compile(r"\b(?:remain|stay|stand|unchanged)", re.I)
_MOST = 600
"""Characters that are looked back over to the start of a sentence."""
# The same end of a sentence as in decisions.py, and a semicolon, after which another clause begins.
_CLAUSE_END = re.compile(r"(?<![A-Z])(?<!\bJr)(?<!\bSr)\.(?=\s|$)|\n|;")


def standing(text: str, start: int, end: int) -> int | None:
    """How surely a number between two places is what is decided, 0 the surest; None where it is past, wished for, expected or refused.

    >>> said = "In May it was cut to 5 percent; it was lowered to 4 percent; the Committee decided today to cut to 3 percent."
    >>> [standing(said, place - 5, place) for place in (30, 61, 110)]
    [None, 1, 0]
    """
    lead, rest = _around(text, start, end)
    if _is_dated(lead, rest) or _TURNED_DOWN.match(rest):
        return None
    refused = max((found.end() for found in _REFUSED.finditer(lead)), default=-1)
    if refused >= 0 and not _DECIDES_AFTER.search(lead, refused):
        return 0 if _STAYS.search(text, start, end) else None
    decided = max((found.start() for found in _DECIDES.finditer(lead)), default=-1)
    other = max((found.start() for found in _NO_DECISION.finditer(lead)), default=-1)
    if other > decided:
        return None
    is_earlier = _EARLIER.search(lead) is not None and _NOW.search(lead) is None and _NOW.search(rest) is None
    return 0 if decided >= 0 and not is_earlier else 1


def is_refused(text: str) -> bool:
    """Whether a change of the policy rate is turned down: "decided not to raise the federal funds rate", and not at another time."""
    refused = [(found.start(), policy.end()) for found in _REFUSED.finditer(text) if (policy := _POLICY.match(text, found.end()))]
    idle = [found.span() for found in _NO_ACTION.finditer(text)]
    return any(not _is_dated(*_around(text, start, end)) for start, end in refused + idle)


def _is_dated(lead: str, rest: str) -> bool:
    """Whether a clause dates what it tells to another time; of two dates before it the nearer holds, and one right after it before all."""
    if _DATED_AFTER.match(rest):
        return True
    dated = max((found.start() for found in _DATED.finditer(lead)), default=-1)
    now = max((found.start() for found in _NOW.finditer(lead)), default=-1)
    return dated > now and not _NOW_AFTER.match(rest)


def _around(text: str, start: int, end: int) -> tuple[str, str]:
    """The clause up to the end of a number, and what follows in it."""
    floor = max(0, start - _MOST)
    begin = max((found.end() for found in _CLAUSE_END.finditer(text, floor, start)), default=floor)
    stop = _CLAUSE_END.search(text, end, min(len(text), end + _MOST))
    return text[begin:end], text[end : stop.start() if stop else min(len(text), end + _MOST)]
