"""Earnings releases (EX-99.1 of a current report): revenue, diluted earnings per share, guidance and total debt, where they are stated for certain.

A reader of rules, not a guesser. A number of a statement is taken from the table's row of that name, in the column of the period that the release
is about, where the table's head says which column that is and its unit (thousands, millions) is written (``columns``,
``statements``). Where there is none, a sentence that names the number, its unit and its period gives it (``sentence_income``,
``sentence_debt``, ``guidance``). What is not certain is null, for a wrong number is worse than none. Amounts are US dollars; of a release that states its
amounts in another currency nothing is read (``currency``). ``months`` is the length of the period, which ends on the row's valid time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from crfs.sources.providers.edgar.html_text import Line
from crfs.sources.providers.edgar.releases import columns, guidance, sentence_debt, sentence_income, sentences, statements
from crfs.sources.providers.edgar.releases.agreement import agreed
from crfs.sources.providers.edgar.releases.company import name_words
from crfs.sources.providers.edgar.releases.currency import names_dollars, other_currency
from crfs.sources.providers.edgar.releases.periods import Period, headline
from crfs.sources.providers.edgar.releases.sentences import Said

_ROUNDED = 0.06
"""As much of itself may a number of two digits be off: "$1.0 billion" is 1.05 at most."""
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
    period, revenue, eps = statement.period, statement.revenue, statement.diluted_eps
    revenue, period = _with_prose(revenue, sentence_income.said_revenue(said, period, name), period)
    eps, period = _with_prose(eps, sentence_income.said_eps(said, period, name), period)
    debt = statements.total_debt(tables, period)
    if debt is None:
        debt = sentence_debt.said_debt(said, period, name=name, owes=statements.owes(tables))
    guidance_months, (revenue_low, revenue_high), (eps_low, eps_high) = guidance.guidance(said, period, name)
    return Release(
        period_end=period.end, months=period.months, revenue=revenue, diluted_eps=eps, guidance_months=guidance_months,
        revenue_low=revenue_low, revenue_high=revenue_high, eps_low=eps_low, eps_high=eps_high, total_debt=debt, ticker=ticker,
    )  # fmt: skip


def _with_prose(number: float | None, stated: Said | None, period: Period) -> tuple[float | None, Period]:
    """A table's number and the period, after what a sentence states: where the table has none it is the sentence's, where the two differ none."""
    if stated is None:
        return number, period
    if number is None:
        return stated.number, replace(period, months=stated.months)
    return (agreed([number, stated.number], within=_ROUNDED) if stated.months == period.months else number), period
