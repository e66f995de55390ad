"""Items and ratios of the statements, from what one filing says alone, as its reader could compute them.

Two datasets, with the issuer as entity and the period's last day as valid time:

- ``edgar_ratios``: every filing with a balance sheet, at the sheet's day. Flows are those of the longest period up to a year that ends on
  that day (``months``), so only ratios of two flows, or of two balances, are here.
- ``edgar_annual_ratios``: where the flows are of a whole year: what sets a year's flow against a balance.

A filing's own date gives a row, and a comparative date does where the filing also has its year's flows: then it is a revision. A filing that
leaves out an item which was known of the day is none: the table of five years repeats a few totals of each, and would blank all others.
Altman's Z'' (1995, for firms of any trade, private ones too) is 6.56 X1 + 3.26 X2 + 6.72 X3 + 1.05 X4: below 1.1 distress, above 2.6 none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.bitemporal.rows import INSTANT, KNOWLEDGE_BASIS, ROW_STATE
from crfs.credit.catalogue import Catalogue
from crfs.credit.definitions import ColumnType, DatasetDefinition
from crfs.sources.core.tables import FIRST_DAY, LAST_DAY
from crfs.sources.providers.edgar.fact_columns import Facts, Floats, Ints
from crfs.sources.providers.edgar.statement_items import DURATIONS, INSTANTS, Sum, split, tags_of

RATIOS, ANNUAL = "edgar_ratios", "edgar_annual_ratios"
_DAY = 86_400_000_000
_FIRST, _LAST = (day.toordinal() - date(1970, 1, 1).toordinal() for day in (FIRST_DAY, LAST_DAY))
_SPAN = 2**23  # more than the days from year 1 to 9999
_QUARTERS = ((80, 100), (170, 192), (260, 285), (350, 380))
_INSTANT_TAGS, _DURATION_TAGS = tags_of(INSTANTS), tags_of(DURATIONS)
_WANTED = {*_INSTANT_TAGS, *_DURATION_TAGS}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheets:
    """The balance sheets of an issuer: ``keys`` are (filing, day) as one number each, ``rows`` where in the facts each wanted tag's lie."""

    issuer: str
    facts: Facts
    known: Ints
    rows: Mapping[tuple[str, str], slice]
    keys: Ints


def derive(issuer: str, facts: Facts, known: Ints, catalogue: Catalogue) -> dict[str, pl.DataFrame]:
    """The rows of both datasets; nothing where no filing has a balance sheet."""
    unit = _currency(facts)
    bounds = np.searchsorted(facts.group, np.arange(len(facts.groups) + 1)).tolist()
    rows = {
        (taxonomy, tag): slice(bounds[place], bounds[place + 1])
        for place, (taxonomy, tag, stated) in enumerate(facts.groups)
        if stated == unit and (taxonomy, tag) in _WANTED
    }
    keys = _dates(facts, rows)
    keys = keys[_in_time(keys, known)]
    if not keys.size:
        return {}
    sheets = _Sheets(issuer=issuer, facts=facts, known=known, rows=rows, keys=keys)
    stated = _cells(sheets, _INSTANT_TAGS, (0, 0))
    classes = [_cells(sheets, _DURATION_TAGS, lengths) for lengths in _QUARTERS]
    filing = keys // _SPAN
    latest = np.append(filing[1:] != filing[:-1], True)
    chosen = latest | _any_stated(classes[-1], keys.size)
    months, flows = _longest(classes, keys.size)
    with np.errstate(over="ignore", invalid="ignore"):  # what is beyond a number's range becomes null below
        items = {name: _item(ways, stated, keys.size) for name, ways in INSTANTS.items()}
        items |= {name: _item(ways, flows, keys.size) for name, ways in DURATIONS.items()}
        values = items | _ratios(items) | {"months": months}
    chosen = _without_poorer(chosen, keys, known, items)
    tables = {}
    for name, which in ((RATIOS, chosen), (ANNUAL, chosen & (months == 12.0))):
        if which.any():
            tables[name] = _table(sheets, catalogue.dataset(name), which, values)
    return tables


def _longest(classes: Sequence[Mapping[tuple[str, str], Floats]], count: int) -> tuple[Floats, dict[tuple[str, str], Floats]]:
    """The flows of the longest period that each key has, and its months: it replaces all of a shorter one, so that no ratio mixes two."""
    months = np.full(count, np.nan)
    nothing = np.full(count, np.nan)
    flows = dict.fromkeys({tag for cells in classes for tag in cells}, nothing)
    for number, cells in enumerate(classes, start=1):
        has = _any_stated(cells, count)
        months[has] = 3.0 * number
        flows = {tag: np.where(has, cells.get(tag, nothing), column) for tag, column in flows.items()}
    return months, flows


def _without_poorer(chosen: npt.NDArray[np.bool_], keys: Ints, known: Ints, items: Mapping[str, Floats]) -> npt.NDArray[np.bool_]:
    """The chosen keys but those whose filing lacks an item that a filing before it has of the same day."""
    stated = ~np.isnan(np.stack(list(items.values())))
    kept = chosen.copy()
    filing, day = keys // _SPAN, keys % _SPAN
    before: dict[int, npt.NDArray[np.bool_]] = {}
    for place in np.lexsort((filing, known[filing])).tolist():
        if chosen[place]:
            had = before.setdefault(int(day[place]), stated[:, place])
            if (had & ~stated[:, place]).any():
                kept[place] = False
            else:
                before[int(day[place])] = stated[:, place]
    return kept


def _currency(facts: Facts) -> str | None:
    """The currency in which most balance sheets of the issuer are: ratios mix no two."""
    counts: dict[str, int] = {}
    for place, (taxonomy, tag, unit) in enumerate(facts.groups):
        if tag == "Assets" and taxonomy in ("us-gaap", "ifrs-full") and len(unit) == 3 and unit.isalpha() and unit.isupper():
            low, high = np.searchsorted(facts.group, [place, place + 1])
            counts[unit] = counts.get(unit, 0) + int(high - low)
    return max(sorted(counts), key=counts.__getitem__, default=None)


def _dates(facts: Facts, rows: Mapping[tuple[str, str], slice]) -> Ints:
    """(filing, day) of every balance sheet, as one number, in order."""
    found = []
    for taxonomy in ("us-gaap", "ifrs-full"):
        where = rows.get((taxonomy, "Assets"), slice(0, 0))
        found.append((facts.filing[where] * _SPAN + facts.end[where] + _SPAN // 2)[facts.length[where] == 0])
    return np.unique(np.concatenate(found))


def _cells(sheets: _Sheets, tags: Sequence[tuple[str, str]], lengths: tuple[int, int]) -> dict[tuple[str, str], Floats]:
    """For each tag its values at the keys, of facts whose length in days lies within ``lengths``; NaN where a filing does not say it."""
    facts, keys = sheets.facts, sheets.keys
    cells: dict[tuple[str, str], Floats] = {}
    for tag in tags:
        rows = sheets.rows.get(tag)
        if rows is None:
            continue
        key = facts.filing[rows] * _SPAN + facts.end[rows] + _SPAN // 2
        at = np.minimum(np.searchsorted(keys, key), keys.size - 1)
        fits = (keys[at] == key) & (facts.length[rows] >= lengths[0]) & (facts.length[rows] <= lengths[1])
        if fits.any():
            column = np.full(keys.size, np.nan)
            # The first of two that differ stands, as it does in the facts themselves.
            column[at[fits][::-1]] = facts.value[rows][fits][::-1]
            cells[tag] = column
    return cells


def _any_stated(cells: Mapping[tuple[str, str], Floats], count: int) -> npt.NDArray[np.bool_]:
    stated = np.zeros(count, bool)
    for column in cells.values():
        stated |= ~np.isnan(column)
    return stated


def _item(ways: Sequence[Sum], cells: Mapping[tuple[str, str], Floats], count: int) -> Floats:
    """The first alternative that a filing has, at each key."""
    result = np.full(count, np.nan)
    for way in ways:
        needed = [cells.get(split(tag)) for tag in (*way.plus, *way.minus)]
        if any(column is None for column in needed):
            continue
        total = np.zeros(count)
        for tag in way.plus:
            total = total + cells[split(tag)]
        for tag in way.minus:
            total = total - cells[split(tag)]
        for tag in way.if_stated:
            column = cells.get(split(tag.removeprefix("-")))
            if column is not None:
                total = total + (-1.0 if tag.startswith("-") else 1.0) * np.nan_to_num(column, nan=0.0)
        result = np.where(np.isnan(result), total, result)
    return result


def _ratios(items: Mapping[str, Floats]) -> dict[str, Floats]:
    """Every ratio; NaN where an input is missing or what it is divided by is not positive."""
    assets, ebit = items["assets"], items["ebit"]
    ebitda = ebit + items["depreciation"]
    working_capital = items["current_assets"] - items["current_liabilities"]
    made = {
        "ebitda": ebitda,
        "leverage": _over(items["liabilities"], assets),
        "debt_to_assets": _over(items["total_debt"], assets),
        "current_ratio": _over(items["current_assets"], items["current_liabilities"]),
        "quick_ratio": _over(items["current_assets"] - items["inventory"], items["current_liabilities"]),
        "cash_ratio": _over(items["cash"], items["current_liabilities"]),
        "working_capital_to_assets": _over(working_capital, assets),
        "retained_earnings_to_assets": _over(items["retained_earnings"], assets),
        "equity_to_liabilities": _over(items["equity"], items["liabilities"]),
        "interest_coverage": _over(ebit, items["interest_expense"]),
        "operating_margin": _over(ebit, items["revenue"]),
        "net_margin": _over(items["net_income"], items["revenue"]),
        "ebit_to_assets": _over(ebit, assets),
        "return_on_assets": _over(items["net_income"], assets),
        "debt_to_ebitda": _over(items["total_debt"], ebitda),
        "operating_cash_flow_to_debt": _over(items["operating_cash_flow"], items["total_debt"]),
        "free_cash_flow": items["operating_cash_flow"] - items["capital_expenditure"],
    }
    made["altman_z2"] = (
        6.56 * made["working_capital_to_assets"]
        + 3.26 * made["retained_earnings_to_assets"]
        + 6.72 * made["ebit_to_assets"]
        + 1.05 * made["equity_to_liabilities"]
    )
    return made


def _over(above: Floats, below: Floats) -> Floats:
    ratio: Floats = np.divide(above, below, out=np.full(above.size, np.nan), where=below > 0)
    return ratio


def _table(sheets: _Sheets, dataset: DatasetDefinition, which: npt.NDArray[np.bool_], values: Mapping[str, Floats]) -> pl.DataFrame:
    """Accepted rows of the keys chosen; of two filings of one day for one period the later accession number counts, a microsecond later.

    What :func:`crfs.sources.core.tables.accept` asks holds by the way that they are made: one entity, keys in order, finite numbers. A number
    beyond its column's bounds becomes null, as one that is not finite does: the others of its row are as right as before.
    """
    key = sheets.keys[which]
    filing, day = key // _SPAN, key % _SPAN - _SPAN // 2
    order = np.lexsort((filing, day))
    filing, day = filing[order], day[order]
    knowledge = sheets.known[filing]
    for place in np.flatnonzero((day[1:] == day[:-1]) & (knowledge[1:] <= knowledge[:-1])).tolist():
        knowledge[place + 1] = knowledge[place] + 1
    filings = [sheets.facts.filings[place] for place in filing.tolist()]
    count = day.size
    columns: dict[str, pl.Series] = {
        "entity": pl.Series([sheets.issuer] * count, dtype=pl.String),
        "valid_time": pl.Series(day * _DAY).cast(INSTANT),
        "knowledge_time": pl.Series(knowledge).cast(INSTANT),
        "knowledge_basis": pl.Series(["observed"] * count, dtype=KNOWLEDGE_BASIS),
        "vintage_date": pl.Series([filed for _, filed, _ in filings], dtype=pl.Int32).cast(pl.Date),
        "row_state": pl.Series(["value"] * count, dtype=ROW_STATE),
        "clipped": pl.Series([True] * count, dtype=pl.Boolean),
        "accession": pl.Series([accession for accession, _, _ in filings], dtype=pl.String),
        "form": pl.Series([form for _, _, form in filings], dtype=pl.String),
    }
    for column in dataset.columns:
        if column.name in values:
            number = values[column.name][which][order]
            low, high = (-np.inf if column.minimum is None else column.minimum), (np.inf if column.maximum is None else column.maximum)
            within = np.isfinite(number) & (number >= low) & (number <= high)
            stated = pl.Series(np.where(within, number, np.nan), nan_to_null=True)
            columns[column.name] = stated if column.type is ColumnType.FLOAT8 else stated.cast(column.type.polars)
    return pl.DataFrame(columns)


def _in_time(keys: Ints, known: Ints) -> npt.NDArray[np.bool_]:
    """Whether both clocks of a row lie where every accepted row's do."""
    day, filed = keys % _SPAN - _SPAN // 2, known[keys // _SPAN] // _DAY
    return (day >= _FIRST) & (day < _LAST) & (filed >= _FIRST) & (filed < _LAST)
