"""Periods as releases write them: days, lengths in months, the period that a release is about, and the words that point to another one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec"
)
MONTH_DAY = re.compile(rf"\b(?:{MONTHS})\.?\s+\d{{1,2}}\b(?!\d)", re.IGNORECASE)
_DAY = rf"(?:{MONTHS})\.?\s+\d{{1,2}},?\s+(?:19|20)\d\d"
DAY = re.compile(rf"\b{_DAY}\b", re.IGNORECASE)
# "2023," is a year before a comma; "2023,500" and "2,023" are amounts.
YEAR = re.compile(r"(?<![\d,.$])((?:19|20)\d\d)(?!\d|[,.]\d)")
_SHORT_QUARTER = re.compile(r"\b(?:([1-4])Q|Q([1-4]))\s?(?:FY)?['’]?\s?(?:20)?(\d\d)\b(?![,.%]\d|\s?%)")
_SHORT_YEAR = re.compile(r"\b(?:FY\s?['’]?(?:20)?|fiscal\s['’]?)(\d\d)\b(?!,\d|%)", re.IGNORECASE)
_WORDS = {
    "three": 3, "six": 6, "nine": 9, "twelve": 12, "thirteen": 13, "fourteen": 14, "twenty-six": 26, "twenty-seven": 27,
    "thirty-nine": 39, "forty": 40, "fifty-two": 52, "fifty-three": 53,
}  # fmt: skip
_WEEKS = {12: 3, 13: 3, 14: 3, 26: 6, 27: 6, 39: 9, 40: 9, 52: 12, 53: 12}
_COUNT = "|".join([*sorted(_WORDS, key=len, reverse=True), r"\d{1,2}"])
_LENGTH = re.compile(
    rf"\b(?P<count>{_COUNT})[\s-]+(?P<what>months?|weeks?)\b|\b(?P<name>quarter|sequentially|fiscal year|full year|full-year|year)\b",
    re.IGNORECASE,
)
# A comparison's words are no period of the number: "up 5% year over year", "the year-ago quarter".
_NO_LENGTH = re.compile(
    r"\byear[\s-]over[\s-]year\b|\byear[\s-]on[\s-]year\b|\byear[\s-]ago\b|\b(?:prior|last|previous)[\s-]year\b|\byear[\s-]end\b",
    re.IGNORECASE,
)
# A day, or a month of a year, is a date: no name of the year that a period belongs to.
DATED = re.compile(rf"\b(?:{MONTHS})\.?\s+(?:\d{{1,2}},?\s+)?(?:19|20)\d\d\b", re.IGNORECASE)
# "CHICAGO, July 25, 2024 (BUSINESS WIRE) -- ": when and where a release was sent.
DATELINE = re.compile(rf"^[^.;$]{{0,60}}?\b{_DAY}\b\s*(?:[/(][^/()]{{1,40}}[/)]\s*)*(?:--|[–—-]|:)+\s*", re.IGNORECASE)
_ENDED = re.compile(rf"(?P<before>[^.;:]{{0,80}}?)\b(?:ended|ending)\s+(?:on\s+)?(?P<day>{_DAY})", re.IGNORECASE)
_AHEAD = re.compile(r"\b(?:expect|anticipat|forecast|project|outlook|guidance|estimat|will\b|plans? to)", re.IGNORECASE)
_ORDINAL = re.compile(r"\b(first|second|third|fourth)[\s-]+(?:fiscal[\s-]+)?quarter|\bQ([1-4])\b", re.IGNORECASE)
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4}
COMPARISON = re.compile(
    r"[,;(]?\s*(?:\b(?:as )?compared?\b|\bcomparable (?:period|quarter) (?:of|in|last)|\bversus\b|\bvs\b\.?|\bagainst\b|\bas opposed to\b|\bthan\b"
    r"|\b(?:from|over) the (?:prior|previous|preceding|same|year|corresponding|comparable|first|second|third|fourth|last)\b"
    r"|(?:\bup|\bdown|\bincrease|\bdecrease|\bimprovement|\bimproved|\bdecline)?\s*\bfrom\s+(?:an? |the )?(?:\(?\$|net|loss|income|earnings))",
    re.IGNORECASE,
)
EARLIER = re.compile(
    r"\b(?:prior|previous|preceding|last)[\s-]+(?:fiscal[\s-]+)?(?:year|quarter|period)|\byear[\s-]ago\b|\ba year (?:ago|earlier)\b"
    r"|\byear[\s-]earlier\b"
    r"|\bsame (?:quarter|period)\b|\b(?:corresponding|comparable) (?:quarter|period)\b|\byear[\s-]to[\s-]date\b|\bcumulative\b|\btrailing\b"
    r"|\blast (?:twelve|12)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What a release is about: the last day and the months of its period, the year and quarters (1 to 4) by which its opening names it.

    The year is the fiscal one where the opening names it ("first quarter fiscal 2025"), which the last day need not lie in; else the last day's.
    """

    end: date | None = None
    months: int | None = None
    year: int | None = None
    is_year_named: bool = False
    quarters: frozenset[int] = frozenset()


def read_day(text: str) -> date | None:
    """A day written like November 2, 2024 or Nov. 2, 2024; None for any other text.

    >>> read_day("November  2, 2024"), read_day("Sept. 30, 2024")
    (datetime.date(2024, 11, 2), datetime.date(2024, 9, 30))
    """
    month, _, rest = " ".join(text.replace(",", " ").replace(".", " ").split()).partition(" ")
    try:
        return datetime.strptime(f"{month[:3]} {rest} +0000", "%b %d %Y %z").date() if re.fullmatch(MONTHS, month, re.IGNORECASE) else None
    except ValueError:
        return None


def lengths(text: str) -> list[int]:
    """Months of the periods that ``text`` names, in order: three months, 13-week, quarter, fiscal year.

    >>> lengths("For the thirteen weeks ended"), lengths("the full year, up 5% year over year")
    ([3], [12])
    """
    found: list[int] = []
    for named in _LENGTH.finditer(_NO_LENGTH.sub(" ", text)):
        if named["name"]:
            found.append(3 if named["name"].lower() in ("quarter", "sequentially") else 12)
            continue
        count = _WORDS.get(named["count"].lower()) or (int(named["count"]) if named["count"].isdigit() else 0)
        if named["what"].lower().startswith("week"):
            found += [_WEEKS[count]] if count in _WEEKS else []
        elif count in (3, 6, 9, 12):
            found.append(count)
    return found


def quarters(text: str) -> set[int]:
    """The quarters that ``text`` names, from 1 to 4."""
    return {_ORDINALS[found[1].lower()] if found[1] else int(found[2]) for found in _ORDINAL.finditer(spelled(text))}


def spelled(text: str) -> str:
    """``text`` with its short names of quarters and years in words.

    >>> spelled("2Q24 and Q3'24, FY24")
    'second quarter 2024 and third quarter 2024, fiscal year 2024'
    """
    words = list(_ORDINALS)
    text = _SHORT_QUARTER.sub(lambda found: f"{words[int(found[1] or found[2]) - 1]} quarter 20{found[3]}", text)
    return _SHORT_YEAR.sub(r"fiscal year 20\1", text)


def years(text: str) -> set[int]:
    """The years that ``text`` names, those of its dates included."""
    return {int(year) for year in YEAR.findall(spelled(text))}


def _own_year(opening: str, day: date) -> int | None:
    """The year by which the opening names the period that ends on ``day``: the first one that is no date's and not next year's guidance."""
    for named in re.finditer(
        rf"{YEAR.pattern}(?!\s+(?:\w+\s+){{0,3}}(?:guidance|outlook|forecasts?|expectations|targets?))",
        DATED.sub(" ", spelled(opening)),
        re.IGNORECASE,
    ):
        if day.year - (day.month <= 6) <= int(named[1]) <= day.year + 1:
            return int(named[1])
    return None


def headline(sentences: Sequence[str]) -> Period:
    """The period that a release is about: the first that it says to have ended, and expects nothing of.

    Its months are None where that names a quarter and a year.
    """
    for place, sentence in enumerate(sentences[:60]):
        for found in _ENDED.finditer(sentence):
            day, named = read_day(found["day"]), set(lengths(found["before"][-60:]))
            # What has ended is told; what is said of "the quarter ending" may be all of it to come.
            told = sentence if re.search(r"\bending\b", found[0], re.IGNORECASE) else sentence[: found.end("day")]
            if day is not None and named and not _AHEAD.search(told):
                opening = " ".join([*sentences[:place], sentence[: found.end()]])
                year = _own_year(opening, day)
                return Period(
                    end=day,
                    months=named.pop() if len(named) == 1 else None,
                    year=year or day.year,
                    is_year_named=year is not None,
                    quarters=frozenset(quarters(opening)),
                )
    return Period()


def names_another(text: str, period: Period) -> bool:
    """Whether ``text`` names a day, a year or a quarter that is not the release's, or an earlier period without its name."""
    if EARLIER.search(text) or (period.end is not None and {read_day(found) for found in DAY.findall(text)} - {period.end}):
        return True
    if period.year is not None and years(DATED.sub(_own_day(period), text)) - {period.year}:
        return True
    return bool(period.quarters) and bool(quarters(text) - period.quarters)


def is_headed_otherwise(heading: str, period: Period) -> bool:
    """Whether a heading is of another period only: a title may name next year's guidance beside this year's results."""
    if EARLIER.search(heading):
        return True
    undated = DATED.sub(_own_day(period), heading)
    for named, own in (
        ({read_day(found) for found in DAY.findall(heading)}, period.end),
        (years(undated), period.year),
    ):
        if own is not None and named and own not in named:
            return True
    return bool(period.quarters) and bool(quarters(heading)) and not quarters(heading) & period.quarters


def _own_day(period: Period) -> Callable[[re.Match[str]], str]:
    """Leaves out the period's own last day, or a month with its year, and keeps every other date."""

    def kept(found: re.Match[str]) -> str:
        return " " if period.end is not None and found[0].endswith(str(period.end.year)) else found[0]

    return kept
