"""Guidance in the sentences of a release: the range of revenue and of earnings per share that the company itself expects now.

A sentence that raises guidance says the old range as well as the new one, and one about analysts says theirs: only a range that no word
makes an older one, or somebody else's, is taken, and only if it is the only one of its kind.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crfs.sources.providers.edgar.releases.currency import names_other
from crfs.sources.providers.edgar.releases.periods import YEAR, Period, quarters
from crfs.sources.providers.edgar.releases.sentences import ADJUSTED, DOLLAR, FORWARD, PART, Sentence, amount

Pair = tuple[float | None, float | None]
_UNITS = r"(?:million|billion)"
_RANGE = re.compile(
    rf"(?P<plain>{DOLLAR}\s?(?P<low>\d[\d,]*(?:\.\d+)?)\s?(?P<first>{_UNITS})?\s?(?P<link>to|and|-|–|—|through)\s?(?:(?:US)?\$)?\s?"
    rf"(?P<high>\d[\d,]*(?:\.\d+)?)\s?(?P<second>{_UNITS})?)(?!\s?%|\d)"
    rf"|(?P<around>{DOLLAR}\s?(?P<middle>\d[\d,]*(?:\.\d+)?)\s?(?P<unit>{_UNITS})?,?\s?(?:\+/-|±|plus or minus)\s?(?P<width>\d+(?:\.\d+)?)"
    r"\s?(?:%|percent))",
    re.IGNORECASE,
)
_QUARTER = re.compile(r"\b(?:first|second|third|fourth|next|current)[\s-]+(?:fiscal )?quarter|\bquarterly\b|\bQ[1-4]\b", re.IGNORECASE)
_ANNUAL = re.compile(
    r"\b(?:full[\s-]year|fiscal year|fiscal 20\d\d|full fiscal|for the year|annual|for 20\d\d|year 20\d\d"
    r"|(?<!quarter )20\d\d (?:\w+ ){0,3}(?:outlook|guidance))\b",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"\banalysts?\b|\bconsensus\b|\bwall street\b|\bthe street\b|\bfactset\b|\brefinitiv\b|\bhad (?:previously )?expected\b",
    re.IGNORECASE,
)
_FAR = re.compile(
    r"\blong(?:er)?[\s-]term\b|\bmid[\s-]term\b|\bby (?:fiscal )?20\d\d\b|\bover the (?:next|coming)\b|\b\w+[\s-]years? plan\b|\bmulti-?year\b|\btargets?\b",
    re.IGNORECASE,
)
# A range of what something does to a number, not of the number: a headwind, an acquisition.
_OF_AN_EVENT = re.compile(
    r"\b(?:headwinds?|tailwinds?|impact\w*|accreti\w+|dilutive|contribut\w+|adds?|adding|synerg\w+|benefits?|charges?|acqui\w+|merger|"
    r"transaction|effects?)\b",
    re.IGNORECASE,
)
# All that may stand between the name of a number and its range; "by" is a change, "growth" another number.
_LINK = re.compile(
    r"^(?:[\s,:(–—-]|\b(?:guidance|outlook|forecast|range|ranges|ranging|is|are|was|now|currently|expected|projected|anticipated|estimated|to|be|"
    r"will|of|in|the|a|between|from|approximately|about|for|full|year|fiscal|annual|quarter|first|second|third|fourth|20\d\d|within|increased|"
    r"raised|narrowed|lowered|and|remain|remains|at|Q[1-4])\b)*$",
    re.IGNORECASE,
)
_OLDER = re.compile(
    r"\bprevious(?:ly)?\b|\bprior\b|\bearlier\b|\bformer(?:ly)?\b|\boriginal(?:ly)?\b|\binitial(?:ly)?\b|\bcompar(?:ed|es|ing)\b|\bversus\b|\bvs\b"
    r"|\binstead of\b|\brather than\b|\b(?:had|was|were) (?:been )?(?:expected|expecting|issued|provided)\b|\bup from\b|\bdown from\b|\bthan\b"
    r"|\bwithdr(?:aw|ew|awn)\b|\bno longer\b|\bactual\b|\blast year\b",
    re.IGNORECASE,
)
_CHANGES = re.compile(r"\b(?:rais|increas|lower|reduc|narrow|updat|revis|cut|lift|tighten|adjusting)\w*", re.IGNORECASE)
_METRIC = re.compile(
    r"(?P<eps>(?:diluted )?(?:earnings|net income|(?P<loss>loss)) per (?:diluted |common )*share|\bEPS\b)|(?P<revenue>\b(?:revenues?|net sales|sales)\b)"
    r"|(?P<other>EBITDA|margin|cash flow|expenditures?|income|expenses?|tax|capex|profit|earnings|debt|savings|charges?|shares|growth|synerg\w+"
    r"|headwinds?|backlog|bookings|billings|per ADS|dividends?|cost)",
    re.IGNORECASE,
)
# Words that may stand before "revenue" of the whole company; any other ("services revenue") names a part of it.
_WHOLE = re.compile(
    r"(?:^|[,;:.)–—-]\s*|\b(?:expects?|expected|anticipates?|projects?|forecasts?|estimates?|expecting|for|of|that|its|our|and|the|annual|year|quarter|"
    r"quarterly|be|in|outlook|guidance|total|net|consolidated|company|company['’]s|gaap|full-year|to|raises?|raised|\d{4}|Q[1-4]|on|includes?|include|with)\s+)$",
    re.IGNORECASE,
)


def guidance(said: Sequence[Sentence], period: Period) -> tuple[int | None, Pair, Pair]:
    """The months that guidance is for (3 or 12), and the expected ranges of revenue and of earnings per share."""
    found: dict[tuple[int, str], list[Pair]] = {}
    for sentence in said:
        text = sentence.text
        if not FORWARD.search(text) or _OTHERS.search(text) or _FAR.search(text) or names_other(text):
            continue
        quarter, year = _QUARTER.search(text), _ANNUAL.search(text)
        if (quarter is None) == (year is None):
            continue  # no period, or two
        if _is_past(text, period):
            continue
        for metric, pair in _ranges(text, sentence.heading):
            found.setdefault((3 if quarter else 12, metric), []).append(pair)
    months = next((length for length, _ in found), None)
    if months is None:
        return None, (None, None), (None, None)
    revenue, eps = (_one(found.get((months, metric), [])) for metric in ("revenue", "eps"))
    return (None if revenue == eps == (None, None) else months), revenue, eps


def _is_past(text: str, period: Period) -> bool:
    """Whether what was expected is what the release reports: "fourth quarter guidance of … was exceeded"."""
    if quarters(text) & period.quarters:
        return True
    years = {int(year) for year in YEAR.findall(text)}
    if period.end is None or not years:
        return False
    return max(years) < period.end.year or (max(years) == period.end.year and (period.end.month, period.end.day) == (12, 31))


def _one(pairs: Sequence[Pair]) -> Pair:
    """The one range of a number; none where two differ, for which of them holds is not known."""
    return pairs[0] if pairs and all(pair == pairs[0] for pair in pairs) else (None, None)


def _ranges(text: str, heading: str) -> list[tuple[str, Pair]]:
    """(metric, range) of the ranges in a sentence that hold now."""
    if PART.search(heading) or ADJUSTED.search(heading):
        return []
    found = []
    last, metric, is_loss = 0, None, False
    for one in _RANGE.finditer(text):
        before, after = text[last : one.start()], text[one.end() : one.end() + 60]
        if _METRIC.search(before):
            metric, is_loss = _metric(before[-160:])
        elif not _LINK.match(before):
            metric = None
        first, last = last == 0, one.end()
        between = one["link"] and one["link"].lower() == "and" and not re.search(r"\bbetween\s*$", before, re.IGNORECASE)
        # "from $4.8 billion to $5.0 billion" in a sentence that changes guidance is the old range, or a move from one to the other.
        is_start = re.search(r"\bfrom\s*(?:a range of |the range of )?$", before, re.IGNORECASE) and not re.search(
            r"\brang\w+ from\s*$", before
        )
        is_old = _OLDER.search(before) or (is_start and (_CHANGES.search(text) or not first))
        rest = re.split(rf"[;.]\s|,? and |{DOLLAR}", after)[0]
        if (
            metric is None
            or is_old
            or between
            or PART.search(rest)
            or ADJUSTED.search(rest)
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
    last = named[-1]
    is_linked = _LINK.match(before[last.end() :]) is not None
    if (
        last["other"]
        or not is_linked
        or _OF_AN_EVENT.search(before)
        or ADJUSTED.search(before[max(0, last.start() - 60) :])
        or PART.search(before)
    ):
        return None, False
    if last["revenue"]:
        head = re.sub(r"(?:\b(?:total|net|consolidated|gaap)\s+)+$", "", before[: last.start()], flags=re.IGNORECASE)
        is_whole = _WHOLE.search(head) is not None and not re.search(r"\bin (?:the )?[A-Z]", before[last.end() :])
        return ("revenue" if is_whole else None), False
    return "eps", last["loss"] is not None


def _pair(found: re.Match[str], metric: str, *, is_loss: bool) -> Pair | None:
    if found["around"]:
        unit, middle, width = found["unit"], amount(found["middle"], found["unit"]), float(found["width"]) / 100
        low, high = middle * (1 - width), middle * (1 + width)
    else:
        unit = found["second"] or found["first"]
        low, high = amount(found["low"], found["first"] or found["second"]), amount(found["high"], unit)
    if (metric == "revenue") != bool(unit) or (metric == "eps" and high >= 1000):
        return None
    if is_loss:
        low, high = -max(low, high), -min(low, high)
    return None if low > high else (low, high)
