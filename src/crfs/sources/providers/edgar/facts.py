"""``companyfacts``: every number that an issuer tagged in XBRL, once for each filing that says it.

A fact is keyed on tag, unit, period and filing (accession number). ``fy`` and ``fp`` are the *filing's* fiscal year and period, not the
fact's: a balance of January 2021 comes with fy 2022 in the reports of the year after; so they are not kept. ``frame`` is not kept either:
it marks the newest filing of a fact, and so it moves when the next one arrives.

The entity is ``CIK0000320193/us-gaap/Assets/USD`` for instants and ``…/us-gaap/NetIncomeLoss/USD/P12M`` for durations, since a report has
three months and nine months of one tag side by side. Valid time is the instant, or the first day of the period. A fact is known from the end of the day
on which it was filed, in New York, or from the fetch if that was on the same day (so rows are ``clipped``: the acceptance was earlier); the
same period's value in a later filing is a revision, known from that filing.

Speed is part of the contract here (three times the time of reading the JSON): a body that is as it should be goes through as
columns, without a Python object per fact; only where something is wrong are facts looked at one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import chain, repeat
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.bitemporal.release import end_of_day
from crfs.bitemporal.rows import INSTANT, KNOWLEDGE_BASIS
from crfs.credit.catalogue import Catalogue
from crfs.sources.core.contract import Parsed, Payload, RejectReason
from crfs.sources.core.tables import Rejection, Rejections, accept, reject_all, rejected_table
from crfs.sources.providers.edgar import ratios
from crfs.sources.providers.edgar.answers import cik_of, entity
from crfs.sources.providers.edgar.fact_columns import Facts, Floats, Ints

DATASET = "edgar_facts"
ZONE = "America/New_York"
_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 86_400_000_000
_VALUE, _END, _FILING = itemgetter("val"), itemgetter("end"), itemgetter("filed", "accn", "form")
_PART = 1024
_DAYS_PER_MONTH = 30.4375
_TOLERANCE = 8


def parse(fields: Mapping[str, Any], payload: Payload, catalogue: Catalogue) -> Parsed:
    """Rows of ``edgar_facts`` and of the ratios that follow from them."""
    issuer = entity(fields.get("cik")) or cik_of(payload)
    if issuer is None:
        return reject_all(RejectReason.MISSING_FIELD, "neither the body nor the url names the issuer's CIK")
    groups, lists, rejected = _groups(fields["facts"])
    counts = np.fromiter(map(len, lists), np.int64, len(lists))
    facts = list(chain.from_iterable(lists))
    group = np.repeat(np.arange(len(lists)), counts)
    columns = _columns(groups, facts, group, np.arange(1, len(facts) + 1))
    if columns is None:
        sound, more = _sound(facts)
        rejected += more
        columns = _columns(groups, [facts[place] for place in sound], group[sound], np.array(sound, np.int64) + 1)
    if columns is None or not columns.row.size:
        return Parsed(tables={}, rejected=rejected_table(rejected))
    columns, late = _ended(columns)
    rejected += late
    if not columns.row.size:
        return Parsed(tables={}, rejected=rejected_table(rejected))
    known = _known(columns, payload)
    frame, dropped, more = _frame(issuer, columns, known)
    rejected += more
    accepted, refused = accept(frame, catalogue.dataset(DATASET), catalogue, fetched_at=payload.fetched_at)
    tables = {DATASET: accepted} if accepted.height else {}
    if dropped.size:
        columns = columns.where(~np.isin(np.arange(columns.row.size), dropped))
    derived, impossible = ratios.derive(issuer, columns, known, catalogue)
    tables |= derived
    rejected += impossible.listed()
    if rejected:
        refused = pl.concat([rejected_table(rejected), refused]).sort("row", maintain_order=True)
    return Parsed(tables=tables, rejected=refused)


def _groups(facts: Mapping[str, Any]) -> tuple[list[tuple[str, str, str]], list[list[Any]], list[Rejection]]:
    """(taxonomy, tag, unit) and its list of facts, in the order of the body; what has another shape is rejected by its name."""
    groups: list[tuple[str, str, str]] = []
    lists: list[list[Any]] = []
    rejected: list[Rejection] = []
    for taxonomy, tags in facts.items():
        if not isinstance(tags, dict):
            rejected.append((None, taxonomy, RejectReason.UNEXPECTED_SHAPE, "a taxonomy is an object of tags"))
            continue
        for tag, about in tags.items():
            units = about.get("units") if isinstance(about, dict) else None
            if not isinstance(units, dict):
                rejected.append((None, f"{taxonomy}/{tag}", RejectReason.UNEXPECTED_SHAPE, "a tag has an object of units"))
                continue
            for unit, items in units.items():
                if isinstance(items, list):
                    groups.append((taxonomy, tag, unit))
                    lists.append(items)
                else:
                    rejected.append((None, f"{taxonomy}/{tag}/{unit}", RejectReason.UNEXPECTED_SHAPE, "a unit has a list of facts"))
    return groups, lists, rejected


class _Days(dict[Any, int]):
    """Days since 1970 by the text of a date; each text is read once, and what is no date is a ValueError."""

    def __missing__(self, text: object) -> int:
        self[text] = day = _day(text)
        return day


class _Filings(dict[Any, int]):
    """Filings, numbered as they first come, by their day, accession number and form; what is none is a ValueError."""

    def __missing__(self, filing: tuple[object, object, object]) -> int:
        day, accession, form = filing
        _day(day)
        if type(accession) is not str or not accession or not (form is None or type(form) is str):
            raise ValueError("not a filing")
        self[filing] = place = len(self)
        return place


def _columns(groups: Sequence[tuple[str, str, str]], facts: list[Any], group: Ints, row: Ints) -> Facts | None:
    """The facts as columns; None where at least one of them is not as it should be.

    A part of the facts at a time goes through all columns: their texts are then still in the processor's cache.
    """
    count = len(facts)
    end, begun, number = (np.empty(count, np.int64) for _ in range(3))
    value = np.empty(count, np.float64)
    days, starts, filings = _Days(), _Days({None: _NO_START}), _Filings()
    types: set[type] = set()
    try:
        for first in range(0, count, _PART):
            part = facts[first : first + _PART]
            here, size = slice(first, first + len(part)), len(part)
            values = list(map(_VALUE, part))
            types.update(map(type, values))
            value[here] = np.fromiter(values, np.float64, size)
            end[here] = np.fromiter(map(days.__getitem__, map(_END, part)), np.int64, size)
            number[here] = np.fromiter(map(filings.__getitem__, map(_FILING, part)), np.int64, size)
            begun[here] = np.fromiter(map(starts.__getitem__, map(dict.get, part, repeat("start"))), np.int64, size)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError):
        return None
    instant = begun == _NO_START
    start = np.where(instant, end, begun)
    length = np.where(instant, 0, end - start + 1)
    if not types <= {int, float} or not (instant | (length > 0)).all():
        return None
    order = sorted(filings, key=lambda filing: (filing[0], filing[1], filing[2] or ""))
    place = np.empty(len(order), np.int64)
    place[[filings[filing] for filing in order]] = np.arange(len(order))
    told = [(accession, _day(day), form) for day, accession, form in order]
    return Facts(groups=groups, filings=told, row=row, group=group, filing=place[number], start=start, end=end, length=length, value=value)


_NO_START = -(10**9)


def _day(text: object) -> int:
    """Days since 1970 of a date written like 2020-01-31; ValueError for anything else."""
    if not isinstance(text, str) or len(text) != 10 or text[4] != "-" or text[7] != "-":
        raise ValueError("not a date")
    return date.fromisoformat(text).toordinal() - _EPOCH


def _sound(facts: list[Any]) -> tuple[list[int], list[Rejection]]:
    """The places of the facts that can be read, and what is wrong with each of the others."""
    sound: list[int] = []
    rejected: list[Rejection] = []
    for place, fact in enumerate(facts):
        problem = _problem(fact)
        if problem is None:
            sound.append(place)
        else:
            rejected.append((place + 1, *problem))
    return sound, rejected


def _problem(fact: object) -> tuple[str | None, RejectReason, str] | None:
    if not isinstance(fact, dict):
        return None, RejectReason.UNEXPECTED_SHAPE, "a fact is an object"
    for name in ("end", "val", "accn", "filed", "form"):
        if name not in fact:
            return name, RejectReason.MISSING_FIELD, "a fact has this field"
    for name in ("start", "end", "filed"):
        text = fact.get(name)
        if name == "start" and text is None:
            continue
        try:
            _day(text)
        except ValueError:
            return name, RejectReason.NOT_A_DATE, f"not a date like 2020-01-31: {str(text)[:80]!r}"
    if type(fact["val"]) not in (int, float):
        return "val", RejectReason.NOT_A_NUMBER, f"not a number: {str(fact['val'])[:80]!r}"
    if not isinstance(fact["accn"], str) or not fact["accn"]:
        return "accn", RejectReason.WRONG_TYPE, "an accession number is a text"
    if fact["form"] is not None and not isinstance(fact["form"], str):
        return "form", RejectReason.WRONG_TYPE, "a form is a text"
    if fact.get("start") is not None and fact["start"] > fact["end"]:
        return "start", RejectReason.CONTRADICTION, f"the period ends ({fact['end']}) before it starts ({fact['start']})"
    return None


def _ended(facts: Facts) -> tuple[Facts, list[Rejection]]:
    """The facts whose period had ended when they were filed, give or take a day for the zones, and why the others are refused."""
    filed = np.array([day for _, day, _ in facts.filings], np.int64)[facts.filing]
    late = facts.end > filed + 1
    if not late.any():
        return facts, []
    rejections = Rejections()
    for row, end, day in zip(facts.row[late].tolist(), facts.end[late].tolist(), filed[late].tolist(), strict=True):
        if rejections.room(RejectReason.OUT_OF_RANGE):
            detail = f"the period ends ({_written(end)}) after the day of filing ({_written(day)})"
            rejections.append((row, "end", RejectReason.OUT_OF_RANGE, detail))
    return facts.where(~late), rejections.listed()


def _written(day: int) -> str:
    return date.fromordinal(day + _EPOCH).isoformat()


def _known(facts: Facts, payload: Payload) -> Ints:
    """From when each filing was known, in microseconds since 1970: the end of its day in New York, or the fetch, if that was before.

    Of several filings that are known from the fetch, each is known a microsecond before the next one.
    """
    ends = end_of_day(_dates(np.array([day for _, day, _ in facts.filings], np.int64)), ZONE).cast(pl.Int64).to_numpy()
    fetch = round(payload.fetched_at.timestamp() * 1_000_000)
    late = ends > fetch
    return np.where(late, fetch + 1 - late[::-1].cumsum()[::-1], ends)


def duration(days: int) -> str:
    """The name of a period's length: months where it is a whole number of quarters give or take eight days, else days.

    >>> duration(91), duration(98), duration(364), duration(371), duration(45), duration(0)
    ('/P3M', '/P3M', '/P12M', '/P12M', '/P45D', '')
    """
    if days == 0:
        return ""
    months = 3 * round(days / _DAYS_PER_MONTH / 3)
    return f"/P{months}M" if months and abs(days - months * _DAYS_PER_MONTH) <= _TOLERANCE else f"/P{days}D"


def _entities(issuer: str, facts: Facts) -> tuple[list[str], Ints]:
    """The entities' names in order, and for each fact the place of its own."""
    lengths, length = _distinct(facts.length)
    labels = [duration(int(days)) for days in lengths]
    keys, key = _distinct(facts.group * len(labels) + length)
    prefixes = [f"{issuer}/{taxonomy}/{tag}/{unit}" for taxonomy, tag, unit in facts.groups]
    named = [prefixes[item // len(labels)] + labels[item % len(labels)] for item in keys.tolist()]
    names = sorted(set(named))
    place = {name: i for i, name in enumerate(names)}
    return names, np.fromiter((place[name] for name in named), np.int64, len(named))[key]


def _distinct(numbers: Ints) -> tuple[Ints, Ints]:
    """The distinct numbers (not negative) in order, and the place of each number among them; without a sort where they are small."""
    most = int(numbers.max())
    if most > 4_000_000:
        distinct, inverse = np.unique(numbers, return_inverse=True)
        return distinct, inverse.astype(np.int64)
    seen = np.zeros(most + 1, bool)
    seen[numbers] = True
    distinct = np.flatnonzero(seen)
    place = np.zeros(most + 1, np.int64)
    place[distinct] = np.arange(distinct.size)
    return distinct, place[numbers]


def _frame(issuer: str, facts: Facts, known: Ints) -> tuple[pl.DataFrame, Ints, list[Rejection]]:
    """The facts in the order of their keys, ready for the checks that every source's rows pass; and the places of those left out."""
    names, name = _entities(issuer, facts)
    first = int(facts.start.min())
    span = int(facts.start.max()) - first + 1
    if len(names) * span * len(facts.filings) < 2**62:
        order = np.argsort((name * span + (facts.start - first)) * len(facts.filings) + facts.filing, kind="stable")
    else:
        order = np.lexsort((facts.filing, facts.start, name))
    name, start, filing = name[order], facts.start[order], facts.filing[order]
    end, value, row, knowledge = facts.end[order], facts.value[order], facts.row[order], known[filing]
    instant = facts.length[order] == 0
    rejected: list[Rejection] = []
    dropped = order[:0]
    same = (name[1:] == name[:-1]) & (start[1:] == start[:-1]) & (knowledge[1:] == knowledge[:-1])
    if same.any():
        accessions = [accession for accession, _, _ in facts.filings]
        keep, later, rejected = _one_day(same, [accessions[place] for place in filing.tolist()], end, value, row)
        dropped = order[~keep]
        name, start, filing, end, value, row = name[keep], start[keep], filing[keep], end[keep], value[keep], row[keep]
        knowledge, instant = (knowledge + later)[keep], instant[keep]
    filings = pl.DataFrame(facts.filings, schema={"accession": pl.String, "filed": pl.Int32, "form": pl.String}, orient="row")
    of_fact = filings.with_columns(pl.col("filed").cast(pl.Date))[pl.Series(filing)]
    frame = pl.DataFrame(
        {
            "row": row,
            "entity": pl.Series(names, dtype=pl.String).gather(pl.Series(name)),
            "valid_time": _instants(start * _DAY),
            "knowledge_time": _instants(knowledge),
            "knowledge_basis": pl.Series(["observed"], dtype=KNOWLEDGE_BASIS).new_from_index(0, row.size),
            "vintage_date": of_fact["filed"],
            "clipped": pl.Series([True], dtype=pl.Boolean).new_from_index(0, row.size),
            "value": value,
            "period_start": _dates(start),
            "period_end": _dates(end),
            "accession": of_fact["accession"],
            "form": of_fact["form"],
            "filed": of_fact["filed"],
        }
    )
    if instant.any():
        frame = frame.with_columns(period_start=pl.when(pl.Series(~instant)).then("period_start"))
    return frame, dropped, rejected


def _dates(days: Ints) -> pl.Series:
    return pl.Series(days).cast(pl.Int32).cast(pl.Date)


def _instants(microseconds: Ints) -> pl.Series:
    return pl.Series(microseconds).cast(INSTANT)


def _one_day(
    same: npt.NDArray[np.bool_], accession: Sequence[str], end: Ints, value: Floats, row: Ints
) -> tuple[npt.NDArray[np.bool_], Ints, list[Rejection]]:
    """Facts of one entity, period and day of filing: which to keep, by how many microseconds each is later than the day's end.

    Two filings of one day say the same fact (a report and its amendment): the one with the later accession number is known a
    microsecond later, so that both are kept and the later one counts. What one filing says twice is kept once; see :func:`_agreed`.
    """
    keep = np.ones(row.size, bool)
    later = np.zeros(row.size, np.int64)
    rejections = Rejections()
    begins = np.flatnonzero(same & ~np.append(False, same[:-1]))
    ends = np.flatnonzero(same & ~np.append(same[1:], False)) + 2
    for first, last in zip(begins.tolist(), ends.tolist(), strict=True):
        said: dict[tuple[str, int], list[int]] = {}
        for place in range(first, last):
            said.setdefault((accession[place], int(end[place])), []).append(place)
        for number, places in enumerate(said.values()):
            numbers = {float(value[place]): place for place in reversed(places)}  # the first place of each number
            agreed = _agreed(list(numbers))
            keep[places] = False
            if agreed is not None:
                keep[numbers[agreed]] = True
                later[numbers[agreed]] = number
                continue
            shown = " and ".join(f"{each:.15g}" for each in sorted(numbers)[:5])
            for place in sorted(numbers.values()):
                if rejections.room(RejectReason.CONTRADICTION):
                    detail = f"{shown} are given for the same tag, unit, period and filing; none is taken"
                    rejections.append((int(row[place]), "val", RejectReason.CONTRADICTION, detail))
    return keep, later, rejections.listed()


def _agreed(numbers: Sequence[float]) -> float | None:
    """The most precise of the numbers, where the others are what it is rounded to; None where they say different things.

    A text says 1.2 billion where a table says 1,234,567 thousand. How far a number was rounded is told by its last digits that are not
    zero, but it keeps two digits at least: 600 and 650 are no roundings of each other.

    >>> _agreed([1_200_000_000.0, 1_234_567_000.0]), _agreed([0.12, 0.1187]), _agreed([600.0, 650.0]), _agreed([640.0, 650.0])
    (1234567000.0, 0.1187, None, None)
    """
    exact = {number: Decimal(repr(number)).normalize() for number in numbers}
    most = min(numbers, key=lambda number: _place(exact[number]))
    for number in numbers:
        if number == most:
            continue
        digits = exact[number].as_tuple().digits
        place = min(_place(exact[number]), _place(exact[number]) + len(digits) - 2)
        if number == 0 or abs(exact[number] - exact[most]) > Decimal(5).scaleb(place - 1):
            return None
    return most


def _place(number: Decimal) -> int:
    """The power of ten of a number's last digit."""
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
