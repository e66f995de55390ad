"""Tenors: calendar durations in ISO 8601 (``P3M``, ``P1Y2M``, ``P5D``, ``PT12H``), the same in Polars and in PostgreSQL."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta

from crfs.errors import InvalidInput

_ISO = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenor:
    """A non-negative calendar duration: months first (the day clipped to the month's end), then days, then seconds, in UTC.

    That order, and the clipping, are PostgreSQL's for ``timestamptz + interval`` in a UTC session, and Polars' for ``offset_by``.

    >>> Tenor.parse("P1Y2M")
    Tenor(months=14, days=0, seconds=0)
    >>> Tenor.parse("P1M").after(datetime(2024, 1, 31))
    datetime.datetime(2024, 2, 29, 0, 0)
    >>> str(Tenor.parse("P2W"))
    'P14D'
    """

    months: int = 0
    days: int = 0
    seconds: int = 0

    def __post_init__(self) -> None:
        if min(self.months, self.days, self.seconds) < 0:
            raise InvalidInput(f"a tenor is not negative, got {self.months} months, {self.days} days, {self.seconds} seconds")

    @classmethod
    def parse(cls, text: str | Tenor) -> Tenor:
        """Read an ISO 8601 duration; years count 12 months, weeks 7 days."""
        if isinstance(text, Tenor):
            return text
        match = _ISO.fullmatch(str(text))
        if match is None or text in {"P", "PT"} or str(text).endswith("T"):
            raise InvalidInput(f"{text!r} is no ISO 8601 duration; write P3M, P5D, P1Y or PT12H")
        years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return cls(months=12 * years + months, days=7 * weeks + days, seconds=3600 * hours + 60 * minutes + seconds)

    @property
    def is_zero(self) -> bool:
        """Whether nothing is added."""
        return self.months == self.days == self.seconds == 0

    def after(self, instant: datetime) -> datetime:
        """The instant this long after ``instant``."""
        month = instant.month - 1 + self.months
        year, month = instant.year + month // 12, month % 12 + 1
        day = min(instant.day, monthrange(year, month)[1])
        return instant.replace(year=year, month=month, day=day) + timedelta(days=self.days, seconds=self.seconds)

    def polars_offset(self) -> str:
        """The text that ``Expr.dt.offset_by`` takes."""
        return f"{self.months}mo{self.days}d{self.seconds}s"

    def __str__(self) -> str:
        if self.is_zero:
            return "P0D"
        date = (f"{self.months}M" if self.months else "") + (f"{self.days}D" if self.days else "")
        return f"P{date}" + (f"T{self.seconds}S" if self.seconds else "")
