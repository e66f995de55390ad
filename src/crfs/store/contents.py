"""The content of a batch's rows, found on this side: what the server's expression in ``relations`` says of them once they are stored.

It is the sum of hashes of the rows, each of the bytes that the server sends a record as. Rows that are sent alike (no cell or the same cells
null, texts of the same lengths) are hashed together, a word of all of them at a time; the rest of a record's words are the same in each.
Where rows are too few or too unlike one another for that to be quicker than the server, it is left to the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.store.binary_copy import field_of

_OIDS = {
    pl.Boolean: 16,
    pl.Int64: 20,
    pl.Int16: 21,
    pl.String: 25,
    pl.Float64: 701,
    pl.Date: 1082,
    pl.Datetime: 1184,
}
"""PostgreSQL's own numbers of the types, which never change."""

FEW = 2_000
"""Fewer rows the server hashes sooner than it is asked not to."""
_LAYOUTS = 16
_ALIKE = 500
"""Beyond :data:`_LAYOUTS`, so many rows have to come to each on average."""
_LONG_TEXT = 256
_SLICE = 131_072
"""Rows that are encoded at a time."""
_AT_ONCE = 8_192
"""Rows that are hashed together: what is computed with stays in the processor's nearest caches."""
_Words = npt.NDArray[np.uint32]
_Bytes = npt.NDArray[np.uint8]
_Lengths = int | npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The sum of the hashes of rows, and the hash of the first of them by itself, by which the server tells that it hashes as we do."""

    total: int
    first: int


def content_of_rows(rows: pl.DataFrame, columns: Sequence[str]) -> Content | None:
    """The content of ``rows`` by ``columns``, in their order; None where the server finds it sooner."""
    if rows.height < FEW:
        return None
    total, first = 0, 0
    for start in range(0, rows.height, _SLICE):
        hashes = _hashes_of(rows.slice(start, _SLICE).select(columns))
        if hashes is None:
            return None
        if start == 0:
            first = int(hashes[0])
        total += int((hashes >> np.int64(32)).sum()) * 2**32 + int((hashes & np.int64(0xFFFFFFFF)).sum())
    return Content(total=total, first=first)


def _hashes_of(rows: pl.DataFrame) -> npt.NDArray[np.int64] | None:
    """The hash of each row; None where the server finds them sooner."""
    texts = [column for column in rows if column.dtype == pl.String]
    if any((text.str.len_bytes() > _LONG_TEXT).any() for text in texts):
        return None
    fields = [field_of(rows[name]) for name in rows.columns]
    layouts = _layouts(rows.height, [lengths for lengths, _ in fields])
    if len(layouts) > max(_LAYOUTS, rows.height // _ALIKE):
        return None
    oids = [_OIDS[dtype.base_type()] for dtype in rows.dtypes]
    hashes = np.empty(rows.height, dtype=np.int64)
    for places in layouts:
        for start in range(0, rows.height if places is None else len(places), _AT_ONCE):
            part = slice(start, start + _AT_ONCE) if places is None else places[start : start + _AT_ONCE]
            hashes[part] = _hashes(oids, [_picked(field, part) for field in fields])
    return hashes


def _layouts(height: int, fields: Sequence[_Lengths]) -> list[npt.NDArray[np.int64] | None]:
    """The places of rows whose fields are as long as one another's; one None where those of all are."""
    codes, most = np.zeros(height, dtype=np.int64), 1
    for lengths in fields:
        if isinstance(lengths, int):
            continue
        low, high = int(lengths.min()), int(lengths.max())
        of_two = bool(((lengths == low) | (lengths == high)).all())
        span = 2 if of_two else high - low + 1
        if most * span >= 2**62:
            distinct, codes = np.unique(codes, return_inverse=True)
            most = len(distinct)
        codes = codes * span + ((lengths == high) if of_two else lengths - low)
        most *= span
    if most == 1:
        return [None]
    order = np.argsort(codes, kind="stable")
    return list(np.split(order, np.flatnonzero(np.diff(codes[order])) + 1))


def _picked(field: tuple[_Lengths, _Bytes], part: slice | npt.NDArray[np.int64]) -> tuple[int, _Bytes]:
    """A field of some rows in which it is as long everywhere: its length (-1: null) and bytes."""
    lengths, cells = field
    length = lengths if isinstance(lengths, int) else int(lengths[part][0])
    return length, cells[part, : max(length, 0)]


def _hashes(oids: Sequence[int], fields: Sequence[tuple[int, _Bytes]]) -> npt.NDArray[np.int64]:
    """The hash of each row, as ``hash_record_extended(ROW(record_send(…)), 0)`` has it."""
    height = len(fields[0][1])
    same = bytearray(len(fields).to_bytes(4, "big"))
    varying: dict[int, _Words] = {}
    for oid, (length, cells) in zip(oids, fields, strict=True):
        same += oid.to_bytes(4, "big") + length.to_bytes(4, "big", signed=True)
        if length > 0:
            for place, words in _words(cells, len(same)):
                varying[place] = varying[place] | words if place in varying else words
            same += bytes(length)
    return _hashed(height, bytes(same), varying)


def _words(cells: _Bytes, place: int) -> Iterator[tuple[int, _Words]]:
    """The bytes of cells as words of the record, which they may straddle: the number of each, and what it has of them."""
    length = cells.shape[1]
    if length % 4:
        padded = np.zeros((len(cells), length + 4 - length % 4), dtype=np.uint8)
        padded[:, :length] = cells
        cells = padded
    whole = np.ascontiguousarray(cells).view("<u4")
    first, shift = place // 4, 8 * (place % 4)
    for number in range(whole.shape[1]):
        words = np.ascontiguousarray(whole[:, number])
        if not shift:
            yield first + number, words
        else:
            yield first + number, words << np.uint32(shift)
            yield first + number + 1, words >> np.uint32(32 - shift)


def _hashed(height: int, same: bytes, varying: dict[int, _Words]) -> npt.NDArray[np.int64]:
    """PostgreSQL's hash_bytes_extended with seed 0 (Bob Jenkins's lookup3), of rows of one length."""
    rounds, rest = divmod(len(same), 12)
    constant = np.frombuffer(same + bytes(12 - rest), dtype="<u4")
    begun = np.uint32((0x9E3779B9 + len(same) + 3923095) & 0xFFFFFFFF)
    state = [np.full(height, begun, dtype=np.uint32) for _ in range(3)]
    a, b, c = state
    turned = _Rotation(height)
    for number in range(rounds):
        for each, of in enumerate(state):
            _add(of, constant[3 * number + each], varying.get(3 * number + each))
        _mix(a, b, c, turned)
    place = 3 * rounds
    _add(a, constant[place], varying.get(place))
    _add(b, constant[place + 1], varying.get(place + 1))
    last = varying.get(place + 2)
    _add(c, constant[place + 2] << np.uint32(8), None if last is None else last << np.uint32(8))  # its lowest byte is the length's
    _finish(a, b, c, turned)
    return (b.astype(np.uint64) << np.uint64(32) | c).view(np.int64)


def _add(of: _Words, constant: np.uint32, words: _Words | None) -> None:
    if constant:
        of += constant
    if words is not None:
        of += words


class _Rotation:
    """Words turned to the left, in room that is used again and again."""

    def __init__(self, height: int) -> None:
        self._left, self._right = np.empty(height, dtype=np.uint32), np.empty(height, dtype=np.uint32)

    def __call__(self, words: _Words, bits: int) -> _Words:
        np.left_shift(words, np.uint32(bits), out=self._left)
        np.right_shift(words, np.uint32(32 - bits), out=self._right)
        return np.bitwise_or(self._left, self._right, out=self._left)


def _mix(a: _Words, b: _Words, c: _Words, turned: _Rotation) -> None:
    for one, other, third, bits in ((a, c, b, 4), (b, a, c, 6), (c, b, a, 8), (a, c, b, 16), (b, a, c, 19), (c, b, a, 4)):
        np.subtract(one, other, out=one)
        np.bitwise_xor(one, turned(other, bits), out=one)
        np.add(other, third, out=other)


def _finish(a: _Words, b: _Words, c: _Words, turned: _Rotation) -> None:
    for one, other, bits in ((c, b, 14), (a, c, 11), (b, a, 25), (c, b, 16), (a, c, 4), (b, a, 14), (c, b, 24)):
        np.bitwise_xor(one, other, out=one)
        np.subtract(one, turned(other, bits), out=one)
