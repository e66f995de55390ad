"""Whether an answer as a whole looks like the ones before it: shares of bad rows, lost rows, other headers, other units, other scales.

A bad cell is rejected alone. When many are bad, or everything is a hundred times larger than yesterday, the answer is not to be trusted at
all: it is held back, and a person looks at it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any


class Threshold(StrEnum):
    """What an answer may break; each fails the run that brought it."""

    REJECTED_SHARE = "rejected_share"
    ROW_COUNT_DROP = "row_count_drop"
    STALENESS = "staleness"
    ENDS_EARLIER = "ends_earlier"
    HEADER_CHANGE = "header_change"
    UNIT_CHANGE = "unit_change"
    SCALE_JUMP = "scale_jump"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much is too much.

    ``rejected_share`` of the rows, where at least ``rejected_rows`` are bad; ``row_count_drop`` is the share of rows that may be lost between
    two answers to the same question of at least ``least_rows``; ``ends_earlier`` is how many of a series' newest values an answer may take
    back; ``scale_jump`` is how many times larger or smaller the values of a series may
    be than those of the same days in the answer before, or in the store, and ``even_jump`` the same where all days have changed alike: no
    revision does that, another unit or base does.
    """

    rejected_share: float = 0.2
    rejected_rows: int = 10
    row_count_drop: float = 0.5
    least_rows: int = 20
    ends_earlier: int = 2
    scale_jump: float = 50.0
    even_jump: float = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What an answer looks like from outside.

    ``question`` tells which answers may be compared row by row, those to the same question; it is empty where what passes by (news) is told,
    of which the next answer has something else. ``header`` are the names of fields that every row has, by the table that they stand in, and
    ``seen`` those that any row has. ``units`` are what every row says, by its place. ``sizes`` are absolute values of the newest few days by
    series. ``newest`` is the newest valid day.
    """

    question: str
    row_count: int
    header: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, Mapping[date, float]] = field(default_factory=dict)
    newest: date | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, without ``seen``: only the answer at hand is asked for that."""
        return {
            "question": self.question,
            "row_count": self.row_count,
            "header": {table: list(names) for table, names in self.header.items()},
            "units": dict(self.units),
            "sizes": {series: {day.isoformat(): size for day, size in days.items()} for series, days in self.sizes.items()},
            "newest": self.newest.isoformat() if self.newest else None,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Shape:
        """A shape from its JSON form."""
        return cls(
            question=data["question"],
            row_count=data["row_count"],
            header={table: tuple(names) for table, names in data["header"].items()},
            units=data["units"],
            sizes={series: {date.fromisoformat(day): size for day, size in days.items()} for series, days in data["sizes"].items()},
            newest=date.fromisoformat(data["newest"]) if data["newest"] else None,
        )


@dataclass(frozen=True, slots=True)
class Scale:
    """How many times what they were the values of a series are, by their median; ``is_even`` where those of all days are."""

    ratio: float
    is_even: bool = False

    @property
    def distance(self) -> float:
        """How many times larger or smaller."""
        return max(self.ratio, 1.0 / self.ratio)


@dataclass(frozen=True, slots=True, kw_only=True)
class LostEnd:
    """The end of a series that an answer would take back: it ends on ``newest``, and the store knows ``gone`` later values, to ``before``."""

    newest: date
    before: date
    gone: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A threshold that an answer breaks, in words and in numbers."""

    threshold: Threshold
    detail: str
    evidence: Mapping[str, Any]


def breaches(
    before: Shape | None,
    now: Shape,
    *,
    rejected_rows: int,
    scales: Mapping[str, Scale] | None = None,
    ends: Mapping[str, LostEnd] | None = None,
    bounds: Bounds | None = None,
) -> list[Breach]:
    """The thresholds that an answer breaks against the answer ``before`` it (None: it is the first of its kind).

    ``scales`` say how many times what they were the values of a series are, on the days that both answers have, or the store has; ``ends``
    which series end before what the store knows of them, in an answer that tells the whole of what lies after: whatever the question was.

    >>> yesterday = Shape(question="all", row_count=100)
    >>> today = Shape(question="all", row_count=40)
    >>> [str(breach.threshold) for breach in breaches(yesterday, today, rejected_rows=0, scales={"UNRATE": Scale(0.01)})]
    ['row_count_drop', 'scale_jump']
    """
    bounds = bounds or Bounds()
    found = _too_many_bad(now, rejected_rows, bounds)
    if before is not None:
        if before.question == now.question != "":
            found += _same_question(before, now, bounds)
        if before.newest is None or now.newest is None or before.newest <= now.newest:  # an older part of history may well look otherwise
            found += _lost_names(before, now)
            found += _other_units(before, now)
    return found + _lost_ends(ends or {}, bounds) + _other_scales(scales or {}, bounds)


def _too_many_bad(now: Shape, rejected_rows: int, bounds: Bounds) -> list[Breach]:
    total = now.row_count + rejected_rows
    if rejected_rows < bounds.rejected_rows or rejected_rows <= bounds.rejected_share * total:
        return []
    return [
        Breach(
            threshold=Threshold.REJECTED_SHARE,
            detail=f"{rejected_rows} of {total} rows are bad, more than {bounds.rejected_share:.0%}",
            evidence={"rejected": rejected_rows, "rows": total, "bound": bounds.rejected_share},
        )
    ]


def _lost_names(before: Shape, now: Shape) -> list[Breach]:
    lost = [
        f"{table}.{name}" if table else name
        for table, names in before.header.items()
        if table in now.seen
        for name in names
        if name not in now.seen[table]
    ]
    if not lost:
        return []
    new = [name for table, names in now.header.items() if table in before.header for name in names if name not in before.header[table]]
    return [
        Breach(
            threshold=Threshold.HEADER_CHANGE,
            detail=f"the answer no longer has {', '.join(lost[:5])}" + (f" and {len(lost) - 5} more" if len(lost) > 5 else ""),
            evidence={"lost": lost, "new": new},
        )
    ]


def _other_units(before: Shape, now: Shape) -> list[Breach]:
    changed = {name: (unit, now.units[name]) for name, unit in before.units.items() if name in now.units and now.units[name] != unit}
    if not changed:
        return []
    name, (old, new) = next(iter(changed.items()))
    return [
        Breach(
            threshold=Threshold.UNIT_CHANGE,
            detail=f"{name} was {old!r} and is {new!r}" + (f", and {len(changed) - 1} more" if len(changed) > 1 else ""),
            evidence={"changed": {key: list(pair) for key, pair in changed.items()}},
        )
    ]


def _lost_ends(ends: Mapping[str, LostEnd], bounds: Bounds) -> list[Breach]:
    far = {series: end for series, end in ends.items() if end.gone > bounds.ends_earlier}
    if not far:
        return []
    series, end = max(far.items(), key=lambda item: item[1].gone)
    return [
        Breach(
            threshold=Threshold.ENDS_EARLIER,
            detail=f"{series} ends on {end.newest}, and {end.gone} later values are known, to {end.before}: it would take them back"
            + (f"; so {len(far) - 1} more" if len(far) > 1 else ""),
            evidence={
                "series": {
                    series: {"newest": end.newest.isoformat(), "before": end.before.isoformat(), "gone": end.gone}
                    for series, end in far.items()
                },
                "bound": bounds.ends_earlier,
            },
        )
    ]


def _other_scales(scales: Mapping[str, Scale], bounds: Bounds) -> list[Breach]:
    far = {name: scale for name, scale in scales.items() if scale.distance >= (bounds.even_jump if scale.is_even else bounds.scale_jump)}
    if not far:
        return []
    name, scale = max(far.items(), key=lambda item: item[1].distance)
    return [
        Breach(
            threshold=Threshold.SCALE_JUMP,
            detail=f"values of {name} are {scale.ratio:.4g} times what they were"
            + (" on every day" if scale.is_even else "")
            + (f"; so {len(far) - 1} more" if len(far) > 1 else ""),
            evidence={
                "ratios": {name: scale.ratio for name, scale in far.items()},
                "bound": bounds.even_jump if scale.is_even else bounds.scale_jump,
            },
        )
    ]


def _same_question(before: Shape, now: Shape, bounds: Bounds) -> list[Breach]:
    found = []
    if before.row_count >= bounds.least_rows and now.row_count < (1 - bounds.row_count_drop) * before.row_count:
        found.append(
            Breach(
                threshold=Threshold.ROW_COUNT_DROP,
                detail=f"{now.row_count} rows came, {before.row_count} the time before to the same question",
                evidence={"rows": now.row_count, "before": before.row_count, "bound": bounds.row_count_drop},
            )
        )
    if before.newest is not None and now.newest is not None and now.newest < before.newest:
        found.append(
            Breach(
                threshold=Threshold.STALENESS,
                detail=f"the newest value is of {now.newest}, that of the time before was of {before.newest}: an older answer is served again",
                evidence={"newest": now.newest.isoformat(), "before": before.newest.isoformat()},
            )
        )
    return found
