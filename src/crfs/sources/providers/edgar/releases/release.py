"""Earnings releases (EX-99.1 of a current report): revenue, diluted earnings per share, guidance and total debt, where they are stated for certain.

A reader of rules, not a guesser. A number of a statement is taken from the table's row of that name, in the column of the period that the release
is about, where the table's head says which column that is and its unit (thousands, millions) is written (``columns``, ``statements``). Where
there is none, a sentence that names the number, its unit and its period gives it (``sentence_income``, ``sentence_debt``, ``guidance``); where
there are both, they have to agree (``agreement``). What is not certain is null, for a wrong number is worse than none. Amounts are US dollars; of
a release that states its amounts in another currency nothing is read (``currency``). ``months`` is the length of the period, which ends on the
row's valid time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from crfs.sources.providers.edgar.html_text import Line
from crfs.sources.providers.edgar.releases import columns, guidance, sentence_debt, sentence_income, sentences, statements
from crfs.sources.providers.edgar.releases.agreement import Stated, agreed
from crfs.sources.providers.edgar.releases.company import name_words
from crfs.sources.providers.edgar.releases.currency import names_dollars, other_currency
from crfs.sources.providers.edgar.releases.periods import Period, headline
from crfs.sources.providers.edgar.releases.sentences import Said

_EXCHANGE = re.compile(
    r"\((?:NYSE(?:\s+American)?|NASDAQ(?:[\s-]?GS|\s+Global[\w\s]{0,20})?|AMEX)\s*:\s*([A-Z][A-Z.]{0,5})\s*[),;]", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What a release states; None is "not stated, or not for certain". Guidance is for ``guidance_months`` (3 or 12).

    ``other_currency`` is the currency, as it is written, of a release whose amounts are not US dollars: nothing else of it is read.
    """

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
    other_currency: str | None = None


def read(lines: Sequence[Line]) -> Release:
    """What the release states."""
    ticker = next((found.group(1).upper() for line in lines[:80] if (found := _EXCHANGE.search(line.text))), None)
    said = sentences.sentences(lines)
    period = headline([sentence.text for sentence in said])
    other = other_currency(lines)
    if other is not None or not names_dollars(lines):
        return Release(period_end=period.end, months=period.months, ticker=ticker, other_currency=other)
    tables, name = columns.tables(lines), name_words([sentence.text for sentence in said])
    statement = statements.income(tables, period, name)
    period = statement.period
    revenue, period = _certain(statement.revenues, sentence_income.said_revenue(said, period, name), period)
    eps, period = _certain(statement.earnings, sentence_income.said_eps(said, period, name), period)
    said_debt = sentence_debt.said_debt(said, period, name=name, owes=statements.owes(tables))
    debt = _of_all(statements.total_debt(tables, period), said_debt)
    guidance_months, (revenue_low, revenue_high), (eps_low, eps_high) = guidance.guidance(said, period, name)
    return Release(
        period_end=period.end, months=period.months, revenue=_number(revenue), diluted_eps=_number(eps), guidance_months=guidance_months,
        revenue_low=revenue_low, revenue_high=revenue_high, eps_low=eps_low, eps_high=eps_high, total_debt=_number(debt), ticker=ticker,
    )  # fmt: skip


def _certain(tabled: Sequence[Stated], said: Sequence[Said], period: Period) -> tuple[Stated | None, Period]:
    """The number of the period, after all tables and sentences, and the period: where no table has the number, a sentence says how long it is."""
    lengths = {period.months} if tabled else {one.months for one in said if not one.may_be_a_part}
    months = lengths.pop() if len(lengths) == 1 else None
    of_period = [one for one in said if one.months == months]
    number = _of_all(tabled, [one.stated for one in of_period if not one.may_be_a_part])
    if number is None or any(one.may_be_a_part and _is_more(one.stated, number) for one in of_period):
        return None, period
    return number, replace(period, months=months)


def _of_all(tabled: Sequence[Stated], said: Sequence[Stated]) -> Stated | None:
    """The number that all places agree on, the first table's before a sentence's; None where any contradicts, or there is none."""
    if not tabled:
        return agreed(said)
    # Statements in full and in summary may differ by zeros that were not meant; a sentence has as many digits as it wants to be held to.
    first = agreed(tabled, is_rough=True)
    return agreed([first, *said]) if first is not None else None


def _is_more(part: Stated, whole: Stated) -> bool:
    """Whether what may be a part's number is larger than the whole: then it is the whole one, and another."""
    return abs(part.number) - part.off > abs(whole.number) + whole.off


def _number(one: Stated | None) -> float | None:
    return one.number if one is not None else None
