"""What a statement of the Federal Open Market Committee says in numbers: target, change, direction, votes, discount rate.

Everything is read from the text and nothing from another document: what a statement does not say is None. Rates are percent. A target
that is one number (until December 2008) is a range of no width.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from crfs.sources.providers.federal_reserve.administered import discount
from crfs.sources.providers.federal_reserve.operative import is_effect, is_refused, standing
from crfs.sources.providers.federal_reserve.other_times import with_its_day_as_today
from crfs.sources.providers.federal_reserve.rates import PERCENT, RATE, STEP, plainly, points, rate
from crfs.sources.providers.federal_reserve.reserve_positions import of_reserves

_AROUND = r"(?:around |about |approximately )?"
_IN = r"(?:at|to|of|in)(?: between)?"
# The grammar between "federal funds rate" and the number, so that another number of the sentence is never taken for it.
_GAP = (
    rf"(?: to (?:rise|fall|decline|increase|decrease))?(?:,? unchanged)?(?:,? (?:by )?(?:an? )?(?:additional |further |about )?{STEP})?,?"
    r"(?: unchanged)?(?: (?:which|that) (?:therefore )?(?:remains?|stays?|stands?)(?: unchanged)?)?"
)
# A hyphen is a range only where it cannot be that of a mixed number: "4.25-4.50", "4-1/4-4-1/2", "0-1/4", "4 - 4-1/4".
_LOW = (
    rf"(?:(?P<low>{RATE})(?:{PERCENT})?(?: to | and | - )"
    rf"|(?P<low_decimal>\d{{1,2}}\.\d{{1,4}})(?:{PERCENT})?-|(?P<low_mixed>[1-9]\d?-\d{{1,2}}/\d{{1,2}}|0)-)"
)
_RANGE_AFTER = re.compile(rf"target range for the federal funds rate{_GAP} {_IN} {_AROUND}{_LOW}(?P<high>{RATE}){PERCENT}", re.I)
_RANGE_BEFORE = re.compile(rf"(?P<low>{RATE}) to (?P<high>{RATE}){PERCENT} target range for the federal funds rate", re.I)
_SINGLE = re.compile(rf"federal funds rate{_GAP} {_IN} {_AROUND}(?P<high>{RATE}){PERCENT}(?! inflation)", re.I)
_MOVE = re.compile(
    rf"federal funds rate(?: of| is| will)?[^.\n]{{0,60}}? from {_AROUND}(?P<old>{RATE}){PERCENT},? to {_AROUND}(?P<high>{RATE}){PERCENT}",
    re.I,
)
_NO_CHANGE = re.compile(
    r"\b(?:(?:maintain|keep) (?:its|the) existing stance of monetary policy\b(?!, )|no change\b[^.]{0,80}? target for the federal funds rate"
    r"|(?:leav|keep|maintain|hold)(?:e|ing)? (?:its|the) target (?:range )?for the federal funds rate\b"
    r"|(?:leav|keep|maintain|hold)(?:e|ing)? (?:its|the) (?:(?:existing|current|monetary|policy) ){0,2}stance(?: of monetary policy)? unchanged\b"
    r"|(?:did not take|took no) action\b[^.]{0,40}? to alter the stance of monetary policy\b)",
    re.I,
)
_UP = r"rais(?:e[sd]?|ing)|increas(?:e[sd]?|ing)|rise|tighten(?:ing)?"
_DOWN = r"lower(?:s|ed|ing)?|reduc(?:e[sd]?|ing)|decreas(?:e[sd]?|ing)|decline|fall|cut(?:s|ting)?|eas(?:e[sd]?|ing)"
_SAME = (
    r"keep(?:s|ing)?|kept|hold(?:s|ing)?|held|maintain(?:s|ed|ing)?|leav(?:e[sd]?|ing)|left|reaffirm(?:s|ed|ing)?"
    r"|unchanged|remains?|stays?|stands?|made no change|no change"
)
_VERB = re.compile(rf"\b(?:(?P<up>{_UP})|(?P<down>{_DOWN})|(?P<same>{_SAME}))\b", re.I)
# The range once more, of the rate that was named before: "and then lowered it to 3.50-3.75 percent".
_AGAIN = re.compile(
    rf"\b(?:{_UP}|{_DOWN}|{_SAME}) (?:it|(?:the|its|that|this) (?:target )?range){_GAP} {_IN} {_AROUND}{_LOW}(?P<high>{RATE}){PERCENT}",
    re.I,
)
_VOTE = re.compile(r"\bby an? (\d{1,2}) ?(?:-|to) ?(\d{1,2}) vote\b", re.I)
_VOTING_FOR = re.compile(
    r"\bVoting (?:for|in favor of) (?:the |this |these )?(?:(?:FOMC|monetary|policy) )*(?:action|decision|statement|announcement)s? ?"
    r"(?:was|were)?:? ?",
    re.I,
)
_VOTING_AGAINST = re.compile(
    r"\bVoting against(?: (?:the|this|these))?(?: (?:FOMC|monetary|policy|action|actions|decision))* ?(?:was|were)?:? ?"
)
# A sentence ends with its paragraph, and at a full stop that stands neither after an initial nor after Jr. or Sr.
_SENTENCE_END = re.compile(r"(?<![A-Z])(?<!\bJr)(?<!\bSr)\.(?=\s|$)|\n")
_NAME = re.compile(r"\b[A-Z][A-Za-z'’-]+(?: [A-Z]\.)*(?: [A-Z][A-Za-z'’-]+){1,3}")
_NO_NAMES = ("Federal", "Open", "Market", "New", "United", "Board", "Committee", "Treasury", "Vice", "Reserve", "Chairman", "Chair")
_WHO = re.compile(r",? ?\bwho\b.*?(?=(?:;|,) ?(?:and )?[A-Z][A-Za-z'’-]+ (?:[A-Z]\. )?[A-Z]|$)")
_MOST_CHARACTERS = 20_000  # five times the longest statement
_LOOK_BACK = 250
_UNSAID = (None, None, None, None)
_UNCHANGED = (None, None, 0.0, "maintain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The numbers of one statement: rates in percent, changes in basis points, ``direction`` raise, lower or maintain; None is not said."""

    target_lower: float | None = None
    target_upper: float | None = None
    change_bp: float | None = None
    direction: str | None = None
    votes_for: int | None = None
    votes_against: int | None = None
    discount_rate: float | None = None
    discount_rate_change_bp: float | None = None

    @property
    def is_said(self) -> bool:
        """Whether the policy rate is decided on: a target or its change is said, be it none."""
        return self.target_upper is not None or self.direction is not None


def read_decision(text: str, day: date | None = None) -> Decision:
    """The decision that a statement's text says; where its ``day`` is given, that date in the text is today.

    >>> read_decision("The Committee decided today to lower its target for the federal funds rate 75 basis points to 3-1/2 percent.").change_bp
    -75.0
    >>> read_decision("The Committee decided to keep the target range for the federal funds rate at 0 to ¼ percent.").target_upper
    0.25
    """
    plain = plainly(text[:_MOST_CHARACTERS])
    if day is not None:
        plain = with_its_day_as_today(plain, day)
    votes = _VOTING_FOR.search(plain)
    against = _VOTING_AGAINST.search(plain)
    # What dissenters preferred is no decision.
    before_votes = plain[: min(found.start() for found in (votes, against) if found)] if votes or against else plain
    low, high, change, direction = _target(before_votes)
    votes_for, votes_against = _votes(plain)
    discount_rate, discount_change = discount(plain)
    if direction is None and high is None:
        change, direction = of_reserves(before_votes, discount_change)
    return Decision(
        target_lower=low,
        target_upper=high,
        change_bp=change,
        direction=direction,
        votes_for=votes_for,
        votes_against=votes_against,
        discount_rate=discount_rate,
        discount_rate_change_bp=discount_change,
    )


def _target(text: str) -> tuple[float | None, float | None, float | None, str | None]:
    surest, said = _decided(text, _RANGE_AFTER, _RANGE_BEFORE, _SINGLE)
    if not said:
        moved = [match for match in _MOVE.finditer(text) if _is_moved(text, match)]
        if moved:
            return _moved(rate(moved[0]["old"]), rate(moved[0]["high"]))
        return _UNCHANGED if is_refused(text) or _decided(text, _NO_CHANGE)[1] else _UNSAID
    found = said[0]
    low, high = _range(found)
    if low is None or high is None or low > high:
        return _UNSAID
    direction = _direction(text, found)
    # Of two decisions that differ neither is the decision.
    others = [*said[1:], *_decided(text, _AGAIN)[1]]
    if any(_range(other) != (low, high) or _differ(direction, _direction(text, other)) for other in others):
        return _UNSAID
    rank, unchanged = _decided(text, _NO_CHANGE)
    if direction in ("raise", "lower") and unchanged and rank <= surest:
        return _UNCHANGED if rank < surest else _UNSAID
    groups = found.groupdict()
    size = points(groups.get("size"), groups.get("unit"))
    if direction == "maintain":
        return low, high, 0.0, direction
    if size is None or direction is None:
        return low, high, None, direction
    return low, high, size if direction == "raise" else -size, direction


def _differ(one: str | None, other: str | None) -> bool:
    """Whether two directions contradict; one that is not said contradicts none."""
    return one is not None and other is not None and one != other


def _is_moved(text: str, match: re.Match[str]) -> bool:
    return standing(text, match.start(), match.end()) is not None or is_effect(text, match.start(), match.end())


def _range(found: re.Match[str]) -> tuple[float | None, float | None]:
    groups = found.groupdict()
    high = rate(groups["high"])
    said = groups.get("low") or groups.get("low_decimal") or groups.get("low_mixed")
    return rate(said) if said else high, high


def _decided(text: str, *patterns: re.Pattern[str]) -> tuple[int, list[re.Match[str]]]:
    """The surest standing that any words have, and the words of it: by the earlier pattern, then as they follow in the text.

    Words that an earlier pattern reads are not read again by a later one.
    """
    ranked: list[tuple[int, re.Match[str]]] = []
    taken: list[tuple[int, int]] = []
    for pattern in patterns:
        read = [match for match in pattern.finditer(text) if not any(match.start() < end and start < match.end() for start, end in taken)]
        taken += [match.span() for match in read]
        ranked += [(rank, match) for match in read if (rank := standing(text, match.start(), match.end())) is not None]
    surest = min((rank for rank, _ in ranked), default=0)
    return surest, [match for rank, match in ranked if rank == surest]


def _moved(old: float | None, new: float | None) -> tuple[float | None, float | None, float | None, str | None]:
    """A target that the text says with the one before it."""
    if old is None or new is None:
        return None, None, None, None
    return new, new, (new - old) * 100.0, "raise" if new > old else "lower" if new < old else "maintain"


def _direction(text: str, found: re.Match[str]) -> str | None:
    """What the nearest verb says: one within the match, else the last before it in its sentence, else the first after it."""
    start = max((end.end() for end in _SENTENCE_END.finditer(text, max(0, found.start() - _LOOK_BACK), found.start())), default=0)
    before = text[max(start, found.start() - _LOOK_BACK) : found.start()]
    end = _SENTENCE_END.search(text, found.end(), min(len(text), found.end() + _LOOK_BACK))
    after = text[found.end() : end.start() if end else min(len(text), found.end() + _LOOK_BACK)]
    within = list(_VERB.finditer(found.group()))
    ahead = list(_VERB.finditer(before))
    verb = within[0] if within else ahead[-1] if ahead else None
    if verb is None and re.match(r" (?:remains?|unchanged)\b", after):
        return "maintain"
    if verb is None:
        return None
    return "raise" if verb["up"] else "lower" if verb["down"] else "maintain"


def _votes(text: str) -> tuple[int | None, int | None]:
    """How many voted for and against. Where those for are named and nobody against, nobody was."""
    counted = _VOTE.search(text)
    if counted:
        return int(counted[1]), int(counted[2])
    found = _VOTING_FOR.search(text)
    against = _VOTING_AGAINST.search(text)
    votes_against = _names(_WHO.sub("", _sentence(text, against.end()))) if against else None
    if found is None:
        return None, votes_against
    names = _names(_sentence(text, found.end()))
    return (names, votes_against or 0) if names else (None, votes_against)


def _sentence(text: str, start: int) -> str:
    end = _SENTENCE_END.search(text, start, min(len(text), start + 4000))
    return text[start : end.start() if end else min(len(text), start + 4000)]


def _names(text: str) -> int:
    """How many different people are named; offices and the Committee's own name are nobody."""
    cut = re.split(r"\b(?:Voting against|Absent|Not voting|(?:Ms|Mrs|Mr|Dr)\.)", text)[0]
    return len({name for name in _NAME.findall(cut) if name.split()[0] not in _NO_NAMES})
