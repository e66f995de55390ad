"""What the bureau sends: a delivery a month, 15 to 45 days late, with rows that come later still and rows that are put right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from crfs.sources.providers.bureau.population import PLACES
from crfs.sources.providers.bureau.spec import BureauSpec
from crfs.sources.providers.bureau.streams import Floats, Purpose, generator, uniforms
from crfs.sources.providers.bureau.world import Month

FILES = ("facility", "obligor", "default", "recovery")
"""The files of a delivery: ``facility.csv`` is for the dataset ``bureau_facility``, and so on."""

FIRST_DELAY_DAYS, LAST_DELAY_DAYS = 15, 45


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One monthly delivery: the month it reports, the instant it arrived (UTC), its files as tables, in the order of ``FILES``.

    Files without rows are left out. A delivery after the bureau's last month has late rows and corrections only.
    """

    month: date
    delivered_at: datetime
    files: dict[str, pl.DataFrame]


def deliver(spec: BureauSpec, months: Iterable[Month], *, slots: range | None = None) -> Iterator[Delivery]:
    """Turn what is true into what is sent, in the order of delivery.

    An obligor's rows of a month are late together, by one delivery or two. A row to be corrected first comes with an error in one or
    two values and comes again, right, one to four deliveries later (a default one or two).
    """
    slots = slots if slots is not None else range(spec.slots)
    waiting: dict[int, dict[str, list[pl.DataFrame]]] = defaultdict(lambda: defaultdict(list))
    previous: datetime | None = None
    index = 0
    for month in months:
        index = month.index
        chance = uniforms(spec.seed, Purpose.LATENESS, 2, slots, month=spec.calendar_month + index)
        error = uniforms(spec.seed, Purpose.ERROR, 4 * 4 * PLACES, slots, month=spec.calendar_month + index).reshape(4, 4, PLACES, -1)
        tables = (month.facility, month.obligor, month.default, month.recovery)
        for number, (name, table) in enumerate(zip(FILES, tables, strict=True)):
            if table.height:
                for lag, rows in _split(spec, name, table, slots=slots, chance=chance, error=error[number]):
                    if rows.height:
                        waiting[index + lag][name].append(rows)
        previous = _delivered_at(spec, index, previous)
        yield _delivery(spec, index, previous, waiting.pop(index, {}))
    for index in sorted(waiting):
        previous = _delivered_at(spec, index, previous)
        yield _delivery(spec, index, previous, waiting[index])


def _delivered_at(spec: BureauSpec, index: int, previous: datetime | None) -> datetime:
    source = generator(spec.seed, Purpose.DELIVERY, month=spec.calendar_month + index)
    days = int(source.integers(FIRST_DELAY_DAYS, LAST_DELAY_DAYS + 1))
    minute = int(source.integers(0, 600))
    ended = spec.month(index + 1) - timedelta(days=1)
    day = ended + timedelta(days=days)
    if previous is not None:  # deliveries keep their order: February's may not overtake a January's that took 45 days
        day = max(day, previous.date() + timedelta(days=1))
    return datetime(day.year, day.month, day.day, 6, tzinfo=UTC) + timedelta(minutes=minute)


def _delivery(spec: BureauSpec, index: int, delivered_at: datetime, parts: dict[str, list[pl.DataFrame]]) -> Delivery:
    stamp = pl.lit(delivered_at.strftime("%Y-%m-%dT%H:%M:%SZ")).alias("delivered_at")
    files = {name: pl.concat(parts[name]).drop("slot", "place").with_columns(stamp) for name in FILES if parts.get(name)}
    return Delivery(month=spec.month(index), delivered_at=delivered_at, files=files)


def _split(
    spec: BureauSpec, name: str, table: pl.DataFrame, *, slots: range, chance: Floats, error: Floats
) -> Iterator[tuple[int, pl.DataFrame]]:
    """The rows of a month by how many deliveries later they come."""
    slot = table["slot"].to_numpy() - slots.start
    place = table["place"].to_numpy()
    late = chance[0, slot] < spec.late_share
    longer = chance[1, slot] < 0.3
    draws = error[:, place, slot]
    wrong = (draws[0] < spec.correction_share) & ~late
    if name == "default":  # an event that ends may already be on its way when an older error is found; only new events are put right
        wrong &= table["status"].to_numpy() == "open"
    if name == "recovery":
        wrong[:] = False
    if not wrong.any():
        yield 0, table.filter(pl.Series(~late))
    else:
        right = table.filter(pl.Series(wrong))
        first = _ERRORS[name](right, draws[1, wrong], draws[2, wrong])
        lag = 1 + (draws[3, wrong] * (2 if name == "default" else 4)).astype(np.int64)
        changed = ~np.asarray([a == b for a, b in zip(right.rows(), first.rows(), strict=True)])
        order = np.concatenate([np.flatnonzero(~late & ~wrong), np.flatnonzero(wrong)])
        regular = pl.concat([table.filter(pl.Series(~late & ~wrong)), first])
        yield 0, regular[np.argsort(order, kind="stable")]
        for wait in np.unique(lag):
            yield int(wait), right.filter(pl.Series(changed & (lag == wait)))
    for wait, rows in ((1, late & ~longer), (2, late & longer)):
        if rows.any():
            yield wait, table.filter(pl.Series(rows))


def _wrong_facility(rows: pl.DataFrame, which: Floats, size: Floats) -> pl.DataFrame:
    factor, minor = pl.lit(pl.Series(0.7 + 0.6 * size)), pl.lit(pl.Series(1 + (size * 29).astype(np.int64)))
    kind = pl.lit(pl.Series(which))
    balance = (pl.col("balance") * factor).clip(0, pl.col("credit_limit")).round(2)
    return rows.with_columns(
        balance=pl.when(kind < 0.45).then(balance).otherwise(pl.col("balance")),
        utilisation=pl.when(kind < 0.45).then((balance / pl.col("credit_limit")).round(4)).otherwise(pl.col("utilisation")),
        payment=pl.when((kind >= 0.45) & (kind < 0.75)).then((pl.col("payment") * factor).round(2)).otherwise(pl.col("payment")),
        days_past_due=pl.when((kind >= 0.75) & (pl.col("in_default") == 0))
        .then(pl.when(pl.col("days_past_due") > 0).then(0).otherwise(minor))
        .otherwise(pl.col("days_past_due")),
    )


def _wrong_obligor(rows: pl.DataFrame, which: Floats, size: Floats) -> pl.DataFrame:
    factor, points = pl.lit(pl.Series(0.7 + 0.6 * size)), pl.lit(pl.Series(np.round(80 * size - 40).astype(np.int64)))
    kind = pl.lit(pl.Series(which))
    return rows.with_columns(
        score=pl.when(kind < 0.4).then((pl.col("score") + points).clip(300, 850)).otherwise(pl.col("score")),
        income=pl.when((kind >= 0.4) & (kind < 0.7)).then((pl.col("income") * factor).round(0)).otherwise(pl.col("income")),
        revenue=pl.when((kind >= 0.4) & (kind < 0.7)).then((pl.col("revenue") * factor).round(0)).otherwise(pl.col("revenue")),
        total_balance=pl.when(kind >= 0.7).then((pl.col("total_balance") * factor).round(2)).otherwise(pl.col("total_balance")),
    )


def _wrong_default(rows: pl.DataFrame, which: Floats, size: Floats) -> pl.DataFrame:
    factor = pl.lit(pl.Series(0.85 + 0.3 * size))
    return rows.with_columns(ead=(pl.col("ead") * factor).round(2))


_ERRORS = {"facility": _wrong_facility, "obligor": _wrong_obligor, "default": _wrong_default}
