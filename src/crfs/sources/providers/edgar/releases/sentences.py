"""The sentences of a release: revenue, diluted earnings per share and total debt, where one says the company's own number of a named period.

A sentence that compares says two numbers, so only what stands before the comparison is read; one that names a part of the company, another
period, another currency or an adjustment gives none; and where two sentences say different numbers, there is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from crfs.sources.providers.edgar.html_text import Line
from crfs.sources.providers.edgar.releases.agreement import agreed
from crfs.sources.providers.edgar.releases.columns import SCALES
from crfs.sources.providers.edgar.releases.currency import names_other
from crfs.sources.providers.edgar.releases.periods import COMPARISON, DAY, EARLIER, Period, lengths, names_another, read_day

DOLLAR = r"(?<![A-Za-z])(?:US|U\.S\.\s?)?\$"
_MONEY = rf"{DOLLAR}\s?(\d{{1,3}}(?:,\d{{3}})*(?:\.\d+)?|\d+(?:\.\d+)?)\s?(thousand|million|billion)?\b(?!\s?%)"
FORWARD = re.compile(
    r"\b(?:expects?|expected|expecting|guidance|outlook|anticipates?|anticipated|forecasts?|projects?|projected|estimates?|estimated|targets?|"
    r"consensus|analysts?)\b",
    re.IGNORECASE,
)
ADJUSTED = re.compile(
    r"\b(?:adjusted|non-gaap|pro[\s-]?forma|comparable|same-store|online|e-commerce|excluding|excludes|excluded|organic|core|normali[sz]ed|underlying|"
    r"constant[\s-]currency|run[\s-]rate|annuali[sz]ed|as if|before special)\b",
    re.IGNORECASE,
)
PART = re.compile(r"\b(?:segments?|divisions?|business units?|subsidiar(?:y|ies)|joint ventures?|reportable)\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z“\"$(])")
_BULLET = re.compile(r"^[\s•·▪◦●*\-–—]+\s*")
_LONGEST_SENTENCE, _LONGEST_TEXT, _MOST_SENTENCES, _LONGEST_HEADING, _MOST_AMOUNTS = 1200, 20_000, 5_000, 90, 12
# Headings under which the whole company's numbers stand: all of their words are of these, or they are the release's own title.
_ABOUT_THE_COMPANY = re.compile(
    r"^(?:[\s\d,.:;&()–—-]|\b(?:first|second|third|fourth|Q[1-4]|quarter|quarterly|full|fiscal|year|FY|results|of|operations|highlights?|summary|financial|"
    r"consolidated|total|company|overview|and|the|for|in|three|six|nine|twelve|months|weeks|ended|key|selected|operating|performance|update|review|"
    r"unaudited|gaap|income|statements?|january|february|march|april|may|june|july|august|september|october|november|december)\b)*$"
    r"|\b(?:reports?|announces?|exhibit|news|immediate release|contacts?)\b",
    re.IGNORECASE,
)
_PART_BEFORE = re.compile(rf"{PART.pattern}|\b(?:business|businesses|regions?|geograph\w+|products?|brands?)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence, the heading that it stands under (empty where there is none) and the sentences before it in its paragraph."""

    text: str
    heading: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A number and the months of its period."""

    number: float
    months: int


def sentences(lines: Sequence[Line]) -> list[Sentence]:
    """The sentences of a release, in order; rows of tables only where a paragraph was laid out in one."""
    found: list[Sentence] = []
    heading = ""
    for line in lines:
        text = _BULLET.sub("", line.text[:_LONGEST_TEXT])
        if line.table and len(text) <= 80:
            continue
        if not line.table and len(text) <= _LONGEST_HEADING and not re.search(r"[.;,]$|\$\s?\d", text):
            heading = text
        before = ""
        for one in _SENTENCE.split(text):
            if len(one) <= _LONGEST_SENTENCE:
                found.append(Sentence(text=one, heading=heading, before=before[-_LONGEST_SENTENCE:]))
            before = f"{before[-_LONGEST_SENTENCE:]} {one[:_LONGEST_SENTENCE]}"
    return list(islice(found, _MOST_SENTENCES))


def amount(number: str, unit: str | None) -> float:
    """A number with its unit, like 4.8 and billion."""
    return float(number.replace(",", "")) * SCALES.get((unit or "").lower(), 1.0)


_OF_QUARTER = r"(?:first|second|third|fourth)[\s-](?:fiscal[\s-])?quarter"
_PERIOD = rf"(?:the )?(?:{_OF_QUARTER}|quarter|full[\s-]year|fiscal year|year|(?:three|six|nine|twelve) months|\d\d[\s-]weeks?)"
_REVENUE = (
    re.compile(
        rf"^(?:(?:for|in|during) {_PERIOD}[^,$]{{0,60}}, |{_OF_QUARTER} (?:of )?(?:fiscal )?(?:\d{{4}} )?)?"
        r"(?:the company['’]s |our |total |consolidated |net |company |quarterly |gaap |reported )*(?:revenues?|sales)"
        rf"(?:,? (?:in|for|during) {_PERIOD}[^$,]{{0,60}},?)?"
        rf" (?:was|were|of|at|totaled|totalled|came in at|reached|rose to|fell to|grew to)(?: approximately)? {_MONEY}",
        re.IGNORECASE,
    ),
    re.compile(
        r"^(?:our |total |consolidated |net )*(?:revenues?|sales) for the [^$.]{0,80}?(?:increased|decreased|grew|rose|declined|fell)[^$.]{0,30}"
        rf"(?:\.\d)?[^$.]{{0,15}} to {_MONEY}",
        re.IGNORECASE,
    ),
)
# What may follow the number: the period, a change, the end. "$310 million in Aerospace" or "from services" is a part of the company.
_AFTER_REVENUE = re.compile(
    rf"^\s*(?:$|[.;]|,? ?(?:(?:was|were) )?(?:up|down|an? (?:increase|decrease)|increas|decreas|growing|grew|declin|representing|reflecting)\b"
    rf"|,? (?:for|in|during) {_PERIOD}\b|,? ?(?:as )?(?:compared|versus|vs)\b|,? from (?:\$|net|total|the)|, (?:and net (?:income|loss))|,?$)",
    re.IGNORECASE,
)
_EPS = (
    re.compile(rf"\((?P<minus>\()?{_MONEY}\)? per share on a diluted basis\)", re.IGNORECASE),
    re.compile(rf"(?P<minus>\(|-)?{_MONEY}\)? (?:loss |earnings )?per (?:common )?diluted (?:common )?share", re.IGNORECASE),
    re.compile(
        rf"(?:diluted (?:earnings|loss|net income|net loss) per (?:common )?share|diluted EPS)(?: (?:for|in|of) the [^$.]{{0,60}}?)? (?:was|were|of)"
        rf" (?P<minus>\(|-)?{_MONEY}\)?",
        re.IGNORECASE,
    ),
)
# A number "of", "was" or "or" the earnings themselves: not a charge "of", not a fall "by".
_IS_EARNINGS = re.compile(r"(?:\bor|\bof|\bwas|\bwere|\bto|\bequal to|\bequivalent to|\btotaled|\$|,|\()\s*$", re.IGNORECASE)
_NEGATIVE = re.compile(r"\$\s?\(\s?(?=\d)")  # $(0.12) is ($0.12)
_ASIDE = re.compile(r",\s*(?:including|which includes?|net of|despite|after|inclusive of)\b[^,]{0,160},", re.IGNORECASE)
_LEADING = re.compile(r"^(?:as )?(?:compared|in contrast|versus)\b[^,]{0,160},\s*", re.IGNORECASE)
_INCOME = re.compile(r"\b(?:net (?:income|earnings|profit)|earnings|income|eps|diluted net income)\b", re.IGNORECASE)
_LOSS = re.compile(r"\b(?:net loss|loss(?:es)? (?:of|was|were|per|attributable)|diluted loss)\b", re.IGNORECASE)
_NOT_THE_EARNINGS = re.compile(
    r"\b(?:charges?|gains?|benefits?|impact|impairment|includ\w+|dividends?|costs?|expenses?|loss on|losses on|losses from|continuing|discontinued|"
    r"funds from|ffo|book value|cash flow|distribut\w+|increase of|decrease of|by|per ads|operating (?:income|earnings)|before|pre-?tax|ebitda|"
    r"attributable to non\w*|non-?controlling|minority|preferred)\b",
    re.IGNORECASE,
)
_DEBT = re.compile(
    r"\b(?<!net )total (?:outstanding )?debt(?: outstanding)?(?:,? (?:as of|at) [^.$;]{0,40}?,?)?(?: of| was| stood at| totaled)(?: approximately)? "
    rf"{_MONEY}",
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
    r"\$\s?[\d.,]+\s?(?:million|billion)?[^.;]{0,60}?\b(?:notes|term loans?|debentures|bonds|borrowings|debt|mortgages?|indebtedness|credit facility)\b"
    r"|\b(?:senior|convertible|subordinated) notes (?:due|outstanding)|\bterm loans?\b",
    re.IGNORECASE,
)
_AVAILABLE = re.compile(r"available|availability|undrawn|unused|capacity|redeem|repaid|repay|retired|paid (?:off|down)", re.IGNORECASE)


def said_revenue(said: Sequence[Sentence], period: Period) -> Said | None:
    """The company's revenue of the release's period."""
    found = []
    for sentence in said:
        text = sentence.text
        match = next((one for pattern in _REVENUE if (one := pattern.search(text))), None)
        if match is None or not match[2] or FORWARD.search(text[: match.start(1)]) or names_other(text):
            continue
        after, whole = _clause(text, match.end()), _until_comparison(text, match.end())
        if not _AFTER_REVENUE.match(text[match.end() :]) or PART.search(whole) or ADJUSTED.search(whole) or EARLIER.search(after):
            continue
        if not re.search(r"\b(?:total|consolidated|company)\b", match[0], re.IGNORECASE) and not _is_of_the_company(sentence):
            continue
        months = _months(whole, sentence.heading, period)
        if months is not None:
            found.append(Said(number=amount(match[1], match[2]), months=months))
    return _agreed(found, within=0.01)


def said_eps(said: Sequence[Sentence], period: Period) -> Said | None:
    """The company's diluted earnings per share of the release's period, with the sign that the sentence gives them."""
    found = []
    for sentence in said:
        # A sentence of very many amounts is a list of them, and says none for certain.
        if not 1 <= sentence.text.count("$") <= _MOST_AMOUNTS or "diluted" not in sentence.text.lower():
            continue
        text = _NEGATIVE.sub("($", _ASIDE.sub("", _LEADING.sub("", sentence.text)))
        if FORWARD.search(text) or names_other(text) or PART.search(text):
            continue
        comparison = COMPARISON.search(text)
        before = text[: comparison.start()] if comparison else text
        values = {value for pattern in _EPS for match in pattern.finditer(before) if (value := _signed(before, match)) is not None}
        if not any(pattern.search(before) for pattern in _EPS) or ADJUSTED.search(before) or not _is_of_the_company(sentence):
            continue
        months = _months(before, sentence.heading, period)
        if len(values) == 1 and months is not None:
            found.append(Said(number=values.pop(), months=months))
    return _agreed(found, within=0.0)


def _signed(text: str, match: re.Match[str]) -> float | None:
    number, unit = next((match[i], match[i + 1]) for i in range(1, len(match.groups())) if match[i] and match[i][0].isdigit())
    head = text[: match.start()]
    is_named = re.match(r"diluted", match[0], re.IGNORECASE) is not None
    if unit or _NOT_THE_EARNINGS.search(head) or not (is_named or match[0].endswith("basis)") or _IS_EARNINGS.search(head)):
        return None
    about = head + match[0]
    is_loss, is_income = _LOSS.search(about) is not None, _INCOME.search(_LOSS.sub(" ", about)) is not None
    if (match["minus"] and match["minus"] != "(") or (match["minus"] == "(" and ")" in match[0]):
        is_loss, is_income = True, False  # written as a negative number
    if is_loss == is_income:
        return None  # both, or neither: the sign is not known
    return -amount(number, None) if is_loss else amount(number, None)


def said_debt(said: Sequence[Sentence], period: Period, *, owes: bool) -> float | None:
    """Total debt at the period's end; 0 only where a sentence says that there is none, and nothing else in the release says otherwise."""
    found: list[Said] = []
    is_free, is_owing = False, owes
    for sentence in said:
        text = sentence.text
        if _MAY_OWE.search(text) is None or FORWARD.search(text) or names_other(text):
            continue
        match = _DEBT.search(text)
        said_now = _until_comparison(text, match.end()) if match else text
        if _has_other_day(said_now, period) or EARLIER.search(said_now) or PART.search(text) or ADJUSTED.search(said_now):
            is_owing = is_owing or _OWED.search(text) is not None
        elif match and match[2] and not COMPARISON.search(text[: match.start(1)]) and not _SOME_DEBT.search(said_now):
            found.append(Said(number=amount(match[1], match[2]), months=0))
        elif (free := _NO_DEBT.search(text)) and not _BUT_DEBT.search(text):
            is_free = is_free or _AS_OF.search(text[: free.end() + 60]) is not None
        elif _OWED.search(text) and not _AVAILABLE.search(text):
            is_owing = True
    if found:
        agreed = _agreed(found, within=0.01)
        return None if agreed is None or is_free else agreed.number
    return 0.0 if is_free and not is_owing else None


def _has_other_day(text: str, period: Period) -> bool:
    return period.end is not None and any(read_day(day) != period.end for day in DAY.findall(text))


def _clause(text: str, start: int) -> str:
    """What follows a number up to the comparison after it."""
    rest = text[start:]
    comparison = COMPARISON.search(rest)
    return rest[: comparison.start()] if comparison else rest


def _until_comparison(text: str, start: int) -> str:
    return text[:start] + _clause(text, start)


def _is_of_the_company(sentence: Sentence) -> bool:
    """Whether what stands there is about the whole company: under "Fourth Quarter Highlights", not "Aerospace", nor after words about a part."""
    return (
        _ABOUT_THE_COMPANY.search(sentence.heading) is not None
        and PART.search(sentence.heading) is None
        and _PART_BEFORE.search(sentence.before) is None
    )


def _months(text: str, heading: str, period: Period) -> int | None:
    """The length of the one period that a sentence names, or else its heading; None where that is not the release's."""
    if names_another(text, period):
        return None
    named = set(lengths(text))
    if not named:
        if names_another(heading, period):
            return None
        named = set(lengths(heading))
    if len(named) != 1 or (period.months is not None and named != {period.months}):
        return None
    return named.pop()


def _agreed(found: Sequence[Said], *, within: float) -> Said | None:
    """The first of what several sentences say; None where they differ by more than rounding."""
    if len({one.months for one in found}) != 1 or agreed([one.number for one in found], within=within) is None:
        return None
    return found[0]
