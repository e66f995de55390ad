"""Tables as PostgreSQL's binary COPY wants them: encoded a block of rows at a time, column by column, never cell by cell.

Every block begins as a grid of bytes in which each row has the same layout: a count of fields, and for each field its length and its
bytes, padded to the longest of the block. Then the padding, and the bytes of null cells, are struck out in one go. A table of few rows is
written cell by cell after all: it is done before the columns of a grid are made ready.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from crfs.errors import InvalidInput

if TYPE_CHECKING:
    from psycopg import Cursor

_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"
_EPOCH_DAYS = 10_957  # from 1970-01-01 to PostgreSQL's 2000-01-01
_EPOCH_MICROSECONDS = _EPOCH_DAYS * 86_400_000_000
_BLOCK_BYTES = 4 * 1024 * 1024
_MANY = 2_000
"""Rows of which the encoding is worth a thread of its own."""
_FEW = 200
"""Rows up to which cells are written one by one."""
_Bytes = npt.NDArray[np.uint8]


def copy_rows(cursor: Cursor, relation: str, table: pl.DataFrame) -> None:
    """Write the rows of ``table`` into ``relation``, whose columns have the table's names and types."""
    names = ", ".join(f'"{name}"' for name in table.columns)
    blocks = encoded(table)
    with cursor.copy(f"COPY {relation} ({names}) FROM STDIN (FORMAT binary)") as copy:
        if table.height < _MANY:
            for block in blocks:
                copy.write(block)
            return
        with ThreadPoolExecutor(1) as pool:
            # Each is encoded while the one before is on its way: the server is busy longer with a block than it takes to make.
            coming = pool.submit(next, blocks, b"")
            while block := coming.result():
                coming = pool.submit(next, blocks, b"")
                copy.write(block)


def encoded(table: pl.DataFrame) -> Iterator[bytes]:
    """The blocks of a binary COPY of ``table``: int16, int64, float64, bool, date, UTC instants and text, each with nulls."""
    yield _HEADER
    if table.height <= _FEW and table.estimated_size() <= _BLOCK_BYTES:
        yield _cell_by_cell(table)
        yield _TRAILER
        return
    start = 0
    while start < table.height:
        rows = _rows_of_a_block(table, start)
        yield _block(table.slice(start, rows))
        start += rows
    yield _TRAILER


def _cell_by_cell(table: pl.DataFrame) -> bytes:
    """What a block of ``table`` is, for one of few rows."""
    writers = [_writer(name, dtype) for name, dtype in table.schema.items()]
    numbers = table.with_columns(
        pl.selectors.date().cast(pl.Int32) - _EPOCH_DAYS, pl.selectors.datetime().cast(pl.Int64) - _EPOCH_MICROSECONDS
    )
    count, null = table.width.to_bytes(2, "big"), (-1).to_bytes(4, "big", signed=True)
    written = bytearray()
    for row in numbers.iter_rows():
        written += count
        for write, cell in zip(writers, row, strict=True):
            written += null if cell is None else write(cell)
    return bytes(written)


def _writer(name: str, dtype: pl.DataType) -> Callable[[Any], bytes]:
    """Writes a cell of a type, its length before it."""
    if dtype == pl.String:
        return _text_cell
    forms: dict[pl.DataType, str] = {
        pl.Boolean(): "?",
        pl.Date(): "i",
        pl.Datetime("us", "UTC"): "q",
        pl.Int16(): "h",
        pl.Int64(): "q",
        pl.Float64(): "d",
    }
    if dtype not in forms:
        raise _unknown(name, dtype)
    form = struct.Struct(f">i{forms[dtype]}")
    return partial(form.pack, form.size - 4)


def _text_cell(text: str) -> bytes:
    body = text.encode()
    return len(body).to_bytes(4, "big") + body


def _unknown(name: str, dtype: pl.DataType) -> InvalidInput:
    return InvalidInput(f"column {name}: no binary form of {dtype} is known")


def _rows_of_a_block(table: pl.DataFrame, start: int) -> int:
    """How many rows from ``start`` fit into a block, by the longest text among the next ones."""
    fixed = 2 + 12 * table.width
    texts = [name for name, dtype in table.schema.items() if dtype == pl.String]
    rows = max(1, _BLOCK_BYTES // fixed)
    if not texts:
        return rows
    while True:
        longest = table.slice(start, rows).select(pl.col(texts).str.len_bytes().max()).row(0)
        if rows == 1 or rows * (fixed + sum(length or 0 for length in longest)) <= 4 * _BLOCK_BYTES:
            return rows
        rows = max(1, rows // 4)


def _block(rows: pl.DataFrame) -> bytes:
    fields = [field_of(rows[name]) for name in rows.columns]
    width = 2 + sum(4 + content.shape[1] for _, content in fields)
    grid = np.empty((rows.height, width), dtype=np.uint8)
    grid[:] = np.frombuffer(_same_in_all(fields), dtype=np.uint8)
    ragged = False
    kept: _Bytes | None = None
    place = 2
    for lengths, content in fields:
        size = content.shape[1]
        if not isinstance(lengths, int):
            _put(grid, place, lengths.astype(">i4").view(np.uint8).reshape(-1, 4))
            if kept is None:
                kept = np.ones((rows.height, width), dtype=np.uint8)
            kept[:, place + 4 : place + 4 + size] = np.arange(size) < np.maximum(lengths, 0)[:, None]
            ragged = True
        _put(grid, place + 4, content)
        place += 4 + size
    return grid[kept.view(np.bool_)].tobytes() if ragged and kept is not None else grid.tobytes()


def _same_in_all(fields: Sequence[tuple[int | npt.NDArray[np.int32], _Bytes]]) -> bytes:
    """A row as far as all rows of a block have it alike: the count of fields, and the lengths of those that are as long in each."""
    said = [
        (lengths if isinstance(lengths, int) else 0).to_bytes(4, "big", signed=True) + bytes(cells.shape[1]) for lengths, cells in fields
    ]
    return len(fields).to_bytes(2, "big") + b"".join(said)


def _put(grid: _Bytes, place: int, cells: _Bytes) -> None:
    """Write the cells of a column from a place of each row on; those of a number's size go as numbers, and not byte by byte."""
    height, size = cells.shape
    if size in {1, 2, 4, 8}:
        into: npt.NDArray[np.unsignedinteger] = np.ndarray(height, f"u{size}", grid, place, (grid.shape[1],))
        into[:] = np.ascontiguousarray(cells).view(f"u{size}")[:, 0]
    else:
        grid[:, place : place + size] = cells


def field_of(column: pl.Series) -> tuple[int | npt.NDArray[np.int32], _Bytes]:
    """Lengths (one number where all cells have the same; -1 is null) and the padded bytes, a row a cell."""
    if column.null_count() == len(column):
        return -1, np.empty((len(column), 0), dtype=np.uint8)
    if column.dtype == pl.String:
        return _text(column)
    content = _fixed(column)
    if not column.null_count():
        return content.shape[1], content
    return np.where(column.is_null().to_numpy(), -1, content.shape[1]).astype(np.int32), content


def _fixed(column: pl.Series) -> _Bytes:
    dtype = column.dtype
    if dtype == pl.Boolean:
        return column.fill_null(value=False).cast(pl.UInt8).to_numpy().reshape(-1, 1)
    if dtype == pl.Date:
        return _big_endian(column.cast(pl.Int32).fill_null(0).to_numpy() - np.int32(_EPOCH_DAYS), ">i4")
    if dtype == pl.Datetime("us", "UTC"):
        return _big_endian(column.cast(pl.Int64).fill_null(0).to_numpy() - np.int64(_EPOCH_MICROSECONDS), ">i8")
    kinds = {pl.Int16: ">i2", pl.Int64: ">i8", pl.Float64: ">f8"}
    for kind, spelt in kinds.items():
        if dtype == kind:
            return _big_endian(column.fill_null(0).to_numpy(), spelt)
    raise _unknown(column.name, dtype)


def _big_endian(values: npt.NDArray[np.generic], spelt: str) -> _Bytes:
    ordered = np.ascontiguousarray(values.astype(spelt))
    return ordered.view(np.uint8).reshape(len(ordered), -1)


def _text(column: pl.Series) -> tuple[npt.NDArray[np.int32], _Bytes]:
    # Few distinct texts a block are the rule: each is encoded once.
    distinct = column.unique(maintain_order=True).drop_nulls()
    codes = column.replace_strict(distinct, pl.Series(np.arange(len(distinct), dtype=np.int64)), default=None, return_dtype=pl.Int64)
    written = [text.encode() for text in distinct.to_list()]
    lengths = np.array([len(text) for text in written], dtype=np.int32)
    longest = max(1, int(lengths.max()))
    padded = np.frombuffer(b"".join(text.ljust(longest, b"\0") for text in written), dtype=np.uint8).reshape(-1, longest)
    index = codes.fill_null(0).to_numpy()
    absent = column.is_null().to_numpy()
    return np.where(absent, -1, lengths[index]).astype(np.int32), padded[index]
