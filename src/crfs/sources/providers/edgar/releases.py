"""Earnings releases (EX-99.1 of a current report): revenue, diluted earnings per share, guidance and total debt, where they are stated for certain.

A reader of rules, not a guesser. A number of a statement is taken from the table's row of that name, in the column of the period that the release
is about, and only where the table's head says which column that is and its unit (thousands, millions) is written. Where there is no such
table, a sentence that names the number, its unit and no other period gives it. What is not certain is null. Amounts are in units of the
currency; ``months`` is the length of the period, which ends on the row's valid time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice

from crfs.sources.providers.edgar.html_text import Line

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_DAY = rf"(?:{_MONTHS})\s+\d{{1,2}},?\s+(?:19|20)\d\d"
_WORDS = {
    "three": 3, "six": 6, "nine": 9, "twelve": 12, "thirteen": 13, "fourteen": 14, "twenty-six": 26, "twenty-seven": 27,
    "thirty-nine": 39, "forty": 40, "fifty-two": 52, "fifty-three": 53,
}  # fmt: skip
_WEEKS = {12: 3, 13: 3, 14: 3, 26: 6, 27: 6, 39: 9, 40: 9, 52: 12, 53: 12}
_COUNT = "|".join([*sorted(_WORDS, key=len, reverse=True), r"\d{1,2}"])
_LENGTH = re.compile(
    rf"\b(?P<count>{_COUNT})[\s-]+(?P<what>months?|weeks?)\b|\b(?P<name>quarter|fiscal year|full year|year)\b", re.IGNORECASE
)
_ENDED = re.compile(rf"(?P<before>[^.;:]{{0,80}}?)\b(?:ended|ending)\s+(?:on\s+)?(?P<day>{_DAY})", re.IGNORECASE)
_YEAR = re.compile(r"\b((?:19|20)\d\d)\b")
_SCALE = re.compile(r"\bin\s+(?:US\s+|U\.S\.\s+)?(?:\w+\s+of\s+)?(?:\$\s*)?(thousands|millions|billions)\b", re.IGNORECASE)
_SCALES = {"thousands": 1e3, "millions": 1e6, "billions": 1e9, "thousand": 1e3, "million": 1e6, "billion": 1e9}
_NUMBER = re.compile(r"^\(?\s*-?\s*[$€£]?\s*\(?\s*(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?\s*\)?$")
_MONEY = r"\$\s?(\d{1,3}(?:,\d{3})*(?:\.\d+)?)\s?(thousand|million|billion)?\b(?!\s?%)"
_EXCHANGE = re.compile(
    r"\((?:NYSE(?:\s+American)?|NASDAQ(?:[\s-]?GS|\s+Global[\w\s]{0,20})?|AMEX)\s*:\s*([A-Z][A-Z.]{0,5})\s*[),;]", re.IGNORECASE
)

_REVENUE_ROWS = (
    r"total (?:net )?revenues?(?:, net)?", r"total net sales", r"total sales", r"total revenues? and other income", r"net revenues?",
    r"net sales", r"revenues?(?:, net)?", r"sales(?:, net.{0,60})?", r"sales and revenues?",
)  # fmt: skip
_REVENUE = re.compile(rf"^(?:{'|'.join(_REVENUE_ROWS)})(?: \(.{{0,20}}\))?:?$", re.IGNORECASE)
_TOTAL = re.compile(r"^total\b", re.IGNORECASE)
_DILUTED = re.compile(r"\bdiluted\b", re.IGNORECASE)
_PER_SHARE = re.compile(r"per (?:common |diluted |ordinary )*share|\beps\b", re.IGNORECASE)
_SHARES = re.compile(r"weighted|shares (?:outstanding|used)|number of shares", re.IGNORECASE)
_DEBT = re.compile(r"^total (?:outstanding )?(?:debt|borrowings)(?: \(.{0,20}\))?:?$", re.IGNORECASE)
_ADJUSTED = re.compile(
    r"\b(?:adjusted|non-gaap|pro forma|comparable|same-store|online|segment|e-commerce|excluding|organic)\b", re.IGNORECASE
)
_RANGE = re.compile(
    r"(?P<plain>\$\s?(?P<low>\d[\d,]*(?:\.\d+)?)\s?(?P<first>million|billion)?\s?(?:to|and|-|–|—|through)\s?\$?\s?(?P<high>\d[\d,]*(?:\.\d+)?)\s?"
    r"(?P<second>million|billion)?)(?!\s?%)|(?P<around>\$\s?(?P<middle>\d[\d,]*(?:\.\d+)?)\s?(?P<unit>million|billion)?,?\s?"
    r"(?:\+/-|±|plus or minus)\s?(?P<width>\d+(?:\.\d+)?)\s?(?:%|percent))",
    re.IGNORECASE,
)  # fmt: skip
_FORWARD = re.compile(r"\b(?:expects?|expected|guidance|outlook|anticipates?|forecasts?|projects?|projected|estimates?)\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z“\"$(])")
_QUARTER = re.compile(r"\b(?:first|second|third|fourth|next|current)[\s-]+(?:fiscal )?quarter|\bquarterly\b|\bQ[1-4]\b", re.IGNORECASE)
_ANNUAL = re.compile(
    r"\b(?:full[\s-]year|fiscal year|fiscal 20\d\d|full fiscal|for the year|annual|for 20\d\d|year 20\d\d|(?<!quarter )20\d\d (?:outlook|guidance))\b",
    re.IGNORECASE,
)
_LONGEST_SENTENCE, _LONGEST_TEXT, _MOST_SENTENCES = 1200, 20_000, 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What a release states; None is "not stated, or not for certain". Guidance is for ``guidance_months`` (3 or 12)."""

    period_end: date | None = None
    months: int | None = None
    revenue: float | None = None
    diluted_eps: float | None = None
    guidance_months: int | None = None
    revenue_low: float | None = None
    revenue_high: float | None = None
    eps_low: float | None = None
    eps_high: float | None = None
    total_debt: float | None = None
    ticker: str | None = None


def read(lines: Sequence[Line]) -> Release:
    """What the release states."""
    texts = (line.text for line in lines if not line.table or len(line.text) > 80)
    split = (sentence for text in texts for sentence in _SENTENCE.split(text[:_LONGEST_TEXT]) if len(sentence) <= _LONGEST_SENTENCE)
    sentences = list(islice(split, _MOST_SENTENCES))
    end, months = _headline(sentences)
    revenue, eps, stated_end, stated_months = _statement(lines, end, months)
    end, months = end or stated_end, months or stated_months
    if revenue is None:
        revenue = _said_revenue(sentences)
    if eps is None:
        eps = _said_eps(sentences)
    debt = _balance(lines, end)
    guidance_months, (revenue_low, revenue_high), (eps_low, eps_high) = _guidance(sentences)
    ticker = next((found.group(1).upper() for line in lines[:80] if (found := _EXCHANGE.search(line.text))), None)
    return Release(
        period_end=end, months=months, revenue=revenue, diluted_eps=eps, guidance_months=guidance_months, revenue_low=revenue_low,
        revenue_high=revenue_high, eps_low=eps_low, eps_high=eps_high, total_debt=debt if debt is not None else _said_debt(sentences),
        ticker=ticker,
    )  # fmt: skip


def read_day(text: str) -> date | None:
    """A day written like November 2, 2024; None for any other text.

    >>> read_day("November  2, 2024")
    datetime.date(2024, 11, 2)
    """
    plain = " ".join(text.replace(",", " ").split())
    try:
        return datetime.strptime(f"{plain} +0000", "%B %d %Y %z").date()
    except ValueError:
        return None


def _lengths(text: str) -> list[int]:
    """Months of the periods that ``text`` names, in order: three months, 13-week, quarter, fiscal year."""
    found: list[int] = []
    for named in _LENGTH.finditer(text):
        if named["name"]:
            found.append(3 if named["name"].lower() == "quarter" else 12)
            continue
        count = _WORDS.get(named["count"].lower()) or (int(named["count"]) if named["count"].isdigit() else 0)
        if named["what"].lower().startswith("week"):
            found += [_WEEKS[count]] if count in _WEEKS else []
        elif count in (3, 6, 9, 12):
            found.append(count)
    return found


def _headline(sentences: Sequence[str]) -> tuple[date | None, int | None]:
    """The period that the release is about: the first that it says to have ended; its months are None where it names a quarter and a year."""
    for sentence in sentences[:60]:
        for found in _ENDED.finditer(sentence):
            day, lengths = read_day(found["day"]), set(_lengths(found["before"][-60:]))
            if day is not None and lengths:
                return day, lengths.pop() if len(lengths) == 1 else None
    return None, None


def _numbers(line: Line) -> list[float]:
    """The numbers of a table's row, in order; shares of a hundred (a cell of % follows) are left out."""
    found: list[float] = []
    cells = [cell for cell in line.cells[1:] if cell and cell not in ("$", ")", "€", "£")]
    for place, cell in enumerate(cells):
        following = cells[place + 1] if place + 1 < len(cells) else ""
        number = _NUMBER.match(cell)
        if number and following not in ("%", ")%"):
            value = float(number[1].replace(",", "") + (number[2] or ""))
            found.append(-value if "(" in cell or "-" in cell else value)
        elif cell in ("—", "–", "-", "--"):
            found.append(0.0)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A table's head (its rows before the first with numbers) and body, the unit of its amounts, and the text just above it."""

    head: str
    rows: Sequence[Line]
    scale: float | None


def _tables(lines: Sequence[Line]) -> list[_Table]:
    tables = []
    start = 0
    while start < len(lines):
        number = lines[start].table
        stop = start
        while stop < len(lines) and lines[stop].table == number:
            stop += 1
        if number:
            rows = lines[start:stop]
            first = next((i for i, row in enumerate(rows) if row.cells[0] and len(_numbers(row)) >= 1 and not _is_head(row)), len(rows))
            head = " ".join(row.text for row in rows[:first])
            above = " ".join(line.text for line in lines[max(0, start - 8) : start] if len(line.text) < 200)
            unit = _SCALE.search(head) or _last(_SCALE, above)
            tables.append(_Table(head=head, rows=rows[first:], scale=_SCALES[unit[1].lower()] if unit else None))
        start = stop
    return tables


def _is_head(row: Line) -> bool:
    return all(_YEAR.fullmatch(f"{number:.0f}") for number in _numbers(row)) or bool(re.search(_DAY, row.text))


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = None
    for found in pattern.finditer(text):  # noqa: B007  # the last one is wanted
        pass
    return found


def _statement(lines: Sequence[Line], end: date | None, months: int | None) -> tuple[float | None, float | None, date | None, int | None]:
    """Revenue and diluted earnings per share of the income statement, and the period of the column that they stand in."""
    for table in _tables(lines):
        if table.scale is None or not any(_DILUTED.search(row.cells[0]) for row in table.rows):
            continue
        length = next(iter(_lengths(table.head)), None)
        days = [read_day(text) for text in re.findall(_DAY, table.head, re.IGNORECASE)]
        years = [int(year) for year in _YEAR.findall(table.head)]
        if length is None or not years:
            continue
        if end is None and days and days[0] is not None and days[0].year == max(years):
            end, months = days[0], length
        if end is None or (months is not None and length != months) or years[0] != end.year or max(years) > end.year:
            continue  # not certain that the first column is the release's period
        revenue, eps = _revenue_row(table.rows), _eps_row(table.rows)
        if revenue is not None or eps is not None:
            return (None if revenue is None else revenue * table.scale), eps, end, length
    return None, None, None, None


def _revenue_row(rows: Sequence[Line]) -> float | None:
    """The first total of revenue, else the first row of revenue; the first column."""
    named = [(row, numbers) for row in rows[:40] if _REVENUE.match(row.cells[0].strip()) and len(numbers := _numbers(row)) >= 1]
    totals = [item for item in named if _TOTAL.match(item[0].cells[0])]
    chosen = (totals or named)[:1]
    return chosen[0][1][0] if chosen else None


def _eps_row(rows: Sequence[Line]) -> float | None:
    """The first row of diluted earnings per share: it says so itself, or the line above that has no numbers does."""
    above = ""
    for row in rows:
        label, numbers = row.cells[0], _numbers(row)
        if not numbers:
            above = label or above
            continue
        if not _DILUTED.search(label) or _SHARES.search(label) or _ADJUSTED.search(label):
            continue
        if (_PER_SHARE.search(label) or (_PER_SHARE.search(above) and not _SHARES.search(above))) and abs(numbers[0]) < 1000:
            return numbers[0]
    return None


def _balance(lines: Sequence[Line], end: date | None) -> float | None:
    """Total debt where a table has a row of that name, its unit, and the period's end as its first day."""
    for table in _tables(lines):
        days = [read_day(text) for text in re.findall(_DAY, table.head, re.IGNORECASE)]
        if table.scale is None or end is None or not days or days[0] != end:
            continue
        for row in table.rows:
            if _DEBT.match(row.cells[0].strip()) and (numbers := _numbers(row)):
                return numbers[0] * table.scale
    return None


def _amount(number: str, unit: str | None) -> float:
    return float(number.replace(",", "")) * _SCALES.get((unit or "").lower(), 1.0)


_OF_QUARTER = r"(?:first|second|third|fourth)[\s-]quarter"
_SAID_REVENUE = (
    re.compile(
        rf"^(?:for the {_OF_QUARTER}[^,$]{{0,30}}, |{_OF_QUARTER} )?(?:our |total |consolidated |net |company |quarterly )*(?:revenues?|sales)"
        rf"(?: in the quarter| for the quarter| for the {_OF_QUARTER}[^$,]{{0,30}})?"
        rf" (?:was|were|of|at|totaled|totalled|came in at)(?: approximately)? {_MONEY}",
        re.IGNORECASE,
    ),
    re.compile(
        r"^(?:total |net )*(?:revenues?|sales) for the [^$.]{0,80}?(?:increased|decreased|grew|rose|declined|fell)[^$.]{0,30}"
        rf"(?:\.\d)?[^$.]{{0,15}} to {_MONEY}",
        re.IGNORECASE,
    ),
)
_SAID_EPS = (
    re.compile(rf"\({_MONEY} per share on a diluted basis\)", re.IGNORECASE),
    re.compile(rf"{_MONEY} per diluted share", re.IGNORECASE),
    re.compile(rf"(?:diluted earnings per share|diluted EPS)(?: for the [^$.]{{0,40}})? (?:was|were|of) {_MONEY}", re.IGNORECASE),
)
_SAID_DEBT = re.compile(
    rf"\btotal (?:outstanding )?(?:debt|borrowings) (?:of|was|were|stood at|totaled)(?: approximately)? {_MONEY}", re.IGNORECASE
)
_NO_DEBT = re.compile(r"\bno (?:outstanding )?(?:debt|borrowings)\b(?! maturit)", re.IGNORECASE)


def _said_revenue(sentences: Sequence[str]) -> float | None:
    for sentence in sentences:
        for pattern in _SAID_REVENUE:
            found = pattern.search(sentence)
            if found and found[2] and not _FORWARD.search(sentence[: found.start(1)]):
                return _amount(found[1], found[2])
    return None


def _said_eps(sentences: Sequence[str]) -> float | None:
    """Earnings per diluted share in a sentence that adjusts nothing before it."""
    for sentence in sentences:
        for pattern in _SAID_EPS:
            found = pattern.search(sentence)
            if found and not found[2] and not _ADJUSTED.search(sentence[: found.start()]) and not _FORWARD.search(sentence):
                loss = re.search(r"\bloss\b", sentence[: found.end()], re.IGNORECASE)
                return -_amount(found[1], None) if loss else _amount(found[1], None)
    return None


def _said_debt(sentences: Sequence[str]) -> float | None:
    for sentence in sentences:
        found = _SAID_DEBT.search(sentence)
        if found and found[2] and not _FORWARD.search(sentence):
            return _amount(found[1], found[2])
        if _NO_DEBT.search(sentence) and re.search(r"\bas of\b", sentence, re.IGNORECASE):
            return 0.0
    return None


_Pair = tuple[float | None, float | None]


def _guidance(sentences: Sequence[str]) -> tuple[int | None, _Pair, _Pair]:
    """The first ranges of revenue and of earnings per share that are expected for a quarter or a year that the sentence names."""
    months: int | None = None
    pairs: dict[str, _Pair] = {}
    for sentence in sentences:
        if not _FORWARD.search(sentence):
            continue
        quarter, year = _QUARTER.search(sentence), _ANNUAL.search(sentence)
        if (quarter is None) == (year is None):
            continue  # no period, or two
        length = 3 if quarter else 12
        for found in _RANGE.finditer(sentence):
            metric = _metric(sentence[max(0, found.start() - 120) : found.start()])
            pair = _pair(found, metric)
            if metric is None or pair is None or metric in pairs or months not in (None, length):
                continue
            months, pairs[metric] = length, pair
    nothing: _Pair = (None, None)
    return months, pairs.get("revenue", nothing), pairs.get("eps", nothing)


def _metric(before: str) -> str | None:
    """What a range is of: the last that is named before it."""
    named = list(
        re.finditer(
            r"(?P<eps>(?:diluted )?(?:earnings|net income|loss) per (?:diluted |common )*share|\bEPS\b)|(?P<revenue>\b(?:revenues?|net sales|sales)\b)"
            r"|(?P<other>EBITDA|margin|cash flow|expenditures?|income|expenses?|tax|capex|profit|earnings|debt|savings|charges?|shares)",
            before,
            re.IGNORECASE,
        )
    )
    if not named or named[-1]["other"]:
        return None
    last = named[-1]
    if _ADJUSTED.search(before[max(0, last.start() - 40) :]):
        return None
    return "eps" if last["eps"] else "revenue"


def _pair(found: re.Match[str], metric: str | None) -> _Pair | None:
    if found["around"]:
        unit, middle, width = found["unit"], _amount(found["middle"], found["unit"]), float(found["width"]) / 100
        low, high = middle * (1 - width), middle * (1 + width)
    else:
        unit = found["second"] or found["first"]
        low, high = _amount(found["low"], found["first"] or found["second"]), _amount(found["high"], unit)
    if low > high or (metric == "revenue") != bool(unit) or (metric == "eps" and high >= 1000):
        return None
    return low, high
