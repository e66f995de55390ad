"""What is said of records after they were sent: obligors dispute them, and the bureau withdraws what it should not have."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
import polars as pl

from crfs.sources.providers.bureau.population import PLACES
from crfs.sources.providers.bureau.spec import BureauSpec
from crfs.sources.providers.bureau.streams import Flags, Floats, Ints, Purpose, uniforms
from crfs.sources.providers.bureau.tables import DEFAULT_SCHEMA
from crfs.sources.providers.bureau.world import Month

DISPUTE_SCHEMA: dict[str, pl.DataType] = {
    "facility_id": pl.String(),
    "opened_on": pl.Date(),
    "obligor_id": pl.String(),
    "disputed_file": pl.String(),
    "disputed_on": pl.Date(),
    "field": pl.String(),
    "status": pl.String(),
    "is_open": pl.Int64(),
    "resolved_on": pl.Date(),
}
"""A dispute, a row a version: open, then upheld or rejected. ``disputed_file`` and ``disputed_on`` say which record of the facility."""

RETRACTION_SCHEMA: dict[str, pl.DataType] = {
    "file": pl.String(),
    "entity_id": pl.String(),
    "valid_on": pl.Date(),
    "reason": pl.String(),
}
"""A record that is withdrawn: the file that brought it, whose and of which day it is, and why."""

FIELDS = ("balance", "payment", "days_past_due")
FIELD_BOUNDS = (0.45, 0.75)
"""Which field of a facility's record is wrong, by the draw of the error: below the first bound the balance, below the second the payment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How the facility records of a month go out: late; with an error; and how many deliveries later they are put right (0: never)."""

    late: Flags
    wrong: Flags
    put_right: Ints
    error: Floats


@dataclass(slots=True, kw_only=True)
class Claims:
    """The bureau's complaints desk. Positions count deliveries from the first; what is due at one is taken out of the desk with it."""

    spec: BureauSpec
    slots: range
    busy_until: Ints
    opening: dict[int, list[pl.DataFrame]] = field(default_factory=lambda: defaultdict(list))
    resolving: dict[int, list[pl.DataFrame]] = field(default_factory=lambda: defaultdict(list))
    withdrawing: dict[int, list[pl.DataFrame]] = field(default_factory=lambda: defaultdict(list))
    expiring: dict[int, list[pl.DataFrame]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, spec: BureauSpec, slots: range) -> Claims:
        """A desk without complaints."""
        return cls(spec=spec, slots=slots, busy_until=np.full((PLACES, len(slots)), -1, dtype=np.int64))

    @property
    def last_due(self) -> int:
        """The last position at which something is due, the law's expiries aside; -1 where nothing is."""
        return max((*self.opening, *self.resolving, *self.withdrawing), default=-1)

    def draws(self, month: Month) -> Floats:
        """Uniform numbers for each place and slot: whether disputed, which field, how long, how it ends, two days, whether and when
        somebody else's default is reported."""
        calendar = self.spec.calendar_month + month.index
        return uniforms(self.spec.seed, Purpose.CLAIM, 8 * PLACES, self.slots, month=calendar).reshape(8, PLACES, -1)

    def dispute(self, month: Month, draws: Floats, sent: Sent, *, first: int) -> None:
        """Disputes of a month's facility records, which are first sent at position ``first``: reported at the next, settled later."""
        table = month.facility
        slot, place = table["slot"].to_numpy() - self.slots.start, table["place"].to_numpy()
        own = draws[:, place, slot]
        groundless = ~sent.late & ~sent.wrong & (own[0] < self.spec.dispute_share)
        grounded = (sent.put_right >= 2) & (own[0] < self.spec.disputed_error_share)
        # One at a time: the newest dispute of a facility then says whether any is open.
        at = np.flatnonzero((groundless | grounded) & (self.busy_until[place, slot] <= first))
        if not len(at):
            return
        right = groundless[at]
        settled = np.where(right, first + 2 + (own[2, at] * 3).astype(np.int64), first + sent.put_right[at])
        withdrawn = right & (own[3, at] < self.spec.withdrawn_share)
        self.busy_until[place[at], slot[at]] = settled
        kinds = np.searchsorted(FIELD_BOUNDS, np.where(right, own[1, at], sent.error[at]), side="right")
        rows = table[at].select(
            "facility_id",
            "obligor_id",
            disputed_file=pl.lit("facility"),
            disputed_on="month",
            field=pl.Series(FIELDS, dtype=pl.String()).gather(kinds),
            outcome=pl.lit(pl.Series(np.where(right & ~withdrawn, "rejected", "upheld"))),
            settled=pl.lit(pl.Series(settled)),
            to_open=pl.lit(pl.Series(own[4, at])),
            to_settle=pl.lit(pl.Series(own[5, at])),
        )
        self.opening[first + 1].append(rows)
        for position in np.unique(settled[withdrawn]):
            self._withdraw(int(position), rows.filter(pl.Series(withdrawn & (settled == position))), "upheld_dispute")

    def wrong_defaults(self, month: Month, draws: Floats, *, first: int) -> pl.DataFrame:
        """Defaults of this month that the bureau reports of the wrong person's facility, and withdraws two to four deliveries later."""
        table = month.facility
        slot, place = table["slot"].to_numpy() - self.slots.start, table["place"].to_numpy()
        own = draws[:, place, slot]
        hit = (own[6] < self.spec.wrong_person_share) & (table["in_default"].to_numpy() == 0) & (table["balance"].to_numpy() >= 1)
        at = np.flatnonzero(hit)
        if not len(at):
            return pl.DataFrame(schema=DEFAULT_SCHEMA)
        rows = table[at]
        days = (self.spec.month(month.index + 1) - month.first_day).days
        made = rows.join(month.obligor.select("slot", "segment"), on="slot", how="left", maintain_order="left").with_columns(
            default_date=pl.col("month") + pl.duration(days=pl.lit(pl.Series((own[7, at] * days).astype(np.int64)))),
            ead="balance",
            limit_at_default="credit_limit",
            drawn_12m_before=pl.lit(None, pl.Float64),
            limit_12m_before=pl.lit(None, pl.Float64),
            status=pl.lit("open"),
            ended_on=pl.lit(None, pl.Date),
        )
        made = made.select(pl.col(name).cast(dtype) for name, dtype in DEFAULT_SCHEMA.items())
        lag = 2 + (own[2, at] * 3).astype(np.int64)
        for wait in np.unique(lag):
            gone = made.filter(pl.Series(lag == wait)).select(
                "facility_id", pl.lit("default").alias("disputed_file"), disputed_on="default_date"
            )
            self._withdraw(first + int(wait), gone, "wrong_person")
        return made

    def expire(self, month: Month) -> None:
        """Note when the defaults that ended this month must be forgotten."""
        if month.default.is_empty():
            return
        ended = month.default.filter(pl.col("status") != "open")
        if ended.height:
            self.expiring[month.index + self.spec.expiry_months].append(ended["facility_id", "default_date"])

    def disputes_due(self, position: int, *, previous: datetime | None, now: datetime) -> pl.DataFrame:
        """The rows of ``dispute.csv`` at a position; days lie from the delivery before up to the day before this one."""
        opened = pl.concat(self.opening.pop(position, [])) if position in self.opening else None
        settled = pl.concat(self.resolving.pop(position, [])) if position in self.resolving else None
        since = (previous or now).date()
        days = max(1, (now.date() - since).days)
        parts: list[pl.DataFrame] = []
        if opened is not None:
            opened = opened.with_columns(opened_on=_day_of(since, days, "to_open"))
            parts.append(_versions(opened.with_columns(resolved_on=pl.lit(None, pl.Date)), status=pl.lit("open")))
            for (due,), rows in opened.group_by("settled", maintain_order=True):
                self.resolving[int(due)].append(rows)
        if settled is not None:
            parts.append(_versions(settled.with_columns(resolved_on=_day_of(since, days, "to_settle")), status=pl.col("outcome")))
        # In the order of the key, as the records are: then the parser has nothing to sort.
        return pl.concat(parts).sort("facility_id", "opened_on") if parts else pl.DataFrame(schema=DISPUTE_SCHEMA)

    def withdrawals_due(self, position: int) -> pl.DataFrame:
        """The rows of ``retraction.csv`` at a position."""
        parts = self.withdrawing.pop(position, [])
        for ended in self.expiring.pop(position, []):
            rows = ended.select("facility_id", pl.lit("default").alias("disputed_file"), disputed_on="default_date")
            parts.append(_withdrawals(rows, "legal_expiry"))
        return pl.concat(parts) if parts else pl.DataFrame(schema=RETRACTION_SCHEMA)

    def _withdraw(self, position: int, rows: pl.DataFrame, reason: str) -> None:
        self.withdrawing[position].append(_withdrawals(rows, reason))


def _withdrawals(rows: pl.DataFrame, reason: str) -> pl.DataFrame:
    return rows.select(file="disputed_file", entity_id="facility_id", valid_on="disputed_on", reason=pl.lit(reason))


def _day_of(since: date, days: int, draw: str) -> pl.Expr:
    return pl.lit(since) + pl.duration(days=(pl.col(draw) * days).cast(pl.Int64))


def _versions(rows: pl.DataFrame, *, status: pl.Expr) -> pl.DataFrame:
    told = rows.with_columns(status=status).with_columns(is_open=(pl.col("status") == "open").cast(pl.Int64))
    return told.select(pl.col(name).cast(dtype) for name, dtype in DISPUTE_SCHEMA.items())
