"""Items and ratios of the statements, of what was known of each when a filing came.

Two datasets, with the issuer as entity and the period's last day as valid time:

- ``edgar_ratios``: a row for every filing that changed something that was known of a balance sheet's day. Flows are those of the longest
  period up to a year that ends on that day (``months``), so only ratios of two flows, or of two balances, are here.
- ``edgar_annual_ratios``: where the flows are of a whole year: what sets a year's flow against a balance.

An item that is impossible (cash below zero, more than 1e18 of anything) is rejected, and so is a ratio beyond its bounds; whatever needs
it is null. Altman's Z'' (1995, for firms of any trade, private ones too) is 6.56 X1 + 3.26 X2 + 6.72 X3 + 1.05 X4: below 1.1 distress,
above 2.6 none.
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
from crfs.sources.core.contract import RejectReason
from crfs.sources.core.tables import FIRST_DAY, LAST_DAY, Rejections
from crfs.sources.providers.edgar.currencies import in_the_currency_of_each_sheet
from crfs.sources.providers.edgar.fact_columns import Facts, Floats, Ints
from crfs.sources.providers.edgar.known_items import Items, known_items
from crfs.sources.providers.edgar.statement_items import DURATIONS, INSTANTS, LARGEST, split

RATIOS, ANNUAL = "edgar_ratios", "edgar_annual_ratios"
_DAY = 86_400_000_000
_FIRST, _LAST = (day.toordinal() - date(1970, 1, 1).toordinal() for day in (FIRST_DAY, LAST_DAY))
_WAYS = {**INSTANTS, **DURATIONS}
_Bounds = Mapping[str, tuple[float, float]]


def derive(issuer: str, facts: Facts, known: Ints, catalogue: Catalogue) -> tuple[dict[str, pl.DataFrame], Rejections]:
    """The rows of both datasets, none where no filing has a balance sheet; and the items and ratios that are impossible."""
    facts, currency = in_the_currency_of_each_sheet(facts)
    items = known_items(facts, currency)
    if items is None:
        return {}, Rejections()
    datasets = [catalogue.dataset(name) for name in (RATIOS, ANNUAL)]
    checked = _Checked(facts=facts, items=items, bounds=_bounds(datasets), rejections=Rejections())
    values = checked.all_values() | {"months": items.months}
    in_time = _in_time(items, known)
    tables = {}
    for dataset, which in zip(datasets, (in_time, in_time & (items.months == 12.0)), strict=True):
        changed = _changed(items.day, which, [values[column.name] for column in dataset.columns if column.name in values])
        if changed.any():
            tables[dataset.name] = _table(issuer, checked, known, dataset=dataset, which=changed, values=values)
    return tables, checked.rejections


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """Items and ratios of which nothing is impossible, nor made of what is."""

    facts: Facts
    items: Items
    bounds: _Bounds
    rejections: Rejections

    def all_values(self) -> dict[str, Floats]:
        """Every item and ratio; NaN where it is impossible (which is rejected), an input is missing, or the divisor is not positive."""
        with np.errstate(over="ignore", invalid="ignore"):  # what is beyond a number's range is refused
            items = {name: self._possible(name, value) for name, value in self.items.values.items()}
            amounts = {name: self._possible(name, value) for name, value in _amounts(items).items()}
            ratios = {name: self._possible(name, value) for name, value in _ratios(items | amounts).items()}
            return items | amounts | ratios | {"altman_z2": self._possible("altman_z2", _altman_z2(ratios))}

    def _possible(self, name: str, value: Floats) -> Floats:
        low, high = self.bounds.get(name, (-LARGEST, LARGEST))
        bad = ~np.isnan(value) & ~((value >= low) & (value <= high))
        if not bad.any():
            return value
        told: set[tuple[int, float]] = set()
        for step in np.flatnonzero(bad).tolist():
            number, day = float(value[step]), int(self.items.day[step])
            if (day, number) not in told and self.rejections.room(RejectReason.OUT_OF_RANGE):
                accession = self.facts.filings[int(self.items.filing[step])][0]
                detail = f"{number:g} on {_written(day)} by {accession} is not within {low:g} to {high:g}; nothing is made of it"
                self.rejections.append((self._row(name, step), name, RejectReason.OUT_OF_RANGE, detail))
            told.add((day, number))
        return np.where(bad, np.nan, value)

    def _row(self, name: str, step: int) -> int | None:
        """The row of the newest fact that the item may be made of, or of the sheet's assets for what is computed of items."""
        facts, day, filing = self.facts, self.items.day[step], self.items.filing[step]
        for tag in (split(tag) for way in _WAYS.get(name, _WAYS["assets"]) for tag in way.plus):
            where = self.items.where.get(tag, slice(0, 0))
            said = (facts.end[where] == day) & (facts.filing[where] <= filing) & ((facts.length[where] > 0) == (name in DURATIONS))
            if said.any():
                newest = np.where(said, facts.filing[where], -1).argmax()
                return int(facts.row[where][newest])
        return None


def _bounds(datasets: Sequence[DatasetDefinition]) -> _Bounds:
    return {
        column.name: (-np.inf if column.minimum is None else column.minimum, np.inf if column.maximum is None else column.maximum)
        for dataset in datasets
        for column in dataset.columns
        if column.type is ColumnType.FLOAT8
    }


def _changed(day: Ints, which: npt.NDArray[np.bool_], columns: Sequence[Floats]) -> npt.NDArray[np.bool_]:
    """Of the steps those at which something is another than at the step before of the same day, and the first of each day."""
    places = np.flatnonzero(which)
    new = np.ones(places.size, bool)
    if places.size:
        table = np.stack(columns)[:, places]
        same = (table[:, 1:] == table[:, :-1]) | (np.isnan(table[:, 1:]) & np.isnan(table[:, :-1]))
        new[1:] = ~same.all(axis=0) | (day[places][1:] != day[places][:-1])
    changed = np.zeros(which.size, bool)
    changed[places[new]] = True
    return changed


def _amounts(items: Mapping[str, Floats]) -> dict[str, Floats]:
    """What is computed of two items and is an amount as they are."""
    return {
        "ebitda": items["ebit"] + items["depreciation"],
        "free_cash_flow": items["operating_cash_flow"] - items["capital_expenditure"],
    }


def _ratios(items: Mapping[str, Floats]) -> dict[str, Floats]:
    """Every ratio; NaN where an input is missing or what it is divided by is not positive."""
    assets, ebit = items["assets"], items["ebit"]
    working_capital = items["current_assets"] - items["current_liabilities"]
    return {
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
        "debt_to_ebitda": _over(items["total_debt"], items["ebitda"]),
        "operating_cash_flow_to_debt": _over(items["operating_cash_flow"], items["total_debt"]),
    }


def _altman_z2(ratios: Mapping[str, Floats]) -> Floats:
    return (
        6.56 * ratios["working_capital_to_assets"]
        + 3.26 * ratios["retained_earnings_to_assets"]
        + 6.72 * ratios["ebit_to_assets"]
        + 1.05 * ratios["equity_to_liabilities"]
    )


def _over(above: Floats, below: Floats) -> Floats:
    ratio: Floats = np.divide(above, below, out=np.full(above.size, np.nan), where=below > 0)
    return ratio


def _table(
    issuer: str,
    checked: _Checked,
    known: Ints,
    *,
    dataset: DatasetDefinition,
    which: npt.NDArray[np.bool_],
    values: Mapping[str, Floats],
) -> pl.DataFrame:
    """Accepted rows of the steps chosen; of two filings of one day for one period the later accession number counts, a microsecond later.

    What :func:`crfs.sources.core.tables.accept` asks holds by the way that they are made: one entity, keys in order, finite numbers within
    their columns' bounds.
    """
    filing, day = checked.items.filing[which], checked.items.day[which]
    knowledge = known[filing]
    for place in np.flatnonzero((day[1:] == day[:-1]) & (knowledge[1:] <= knowledge[:-1])).tolist():
        knowledge[place + 1] = knowledge[place] + 1
    filings = [checked.facts.filings[place] for place in filing.tolist()]
    named = pl.DataFrame(
        {
            "entity": pl.Series([issuer], dtype=pl.String).new_from_index(0, day.size),
            "valid_time": pl.Series(day * _DAY).cast(INSTANT),
            "knowledge_time": pl.Series(knowledge).cast(INSTANT),
            "knowledge_basis": pl.Series(["observed"], dtype=KNOWLEDGE_BASIS).new_from_index(0, day.size),
            "vintage_date": pl.Series([filed for _, filed, _ in filings], dtype=pl.Int32).cast(pl.Date),
            "row_state": pl.Series(["value"], dtype=ROW_STATE).new_from_index(0, day.size),
            "clipped": pl.Series([True]).new_from_index(0, day.size),
            "accession": pl.Series([accession for accession, _, _ in filings], dtype=pl.String),
            "form": pl.Series([form for _, _, form in filings], dtype=pl.String),
        }
    )
    stated = {column.name: column.type.polars for column in dataset.columns if column.name in values}
    numbers = pl.from_numpy(np.stack([values[name][which] for name in stated]), schema=list(stated), orient="col")
    numbers = numbers.fill_nan(None).cast({name: kind for name, kind in stated.items() if kind != pl.Float64})
    return named.hstack(numbers)


def _in_time(items: Items, known: Ints) -> npt.NDArray[np.bool_]:
    """Whether both clocks of a row lie where every accepted row's do."""
    filed = known[items.filing] // _DAY
    return (items.day >= _FIRST) & (items.day < _LAST) & (filed >= _FIRST) & (filed < _LAST)


def _written(day: int) -> str:
    return date.fromordinal(day + date(1970, 1, 1).toordinal()).isoformat()
