"""What was known of each item of an issuer's statements, day by day: the newest value of each fact, as each filing left it.

A *step* is a day and a filing that says something of it: an amount at that day, or over a period that ends on it. At a step every fact
has the value that the newest filing up to this one gives it, so a filing that repeats a few totals of a day blanks nothing, and one that
restates a single amount changes that one alone.

An item is the first of its alternatives of which everything is known. A later filing that says another one in full, which none before it
said of this period, gives the item a new name, and that one is taken from then on: ``Revenues`` became
``RevenueFromContractWithCustomerExcludingAssessedTax`` in the reports that restated them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crfs.sources.providers.edgar.fact_columns import Facts, Floats, Ints
from crfs.sources.providers.edgar.statement_items import DURATIONS, INSTANTS, Sum, split, tags_of

Tag = tuple[str, str]
_Flags = npt.NDArray[np.bool_]
_ASSETS: tuple[Tag, ...] = (("us-gaap", "Assets"), ("ifrs-full", "Assets"))
_LENGTHS = ((80, 100), (170, 192), (260, 285), (350, 380))
"""The days of periods of three, six, nine and twelve months."""
_INSTANT_TAGS, _DURATION_TAGS = tags_of(INSTANTS), tags_of(DURATIONS)
_NONE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Items at the steps, in the order of their days and then of filings; NaN where nothing is known.

    ``months`` is the length of the flows' period. Steps before the day's balance sheet was first told are left out. ``where`` says where the
    facts of each tag lie.
    """

    day: Ints
    filing: Ints
    months: Floats
    values: Mapping[str, Floats]
    where: Mapping[Tag, slice]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Steps:
    """Steps as one number each (``keys``), and for each where its day begins among them (``first``)."""

    keys: Ints
    first: Ints
    filings: int


def known_items(facts: Facts, currency: str | None) -> Items | None:
    """The items at every step of a day that is the newest balance sheet of a filing, or one with a year's flows; None where no day is.

    Of flows, those of the longest period up to a year that ends on the day: no item mixes two lengths. A longer one takes the place of a
    shorter only if all items are known of it that are of the shorter.
    """
    rows = _rows(facts, currency)
    filings = len(facts.filings)
    sheets = [where for tag in _ASSETS if (where := rows.get(tag)) is not None]
    days = np.unique(np.concatenate([facts.end[where][facts.length[where] == 0] for where in sheets])) if sheets else np.empty(0, np.int64)
    if not days.size:
        return None
    found = [_found(facts, rows, _INSTANT_TAGS, (0, 0), days=days)]
    found += [_found(facts, rows, _DURATION_TAGS, lengths, days=days) for lengths in _LENGTHS]
    keys = np.unique(np.concatenate([key for tags in found for key, _ in tags.values()]))
    day = keys // filings + days[0]
    begins = np.append(True, day[1:] != day[:-1])
    first = np.maximum.accumulate(np.where(begins, np.arange(keys.size), 0))
    steps = _Steps(keys=keys, first=first, filings=filings)
    said = [_said(tags, steps) for tags in found]
    opened = _opened(said[0], said[-1], steps)
    values = {name: _item(ways, said[0], steps) for name, ways in INSTANTS.items()}
    classes = [{name: _item(ways, flows, steps) for name, ways in DURATIONS.items()} if flows else {} for flows in said[1:]]
    chosen = _lengths(classes, steps, opened)
    for name in DURATIONS:
        values[name] = np.full(keys.size, np.nan)
        for number, items in enumerate(classes):
            if name in items:
                values[name] = np.where(chosen == number, items[name], values[name])
    months = np.where(chosen == _NONE, np.nan, 3.0 * (chosen + 1))
    return Items(
        day=day[opened],
        filing=(keys % filings)[opened],
        months=months[opened],
        values={name: value[opened] for name, value in values.items()},
        where=rows,
    )


def _rows(facts: Facts, currency: str | None) -> dict[Tag, slice]:
    """Where in the facts those of each tag lie that the items read."""
    wanted = {*_INSTANT_TAGS, *_DURATION_TAGS}
    bounds = np.searchsorted(facts.group, np.arange(len(facts.groups) + 1)).tolist()
    return {
        (taxonomy, tag): slice(bounds[place], bounds[place + 1])
        for place, (taxonomy, tag, unit) in enumerate(facts.groups)
        if unit == currency and (taxonomy, tag) in wanted
    }


def _found(
    facts: Facts, rows: Mapping[Tag, slice], tags: Sequence[Tag], lengths: tuple[int, int], *, days: Ints
) -> dict[Tag, tuple[Ints, Floats]]:
    """For each tag its facts of that length (in days) at the days of sheets, as keys and values."""
    found: dict[Tag, tuple[Ints, Floats]] = {}
    for tag in tags:
        where = rows.get(tag)
        if where is None:
            continue
        end, length = facts.end[where], facts.length[where]
        fits = (length >= lengths[0]) & (length <= lengths[1])
        fits &= days[np.minimum(np.searchsorted(days, end), days.size - 1)] == end
        if fits.any():
            found[tag] = (end[fits] - days[0]) * len(facts.filings) + facts.filing[where][fits], facts.value[where][fits]
    return found


def _said(found: Mapping[Tag, tuple[Ints, Floats]], steps: _Steps) -> dict[Tag, tuple[_Flags, Floats]]:
    """For each tag at which steps the filing says it, and its newest value there; NaN before it was first said."""
    said: dict[Tag, tuple[_Flags, Floats]] = {}
    place = np.arange(steps.keys.size)
    for tag, (keys, values) in found.items():
        at = np.searchsorted(steps.keys, keys)
        column = np.full(steps.keys.size, np.nan)
        column[at[::-1]] = values[::-1]  # of two periods of nearly one length the first stands
        own = np.zeros(steps.keys.size, bool)
        own[at] = True
        newest = np.maximum.accumulate(np.where(own, place, _NONE))
        said[tag] = own, np.where(newest >= steps.first, column[newest], np.nan)
    return said


def _opened(instants: Mapping[Tag, tuple[_Flags, Floats]], annual: Mapping[Tag, tuple[_Flags, Floats]], steps: _Steps) -> _Flags:
    """From which step on a day has a sheet: one that is the newest of its filing, or has a year's flows beside it."""
    count = steps.keys.size
    sheet = _any(instants, _ASSETS, count)
    day, filing = np.divmod(steps.keys, steps.filings)
    newest = np.full(steps.filings, np.iinfo(np.int64).min)
    np.maximum.at(newest, filing[sheet], day[sheet])
    opens = sheet & ((day == newest[filing]) | _any(annual, annual, count))
    opened: _Flags = np.maximum.accumulate(np.where(opens, np.arange(count), _NONE)) >= steps.first
    return opened


def _any(said: Mapping[Tag, tuple[_Flags, Floats]], tags: Sequence[Tag] | Mapping[Tag, object], count: int) -> _Flags:
    stated = np.zeros(count, bool)
    for tag in tags:
        if tag in said:
            stated |= said[tag][0]
    return stated


def _item(ways: Sequence[Sum], said: Mapping[Tag, tuple[_Flags, Floats]], steps: _Steps) -> Floats:
    """The item at every step, by the alternative that counts there."""
    count = steps.keys.size
    totals: list[Floats] = []
    owns: list[_Flags] = []
    for way in ways:
        needed = [said.get(split(tag)) for tag in (*way.plus, *way.minus)]
        cells = [cell for cell in needed if cell is not None]
        if len(cells) < len(needed):
            continue
        total, own = cells[0][1], cells[0][0]
        for place, (also, amount) in enumerate(cells[1:], start=1):
            total = total + amount if place < len(way.plus) else total - amount
            own = own & also
        for tag in way.if_stated:
            cell = said.get(split(tag.removeprefix("-")))
            if cell is not None:
                total = total + (-1.0 if tag.startswith("-") else 1.0) * np.nan_to_num(cell[1], nan=0.0)
        totals.append(total)
        owns.append(own)
    if not totals:
        return np.full(count, np.nan)
    if len(totals) == 1:
        return totals[0]
    way_of = _ways(np.stack(owns), ~np.isnan(np.stack(totals)), steps)
    value: Floats = np.where(way_of == _NONE, np.nan, np.stack(totals)[way_of, np.arange(count)])
    return value


def _ways(owns: _Flags, whole: _Flags, steps: _Steps) -> Ints:
    """Which alternative counts at each step. ``owns``: the filing itself says it in full; ``whole``: all of it is known by then."""
    lowest = np.where(owns.any(axis=0), owns.argmax(axis=0), _NONE).tolist()
    best = np.where(whole.any(axis=0), whole.argmax(axis=0), _NONE).tolist()
    bits = (owns * (1 << np.arange(len(owns)))[:, None]).sum(axis=0).tolist()
    chosen = [_NONE] * len(best)
    way, before = _NONE, 0
    for place, first in enumerate(steps.first.tolist()):
        if first == place:
            way, before = _NONE, 0
        own = lowest[place]
        if way == _NONE:
            way = best[place]
        elif own != _NONE and (own < way or not before >> own & 1):
            way = own
        before |= bits[place]
        chosen[place] = way
    return np.array(chosen, np.int64)


def _lengths(classes: Sequence[Mapping[str, Floats]], steps: _Steps, opened: _Flags) -> Ints:
    """Which length's flows count at each step of a day with a sheet, as their place; -1 where none is known."""
    known = [sum((~np.isnan(value)).astype(np.int64) << bit for bit, value in enumerate(items.values())) for items in classes]
    columns = [np.broadcast_to(np.asarray(flags, np.int64), steps.keys.shape).tolist() for flags in known]
    chosen = [_NONE] * steps.keys.size
    length = _NONE
    is_open = opened.tolist()
    for place, first in enumerate(steps.first.tolist()):
        if first == place:
            length = _NONE
        if not is_open[place]:
            continue
        has = columns[length][place] if length != _NONE else 0
        for longer in range(len(columns) - 1, length, -1):
            if columns[longer][place] and not has & ~columns[longer][place]:
                length = longer
                break
        chosen[place] = length
    return np.array(chosen, np.int64)
