"""What a statement of the Federal Open Market Committee says in numbers: target, change, direction, votes, discount rate.

Everything is read from the text and nothing from another document: what a statement does not say is None. Rates are percent. A target
that is one number (until December 2008) is a range of no width.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from crfs.sources.providers.federal_reserve.operative import is_refused, standing

_RATE = r"(?:[1-9]\d?-\d{1,2}/\d{1,2}|\d{1,2} and \d{1,2}/\d{1,2}|\d{1,2} \d/\d{1,2}|\d{1,2}/\d{1,2}|\d{1,2}(?:\.\d{1,4})?)"
_PERCENT = r"\s?(?:percent|per cent|%)"
_WORDS = r"(?:one|three)-(?:half|quarters?|fourths?)(?: of)?"
_STEP = rf"(?P<size>{_WORDS}|{_RATE}|\d{{1,3}})[- ](?P<unit>basis[- ]points?|(?:(?:of )?a )?percentage[- ]points?|percent)"
_AROUND = r"(?:around |about |approximately )?"
_IN = r"(?:at|to|of|in)(?: between)?"
# The grammar between "federal funds rate" and the number, so that another number of the sentence is never taken for it.
_GAP = (
    rf"(?: to (?:rise|fall|decline|increase|decrease))?(?:,? unchanged)?(?:,? (?:by )?(?:an? )?(?:additional |further |about )?{_STEP})?,?"
    r"(?: unchanged)?(?: (?:which|that) (?:therefore )?(?:remains?|stays?|stands?)(?: unchanged)?)?"
)
# A hyphen is a range only where it cannot be that of a mixed number: "4.25-4.50", "4-1/4-4-1/2", "0-1/4", "4 - 4-1/4".
_LOW = (
    rf"(?:(?P<low>{_RATE})(?:{_PERCENT})?(?: to | and | - )"
    rf"|(?P<low_decimal>\d{{1,2}}\.\d{{1,4}})(?:{_PERCENT})?-|(?P<low_mixed>[1-9]\d?-\d{{1,2}}/\d{{1,2}}|0)-)"
)
_RANGE_AFTER = re.compile(rf"target range for the federal funds rate{_GAP} {_IN} {_AROUND}{_LOW}(?P<high>{_RATE}){_PERCENT}", re.I)
_RANGE_BEFORE = re.compile(rf"(?P<low>{_RATE}) to (?P<high>{_RATE}){_PERCENT} target range for the federal funds rate", re.I)
_SINGLE = re.compile(rf"federal funds rate{_GAP} {_IN} {_AROUND}(?P<high>{_RATE}){_PERCENT}(?! inflation)", re.I)
_MOVE = re.compile(
    rf"federal funds rate(?: of| is| will)?[^.\n]{{0,60}}? from {_AROUND}(?P<old>{_RATE}){_PERCENT},? to {_AROUND}(?P<high>{_RATE}){_PERCENT}",
    re.I,
)
_NO_CHANGE = re.compile(
    r"\b(?:no change\b[^.]{0,80}? target for the federal funds rate"
    r"|(?:leav|keep|maintain|hold)(?:e|ing)? (?:its|the) target (?:range )?for the federal funds rate\b"
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
    rf"\b(?:{_UP}|{_DOWN}|{_SAME}) (?:it|(?:the|its|that|this) (?:target )?range){_GAP} {_IN} {_AROUND}{_LOW}(?P<high>{_RATE}){_PERCENT}",
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
_DISCOUNT = re.compile(
    rf"\bapprov\w+ (?:an? |the )?{_STEP}[- ](?P<way>increase|decrease|reduction|cut) in the (?:discount|primary credit) rate"
    rf"(?: \([^)]{{0,40}}\))?,? (?:from {_RATE}{_PERCENT} )?to (?P<rate>{_RATE}){_PERCENT}",
    re.I,
)
_DISCOUNT_MOVE = re.compile(
    rf"\bapprov\w+ an? (?:increase|decrease|reduction) in the discount rate(?: (?:by|of) {_STEP})?,?"
    rf" from (?P<old>{_RATE}){_PERCENT},? to (?P<rate>{_RATE}){_PERCENT}",
    re.I,
)
_DISCOUNT_SAME = re.compile(
    rf"\b(?:no change was made in the (?:federal reserve )?discount rate, which remains|discount rate remains unchanged) at (?P<rate>{_RATE}){_PERCENT}",
    re.I,
)
_RESERVES = re.compile(
    rf"interest rates? paid on (?:required and excess |required |excess )?reserve balances(?: unchanged)?,? (?:at|to) (?P<rate>{_RATE}){_PERCENT}",
    re.I,
)
_REVERSE_REPO = re.compile(rf"reverse repurchase (?:(?!\. )[^\n]){{0,500}}?at an offering rate of (?P<rate>{_RATE}){_PERCENT}", re.I)
_PRIMARY_CREDIT = re.compile(
    rf"primary credit rate\)?,? (?:at the existing level of|which remains at|at|to) (?P<rate>{_RATE}){_PERCENT}", re.I
)
_FRACTIONS = {"¼": "1/4", "½": "1/2", "¾": "3/4", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8"}
_FRACTION_WORDS = {
    "one-half": "1/2", "one-quarter": "1/4", "one-fourth": "1/4", "three-quarters": "3/4", "three-quarter": "3/4", "three-fourths": "3/4",
}  # fmt: skip
_MOST_CHARACTERS = 100_000
_LOOK_BACK = 250


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Implementation:
    """The administered rates of one implementation note, in percent; None is not said."""

    interest_on_reserves: float | None = None
    reverse_repo_rate: float | None = None
    primary_credit_rate: float | None = None


def read_implementation(text: str) -> Implementation:
    """The rates that an implementation note says.

    >>> read_implementation("voted to lower the interest rate paid on reserve balances to 3.65 percent").interest_on_reserves
    3.65
    """
    plain = plainly(text[:_MOST_CHARACTERS])
    found = [pattern.search(plain) for pattern in (_RESERVES, _REVERSE_REPO, _PRIMARY_CREDIT)]
    reserves, reverse_repo, primary_credit = (rate(match["rate"]) if match else None for match in found)
    return Implementation(interest_on_reserves=reserves, reverse_repo_rate=reverse_repo, primary_credit_rate=primary_credit)


def read_decision(text: str) -> Decision:
    """The decision that a statement's text says.

    >>> read_decision("The Committee decided today to lower its target for the federal funds rate 75 basis points to 3-1/2 percent.").change_bp
    -75.0
    >>> read_decision("The Committee decided to keep the target range for the federal funds rate at 0 to ¼ percent.").target_upper
    0.25
    """
    plain = plainly(text[:_MOST_CHARACTERS])
    votes = _VOTING_FOR.search(plain)
    against = _VOTING_AGAINST.search(plain)
    # What dissenters preferred is no decision.
    before_votes = plain[: min(found.start() for found in (votes, against) if found)] if votes or against else plain
    low, high, change, direction = _target(before_votes)
    votes_for, votes_against = _votes(plain)
    discount_rate, discount_change = _discount(plain)
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


def plainly(text: str) -> str:
    """Text with a paragraph a line, with plain hyphens and blanks, and fractions written out.

    >>> plainly("5¼ to 5\\u2011½ percent\\n(5 1\\u20444)")
    '5-1/4 to 5-1/2 percent (5 1/4)'
    """
    for sign, written in _FRACTIONS.items():
        text = re.sub(rf"(?<=\d){sign}", f"-{written}", text).replace(sign, written)
    text = re.sub("[\u2010\u2011\u2012\u2013\u2014\u2212]", "-", text).replace("\u2044", "/")
    return "\n".join(paragraph for block in re.split(r"\n[ \t\r]*\n", text) if (paragraph := " ".join(block.split())))


def rate(text: str) -> float | None:
    """A rate as the Committee writes it, in percent.

    >>> [rate(text) for text in ("5-1/4", "1/2", "4.25", "6", "3 and 3/4", "1/0")]
    [5.25, 0.5, 4.25, 6.0, 3.75, None]
    """
    try:
        return float(sum((Fraction(part) for part in re.split(r"-| and | ", text.strip())), Fraction(0)))
    except (ValueError, ZeroDivisionError, OverflowError):
        return None


def _target(text: str) -> tuple[float | None, float | None, float | None, str | None]:
    said = _decided(text, _RANGE_AFTER, _RANGE_BEFORE, _SINGLE)
    moved = _decided(text, _MOVE) if not said else []
    if moved:
        return _moved(rate(moved[0]["old"]), rate(moved[0]["high"]))
    if not said:
        unchanged = is_refused(text) or _decided(text, _NO_CHANGE)
        return (None, None, 0.0, "maintain") if unchanged else (None, None, None, None)
    found = said[0]
    low, high = _range(found)
    if low is None or high is None or low > high:
        return None, None, None, None
    direction = _direction(text, found)
    # Of two decisions that differ neither is the decision.
    others = [*said[1:], *_decided(text, _AGAIN)]
    if any(_range(other) != (low, high) or {direction, _direction(text, other)} == {"raise", "lower"} for other in others):
        return None, None, None, None
    groups = found.groupdict()
    size = _points(groups.get("size"), groups.get("unit"))
    if direction == "maintain":
        return low, high, 0.0, direction
    if size is None or direction is None:
        return low, high, None, direction
    return low, high, size if direction == "raise" else -size, direction


def _range(found: re.Match[str]) -> tuple[float | None, float | None]:
    groups = found.groupdict()
    high = rate(groups["high"])
    said = groups.get("low") or groups.get("low_decimal") or groups.get("low_mixed")
    return rate(said) if said else high, high


def _decided(text: str, *patterns: re.Pattern[str]) -> list[re.Match[str]]:
    """The words that say what is decided, of the surest standing that any has: by the earlier pattern, then as they follow in the text.

    Words that an earlier pattern reads are not read again by a later one.
    """
    ranked: list[tuple[int, re.Match[str]]] = []
    taken: list[tuple[int, int]] = []
    for pattern in patterns:
        read = [match for match in pattern.finditer(text) if not any(match.start() < end and start < match.end() for start, end in taken)]
        taken += [match.span() for match in read]
        ranked += [(rank, match) for match in read if (rank := standing(text, match.start(), match.end())) is not None]
    surest = min((rank for rank, _ in ranked), default=0)
    return [match for rank, match in ranked if rank == surest]


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


def _points(size: str | None, unit: str | None) -> float | None:
    """A step in basis points."""
    number = rate(_FRACTION_WORDS.get(size.lower().removesuffix(" of"), size)) if size else None
    if number is None or unit is None:
        return None
    return number if unit.lower().startswith("basis") else number * 100.0


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


def _discount(text: str) -> tuple[float | None, float | None]:
    same = _DISCOUNT_SAME.search(text)
    if same:
        return rate(same["rate"]), 0.0
    moved = _DISCOUNT_MOVE.search(text)
    if moved:
        _, new, change, _ = _moved(rate(moved["old"]), rate(moved["rate"]))
        return new, change
    found = _DISCOUNT.search(text)
    if found is None:
        return None, None
    size = _points(found["size"], found["unit"])
    up = found["way"].lower() == "increase"
    return rate(found["rate"]), None if size is None else size if up else -size
