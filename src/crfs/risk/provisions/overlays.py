"""Management overlays: amounts or factors on top of what the models say, with an approver, a reason and a last day."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.errors import InvalidInput
from crfs.quality.portfolio import require_table
from crfs.risk.arguments import check_day, check_kinds, check_mapping, check_text, told_of
from crfs.risk.cents import in_cents
from crfs.risk.ranges import FINITE, Range, number

_FACTOR = Range(said="a finite number of zero or more", low=0.0, with_high=False)


class Status(StrEnum):
    """What became of an overlay."""

    APPLIED = "applied"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    NO_FACILITY = "no_facility"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """One overlay: it holds from ``effective`` to ``expires``, both days included.

    ``amount`` (currency units, negative to release) is spread over its facilities in proportion to their model ECL as far as it is above zero, or to
    exposure where none is; ``factor`` multiplies their model ECL instead (1.1 adds a tenth). ``where`` names columns and the values that belong:
    ``{"sector": ["retail"], "stage": [1, 2]}``; empty: all facilities. The values of a column are texts, numbers, truth values or days, all of one
    kind, and the column's. ``author``, ``approver`` and ``reason`` are never blank, and whoever
    proposed it (``author``) does not approve it: names that differ only in case, in spaces, in how Unicode writes a letter or in what nobody sees are
    one person's.
    """

    name: str
    author: str
    approver: str
    reason: str
    effective: date
    expires: date
    amount: float | None = None
    factor: float | None = None
    where: Mapping[str, Sequence[str | float | bool | date]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what in ("name", "author", "approver", "reason"):
            if not _as_read(check_text(what, getattr(self, what))):
                raise InvalidInput(f"overlay {self.name or '(without a name)'}: {what} is blank", argument=what)
        if _as_read(self.author) == _as_read(self.approver):
            raise InvalidInput(f"overlay {self.name}: {self.approver} proposed it and cannot approve it", argument="approver")
        with told_of(f"overlay {self.name}"):
            check_day("effective", self.effective), check_day("expires", self.expires)
        if self.expires < self.effective:
            raise InvalidInput(
                f"overlay {self.name}: it expires on {self.expires}, before it begins on {self.effective}", argument="expires"
            )
        if (self.amount is None) == (self.factor is None):
            raise InvalidInput(f"overlay {self.name}: give an amount or a factor", argument="amount")
        with told_of(f"overlay {self.name}"):
            if self.amount is not None:
                number("amount", self.amount, FINITE)
            if self.factor is not None:
                number("factor", self.factor, _FACTOR)
            where = check_mapping("where", self.where)
        for column, values in where.items():
            several = isinstance(values, Collection) and not isinstance(values, str | bytes | Mapping)
            kinds = {_kind(value) for value in values} if several else {None}
            if None in kinds or len(kinds) > 1:
                detail = f"where {column} = {values!r:.200}: it is a list of texts, numbers, truth values or days, all of one kind"
                raise InvalidInput(f"overlay {self.name}: {detail}", argument="where")


def _kind(value: object) -> str | None:
    """What a value of a cut is, in a word; None of what cuts nothing."""
    match value:
        case bool():
            return "truth values"
        case str():
            return "texts"
        case int() | float():
            return "numbers"
        case datetime():
            return None
        case date():
            return "days"
    return None


def _kind_of(dtype: pl.DataType) -> str:
    """What a column holds, as :func:`_kind` calls values."""
    if dtype.is_numeric():
        return "numbers"
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return "texts"
    return "truth values" if dtype == pl.Boolean else "days" if dtype == pl.Date else str(dtype)


_SHOWN = 10
"""How many values of a column a note lists."""

_UNSEEN = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Characters without a shape that are not of the category Cf; variation selectors are the other ones."""


def _as_read(text: str) -> str:
    """A name as a reader takes it, to compare: without case, without what nobody sees, with one space where there are any; blank: empty."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join("".join(character for character in folded if not _is_unseen(character)).split())


def _is_unseen(character: str) -> bool:
    if character in _UNSEEN or "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef":
        return True
    return unicodedata.category(character) in {"Cf", "Cc"} and not character.isspace()


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayLine:
    """What one overlay did on a day: its status in a word and in a sentence, how many facilities it touched, and its amount in currency
    units."""

    name: str
    status: Status
    detail: str
    facilities: int
    amount: float
    approver: str
    reason: str
    expires: date


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OverlayResult:
    """``table`` is the given one with ``overlay_cents`` and ``ecl_after_cents`` (whole cents); ``lines`` has a line an overlay, applied
    or not. ``notes`` are sentences about those that hold and find no facility, or name a value that no facility has."""

    table: pl.DataFrame
    lines: tuple[OverlayLine, ...]
    on: date
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """What all overlays add, currency units."""
        return int(self.table["overlay_cents"].sum()) / 100.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the rows."""
        lines = [asdict(line) | {"status": line.status.value, "expires": line.expires.isoformat()} for line in self.lines]
        return {"on": self.on.isoformat(), "total": self.total, "overlays": lines}


def apply_overlays(table: pl.DataFrame, overlays: Sequence[Overlay], *, on: date) -> OverlayResult:
    """Overlays on the ECL of a table (``ecl_cents``, as :func:`crfs.risk.provisions.expected_credit_loss` gives it), as of a day.

    Every overlay acts on the model's ECL, not on what others made of it, so their order changes nothing; what they add is summed. One
    that has expired, does not hold yet, or finds no facility is not applied, and its line says so. Where the model's ECL is zero or more the
    allowance cannot fall below zero: that is refused, with the overlays that lower it. Where the model's is below zero (of what was credit-impaired
    when it came, and does better) it may fall further, as by a factor above one.

    >>> table = pl.DataFrame({"sector": ["a", "a", "b"], "ecl_cents": [10000, 20000, 40000]})
    >>> common = {"author": "credit risk", "approver": "CRO", "reason": "energy prices", "effective": date(2026, 1, 1), "expires": date(2026, 12, 31)}
    >>> result = apply_overlays(table, [Overlay(name="energy", factor=1.1, where={"sector": ["a"]}, **common)], on=date(2026, 6, 30))
    >>> result.table["overlay_cents"].to_list(), result.lines[0].status.value
    ([1000, 2000, 0], 'applied')
    >>> apply_overlays(table, [Overlay(name="energy", factor=1.1, **common)], on=date(2027, 1, 1)).lines[0].detail
    'expired on 2026-12-31: not applied'
    """
    require_table(table, argument="table")
    overlays = check_kinds("overlays", overlays, Overlay)
    check_day("on", on)
    names = [overlay.name for overlay in overlays]
    if len(set(names)) != len(names):
        raise InvalidInput("two overlays have one name", argument="overlays")
    if "ecl_cents" not in table.columns or not table["ecl_cents"].dtype.is_integer():
        raise InvalidInput("the table needs a column ecl_cents of whole numbers", argument="table")
    model = table["ecl_cents"].to_numpy().astype(np.int64)
    total, lines, notes = np.zeros(table.height, dtype=np.int64), [], []
    for overlay in overlays:
        if overlay.expires < on:
            lines.append(_line(overlay, Status.EXPIRED, f"expired on {overlay.expires}: not applied"))
        elif on < overlay.effective:
            lines.append(_line(overlay, Status.NOT_YET, f"holds from {overlay.effective}: not applied"))
        elif not (members := _members(table, overlay)).any():
            lines.append(_line(overlay, Status.NO_FACILITY, "no facility belongs to it: not applied"))
            why = _values_of_nobody(table, overlay) or ["none has all that it asks for"]
            notes.append(f"overlay {overlay.name} is not applied, as no facility belongs to it: {'; '.join(why)}")
        else:
            notes += [f"overlay {overlay.name}: {why}" for why in _values_of_nobody(table, overlay)]
            added = _added(table, overlay, model, members)
            total += added
            amount = int(added.sum()) / 100.0
            lines.append(_line(overlay, Status.APPLIED, f"applied until {overlay.expires}", int(members.sum()), amount))
    after = model + total
    below = (after < 0) & (model >= 0)
    if below.any():
        row = int(np.argmax(below))
        applied = [overlay for overlay, line in zip(overlays, lines, strict=True) if line.status is Status.APPLIED]
        at_fault = [overlay.name for overlay in applied if _added(table, overlay, model, _members(table, overlay))[row] < 0]
        told = f"overlay {at_fault[0]} takes" if len(at_fault) == 1 else f"overlays {', '.join(at_fault)} take"
        raise InvalidInput(f"row {row + 1}: {told} its allowance to {after[row] / 100:.2f}, below zero")
    return OverlayResult(
        table=table.with_columns(pl.Series("overlay_cents", total), pl.Series("ecl_after_cents", after)),
        lines=tuple(lines),
        on=on,
        notes=tuple(notes),
    )


def _members(table: pl.DataFrame, overlay: Overlay) -> npt.NDArray[np.bool_]:
    members = pl.repeat(True, table.height, eager=True)
    for column, values in overlay.where.items():
        if column not in table.columns:
            raise InvalidInput(f"overlay {overlay.name}: the table has no column {column!r}", argument="overlays")
        there = table[column].unique().drop_nulls()
        kind = _kind_of(there.dtype)
        if len(there) and not all(_kind(value) == kind for value in values):
            raise InvalidInput(f"overlay {overlay.name}: column {column} holds {kind}, and its values are not", argument="overlays")
        wanted = set(values)
        # Python compares numbers of any kind and size.
        found = there.filter(pl.Series([value in wanted for value in there], dtype=pl.Boolean))
        members = members & table[column].is_in(found).fill_null(False)
    return np.asarray(members.to_numpy(), dtype=np.bool_)


def _values_of_nobody(table: pl.DataFrame, overlay: Overlay) -> list[str]:
    """A sentence for each value of an overlay that no facility has, with the nearest that one has, else the first of them."""
    told = []
    for column, values in overlay.where.items():
        there = table[column].drop_nulls().unique().sort().to_list()
        words = {str(value).casefold(): value for value in reversed(there)}
        for value in dict.fromkeys(values):
            if value in there:
                continue
            near = difflib.get_close_matches(str(value).casefold(), list(words), n=1) if isinstance(value, str) else []
            some = ", ".join(f"{each!r:.80}" for each in there[:_SHOWN]) + (
                f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
            )
            hint = f"did you mean {words[near[0]]!r:.80}?" if near else f"there are {some}" if there else "the column is blank"
            told.append(f"no facility has {column} {value!r:.80}; {hint}")
    return told


def _added(table: pl.DataFrame, overlay: Overlay, model: npt.NDArray[np.int64], members: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Whole cents for each row; their sum is the overlay's amount, rounded once."""
    rows = np.flatnonzero(members)
    ecl = model[rows].astype(np.float64)
    if overlay.factor is not None:
        parts = (overlay.factor - 1.0) * ecl / 100.0
    else:
        weight = np.maximum(ecl, 0.0)
        if not weight.any() and "exposure" in table.columns:
            weight = table["exposure"].gather(rows).to_numpy().astype(np.float64)
        if not weight.any():
            weight = np.ones(len(rows))
        parts = float(overlay.amount or 0.0) * (weight / weight.sum())
    added = np.zeros(len(model), dtype=np.int64)
    added[rows] = in_cents(parts)
    return added


def _line(overlay: Overlay, status: Status, detail: str, facilities: int = 0, amount: float = 0.0) -> OverlayLine:
    return OverlayLine(
        name=overlay.name,
        status=status,
        detail=detail,
        facilities=facilities,
        amount=amount,
        approver=overlay.approver,
        reason=overlay.reason,
        expires=overlay.expires,
    )
