"""The tables of a release: revenue and diluted earnings per share of its period, and total debt at the period's end.

A number is taken where all of it is certain: the row by its name, the column by its day and length, the unit. Where two tables, or two rows
of one name, say different numbers, it is not known which is meant, and there is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from crfs.sources.providers.edgar.releases.agreement import CONTRADICTION, Stated, stated
from crfs.sources.providers.edgar.releases.columns import Cell, Column, Row, Table
from crfs.sources.providers.edgar.releases.company import SUPPOSED, names_another_company
from crfs.sources.providers.edgar.releases.measures import OTHER_MEASURE
from crfs.sources.providers.edgar.releases.periods import Period
from crfs.sources.providers.edgar.releases.units import scale

_NOTE = r"(?:\s*\((?!excl|incl|non|adj|pro|loss)[^)]{0,20}\)|\s*[*†]+)*:?"
_REVENUE_TOTALS = (r"total (?:net |operating )?revenues?(?:, net)?", r"total (?:net )?sales", r"total sales and revenues?")
_REVENUE_TOTAL = re.compile(rf"^(?:{'|'.join(_REVENUE_TOTALS)}){_NOTE}$", re.IGNORECASE)
_REVENUE_ROWS = (
    r"total revenues? and other income", r"net revenues?", r"net sales", r"revenues?(?:, net)?", r"sales(?:, net.{0,60})?", r"sales and revenues?",
    r"(?:net )?operating revenues?",
)  # fmt: skip
_REVENUE = re.compile(rf"^(?:{'|'.join(_REVENUE_ROWS)}){_NOTE}$", re.IGNORECASE)
_PART_OF_REVENUE = re.compile(r"\b(?:revenues?|sales|total)\b", re.IGNORECASE)
_COST = re.compile(r"\b(?:costs?|expenses?|growth|margin|%|percent|as a)\b|%", re.IGNORECASE)
_DILUTED = re.compile(r"\bdiluted\b|\bassuming dilution\b", re.IGNORECASE)
_PER_SHARE = re.compile(r"\bper (?:common |diluted |ordinary )*share|\beps\b", re.IGNORECASE)
_EARNINGS = re.compile(r"\b(?:earnings|net income|income|profit|loss|eps)\b", re.IGNORECASE)
_ALL_OPERATIONS = re.compile(
    r"^(?:net (?:income|earnings|loss|profit)|net (?:income|earnings) \(loss\)|net \(loss\) (?:income|earnings)"
    r"|total)(?: attributable to [\w ]{1,60})?(?: per (?:common )?share)?:?$",
    re.IGNORECASE,
)
_SHARES = re.compile(r"weighted|average|(?<!per )\bshares\b|shares (?:outstanding|used)", re.IGNORECASE)
_LOSS = re.compile(r"\bloss\b", re.IGNORECASE)
_OR_LOSS = re.compile(r"\(\s*(?:net )?(?:loss|income|earnings)\s*\)|\b(?:income|earnings|eps|profit)\b", re.IGNORECASE)
# Earnings that are not the company's net income by the accounting rules, or not all of it.
_OTHER_EARNINGS = re.compile(
    rf"{OTHER_MEASURE.pattern}|operating|\bcash\b|before|funds from|\bbook\b|\bitems\b"
    r"|dividend|distribut|discontinued|continuing|\bads\b|\badr\b|depositary|preferred|undistributed|extraordinary|cumulative|change"
    r"|impact|effect|adjustment|reported growth|guidance|\bcents\b",
    re.IGNORECASE,
)
_NOT_A_STATEMENT = re.compile(
    rf"{OTHER_MEASURE.pattern}|reconcil|\bsegments?\b|guidance|outlook|\bADSs?\b|depositary|\bacquire[ds]?\b|\bacquisition|\bpredecessor"
    rf"|\bcombined\b|unconsolidated|\bparent\b"
    r"|\baffiliates?\b|joint ventures?|\bsubsidiary\b|\bdiscontinued|operating earnings|core earnings|\bbusiness(?:es)?\b|\bdivisions?\b|\bif\b"
    r"|as previously|\bplan\b|budget",
    re.IGNORECASE,
)
_WRITTEN = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+")
_DEBT = re.compile(rf"^total (?:outstanding )?debt(?: outstanding)?{_NOTE}$", re.IGNORECASE)
_OWES = re.compile(
    r"\b(?:debt|borrowings?|notes? payable|senior notes|convertible notes|term loans?|debentures|bonds payable|loans? payable)\b(?! (?:issu"
    r"|securit|service))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What each table states of revenue and diluted earnings per share, and the period of the column that they stand in."""

    period: Period
    revenues: tuple[Stated, ...] = ()
    earnings: tuple[Stated, ...] = ()


def income(tables: Sequence[Table], period: Period, name: frozenset[str]) -> Statement:
    """What income statements say of the release's period; the first such table says which period that is, if the words left it open."""
    revenues: list[Stated] = []
    earnings: list[Stated] = []
    for table in tables:
        if table.scale is None or not _is_statement(table.title, name) or not any(_is_diluted(row) for row in table.rows):
            continue
        column = _income_column(table, period)
        if column is None:
            continue
        revenue, eps = _revenue(table, column), _eps(table, column)
        if revenue is None and eps is None:
            continue
        period = replace(period, end=period.end or column.day, months=column.months)
        revenues += [] if revenue is None else [revenue]
        earnings += [] if eps is None else [eps]
    return Statement(period=period, revenues=tuple(revenues), earnings=tuple(earnings))


def total_debt(tables: Sequence[Table], period: Period) -> list[Stated]:
    """Total debt wherever a table has a row of that name in the column of the period's end, and a unit."""
    found = []
    for table in tables:
        column = _only(one for one in table.columns if one.is_reported and one.day is not None and one.day == period.end)
        if column is None or re.search(r"pro[\s-]?forma|as adjusted", table.title, re.IGNORECASE):
            continue
        for row in table.rows:
            amount = _amount(table, row, column) if _DEBT.match(row.label) else None
            found += [] if amount is None else [amount]
    return found


def owes(tables: Sequence[Table]) -> bool:
    """Whether any table has a row of debt with an amount in it."""
    return any(_OWES.search(row.label) and any(cell.number for cell in row.cells) for table in tables for row in table.rows)


def _is_statement(title: str, name: frozenset[str]) -> bool:
    """Whether the words over a table let it be the company's own statement by the accounting rules."""
    return _NOT_A_STATEMENT.search(title) is None and SUPPOSED.search(title) is None and not names_another_company(title, name)


def _income_column(table: Table, period: Period) -> Column | None:
    """The one column of the release's period; where the words name no day, the first of the newest day."""
    reported = [one for one in table.columns if one.is_reported and one.months is not None]
    if any(one.quarter is not None and one.day is None for one in reported):
        # Heads like 2Q24 name quarters and no days: the release must name its own.
        reported = [one for one in reported if one.year == period.year and one.quarter in period.quarters and len(period.quarters) == 1]
    newest = max((one.year for one in table.columns if one.year is not None), default=0)
    end = period.end or max((one.day for one in reported if one.day is not None), default=None)
    if end is None or (period.end is None and newest > end.year):
        return None
    # A head of years alone has this period under its newest: where that is not the day's year, it counts by fiscal years.
    of_end = [
        one for one in reported if (one.day == end if one.day is not None else one.year == end.year == newest or one.quarter is not None)
    ]
    if period.months is not None:
        return _only(one for one in of_end if one.months == period.months)
    # A quarter and a year end on this day: the first that the table has, if it is the only one of its length.
    return _only(one for one in of_end if one.months == of_end[0].months)


def _only(found: Iterable[Column]) -> Column | None:
    listed = list(found)
    return listed[0] if len(listed) == 1 else None


def _revenue(table: Table, column: Column) -> Stated | None:
    """The total of revenue, or the one row of revenue if nothing else of revenue follows it."""
    rows = table.rows[:40]
    totals = [row for row in rows if row.cells and _REVENUE_TOTAL.match(row.label)]
    plain = [(place, row) for place, row in enumerate(rows) if row.cells and _REVENUE.match(row.label)]
    if not totals and plain:
        place, row = plain[0]
        following = [one.label for one in rows[place + 1 : place + 4] if one.cells]
        if any(_PART_OF_REVENUE.search(label) and not _COST.search(label) for label in following):
            return None  # its parts, or others beside it: it may not be all
        totals = [row]
    if not totals:
        totals = _headed_totals(rows)
    # "Total sales" of goods, then "Total revenues": the wider name is the whole.
    named = [row for row in totals if re.match(r"total[\w ]* revenue", row.label, re.IGNORECASE)]
    values = [_amount(table, row, column) for row in named or totals]
    return _one(values)


def _headed_totals(rows: Sequence[Row]) -> list[Row]:
    """The rows "Total" under a heading "Revenues:" that has no numbers."""
    found, heading = [], ""
    for row in rows:
        if not row.cells:
            heading = row.label
        elif re.fullmatch(r"total:?", row.label, re.IGNORECASE):
            found += [row] if _REVENUE.match(heading) else []
            heading = ""
    return found


def _one(values: Sequence[Stated | None]) -> Stated | None:
    """The number that all rows of one name say; None where one can't be read, a contradiction where they differ."""
    read = [value for value in values if value is not None]
    if not read or len(read) < len(values):
        return None
    return read[0] if len({value.number for value in read}) == 1 else CONTRADICTION


def _amount(table: Table, row: Row, column: Column) -> Stated | None:
    """The amount of a row that can't be negative (revenue, debt); a row's own unit comes before the table's."""
    cell, unit = table.cell(row, column), scale(row.label) or table.scale
    if cell is None or cell.number is None or cell.number < 0 or cell.is_share or unit is None:
        return None
    return stated(_digits(cell), unit)


def _digits(cell: Cell) -> str:
    """The number of a cell as it is written: only signs stand before it, and marks of footnotes behind."""
    found = _WRITTEN.search(cell.text)
    return found[0] if found else ""


def _is_diluted(row: Row) -> bool:
    return _DILUTED.search(row.label) is not None


def _eps(table: Table, column: Column) -> Stated | None:
    """Diluted earnings per share of all operations: the row says so itself, or the heading above it does; None where classes of shares differ."""
    above = ""
    found: list[Stated | None] = []
    for row in table.rows:
        if not row.cells:
            above = row.label or above
            continue
        label = row.label
        whole = label if _PER_SHARE.search(label) else f"{above} {label}"
        # Under "Diluted earnings per share:" stand continuing and discontinued operations, and what they come to.
        is_diluted = _is_diluted(row) or (_DILUTED.search(above) is not None and _ALL_OPERATIONS.match(label) is not None)
        if not is_diluted or _SHARES.search(label) or _OTHER_EARNINGS.search(whole):
            continue
        if not _PER_SHARE.search(whole) or not _EARNINGS.search(whole) or (whole != label and _SHARES.search(above)):
            continue
        found.append(_per_share(table.cell(row, column), whole))
    return _one(found)


def _per_share(cell: Cell | None, label: str) -> Stated | None:
    # Earnings per share have cents: "(1)" is the mark of a footnote, not a loss of a dollar.
    if cell is None or cell.number is None or cell.is_share or "." not in cell.text or abs(cell.number) >= 1000:
        return None
    if cell.number > 0 and _LOSS.search(label) and not _OR_LOSS.search(label):
        return None  # a "loss per share" without its sign: a loss, or a gain in a row of losses
    return stated(_digits(cell), is_negative=cell.number < 0)
