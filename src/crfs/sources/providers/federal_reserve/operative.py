"""Which words about the federal funds rate say what the Committee decides, and which tell of its past, its plans or its dissenters.

A rate is a decision only where the words say so: a verb that decides, or the Committee that does it. What is wished for, expected, planned or
only named is none, however it is worded.
"""

from __future__ import annotations

import re

from crfs.sources.providers.federal_reserve.other_times import MONTH, around, is_of_another_time, is_of_now

_NEXT = r"(?:(?:its|the|a|their) (?:next|later|future|upcoming|subsequent|coming) (?:[a-z]+ )?meetings?|a later (?:date|time|meeting)|the future)"
_DECIDED = r"(?:decid(?:ed|es|ing)|vot(?:ed|es|ing)|agreed|chose|elected)"
# Who decides where it is not the Committee: a member, or some of them.
_SOMEBODY = (
    r"(?:(?:who|whom|which of|one|two|three|four|some|several|few|many|other|a number of|minority of)"
    r"(?: (?:of|the|other|committee|its|these)){0,3}(?: (?:members|participants|policymakers|officials|governors|presidents))?"
    r"|(?-i:(?!(?:Committee|FOMC|Board|Reserve|Governors|Policymakers|Members|It|We|They|And|But)\b)[A-Z][A-Za-z'’-]+))"
    r"(?: (?:both|each|also|today|had|have|has|then)){0,2} "
)
_SOMEBODY_DECIDED = rf"{_SOMEBODY}{_DECIDED}\b"
_DECIDES = re.compile(
    rf"\b(?:{_DECIDED}|announced|approved|adopted|directed|established|reaffirm(?:ed|s)|(?<!had )(?<!having )judged it appropriate"
    r"|will (?:continue to )?(?:maintain|keep|hold|leave)|(?:made|took) no|did not (?:take|change))\b",
    re.I,
)
_EARLIER = re.compile(
    rf"\b(?:(?:since|in|its|last) (?:early |late |mid-|last )?{MONTH}"
    r"|(?:previous|prior|last|preceding) (?:meeting|month|week|year|spring|summer|fall|autumn|winter)"
    r"|earlier this (?:year|month)|(?:over|during) the past|previously|a year ago)\b",
    re.I,
)
# "Has decided" decides; "has lowered" and "had decided" tell of the past, and the rest of hopes, of plans and of what was turned down.
_NO_DECISION = re.compile(
    rf"\b(?:{_SOMEBODY_DECIDED}|had (?:\w+ly |also |already |last )?{_DECIDED}"
    r"|(?:has|have|had|having)(?! (?:today |now |also |unanimously |therefore )*(?:decided|voted|agreed|announced|directed|today)\b)"
    r"|(?-i:may)|might|could|should|would|can|will(?! (?:continue to )?(?:maintain|keep|hold|leave)\b)"
    r"|prefer\w*|favou?r(?:ed|s)?(?! of)|if|unless|whether|project\w*|forecasts?|(?<!is )(?<!are )expect(?:s|ed)?|anticipat\w+|foresees?"
    r"|consider(?:s|ed|ing)? (?!the\b)|(?:agreed|decided|voted) to (?:consider|discuss|review|stud\w+|debate|reconsider|revisit)|contemplat\w+"
    r"|prepared|ready|plan(?:s|ned|ning)?|intend(?:s|ed|ing)?|propos(?:ed|es|ing)|call(?:s|ed|ing)? for|urg(?:ed|es|ing)|argu(?:ed|es|ing)"
    r"|advocat\w+|recommend\w*|suggest(?:ed|s|ing)|want(?:ed|s)?|wish(?:ed|es)?|support(?:ed|s) (?:a|an|lower|rais|cut)\w*|dissent\w*|likely"
    rf"|median|at {_NEXT}"
    r"|reject\w*|turned down|voted down|defeated|oppos\w+|(?<!approved a )(?<!approved the )(?<!adopted a )(?<!adopted the )(?:proposals?|motions?))\b",
    re.I,
)
# What is told of a decision in such a clause is that it is not made, or by whom else, or when else.
_NOT_ASSERTED = re.compile(
    r"\b(?:had the (?:committee|fomc|board)|should have|alternative|scenario|minority|not true|reports? that|rumou?rs?|priced in|refrain\w*"
    r"|lean(?:ed|s|ing)? toward|preference for|too (?:early|soon)|premature|(?:wait(?:ed|s|ing)?|await\w*|hold(?:s|ing)? off|postpon\w*|defer\w*)"
    r"(?! (?:its|the) (?:next|future)))\b",
    re.I,
)
_TURNED_DOWN = re.compile(
    r",? (?:was|were|is|has been|have been) (?:\w+ly )?(?:rejected|turned down|voted down|defeated"
    r"|not (?:adopted|approved|agreed|warranted|appropriate|justified|needed|made))\b"
    r"|,? (?:would|might|could|should|(?-i:may)) (?:be|have)\b",
    re.I,
)
_LATER = re.compile(
    rf",? (?:(?:at|in) {_NEXT}|next (?:month|week|year|meeting)|later this year|(?:at|by) the end of|by (?:the )?(?:year-end|end)|over the coming"
    r"|if\b|unless\b|provided\b|should\b)",
    re.I,
)
_CHANGE = r"(?:rais|increas|lower|reduc|decreas|cut|chang|adjust|alter|tighten|eas)"
_ACTS = (
    r"(?:rais|increas|lower|reduc|decreas|cut|tighten|eas|keep|kept|hold|held|maintain|leav|left|reaffirm|establish|set|adopt|mov)[a-z]*"
)
# What the Committee does, without a word of deciding: "the Committee today lowered", "the FOMC is lowering"; a headline's "FOMC to raise".
_COMMITTEE = r"(?:(?:federal open market )?committee|fomc|the federal reserve|(?:board of )?governors)"
_DOES = re.compile(
    rf"\b{_COMMITTEE},? (?:(?:today|unanimously|also|therefore|then|again|further|is|at this meeting|effective immediately),? ){{0,3}}{_ACTS} "
    rf"|\b(?:it|and|then|but) (?:(?:today|then|is) ){{0,2}}(?:raised|increased|lowered|reduced|cut|kept|held|maintained|left) "
    rf"|^\W*(?:the )?{_COMMITTEE} to {_ACTS} ",
    re.I,
)
_REFUSED = re.compile(
    rf"\b(?:decided|voted|agreed|chose|chosen|elected) (?:today |at this meeting )?(?:not to|against) {_CHANGE}"
    rf"|\b(?:did not|declined to) {_CHANGE}(?=[a-z]* (?:the|its) (?:target|federal funds rate|stance)\b)",
    re.I,
)
_EFFECT = re.compile(
    r"(?:\b(?:decline|reduction|decrease|fall|rise|increase) in the federal funds rate|federal funds rate is expected to (?:fall|decline|rise|increase))"
    r".{0,60}? from (?:around|about|approximately) .{1,20}? to (?:around|about|approximately) ",
    re.I,
)
# "Today's action will be reflected in a decline" is no plan.
_REFLECTED = re.compile(r"\b(?:today's|this) (?:action|move) will be reflected in\b", re.I)
_DECIDES_AFTER = re.compile(r"\b(?:decided|voted|agreed)\b", re.I)
_POLICY = re.compile(r"[^.;\n]{0,80}\b(?:federal funds rate|stance)\b|[a-z]* (?:the|its) target (?:range|rate)\b", re.I)
_NO_ACTION = re.compile(
    r"\b(?:took no|did not take(?: any)?) action on (?:interest rates|rates|the federal funds rate|the target range)\b", re.I
)
_STAYS = re.compile(r"\b(?:remain|stay|stand|unchanged)", re.I)
_STILL = re.compile(r"will (?:continue to )?(?:maintain|keep|hold|leave)", re.I)


def standing(text: str, start: int, end: int) -> int | None:
    """How surely what is between two places is decided: 0 today, 1 without a day, 2 less surely; None where it is no decision.

    >>> said = "In May it was cut to 5 percent; the Committee lowered it to 4 percent; the Committee decided today to cut to 3 percent."
    >>> [standing(said, place - 9, place) for place in (30, 68, 119)]
    [None, 2, 0]
    >>> standing("The median participant sees the federal funds rate at 4 percent.", 28, 63) is None
    True
    """
    lead, rest = around(text, start, end)
    if is_of_another_time(lead, rest) or _TURNED_DOWN.match(rest) or _LATER.match(rest) or _NOT_ASSERTED.search(lead):
        return None
    refused = max((found.end() for found in _REFUSED.finditer(lead)), default=-1)
    if refused >= 0 and not _DECIDES_AFTER.search(lead, refused):
        return 0 if _STAYS.search(text, start, end) else None
    decided = max(_DECIDES.finditer(lead), key=re.Match.start, default=None)
    does = max((found.start() for found in _DOES.finditer(lead)), default=-1)
    other = max((found.end() for found in _NO_DECISION.finditer(lead)), default=-1)
    if other > max(decided.start() if decided else -1, does) or (decided is None and does < 0):
        return None
    is_now = is_of_now(lead, rest)
    if decided is None or _STILL.match(decided.group()) or (_EARLIER.search(lead) and not is_now):
        return 2
    return 0 if is_now else 1


def is_effect(text: str, start: int, end: int) -> bool:
    """Whether a move "from around 5 to around 4-3/4 percent" is what an action of today comes to, as statements of the 1990s say it."""
    lead, rest = around(text, start, end)
    if is_of_another_time(lead, rest) or _TURNED_DOWN.match(rest) or _LATER.match(rest):
        return False
    return _EFFECT.search(lead) is not None and _NO_DECISION.search(_REFLECTED.sub("", lead)) is None


def is_refused(text: str) -> bool:
    """Whether a change of the policy rate is turned down: "decided not to raise the federal funds rate", and not at another time."""
    refused = [(found.start(), policy.end()) for found in _REFUSED.finditer(text) if (policy := _POLICY.match(text, found.end()))]
    idle = [found.span() for found in _NO_ACTION.finditer(text)]
    return any(not is_of_another_time(*around(text, start, end)) for start, end in refused + idle)
