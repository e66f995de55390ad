"""What sentences say of total debt at the period's end: an amount, or that there is none."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crfs.sources.providers.edgar.releases.agreement import CONTRADICTION, Stated
from crfs.sources.providers.edgar.releases.balance_day import AT_DAY, is_of_the_day, tells_of_an_event
from crfs.sources.providers.edgar.releases.company import CORRECTED, PART, SUPPOSED, has_another_subject, is_plain
from crfs.sources.providers.edgar.releases.currency import names_other
from crfs.sources.providers.edgar.releases.headings import head
from crfs.sources.providers.edgar.releases.measures import OTHER_MEASURE
from crfs.sources.providers.edgar.releases.periods import COMPARISON, EARLIER, Period, is_headed_otherwise
from crfs.sources.providers.edgar.releases.sentences import FORWARD, MONEY, Sentence, money, until_comparison

_DEBT = re.compile(
    r"\b(?<!net )total (?:outstanding )?debt(?: outstanding)?(?P<when>,? (?:as of|at) [^.$;]{0,40}?,?)?(?: of| was| stood at| totaled)(?: approximately)? "
    rf"{MONEY}",
    re.IGNORECASE,
)
# Debt that is no longer there, or not all of it.
_SOME_DEBT = re.compile(
    r"\b(?:repa\w+|retir\w+|reduc\w+|refinanc\w+|issu\w+|matur\w+|assum\w+|prepa\w+|net of|would|will|limit|target|capacity)\b",
    re.IGNORECASE,
)
# "No debt" is said of the company; "no debt under", "no debt due" are said of a part of it, and so are borrowings.
_NO_DEBT = re.compile(
    r"(?:\b(?:had|has|have|with|and|is|was)|,) no (?:outstanding )?(?:debt|indebtedness)(?: outstanding)?"
    r"(?=\s*(?:[.,;]|$|and\b|or borrowings\s*[.,;]|as of\b|at\b|on (?:its|our|the) balance sheet\b))",
    re.IGNORECASE,
)
_BUT_DEBT = re.compile(
    r"\b(?:other than|except\w*|exclud\w+|aside|apart|besides|notes|loans?|owe\w*|owing|mortgages?|bonds?|debentures?)\b", re.IGNORECASE
)
_AS_OF = re.compile(r"\bas of\b|\bat\b.{0,20}\b(?:quarter|year|end)\b|\bended\b", re.IGNORECASE)
_MAY_OWE = re.compile(r"debt|notes|loan|bonds|borrow|mortgage|credit facility", re.IGNORECASE)
_OWED = re.compile(
    r"\$\s?[\d.,]+\s?(?:million|billion)?[^.;]{0,60}?\b(?:notes|term loans?|debentures|bonds|borrowings|debt|mortgages?|indebtedness"
    r"|credit facility)\b"
    r"|\b(?:senior|convertible|subordinated) notes (?:due|outstanding)|\bterm loans?\b",
    re.IGNORECASE,
)
_AVAILABLE = re.compile(r"available|availability|undrawn|unused|capacity|redeem|repaid|repay|retired|paid (?:off|down)", re.IGNORECASE)


# "Total debt of $500 million was secured by …" tells of some of it.
_DESCRIBED = re.compile(
    r"^\s*(?:was|were|is|are|of|under|held|bearing|due|owed|at (?:a|an|the (?:parent|subsidiary|property|project))|in (?:the|its|our))\b",
    re.IGNORECASE,
)
# All that may follow the amount and its day: "at the parent", "before the offering" make it another one.
_AFTER_DEBT = re.compile(
    r"\s*(?:$|[.;)(]|,\s*(?:$|(?:and|with|including|of which|consisting|comprised|which|while|or|as of|at|on|representing|resulting)\b)"
    r"|(?:and|with|including|outstanding|on (?:its|our|the) balance sheet)\b)",
    re.IGNORECASE,
)
_TODAY = re.compile(r"\b(?:today|currently|now|ago|earlier)\b", re.IGNORECASE)
_CHANGED = re.compile(
    r",?\s+(?:(?:was|were)\s+)?(?:up|down|lower|higher|an? (?:decrease|increase|decline|reduction)|representing|increas\w+|decreas\w+|declin\w+)\b",
    re.IGNORECASE,
)
_LIQUIDITY = re.compile(
    r"cash|equivalents|investments?|marketable|securities|short-term|liquid\w*|unrestricted|balance|sheets?|included|includes|liabilities|current"
    r"|quarter-end|year-end|end|close|closed|"
    r"long-term|deposits|restricted|end-of-quarter|position|remained|remains|continued|continues|held|have|healthy|sound|no|debt-free|borrowings"
    r"|outstanding|debt|its",
    re.IGNORECASE,
)


def said_debt(said: Sequence[Sentence], period: Period, *, name: frozenset[str], owes: bool) -> list[Stated]:
    """What sentences state of total debt at the period's end; 0 where one says that there is none, which what is owed elsewhere contradicts."""
    found: list[Stated] = []
    is_free, is_owing = False, owes
    for sentence in said:
        text = sentence.text
        if _MAY_OWE.search(text) is None or FORWARD.search(text) or names_other(text):
            continue
        match = _DEBT.search(text)
        said_now = _until_change(text, match.end()) if match else text
        if not is_of_the_day(said_now, period) or EARLIER.search(said_now) or PART.search(text) or OTHER_MEASURE.search(said_now):
            is_owing = is_owing or _OWED.search(text) is not None
        elif match and (match["unit"] or len(match["number"]) >= 9):
            is_whole = not COMPARISON.search(text[: match.start("number")]) and not _SOME_DEBT.search(said_now)
            is_now = _is_said_of_a_day(match, said_now) and not _is_after_an_event(sentence, said_now, period)
            if is_whole and is_now and not _DESCRIBED.match(said_now[match.end() :]) and _is_the_companys(sentence, match.start(), name):
                found.append(money(match))
            else:
                is_owing = True
        elif (free := _NO_DEBT.search(text)) and not _BUT_DEBT.search(text):
            is_stated = _AS_OF.search(text[: free.end() + 60]) is not None
            is_free = is_free or (is_stated and _is_the_companys(sentence, free.start(), name))
        elif _OWED.search(text) and not _AVAILABLE.search(text):
            is_owing = True
    if is_free:
        found.append(CONTRADICTION if is_owing else Stated(number=0.0))
    return found


def _until_change(text: str, start: int) -> str:
    """``text`` up to what it compares the amount before ``start`` with, or how it changed."""
    said = until_comparison(text, start)
    change = _CHANGED.search(said, start)
    return (said[: change.start()] if change else said).removesuffix(" was")  # "… was down from $1.4 billion"


def _is_said_of_a_day(match: re.Match[str], said: str) -> bool:
    """Whether nothing but a day stands between the words "total debt" and the amount, and behind it, and no other amount of it follows."""
    behind = said[match.end() :]
    day = AT_DAY.match(behind)
    is_of_a_day = not match["when"] or AT_DAY.fullmatch(match["when"]) is not None
    is_one = _TODAY.search(behind) is None and _DEBT.search(behind) is None
    return is_of_a_day and is_one and _AFTER_DEBT.match(behind, day.end() if day else 0) is not None


def _is_after_an_event(sentence: Sentence, said: str, period: Period) -> bool:
    """Whether what a sentence says is of another day by its heading, or, where it names no day itself, by the sentences before it."""
    return (
        tells_of_an_event(sentence.heading)
        or is_headed_otherwise(head(sentence.heading), period)
        or (AT_DAY.search(said) is None and tells_of_an_event(sentence.before))
    )


def _is_the_companys(sentence: Sentence, start: int, name: frozenset[str]) -> bool:
    """Whether the words before a place speak of nobody but the company, under no part's heading."""
    before = AT_DAY.sub(" ", sentence.text[:start])
    return (
        is_plain(before, name, also=_LIQUIDITY)
        and not SUPPOSED.search(sentence.text)
        and not CORRECTED.search(sentence.text)
        and PART.search(sentence.heading) is None
        and not has_another_subject(sentence.before, name)
    )
