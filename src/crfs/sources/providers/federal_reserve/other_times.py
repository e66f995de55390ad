"""Which words date what a text of the Federal Reserve tells to another time than its own day."""

from __future__ import annotations

import re
from datetime import date

_MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
# "may" is no month: "the Committee may lower".
MONTH = rf"(?:(?-i:{'|'.join(_MONTHS)})|(?-i:Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|Dec)\.?)"
_SEASON = r"(?:spring|summer|fall|autumn|winter)"
_YEAR = r"(?:19|20)\d\d"
_DAYS = r"\d{1,2}(?:(?:-| and )\d{1,2})?"
_OF_MONTH = rf"(?:[a-z]+ )?{MONTH}(?: {_DAYS})?(?:,? {_YEAR},?)?"
_WHEN = (
    r"(?:(?:at (?:its|the|a|their) meeting )?(?:"
    rf"(?:in|last) (?:early |late |mid-|last |the {_SEASON} of )?(?:{MONTH}(?: (?:of )?{_YEAR})?|{_YEAR})(?! \d)"
    rf"|(?:on|held) (?:(?:[a-z]+day, )?{MONTH} {_DAYS}(?:, {_YEAR})?|(?:the )?\d{{1,2}}(?:st|nd|rd|th)? (?:of )?{MONTH}(?: {_YEAR})?)"
    rf"|(?:last|the previous|the prior) (?:week|month|year|{_SEASON}))"
    r"|(?:at|in|during) (?:its|the|their) (?:(?:previous|prior|last|preceding|most recent) (?:[a-z]+ ){0,2}"
    rf"|{_OF_MONTH} )meeting"
    r"|earlier this (?:year|month|week)|previously|yesterday"
    r"|(?:a|an|one|two|three|four|five|six|several|\d{1,2}) (?:day|week|month|year)s? (?:ago|earlier|before))\b"
)
_COMMITTEE = r"(?:(?:the )?(?:federal open market |federal reserve )?(?:committee|fomc|board|members|policymakers|officials)|the federal reserve|it|they|we)\b"
_RATE_ITSELF = r"(?:the|its) (?:target|federal funds rate|discount rate|(?:primary credit|interest|offering) rate)\b"
_DID = r"(?:decided|decision|voted|agreed|announced|directed|chose|elected|approved)"
# A date tells when the decision was made where it opens the Committee's clause, or stands beside who decided or the verb. A date of
# anything else ("as it signaled in December", "inflation fell in May") does not. Nor does a meeting since which something is told, unless
# it is the meeting at which it was decided.
_DATED = re.compile(
    rf"(?:^\W*|, )(?:(?:and|but|while|after|when|however),? )?{_WHEN}(?:,[^,]{{0,80}})?,? (?:(?:when|at which) )?(?:{_COMMITTEE}|{_RATE_ITSELF})"
    rf"|\b(?:{_COMMITTEE}|{_DID})(?: unanimously)?,? {_WHEN}"
    rf"|\b(?:following|after|since|at|from) (?:its|the|their) {_OF_MONTH} meeting,? (?:when|where|at which|in which) {_COMMITTEE}"
    rf"|\b(?:since|after|before|once|as soon as) {_COMMITTEE} (?:last |first |had )?(?:{_DID}|raised|lowered|increased|reduced|cut)\b"
    rf"|\b(?:its|the|their|committee['’]s) (?:[a-z]+ )?{MONTH} (?:decision|action|vote|move|cut|increase|reduction)\b",
    re.I,
)
_DATED_AFTER = re.compile(rf",? (?:back )?{_WHEN}", re.I)
_NOW = re.compile(r"\b(?:today(?!['’]s)|at this meeting|effective immediately)\b", re.I)
_NOW_AFTER = re.compile(r",? (?:today(?!['’]s)|at this meeting|effective immediately)\b", re.I)
_MOST = 600
"""Characters that are looked back over to the start of a sentence."""
# The same end of a sentence as in decisions.py, and a semicolon, after which another clause begins; "Dec. 18" is one date.
_SHORTENED = "".join(rf"(?<!\b{word})" for word in ("Jr", "Sr", "Mr", "Ms", "Mrs", "Dr", "Jan", "Feb", "Aug", "Sept", "Oct", "Nov", "Dec"))
_CLAUSE_END = re.compile(rf"(?<![A-Z]){_SHORTENED}\.(?=\s|$)|\n|;")


def around(text: str, start: int, end: int) -> tuple[str, str]:
    """The clause up to the end of what is between two places, and what follows in it.

    >>> around("It grew. The rate is 4 percent today; it was 5.", 9, 30)
    (' The rate is 4 percent', ' today')
    """
    floor = max(0, start - _MOST)
    begin = max((found.end() for found in _CLAUSE_END.finditer(text, floor, start)), default=floor)
    stop = _CLAUSE_END.search(text, end, min(len(text), end + _MOST))
    return text[begin:end], text[end : stop.start() if stop else min(len(text), end + _MOST)]


def is_of_now(lead: str, rest: str) -> bool:
    """Whether a clause says that it tells of today."""
    return _NOW.search(lead) is not None or _NOW.search(rest) is not None


def is_of_another_time(lead: str, rest: str) -> bool:
    """Whether a clause dates what it tells to another time; of two dates before it the nearer holds, and one right after it before all.

    >>> is_of_another_time("On December 18, the Committee decided to lower the target to 4 percent", "")
    True
    >>> is_of_another_time("In view of the data of December, the Committee decided today to lower the target to 4 percent", "")
    False
    """
    if _DATED_AFTER.match(rest):
        return True
    dated = max((found.start() for found in _DATED.finditer(lead)), default=-1)
    now = max((found.start() for found in _NOW.finditer(lead)), default=-1)
    return dated > now and not _NOW_AFTER.match(rest)


def with_its_day_as_today(text: str, day: date) -> str:
    """A text of a day where that day's date, or the meeting that ended on it, is written as today.

    >>> with_its_day_as_today("At its meeting on January 28-29, 2025, it decided; on January 29 it voted.", date(2025, 1, 29))
    'at this meeting, it decided; today it voted.'
    """
    month = _MONTHS[day.month - 1]
    days = rf"{month} (?:\d{{1,2}}(?:-| and ))?{day.day}(?!\d)(?!-\d)(?:,? {day.year}\b)?(?!,? (?:19|20)\d\d)"
    text = re.sub(
        rf"\b(?:at|in|during) (?:its|the|their) (?:{days},? meeting|meeting,? (?:(?:on|of|held(?: on)?) )?{days})",
        "at this meeting",
        text,
        flags=re.I,
    )
    return re.sub(rf"\bon (?:[a-z]+day, )?{days}", "today", text, flags=re.I)
