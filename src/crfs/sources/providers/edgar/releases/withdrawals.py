"""Whether a release takes its guidance back: then no range in it holds, whichever sentence says it, before or after."""

from __future__ import annotations

import re
from collections.abc import Iterable

_GUIDANCE = r"(?:guidance|outlook|forecasts?|projections?|expectations?|ranges?)"
_NOT = r"(?:not|n['’]t|cannot|nor|never|unable|inability|impossible|impracticable|refrain\w*|declin(?:e|es|ed|ing)|elected|no longer|ceas\w+|stop\w*)"
_BACK = (
    r"withdr\w+|suspen\w+|rescind\w*|rescission|retract\w*|revok\w+|revocation|discontinu(?:e|es|ing)\b|discontinued\s+(?=its|our|the|providing"
    r"|issuing|giving|annual|quarterly|guidance)"
    r"|no\s+longer\s+(?:\w+\s+){0,3}?(?:rel(?:y|ied)|provid\w+|issu\w+|giv\w+|valid|current|applicable|in\s+effect|expects?|re-?affirm\w*"
    r"|represent\w*|stand\w*|appropriate)"
    r"|disregard\w*|ceas\w+|paus\w+|supersed\w+|pull(?:s|ed|ing)?\b|remov(?:es?|ed|ing)\b|abandon\w*|cancel\w*|invalid|stale|terminat\w+|void\b"
)
_UNSAID = (
    rf"{_NOT}[^.;]{{0,40}}?\b(?:re-?affirm\w*|affirm\w*|reiterat\w*|confirm\w*|re-?iterat\w*|updat\w*|provid\w*|issu\w+|giv\w+|comment\w*|offer\w*"
    rf"|rel(?:y|ied)|maintain\w*|stand\w* by|valid|current|in effect|applicable)\b"
)
_TAKEN_BACK = re.compile(
    rf"(?:{_BACK}|{_UNSAID})[^;]{{0,120}}?\b{_GUIDANCE}\b|\b{_GUIDANCE}\b[^;]{{0,120}}?(?:{_BACK}|{_UNSAID})"
    rf"|\bunder review\b[^;]{{0,60}}{_GUIDANCE}|{_GUIDANCE}[^;]{{0,60}}\bunder review\b",
    re.IGNORECASE,
)
# What every release says of its forward-looking statements, and of measures that it can't reconcile, takes nothing back.
_BOILERPLATE = re.compile(
    r"reconcil\w+|forward[\s-]looking|obligation|undertak\w+|duty|unreasonable effort|\bdividends?\b|repurchases?|buybacks?|intend\w*"
    r"|discontinued operations|actual results|\brisks?\b",
    re.IGNORECASE,
)
_LONG_TERM = re.compile(r"\b(?:long(?:er)?|mid|medium)[\s-]term\b|\bmulti-?year\b|\bby (?:fiscal )?20\d\d\b", re.IGNORECASE)
_SHORT_TERM = re.compile(r"\bquarter|\bfull[\s-]year|\bfiscal\b|\bannual|\b20\d\d\b", re.IGNORECASE)
# "The Company does not provide quarterly guidance" tells a habit.
_NEVER_GIVEN = re.compile(r"\bdo(?:es)? not (?:\w+ly )?(?:provide|give|issue|offer)\b", re.IGNORECASE)
# Of the words alone that no boilerplate has: the guidance itself is withdrawn.
_PLAINLY = re.compile(
    rf"(?:withdr\w+|suspend\w*|rescind\w*)\s+(?:\S+\s+){{0,6}}?{_GUIDANCE}|{_GUIDANCE}\s+(?:\S+\s+){{0,4}}?(?:withdrawn|suspended|rescinded)",
    re.IGNORECASE,
)


def is_taken_back(sentences: Iterable[str]) -> bool:
    """Whether a sentence withdraws, suspends or does not stand by guidance.

    >>> is_taken_back(["We are not reaffirming our full year outlook."]), is_taken_back(["Acme reaffirms its full year outlook."])
    (True, False)
    """
    return any(_takes_back(text) for text in sentences)


def _takes_back(text: str) -> bool:
    if _LONG_TERM.search(text) and not _SHORT_TERM.search(text):
        return False
    text = _NEVER_GIVEN.sub(" ", text)
    return _TAKEN_BACK.search(text) is not None and (_PLAINLY.search(text) is not None or not _BOILERPLATE.search(text))
