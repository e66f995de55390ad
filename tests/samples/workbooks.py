"""Small workbooks in both forms, written by hand from their specifications: [MS-CFB] and [MS-XLS] for .xls, ECMA-376 for .xlsx."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

Cells = Sequence[Sequence[str | float | None]]
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def xls(sheets: Mapping[str, Cells]) -> bytes:
    """A compound file with a BIFF8 workbook: texts are LABEL records, numbers NUMBER records."""
    bodies = [_sheet(cells) for cells in sheets.values()]
    names = [name.encode("latin-1") for name in sheets]
    start = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0x0DBB, 0x07CC, 0, 0x0600))
    offset = len(start) + sum(4 + 8 + len(name) for name in names) + 4
    bounds = b""
    for name, body in zip(names, bodies, strict=True):
        bounds += _record(0x0085, struct.pack("<IBBBB", offset, 0, 0, len(name), 0) + name)
        offset += len(body)
    return _compound(start + bounds + _record(0x000A, b"") + b"".join(bodies))


def _sheet(rows: Cells) -> bytes:
    parts = [_record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0x0DBB, 0x07CC, 0, 0x0600))]
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            place = struct.pack("<HHH", number, column, 0)
            if isinstance(value, str):
                parts.append(_record(0x0204, place + struct.pack("<HB", len(value), 0) + value.encode("latin-1")))
            elif value is not None:
                parts.append(_record(0x0203, place + struct.pack("<d", value)))
    return b"".join([*parts, _record(0x000A, b"")])


def _record(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _compound(stream: bytes) -> bytes:
    """Sector 0 is the allocation table, sector 1 the directory, the rest the workbook (padded, so that it is no short stream)."""
    stream = stream.ljust(max(4096, -(-len(stream) // 512) * 512), b"\0")
    sectors = len(stream) // 512
    table = [_FAT, _END, *range(3, 2 + sectors), _END]
    assert len(table) <= 128
    fat = struct.pack("<128I", *table, *[_FREE] * (128 - len(table)))
    header = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(16)
        + struct.pack("<HHHHH6xIIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, _END, 0, _END, 0, 0)
    )
    header = header.ljust(512, b"\xff")
    entries = [("Root Entry", 5, 1, _END, 0), ("Workbook", 2, _FREE, 2, len(stream))]
    directory = b""
    for name, kind, child, first, size in entries:
        text = name.encode("utf-16-le") + b"\0\0"
        directory += (
            text.ljust(64, b"\0")
            + struct.pack("<HBBIII", len(text), kind, 1, _FREE, _FREE, child)
            + bytes(36)
            + struct.pack("<IQ", first, size)
        )
    return header + fat + directory.ljust(512, b"\0") + stream


def xlsx(sheets: Mapping[str, Cells], *, dates: Sequence[int] = (), shared: bool = True) -> bytes:
    """A zip with the parts that a reader needs; numbers in the columns ``dates`` have a date's style."""
    strings: list[str] = []
    parts: dict[str, str] = {}
    for number, rows in enumerate(sheets.values(), start=1):
        lines = []
        for below, row in enumerate(rows, start=1):
            cells = [
                _cell(f"{chr(65 + right)}{below}", value, strings, styled=right in dates, shared=shared) for right, value in enumerate(row)
            ]
            lines.append(f'<row r="{below}">{"".join(cells)}</row>')
        parts[f"xl/worksheets/sheet{number}.xml"] = f'<worksheet xmlns="{_MAIN}"><sheetData>{"".join(lines)}</sheetData></worksheet>'
    listed = "".join(f'<sheet name={quoteattr(name)} sheetId="{i}" r:id="rId{i}"/>' for i, name in enumerate(sheets, start=1))
    parts["xl/workbook.xml"] = f'<workbook xmlns="{_MAIN}" xmlns:r="{_DOCUMENT}"><sheets>{listed}</sheets></workbook>'
    targets = "".join(f'<Relationship Id="rId{i}" Target="worksheets/sheet{i}.xml"/>' for i in range(1, len(sheets) + 1))
    parts["xl/_rels/workbook.xml.rels"] = (
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{targets}</Relationships>'
    )
    parts["xl/sharedStrings.xml"] = f'<sst xmlns="{_MAIN}">{"".join(f"<si><t>{escape(text)}</t></si>" for text in strings)}</sst>'
    parts["xl/styles.xml"] = f'<styleSheet xmlns="{_MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>'
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return stream.getvalue()


def _cell(reference: str, value: str | float | None, strings: list[str], *, styled: bool, shared: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, str) and not shared:
        return f'<c r="{reference}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    if isinstance(value, str):
        strings.append(value)
        return f'<c r="{reference}" t="s"><v>{len(strings) - 1}</v></c>'
    return f'<c r="{reference}"{" s=" + chr(34) + "1" + chr(34) if styled else ""}><v>{value!r}</v></c>'
