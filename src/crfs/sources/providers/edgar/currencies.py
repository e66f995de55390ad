"""In which currency an issuer's balance sheet of a day is, where an issuer has told its sheets in more than one.

A day's currency is that of the first filing that told its assets, and stays: what was known of a sheet depends on no later filing, and no
item mixes two currencies. A filing that tells one day in two (a translation for the reader's convenience beside its own) is in the one
that most of its amounts are in; where they are as many, it tells no sheet of that day, and the next filing does.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from crfs.sources.providers.edgar.fact_columns import Facts, Ints

_TAXONOMIES = ("us-gaap", "ifrs-full")
_NONE = -1


def in_the_currency_of_each_sheet(facts: Facts) -> tuple[Facts, str | None]:
    """The facts that ratios are made of, those of a tag together under one unit, and that unit; None where no sheet is in a currency.

    The facts of an issuer with one currency are all that there are, as they came.
    """
    units = sorted({unit for taxonomy, tag, unit in facts.groups if tag == "Assets" and taxonomy in _TAXONOMIES and _is_currency(unit)})
    if len(units) < 2:
        return facts, units[0] if units else None
    currency_of = np.array([units.index(unit) if unit in units else _NONE for _, _, unit in facts.groups], np.int64)
    is_assets = np.array([tag == "Assets" and taxonomy in _TAXONOMIES for taxonomy, tag, _ in facts.groups], bool)
    currency = currency_of[facts.group]
    is_sheet = (currency != _NONE) & is_assets[facts.group] & (facts.length == 0)
    days, first, chosen = _chosen(facts, currency, is_sheet, len(units))
    if not days.size:
        return facts, None
    place = np.minimum(np.searchsorted(days, facts.end), days.size - 1)
    # A sheet that did not say its currency is none; other amounts that were told before a day's sheet are of it.
    told = ~is_sheet | (facts.filing >= first[place])
    kept = facts.where((days[place] == facts.end) & (chosen[place] == currency) & told)
    return _under_one_unit(kept, currency_of), units[0]


def _is_currency(unit: str) -> bool:
    return len(unit) == 3 and unit.isalpha() and unit.isupper()


def _chosen(facts: Facts, currency: Ints, is_sheet: npt.NDArray[np.bool_], count: int) -> tuple[Ints, Ints, Ints]:
    """The days that have a currency, the filing that says it first, and which it is."""
    amounts = np.zeros((len(facts.filings), count), np.int64)
    np.add.at(amounts, (facts.filing[currency != _NONE], currency[currency != _NONE]), 1)
    told = np.unique(np.stack([facts.end[is_sheet], facts.filing[is_sheet], currency[is_sheet]], axis=1), axis=0)
    chosen: dict[int, tuple[int, int]] = {}
    ends = np.flatnonzero(np.append((told[1:, :2] != told[:-1, :2]).any(axis=1), True)) + 1 if told.size else np.empty(0, np.int64)
    begin = 0
    for end in ends.tolist():
        day, filing = told[begin, :2].tolist()
        said = told[begin:end, 2]
        most = said[amounts[filing, said] == amounts[filing, said].max()]
        if most.size == 1:
            chosen.setdefault(day, (filing, int(most[0])))
        begin = end
    days = np.array(sorted(chosen), np.int64)
    return (
        days,
        np.array([chosen[day][0] for day in days.tolist()], np.int64),
        np.array([chosen[day][1] for day in days.tolist()], np.int64),
    )


def _under_one_unit(facts: Facts, currency_of: Ints) -> Facts:
    """Facts of amounts alone, where those of one tag in another currency stand behind those in the first, as one group."""
    first: dict[tuple[str, str], int] = {}
    groups, one = list(facts.groups), np.arange(len(facts.groups))
    unit = min(groups[place][2] for place in np.flatnonzero(currency_of != _NONE).tolist())
    for place in np.flatnonzero(currency_of != _NONE).tolist():
        taxonomy, tag, _ = groups[place]
        one[place] = first.setdefault((taxonomy, tag), place)
        groups[place] = (taxonomy, tag, unit if one[place] == place else "")
    group = one[facts.group]
    order = np.argsort(group, kind="stable")
    names = ("row", "filing", "start", "end", "length", "value")
    return replace(facts, groups=groups, group=group[order], **{name: getattr(facts, name)[order] for name in names})
