"""Scales: from values to places on the page, with ticks at numbers that people read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

_TICK_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


class Scale(Protocol):
    """A scale of one axis."""

    @property
    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Values that are marked, each with its label."""
        ...

    def place(self, value: float) -> float:
        """Where a value lies on the axis: 0 at its beginning, 1 at its end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearScale:
    """Equal differences are equally long."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def place(self, value: float) -> float:
        """See :class:`Scale`."""
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogScale:
    """Equal ratios are equally long; values are above 0."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def place(self, value: float) -> float:
        """See :class:`Scale`."""
        return math.log(value / self.low) / math.log(self.high / self.low)


def linear_scale(low: float, high: float, *, ticks: int = 5, zero: bool = False, percent: bool = False) -> LinearScale:
    """A scale that begins and ends on a tick and covers ``low`` to ``high``; with ``zero`` it covers 0 too.

    >>> [label for _, label in linear_scale(0.031, 0.098, percent=True).ticks]
    ['2 %', '4 %', '6 %', '8 %', '10 %']
    >>> [label for _, label in linear_scale(0, 4_200_000).ticks]
    ['0', '1 m', '2 m', '3 m', '4 m', '5 m']
    """
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if not high > low:
        pad = abs(low) * 0.05 or 1.0
        low, high = low - pad, high + pad
    step = _nice((high - low) / max(ticks, 1))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    values = [round(i * step, 12) for i in range(first, last + 1)]
    labels = [percent_text(value, step) if percent else amount_text(value, step) for value in values]
    return LinearScale(low=values[0], high=values[-1], ticks=tuple(zip(values, labels, strict=True)))


def log_scale(low: float, high: float, *, percent: bool = False) -> LogScale:
    """A scale over whole powers of ten (halved decades where there are few), for values above 0.

    >>> [label for _, label in log_scale(0.0002, 0.5, percent=True).ticks]
    ['0.01 %', '0.1 %', '1 %', '10 %', '100 %']
    """
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    if last == first:
        last = first + 1
    marks = (1.0,) if last - first > 2 else (1.0, 2.0, 5.0)
    values = [m * 10.0**k for k in range(first, last) for m in marks] + [10.0**last]
    kept = [value for value in values if low / 10 < value < high * 10] if last - first > 2 else values
    labels = [percent_text(value, value) if percent else amount_text(value, value) for value in kept]
    return LogScale(low=kept[0], high=kept[-1], ticks=tuple(zip(kept, labels, strict=True)))


def time_scale(first: datetime, last: datetime, *, ticks: int = 8) -> LinearScale:
    """A scale of instants (as seconds since 1970) with marks at the beginnings of years or months.

    >>> scale = time_scale(datetime(1990, 2, 1, tzinfo=UTC), datetime(2009, 7, 1, tzinfo=UTC))
    >>> [label for _, label in scale.ticks]
    ['1995', '2000', '2005']
    """
    low, high = first.timestamp(), last.timestamp()
    if high <= low:
        low, high = low - 86_400.0 * 15, high + 86_400.0 * 15
        first, last = datetime.fromtimestamp(low, UTC), datetime.fromtimestamp(high, UTC)
    months = (high - low) / (86_400.0 * 30.4375)
    if months >= ticks * 6:
        step = next(years for years in (1, 2, 5, 10, 20, 50, 100, 1000) if months / (12 * years) <= ticks)
        begin = first.year - first.year % step
        instants = [(datetime(year, 1, 1, tzinfo=UTC), str(year)) for year in range(begin, last.year + 1, step)]
    elif months >= 2:
        step = next(n for n in (1, 2, 3, 6, 12) if months / n <= ticks or n == 12)
        numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
        instants = [(datetime(n // 12, n % 12 + 1, 1, tzinfo=UTC), f"{n // 12}-{n % 12 + 1:02d}") for n in numbers if (n % 12) % step == 0]
    else:
        days = max(1, round((high - low) / 86_400.0 / ticks))
        start = datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp()
        count = int((high - start) // (86_400.0 * days)) + 1
        instants = [
            (moment, moment.strftime("%Y-%m-%d"))
            for moment in (datetime.fromtimestamp(start + 86_400.0 * days * i, UTC) for i in range(count))
        ]
    inside = [(moment.timestamp(), label) for moment, label in instants if low <= moment.timestamp() <= high]
    return LinearScale(low=low, high=high, ticks=tuple(inside))


def amount_text(value: float, step: float) -> str:
    """A tick's number: thousands as k, millions as m, billions as bn; as many decimals as the step needs.

    >>> amount_text(2_500_000, 500_000), amount_text(0.25, 0.25), amount_text(12_000, 2_000)
    ('2.5 m', '0.25', '12 k')
    """
    for size, name in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(value) >= size and step >= size / 1000:
            return f"{_digits(value / size, step / size)} {name}"
    return _digits(value, step)


def percent_text(value: float, step: float) -> str:
    """A decimal as a percentage of as many decimals as the step needs.

    >>> percent_text(0.025, 0.005)
    '2.5 %'
    """
    return f"{_digits(100.0 * value, 100.0 * step)} %"


def _digits(value: float, step: float) -> str:
    decimals = 0
    while decimals < 8 and abs(step * 10**decimals - round(step * 10**decimals)) > 1e-6 * step * 10**decimals:
        decimals += 1
    text = f"{value:,.{decimals}f}"
    return "0" if float(text.replace(",", "")) == 0.0 else text.replace("-", "−")


def _nice(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw))
    return next(step * power for step in _TICK_STEPS if step * power >= raw * (1 - 1e-9))
