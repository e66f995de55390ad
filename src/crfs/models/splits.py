"""Split by time, with a purge: no row is fitted on whose outcome was still open when the next slice begins."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from crfs.bitemporal.tenor import Tenor
from crfs.errors import InvalidInput, NotYetKnown

YEAR = Tenor(months=12)
HALF_YEAR = Tenor(months=6)
AT_ONCE = Tenor()


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSpec:
    """Where training ends, calibration and the out-of-time part begin; all instants in UTC.

    A row belongs to the slice that its ``observed_at`` lies in. Of the training rows only those stay whose outcome was known by
    ``calibration_from``, of the calibration rows those known by ``out_of_time_from``; the rest is purged and counted.

    Args:
        calibration_from: the calibration slice begins here; equal to ``out_of_time_from`` for none.
        out_of_time_from: the out-of-time part begins here.
        out_of_time_until: it ends before this; None = no end.
        horizon: the outcome window, which opens at ``observed_at``.
        reporting_delay: from the window's end until the outcome is known.
        outcome_known_at: a column with the instant at which each row's outcome was known, used in place of horizon and delay.
    """

    calibration_from: datetime
    out_of_time_from: datetime
    out_of_time_until: datetime | None = None
    horizon: Tenor = YEAR
    reporting_delay: Tenor = AT_ONCE
    outcome_known_at: str | None = None

    def __post_init__(self) -> None:
        for name in ("calibration_from", "out_of_time_from", "out_of_time_until"):
            instant = getattr(self, name)
            if instant is not None and (instant.tzinfo is None or instant.utcoffset() != UTC.utcoffset(None)):
                raise InvalidInput(f"{name} must be in UTC and say so, not {instant!r}")
        if self.out_of_time_from < self.calibration_from or (self.out_of_time_until or self.out_of_time_from) < self.out_of_time_from:
            raise InvalidInput("the slices must follow each other: calibration_from <= out_of_time_from <= out_of_time_until")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, instants and tenors as ISO 8601 text."""
        return {
            "calibration_from": self.calibration_from.isoformat(),
            "out_of_time_from": self.out_of_time_from.isoformat(),
            "out_of_time_until": None if self.out_of_time_until is None else self.out_of_time_until.isoformat(),
            "horizon": str(self.horizon),
            "reporting_delay": str(self.reporting_delay),
            "outcome_known_at": self.outcome_known_at,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitCounts:
    """Rows in each slice, rows purged because their outcome came after the next slice began, rows after ``out_of_time_until``."""

    train: int
    calibration: int
    out_of_time: int
    purged_train: int
    purged_calibration: int
    after: int

    def to_dict(self) -> dict[str, int]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSplit:
    """The three slices, in the order of the input's rows, and the counts."""

    train: pl.DataFrame
    calibration: pl.DataFrame
    out_of_time: pl.DataFrame
    counts: SplitCounts


def split_by_time(table: pl.DataFrame, *, spec: SplitSpec, known_at: datetime, time: str = "observed_at") -> TimeSplit:
    """Cut a labelled table into train, calibration and out of time.

    Args:
        table: has ``observed_at``, datetimes in UTC.
        spec: the cuts.
        known_at: the instant of the question; an outcome that is known only later refuses the split with ``NotYetKnown``.
        time: the column of the observation time.
    """
    if table.height == 0:
        raise InvalidInput("there is nothing to split: the table has no rows")
    _check_time(table, time)
    if spec.outcome_known_at is None:
        known = pl.col(time).dt.offset_by(spec.horizon.polars_offset()).dt.offset_by(spec.reporting_delay.polars_offset())
    else:
        _check_time(table, spec.outcome_known_at)
        known = pl.col(spec.outcome_known_at)
    marks = table.select(at=pl.col(time), known=known)
    used = marks["at"] < spec.out_of_time_until if spec.out_of_time_until is not None else pl.repeat(True, table.height, eager=True)
    still_open = int((used & (marks["known"] > known_at)).sum())
    if still_open:
        latest = first_and_last(marks.filter(used)["known"])[1]
        raise NotYetKnown(
            f"{still_open} of {table.height} rows have an outcome window that is open at {known_at.isoformat()}; "
            f"the last closes at {latest}: ask later, or set out_of_time_until earlier"
        )
    in_train = marks["at"] < spec.calibration_from
    in_calibration = ~in_train & (marks["at"] < spec.out_of_time_from)
    in_last = (marks["at"] >= spec.out_of_time_from) & used
    train = in_train & (marks["known"] <= spec.calibration_from)
    calibration = in_calibration & (marks["known"] <= spec.out_of_time_from)
    counts = SplitCounts(
        train=int(train.sum()),
        calibration=int(calibration.sum()),
        out_of_time=int(in_last.sum()),
        purged_train=int((in_train & ~train).sum()),
        purged_calibration=int((in_calibration & ~calibration).sum()),
        after=int((~used).sum()),
    )
    if counts.train == 0:
        raise InvalidInput(
            f"no training row's outcome was known by {spec.calibration_from.isoformat()} "
            f"({counts.purged_train} rows lie before it but closed after); begin the calibration slice later"
        )
    if counts.calibration == 0 and spec.calibration_from < spec.out_of_time_from:
        raise InvalidInput(
            f"no calibration row's outcome was known by {spec.out_of_time_from.isoformat()} "
            f"({counts.purged_calibration} rows closed after); leave more than {spec.horizon} between the two dates, or make them equal"
        )
    if counts.out_of_time == 0:
        raise InvalidInput(f"no row is observed from {spec.out_of_time_from.isoformat()} on; begin the out-of-time part earlier")
    return TimeSplit(train=table.filter(train), calibration=table.filter(calibration), out_of_time=table.filter(in_last), counts=counts)


def propose_split(
    table: pl.DataFrame,
    *,
    out_of_time: Tenor = YEAR,
    calibration: Tenor = HALF_YEAR,
    horizon: Tenor = YEAR,
    reporting_delay: Tenor = AT_ONCE,
    time: str = "observed_at",
) -> SplitSpec:
    """Cuts counted back from the last observation so that every slice keeps rows after the purge.

    The out-of-time part is the last ``out_of_time`` of the observation times; before it lie a purge of horizon and delay, ``calibration``
    of usable calibration rows, another purge, and the training rows. Needs more history than the sum; says how much where there is less.
    """
    _check_time(table, time)
    first, last = table[time].min(), table[time].max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        raise InvalidInput("there is nothing to split: the table has no rows")
    window = Tenor(
        months=horizon.months + reporting_delay.months,
        days=horizon.days + reporting_delay.days,
        seconds=horizon.seconds + reporting_delay.seconds,
    )
    starts = sorted(table[time].unique().to_list())
    # The latest cut whose slice reaches the last observation, then the latest before it that leaves room for a purge, and so on.
    cut = next(at for at in starts if out_of_time.after(at) > last)
    room = [at for at in starts if calibration.after(window.after(at)) <= cut]
    if not room or window.after(first) > room[-1]:
        raise InvalidInput(
            f"observations from {first} to {last} are too short a history for an out-of-time part of {out_of_time}, a calibration slice of "
            f"{calibration} and twice an outcome window of {window}; bring more history or shorten the slices"
        )
    return SplitSpec(calibration_from=room[-1], out_of_time_from=cut, horizon=horizon, reporting_delay=reporting_delay)


def first_and_last(times: pl.Series) -> tuple[str | None, str | None]:
    """The first and the last of a column of times, as ISO 8601 text; None where it is empty."""
    first, last = (moment.isoformat() if isinstance(moment, date) else None for moment in (times.min(), times.max()))
    return first, last


def _check_time(table: pl.DataFrame, column: str) -> None:
    if column not in table.columns:
        raise InvalidInput(f"the table has no column {column!r}; it has {table.columns[:20]}")
    if table[column].dtype != pl.Datetime or table[column].dtype.time_zone != "UTC":  # type: ignore[attr-defined]
        raise InvalidInput(f"column {column!r} must be datetimes in UTC, not {table[column].dtype}")
    if table[column].null_count():
        raise InvalidInput(f"column {column!r} is missing in {table[column].null_count()} rows")
