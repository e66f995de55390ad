"""Guidance in the sentences of a release: the range of revenue and of earnings per share that the company itself expects now.

A sentence that raises guidance says the old range as well as the new one, and one about analysts or customers says theirs: only a range that
the company expects, and that no word makes an older or a supposed one, is taken, and only if it is the only one of its kind. A release that takes guidance
back has none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crfs.sources.providers.edgar.releases.company import PART, is_plain
from crfs.sources.providers.edgar.releases.currency import names_other
from crfs.sources.providers.edgar.releases.expecting import is_expected_by_the_company, names_the_company
from crfs.sources.providers.edgar.releases.following import is_following
from crfs.sources.providers.edgar.releases.measures import OTHER_MEASURE
from crfs.sources.providers.edgar.releases.periods import YEAR, Period, spelled
from crfs.sources.providers.edgar.releases.sentences import DOLLAR, FORWARD, UNIT, Sentence, amount
from crfs.sources.providers.edgar.releases.withdrawals import is_taken_back

Pair = tuple[float | None, float | None]
_RANGE = re.compile(
    rf"(?P<plain>(?P<lowsign>[(-])?{DOLLAR}\s?(?P<lowinner>\()?(?P<low>\d[\d,]*(?:\.\d+)?)\)?\s?(?P<first>{UNIT})?\s?(?P<link>to|and|-|–|—"
    rf"|through)\s?(?P<highsign>[(-])?(?:(?:US)?\$)?\s?"
    rf"(?P<highinner>\()?(?P<high>\d[\d,]*(?:\.\d+)?)\)?\s?(?P<second>{UNIT})?)(?!\s?%|\d)"
    rf"|(?P<around>{DOLLAR}\s?(?P<middle>\d[\d,]*(?:\.\d+)?)\s?(?P<unit>{UNIT})?,?\s?(?:\+/-|±"
    rf"|plus or minus)\s?(?P<dollars>\$)?\s?(?P<width>\d+(?:\.\d+)?)"
    rf"\s?(?:(?P<percent>%|percent)|(?P<widthunit>{UNIT}))?)",
    re.IGNORECASE,
)
_QUARTER = re.compile(r"\b(?:first|second|third|fourth|next|current)[\s-]+(?:fiscal )?quarter|\bquarterly\b|\bQ[1-4]\b", re.IGNORECASE)
_ANNUAL = re.compile(
    r"\b(?:full[\s-]year|fiscal year|fiscal 20\d\d|full fiscal|for the year|annual|for 20\d\d|in 20\d\d|year 20\d\d"
    r"|(?<!quarter )20\d\d (?:\w+ ){0,3}(?:outlook|guidance)|(?:expects?|anticipates?|projects?) 20\d\d)\b",
    re.IGNORECASE,
)
# "The fourth quarter of fiscal 2025", "fiscal 2025 fourth quarter" name no year.
_YEAR_OF_QUARTER = re.compile(
    r"\bquarter,? (?:of )?(?:the )?(?:fiscal )?(?:year )?20\d\d\b|\bfiscal (?:year )?20\d\d(?= (?:first|second|third|fourth)[\s-]quarter)",
    re.IGNORECASE,
)
# A half of a year, or what is left of it, is no year.
_SOME_MONTHS = re.compile(
    r"\b(?:first|second|back|front|latter|remaining|last|next)[\s-]+half\b|\bhalf[\s-]year|\b(?!twelve\b|12\b)\w+[\s-]months?\b|\bremain(?:der"
    r"|ing)\b|\bbalance of\b|\brest of\b|"
    r"\b(?:two|three)[\s-]quarters\b|\byear[\s-]to[\s-]date\b|\b(?:1H|2H|H1|H2)\b|\bhalf of\b",
    re.IGNORECASE,
)
_ABOUT_GUIDANCE = re.compile(r"\b(?:outlook|guidance|forecast|expectations)\b", re.IGNORECASE)
_HEADING = re.compile(
    r"outlook|guidance|business|updated?|updates|updating|forecasts?|expectations?|expects?|provides?|initiates?|raises?|reaffirms?|reiterates?"
    r"|maintains?|issues?|exhibit|news|release|immediate|"
    r"targets|highlights?|overview|summary|view|looking|ahead|forward-looking|current|contacts?|corporate|strategic|long-term|capital|narrows?"
    r"|lowers?|updates?",
    re.IGNORECASE,
)
# What is aimed at for some day is no forecast.
_FAR = re.compile(
    r"\blong(?:er)?[\s-](?:term|range)\b|\b(?:mid|medium)[\s-]term\b|\bover (?:the (?:next|coming)|time)\b|\bmulti-?year\b|\btargets?\b"
    r"|\b(?:by|beyond|after|until) (?:fiscal )?(?:year )?20\d\d\b|\b\w+[\s-]years? plan\b|\b(?:each|every|per)[\s-](?:fiscal )?(?:year|quarter)\b"
    r"|\b(?:fiscal|calendar|next|coming) (?:\w+ )?years\b|\b(?:in|within|for) (?:the )?(?:\w+ ){1,2}years\b|\bend of the decade\b"
    r"|\breach(?:es|ing)?\s+annual\b|\beventual\w*|\bultimate\w*|\baspir\w+|\bambitions?\b|\bgoals?\b|\brun[\s-]rate\b|\bannuali[sz]ed\b",
    re.IGNORECASE,
)
# A range of what something does to a number, not of the number: a headwind, an acquisition.
_OF_AN_EVENT = re.compile(
    r"\b(?:headwinds?|tailwinds?|impact\w*|accreti\w+|dilutive|contribut\w+|adds?|adding|synerg\w+|benefits?|charges?|acqui\w+|merger|"
    r"transaction|effects?|(?:lower|higher|lost|incremental|additional)(?= (?:net |total )?(?:sales|revenues?|earnings|EPS)))\b",
    re.IGNORECASE,
)
# All that may stand between the name of a number and its range; "by" is a change, "growth" another number.
_LINK = re.compile(
    r"^(?:[\s,:(–—-]|\b(?:guidance|outlook|forecast|range|ranges|ranging|is|are|was|now|currently|expected|projected|anticipated|estimated|to|be|"
    r"will|of|in|the|a|between|from|approximately|about|for|full|year|fiscal|annual|quarter|first|second|third|fourth|20\d\d|within|increased|"
    r"raised|narrowed|lowered|and|remain|remains|at|Q[1-4])\b)*$",
    re.IGNORECASE,
)
# A range that is missed, looked at anew or moved by so much is the one that was.
_NOT_HELD = re.compile(
    r"\b(?:miss(?:es|ed|ing)?|exceed\w*|fall(?:ing)? short|review(?:s|ed|ing)?|re-?assess\w*|re-?evaluat\w+|revisit\w*|suspend\w*)\b[^.;$]{0,160}$",
    re.IGNORECASE,
)
_MOVED_BY = re.compile(r"\s?(?:,\s?)?by (?:about |approximately |roughly )?(?:\$\s?)?\d", re.IGNORECASE)
_OLDER = re.compile(
    r"\bprevious(?:ly)?\b|\bprior\b|\bearlier\b|\bformer(?:ly)?\b|\boriginal(?:ly)?\b|\binitial(?:ly)?\b|\bcompar(?:ed|es|ing)\b|\bversus\b|\bvs\b"
    r"|\binstead of\b|\brather than\b|\b(?:had|was|were) (?:been )?(?:expected|expecting|issued|provided)\b|\bup from\b|\bdown from\b|\bthan\b"
    r"|\bno longer\b|\bactual\b|\blast year\b",
    re.IGNORECASE,
)
_CHANGES = re.compile(r"\b(?:rais|increas|lower|reduc|narrow|updat|revis|cut|lift|tighten|adjusting)\w*", re.IGNORECASE)
_METRIC = re.compile(
    r"(?P<eps>(?:diluted )?(?:earnings|net income|(?P<loss>loss)) per (?:basic and |diluted |common |ordinary )*share|\bEPS\b)"
    r"|(?P<revenue>\b(?:revenues?|net sales|sales)\b)"
    r"|(?P<other>EBITDA|margin|cash flow|expenditures?|income|expenses?|tax|capex|profit|earnings|debt|savings|charges?|shares|growth|synerg\w+"
    r"|headwinds?|backlog|bookings|billings|per ADS|dividends?|costs?|SG&A|R&D|interest|investments?|proceeds|royalt\w+|FFO|NOI|liquidity|cash)",
    re.IGNORECASE,
)
# Words that may stand before "revenue" of the whole company; any other ("services revenue") names a part of it.
_WHOLE = re.compile(
    r"(?:^|[,;:.)–—-]\s*|\b(?:expects?|expected|anticipates?|projects?|forecasts?|estimates?|expecting|for|(?:guidance|outlook|forecast"
    r"|expectations?|range|estimate) (?:of|for|is|is for|calls for)|that|its|our|and|the|annual|year|quarter|"
    r"quarterly|be|in|outlook|guidance|total|net|consolidated|company|company['’]s|gaap|full-year|to|raises?|raised|reaffirms?|reaffirmed"
    r"|reiterates?|reiterated|maintains?|maintained|lowers?|lowered|\d{4}|Q[1-4]|includes?|include|with)\s+)$",
    re.IGNORECASE,
)


def guidance(said: Sequence[Sentence], period: Period, name: frozenset[str]) -> tuple[int | None, Pair, Pair]:
    """The months that guidance is for (3 or 12), and the expected ranges of revenue and of earnings per share."""
    found: dict[tuple[int, str], list[Pair]] = {}
    for sentence in said:
        text, heading = _whole(sentence)
        if "$" not in text or not FORWARD.search(text + " " + heading) or not is_expected_by_the_company(sentence, text, name):
            continue
        if names_other(text) or _FAR.search(text) or _FAR.search(heading) or _SOME_MONTHS.search(text):
            continue
        # A part's heading makes "net sales are expected to be" the part's.
        is_headed = is_plain(heading, name, also=_HEADING)
        months = _months(text) or (_months(heading) if is_headed and _ABOUT_GUIDANCE.search(heading) else None)
        if months is None or not is_following(text, heading, months, period) or not (is_headed or names_the_company(text, name)):
            continue
        for metric, pair in _ranges(text, heading, period):
            found.setdefault((months, metric), []).append(pair)
    months = next((length for length, _ in found), None)
    if months is None or is_taken_back(sentence.text for sentence in said):
        return None, (None, None), (None, None)
    revenue, eps = (_one(found.get((months, metric), [])) for metric in ("revenue", "eps"))
    return (None if revenue == eps == (None, None) else months), revenue, eps


def _whole(sentence: Sentence) -> tuple[str, str]:
    """A sentence, behind the words that lead its list in ("For fiscal 2025, the Company expects:"), and the heading that it stands under."""
    if not FORWARD.search(sentence.text) and FORWARD.search(sentence.lead):
        return spelled(f"{sentence.lead} {sentence.text}"), ""
    return spelled(sentence.text), spelled(sentence.heading)


def _months(text: str) -> int | None:
    """3 or 12 by the one kind of period that a text names; None where it names none, or both."""
    text = _YEAR_OF_QUARTER.sub(lambda found: "quarter" if found[0].lower().startswith("q") else "", text)
    quarter, year = _QUARTER.search(text), _ANNUAL.search(text)
    return None if (quarter is None) == (year is None) else 3 if quarter else 12


_NEAR = 160
"""A range is of what is named within so many characters before it."""


def _one(pairs: Sequence[Pair]) -> Pair:
    """The one range of a number; none where two differ, for which of them holds is not known."""
    return pairs[0] if pairs and all(pair == pairs[0] for pair in pairs) else (None, None)


def _ranges(text: str, heading: str, period: Period) -> list[tuple[str, Pair]]:
    """(metric, range) of the ranges in a sentence that hold now."""
    if PART.search(heading) or OTHER_MEASURE.search(heading):
        return []
    found = []
    last, metric, is_loss = 0, None, False
    for one in _RANGE.finditer(text):
        before, after = text[last : one.start()], text[one.end() : one.end() + 60]
        if _METRIC.search(before):
            metric, is_loss = _metric(before[-_NEAR:])
        elif not _LINK.match(before):
            metric = None
        named = YEAR.findall(text[: one.start()])
        is_years_ago = bool(named) and period.year is not None and int(named[-1]) < period.year
        first, last = last == 0, one.end()
        between = one["link"] and one["link"].lower() == "and" and not re.search(r"\bbetween\s*$", before, re.IGNORECASE)
        # "from $4.8 billion to $5.0 billion" in a sentence that changes guidance is the old range, or a move from one to the other.
        is_start = re.search(r"\bfrom\s*(?:a range of |the range of )?$", before, re.IGNORECASE) and not re.search(
            r"\brang\w+ from\s*$", before
        )
        is_old = (
            _OLDER.search(before)
            or _NOT_HELD.search(before)
            or _MOVED_BY.match(after)
            or (is_start and (_CHANGES.search(text) or not first))
        )
        rest = re.split(rf"[;.]\s|(?:^|,?\s)and\s|{DOLLAR}|\bwhich compares\b|\bcompared\b|\bversus\b", after)[0]
        if (
            metric is None
            or is_old
            or is_years_ago
            or re.match(r"\s?(?:[*†‡§#]|\([a-z\d]\))", after)  # a footnote says more of it
            or between
            or PART.search(rest)
            or OTHER_MEASURE.search(rest)
            or re.match(r"\s*in (?!the range)[a-z]*\s*[A-Z]", rest)
        ):
            continue
        pair = _pair(one, metric, is_loss=is_loss)
        if pair is not None:
            found.append((metric, pair))
    return found


def _metric(before: str) -> tuple[str | None, bool]:
    """What a range is of: the last that is named before it; and whether it is a loss."""
    named = list(_METRIC.finditer(before))
    if not named:  # so far away that nobody reads the two together
        return None, False
    last = named[-1]
    is_linked = _LINK.match(before[last.end() :]) is not None
    if (
        last["other"]
        or not is_linked
        or _OF_AN_EVENT.search(before)
        or OTHER_MEASURE.search(before[max(0, last.start() - 60) :])
        or PART.search(before)
    ):
        return None, False
    if last["revenue"]:
        head = re.sub(r"(?:\b(?:total|net|consolidated|gaap)\s+)+$", "", before[: last.start()], flags=re.IGNORECASE)
        is_whole = _WHOLE.search(head) is not None and not re.search(r"\bin (?:the )?[A-Z]", before[last.end() :])
        return ("revenue" if is_whole else None), False
    head = re.sub(r"(?:\b(?:diluted|gaap|reported|net|basic and|fully)\s+)+$", "", before[: last.start()], flags=re.IGNORECASE)
    return ("eps" if _WHOLE.search(head) or not head.strip() else None), last["loss"] is not None


def _pair(found: re.Match[str], metric: str, *, is_loss: bool) -> Pair | None:
    if found["around"]:
        unit, middle = found["unit"], amount(found["middle"], found["unit"])
        if bool(found["dollars"]) == bool(found["percent"]):
            return None
        width = amount(found["width"], found["widthunit"]) if found["dollars"] else middle * float(found["width"]) / 100
        low, high = middle - width, middle + width
    else:
        unit = found["second"] or found["first"]
        low, high = amount(found["low"], found["first"] or found["second"]), amount(found["high"], unit)
        # $(0.14) to $(0.10): written as negative numbers.
        is_low_negative, is_high_negative = bool(found["lowsign"] or found["lowinner"]), bool(found["highsign"] or found["highinner"])
        if is_low_negative:
            if is_loss and not is_high_negative:
                return None
            low, high, is_loss = -low, (-high if is_high_negative else high), False
            low, high = min(low, high), max(low, high)
        elif is_high_negative:
            return None
    if (metric == "revenue") != bool(unit) or (metric == "eps" and abs(high) >= 1000) or (metric == "revenue" and low < 0):
        return None
    if is_loss:
        low, high = -max(low, high), -min(low, high)
    return (low, high) if low <= high else None  # none where either is no number, too
