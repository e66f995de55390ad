"""What the bureau sends, delivered like a provider's files: late, with gaps, cut short, sent again, put right, disputed and withdrawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum

import numpy as np
import polars as pl

from crfs.sources.providers.bureau.claims import FIELD_BOUNDS, Claims, Sent
from crfs.sources.providers.bureau.population import PLACES
from crfs.sources.providers.bureau.spec import BureauSpec
from crfs.sources.providers.bureau.streams import Floats, Ints, Purpose, generator, uniforms
from crfs.sources.providers.bureau.world import Month

RECORDS = ("facility", "obligor", "default", "recovery")
FILES = (*RECORDS, "dispute", "retraction")
"""The files of a delivery: ``facility.csv`` is for the dataset ``bureau_facility``, and so on; ``retraction.csv`` withdraws rows of any."""

KEYS: Mapping[str, tuple[str, str]] = {
    "facility": ("facility_id", "month"),
    "obligor": ("obligor_id", "month"),
    "default": ("facility_id", "default_date"),
    "recovery": ("facility_id", "month"),
    "dispute": ("facility_id", "opened_on"),
    "retraction": ("entity_id", "valid_on"),
}
"""The columns of each file that say whose row it is and when it is true."""

DELIVERED = "delivered_at"
FIRST_DELIVERED = "first_delivered_at"
"""In a file that is sent again under a later date: the stamp of the delivery that brought these rows, unchanged, before."""

FIRST_DELAY_DAYS, LAST_DELAY_DAYS = 15, 45
_OVERTAKEN_DAYS = 6
_TAIL = 8
"""Deliveries after the last month, if they have something: as many whatever waits, so that nothing depends on who else is simulated."""
_RESENT_ROWS = 0.1
_EVENING = timedelta(hours=18)
"""Regular deliveries come between 6:00 and 16:00 of a day of their own, so the evening lies after one and before the next."""


class Sending(Enum):
    """Why a delivery comes: it is a month's own; rows that came before come again under a new date; or a file comes again as it was."""

    REGULAR = "regular"
    RESENT = "resent"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A file of which only a part came: ``kept`` is the share of its bytes. ``unnoticed``: its manifest was made of that part."""

    kept: float
    unnoticed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One delivery: the month it reports, its stamp (UTC), its files as tables as the bureau wrote them, in the order of ``FILES``.

    Files without rows are left out; of those in ``cuts`` only a part comes. A delivery after the bureau's last month has late rows and
    corrections only.
    """

    month: date
    delivered_at: datetime
    files: dict[str, pl.DataFrame]
    sending: Sending = Sending.REGULAR
    cuts: Mapping[str, Cut] = field(default_factory=dict)


def deliver(spec: BureauSpec, months: Iterable[Month], *, slots: range | None = None) -> Iterator[Delivery]:
    """Turn what is true into what is sent, in the order in which it comes.

    An obligor's rows of a month are late together, by one delivery or two. A row to be corrected first comes with an error in one or
    two values and comes again, right, one to four deliveries later (a default one or two). A delivery that is late changes places with
    the next month's; a file that is left out comes with the next delivery, and so does what waits for it. After a delivery, what was cut
    short comes again whole, and some rows of the delivery before come again unless this one changed them (all under a stamp of that evening,
    with that of the first time); or a file of the delivery before comes again as it was.
    """
    desk = _Dispatch.of(spec, slots if slots is not None else range(spec.slots))
    held: Month | None = None
    index = -1
    for month in months:
        index = month.index
        if held is None and desk.comes_late(index):
            held = month
            continue
        yield from desk.send(index, month)
        if held is not None:
            yield from desk.send(held.index, held, overtaken=True)
            held = None
    if held is not None:  # the month that overtakes it is no longer reported: that delivery has what waited for it
        index += 1
        yield from desk.send(index, None)
        yield from desk.send(held.index, held, overtaken=True)
    last = index + _TAIL
    while index < last or desk.is_waiting:
        index += 1
        yield from desk.send(index, None)


_Parts = dict[str, list[pl.DataFrame]]


@dataclass(slots=True, kw_only=True)
class _Dispatch:
    """The bureau's dispatch: what waits for which position. Positions count regular deliveries from the first, in the order of sending."""

    spec: BureauSpec
    slots: range
    claims: Claims
    last_event: Ints
    """By place and slot, the position of the newest version of a default: its end may not come before its beginning."""
    waiting: dict[int, _Parts] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    position: int = 0
    stamp: datetime | None = None
    before: Delivery | None = None
    before_places: dict[str, pl.DataFrame] = field(default_factory=dict)
    chances: dict[int, Floats] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: BureauSpec, slots: range) -> _Dispatch:
        return cls(spec=spec, slots=slots, claims=Claims.of(spec, slots), last_event=np.full((PLACES, len(slots)), -1, dtype=np.int64))

    @property
    def is_waiting(self) -> bool:
        return max((*self.waiting, self.claims.last_due), default=-1) >= self.position

    def comes_late(self, index: int) -> bool:
        return bool(self._chances(index)[_LATE, 0] < self.spec.late_delivery_share)

    def send(self, index: int, month: Month | None, *, overtaken: bool = False) -> Iterator[Delivery]:
        """The delivery of a month (None: one of which no records are reported) at the next position, and what comes after it."""
        position, now = self.position, self._stamp(index, overtaken=overtaken)
        if month is not None:
            self._schedule(month)
        parts = self.waiting.pop(position, {})
        disputes = self.claims.disputes_due(position, previous=self.stamp, now=now)
        withdrawals = self.claims.withdrawals_due(position)
        tables = {name: pl.concat(parts[name]) for name in RECORDS if parts.get(name)}
        tables |= {name: table for name, table in (("dispute", disputes), ("retraction", withdrawals)) if table.height}
        chances = self._chances(position)
        cuts = {
            name: Cut(kept=0.2 + 0.75 * float(chances[_KEPT, number]), unnoticed=bool(chances[_UNNOTICED, number] < 0.5))
            for number, name in enumerate(RECORDS)
            if name in tables and chances[_CUT, number] < self.spec.cut_share
        }
        files = {name: _stamped(table, now) for name, table in tables.items()}
        delivery = Delivery(month=self.spec.month(index), delivered_at=now, files=files, cuts=cuts)
        if files or month is not None:
            yield delivery
        yield from self._again(delivery, withdrawals)
        self.before, self.before_places = delivery, {name: table for name, table in tables.items() if name in RECORDS}
        self.position, self.stamp = position + 1, now
        self.chances.pop(position - 1, None)

    def _again(self, delivery: Delivery, withdrawals: pl.DataFrame) -> Iterator[Delivery]:
        """What comes a second time after a delivery: files that were cut, rows of the delivery before, a whole file of it as it was."""
        chances, before = self._chances(self.position), self.before
        evening = datetime.combine(delivery.delivered_at, datetime.min.time(), UTC) + _EVENING
        evening += timedelta(minutes=int(240 * chances[_KEPT, 0]))
        files: dict[str, pl.DataFrame] = {}
        repeated: dict[str, pl.DataFrame] = {}
        for number, name in enumerate(RECORDS):
            if chances[_CUT, number] < self.spec.cut_share:
                if name not in delivery.files:
                    continue
                files[name] = _stamped(delivery.files[name].drop(DELIVERED), evening, first=delivery.delivered_at)
            elif before is not None and name in before.files and chances[_RESENT, number] < self.spec.resent_share:
                rows = self._unchanged(name, delivery, withdrawals)
                if rows.height:
                    files[name] = _stamped(rows, evening, first=before.delivered_at)
            if (
                before is not None
                and name in before.files
                and name not in before.cuts
                and chances[_REPEATED, number] < self.spec.repeated_share
            ):
                repeated[name] = before.files[name]
        if files:
            yield Delivery(month=delivery.month, delivered_at=evening, files=files, sending=Sending.RESENT)
        if before is not None and repeated:
            yield Delivery(month=before.month, delivered_at=before.delivered_at, files=repeated, sending=Sending.REPEATED)

    def _unchanged(self, name: str, delivery: Delivery, withdrawals: pl.DataFrame) -> pl.DataFrame:
        """Some rows of the delivery before, those that this delivery neither changed nor withdrew."""
        table, (entity, valid) = self.before_places[name], KEYS[name]
        chance = uniforms(self.spec.seed, Purpose.SENDING, 1, self.slots, month=self.spec.calendar_month + self.position)[0]
        rows = table.filter(pl.Series(chance[table["slot"].to_numpy() - self.slots.start] < _RESENT_ROWS))
        if name in delivery.files:
            rows = rows.join(delivery.files[name], on=[entity, valid], how="anti", maintain_order="left")
        gone = withdrawals.filter(pl.col("file") == name)
        return rows.join(gone, left_on=[entity, valid], right_on=list(KEYS["retraction"]), how="anti", maintain_order="left")

    def _schedule(self, month: Month) -> None:
        """Put a month's rows where they wait for their deliveries."""
        spec, slots, calendar = self.spec, self.slots, self.spec.calendar_month + month.index
        chance = uniforms(spec.seed, Purpose.LATENESS, 2, slots, month=calendar)
        error = uniforms(spec.seed, Purpose.ERROR, 4 * 4 * PLACES, slots, month=calendar).reshape(4, 4, PLACES, -1)
        claimed = self.claims.draws(month)
        tables = (month.facility, month.obligor, month.default, month.recovery)
        for number, (name, table) in enumerate(zip(RECORDS, tables, strict=True)):
            first = self._due(self.position, name)
            if table.height:
                parts, sent = _split(spec, name, table, slots=slots, chance=chance, error=error[number])
                for lag, rows in parts:
                    if rows.height and name == "default":
                        self._schedule_events(rows, first + lag)
                    elif rows.height:
                        self.waiting[self._due(first + lag, name)][name].append(rows)
                if name == "facility":
                    self.claims.dispute(month, claimed, sent, first=first)
            if name == "default":
                wrong = self.claims.wrong_defaults(month, claimed, first=first)
                if wrong.height:
                    self.waiting[first][name].append(wrong)
        self.claims.expire(month)

    def _schedule_events(self, rows: pl.DataFrame, position: int) -> None:
        slot, place = rows["slot"].to_numpy() - self.slots.start, rows["place"].to_numpy()
        at = np.maximum(position, self.last_event[place, slot] + 1)
        for wanted in np.unique(at):
            mine = at == wanted
            due = self._due(int(wanted), "default")
            self.last_event[place[mine], slot[mine]] = due
            self.waiting[due]["default"].append(rows.filter(pl.Series(mine)))

    def _due(self, position: int, name: str) -> int:
        """The position at which rows meant for one come: the next, where that delivery lacks the file. No file is left out twice in a row."""
        number, share = RECORDS.index(name), self.spec.missing_share
        left_out = self._chances(position)[_MISSING, number] < share and not self._chances(position - 1)[_MISSING, number] < share
        return position + 1 if left_out else position

    def _chances(self, position: int) -> Floats:
        """Uniform numbers of the files of a position (rows: what may happen to them)."""
        if position not in self.chances:
            source = generator(self.spec.seed, Purpose.FILE, month=self.spec.calendar_month + position)
            self.chances[position] = source.random((_HAPPENINGS, len(RECORDS)))
        return self.chances[position]

    def _stamp(self, index: int, *, overtaken: bool) -> datetime:
        source = generator(self.spec.seed, Purpose.DELIVERY, month=self.spec.calendar_month + index)
        days = int(source.integers(FIRST_DELAY_DAYS, LAST_DELAY_DAYS + 1))
        minute = int(source.integers(0, 600))
        ended = self.spec.month(index + 1) - timedelta(days=1)
        day = ended + timedelta(days=days)
        if self.stamp is not None:  # deliveries keep their order: February's may not overtake a January's that took 45 days
            day = max(day, self.stamp.date() + timedelta(days=1))
            if overtaken:
                day = self.stamp.date() + timedelta(days=int(source.integers(1, _OVERTAKEN_DAYS + 1)))
        return datetime(day.year, day.month, day.day, 6, tzinfo=UTC) + timedelta(minutes=minute)


_MISSING, _CUT, _KEPT, _UNNOTICED, _REPEATED, _RESENT, _LATE = range(7)
_HAPPENINGS = 7


def _stamped(table: pl.DataFrame, delivered_at: datetime, *, first: datetime | None = None) -> pl.DataFrame:
    """A file as it is written: without the simulator's own columns, each row with the delivery's stamp as its last cell."""
    form = "%Y-%m-%dT%H:%M:%SZ"
    again = [pl.lit(first.strftime(form)).alias(FIRST_DELIVERED)] if first is not None else []
    return table.drop("slot", "place", strict=False).with_columns(*again, pl.lit(delivered_at.strftime(form)).alias(DELIVERED))


def _split(
    spec: BureauSpec, name: str, table: pl.DataFrame, *, slots: range, chance: Floats, error: Floats
) -> tuple[list[tuple[int, pl.DataFrame]], Sent]:
    """The rows of a month by how many deliveries later they come, and what was done to them."""
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
    put_right = np.zeros(table.height, dtype=np.int64)
    parts: list[tuple[int, pl.DataFrame]] = []
    if not wrong.any():
        parts.append((0, table.filter(pl.Series(~late))))
    else:
        right = table.filter(pl.Series(wrong))
        first = _ERRORS[name](right, draws[1, wrong], draws[2, wrong])
        lag = 1 + (draws[3, wrong] * (2 if name == "default" else 4)).astype(np.int64)
        changed = ~np.asarray([a == b for a, b in zip(right.rows(), first.rows(), strict=True)])
        put_right[wrong] = np.where(changed, lag, 0)
        order = np.concatenate([np.flatnonzero(~late & ~wrong), np.flatnonzero(wrong)])
        regular = pl.concat([table.filter(pl.Series(~late & ~wrong)), first])
        parts.append((0, regular[np.argsort(order, kind="stable")]))
        parts += [(int(wait), right.filter(pl.Series(changed & (lag == wait)))) for wait in np.unique(lag)]
    parts += [(wait, table.filter(pl.Series(rows))) for wait, rows in ((1, late & ~longer), (2, late & longer)) if rows.any()]
    return parts, Sent(late=late, wrong=wrong, put_right=put_right, error=draws[1])


def _wrong_facility(rows: pl.DataFrame, which: Floats, size: Floats) -> pl.DataFrame:
    factor, minor = pl.lit(pl.Series(0.7 + 0.6 * size)), pl.lit(pl.Series(1 + (size * 29).astype(np.int64)))
    kind = pl.lit(pl.Series(which))
    balance = (pl.col("balance") * factor).clip(0, pl.col("credit_limit")).round(2)
    return rows.with_columns(
        balance=pl.when(kind < FIELD_BOUNDS[0]).then(balance).otherwise(pl.col("balance")),
        utilisation=pl.when(kind < FIELD_BOUNDS[0]).then((balance / pl.col("credit_limit")).round(4)).otherwise(pl.col("utilisation")),
        payment=pl.when((kind >= FIELD_BOUNDS[0]) & (kind < FIELD_BOUNDS[1]))
        .then((pl.col("payment") * factor).round(2))
        .otherwise(pl.col("payment")),
        days_past_due=pl.when((kind >= FIELD_BOUNDS[1]) & (pl.col("in_default") == 0))
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
