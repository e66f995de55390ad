"""Tables of releases: which cell of a row stands in which column of the head, and what the head says about that column.

A statement's number is worth nothing without its column: where this period's cell is blank or can't be read, the number beside it is last
year's. So a row gives the cell of a column, or nothing. A currency sign, a parenthesis or a % with a cell of its own belongs to the number
beside it. Columns are found by the widths of cells (``colspan``) where these fit the numbers, else by counting, if the count comes out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from crfs.sources.providers.edgar.html_text import Line
from crfs.sources.providers.edgar.releases.notes import is_marked, other_measures
from crfs.sources.providers.edgar.releases.periods import DAY, MONTH_DAY, YEAR, lengths, quarters, read_day, spelled
from crfs.sources.providers.edgar.releases.titles import title_above
from crfs.sources.providers.edgar.releases.units import names_unit, scale

_MARK = r"(?:\s*(?:[*†‡§#]+|\([a-z]\)|\(\d\)|\[[a-z\d]\]|[¹²³⁴⁵⁶⁷⁸⁹⁰]+))*"
_DIGITS = r"(?P<whole>\d{1,3}(?:,\d{3})+|\d+)?(?P<part>\.\d+)?"
_VALUE = re.compile(
    rf"^(?P<open>(?:US|U\.S\.\s?)?[$]?\s*\(?\s*[-−–]?\s*(?:US)?[$]?\s*\(?)\s*{_DIGITS}\s*(?P<close>\)?)(?P<share>\s*%\s*\)?)?{_MARK}$"
)
_MARK_CELL = re.compile(r"^(?:[*†‡§#]+|\([a-z]\)|\[[a-z\d]\]|[¹²³⁴⁵⁶⁷⁸⁹⁰]+)$")
_SIGN_CELL = re.compile(r"^(?:US|U\.S\.\s?)?\$\s*\(?$|^\($")
_CLOSE_CELL = re.compile(r"^\)?\s*%?\s*\)?$")
_PLAIN_YEAR = re.compile(r"(?:19|20)\d\d")
_CHANGE = re.compile(r"change|variance|%|\bincrease|\bdecrease|\bincr?\b|\bbps\b", re.IGNORECASE)
# A column of one of these is not what the company reports of the period, though it bears its date.
_NOT_REPORTED = re.compile(
    r"pro[\s-]?forma|adjust|non-?gaap|previously|guidance|outlook|excluding|constant|predecessor|combined|impact|effect|forecast|budget|estimate"
    r"|\bplan\b|\bongoing\b|\bmanaged\b|\bcore\b|\bunderlying\b|\bnormali[sz]ed\b|\bitems?\b|\bconsensus\b|\bsegment|\btarget|eliminations?"
    r"|\bcash\b|\beconomic\b",
    re.IGNORECASE,
)
_MOST_HEAD, _MOST_COLUMNS, _MOST_TABLES = 12, 400, 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What stands in a row beside its label: a number, or none where it can't be read; its place in the grid of columns."""

    text: str
    start: int
    stop: int
    number: float | None = None
    is_share: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a table: its label and the cells beside it; ``has_gap`` where a cell before its last number is blank."""

    label: str
    cells: tuple[Cell, ...]
    has_gap: bool
    is_head: bool
    marks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What the head says of a column: its year or day, its quarter (1 to 4) and the months of its period; ``is_reported`` is False for changes and the like."""

    start: int
    stop: int
    year: int | None = None
    day: date | None = None
    months: int | None = None
    quarter: int | None = None
    is_reported: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A statement: the columns of its head, the rows below it, the unit of its amounts, and the words over its columns."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    scale: float | None
    title: str
    is_grid: bool

    def cell(self, row: Row, column: Column) -> Cell | None:
        """The cell of ``row`` in ``column``; None where the row has none there, or where it can't be told which one it is."""
        if self.is_grid:
            under = [cell for cell in row.cells if _overlaps(cell, column)]
            # Under one year's head may stand the amount and its share of revenue.
            found = [cell for cell in under if not cell.is_share] or under
            return found[0] if len(found) == 1 and sum(_overlaps(found[0], one) for one in self.columns) == 1 else None
        return _counted(row, self.columns, column)


def tables(lines: Sequence[Line]) -> list[Table]:
    """The tables of a release that have a head with years or days; one that begins anew in the middle is two. More than a release has are not read."""
    found: list[Table] = []
    start = 0
    while start < len(lines) and lines[start].table <= _MOST_TABLES:
        number, stop = lines[start].table, start
        while stop < len(lines) and lines[stop].table == number:
            stop += 1
        if number:
            above, marks = title_above(lines, start), other_measures(lines[start:], stop - start)
            # A mark on the title is one on every row.
            blocks = () if is_marked(above[0], frozenset(), marks) else _blocks(_rows(lines[start:stop]))
            found += [table for head, body in blocks if (table := _table(head, body, above, marks)) is not None]
        start = stop
    return found


def _rows(lines: Sequence[Line]) -> list[Row]:
    rows = []
    taken: dict[int, int] = {}  # column -> rows below that a cell of an earlier row still reaches into
    for line in lines:
        is_head = not any(
            cell.strip("$( ").replace(",", "").replace(".", "").isdigit() and not _PLAIN_YEAR.fullmatch(cell) for cell in line.cells
        )
        placed: list[tuple[str, int, int]] = []
        place, reach = 0, dict(taken)
        for index, text in enumerate(line.cells):
            width, height = line.spans[index] if index < len(line.spans) else (1, 1)
            while place < _MOST_COLUMNS and reach.get(place, 0) > 0:
                place += 1
            placed.append((spelled(text) if is_head and index else text, place, place + width))
            if height > 1 and place < _MOST_COLUMNS:
                taken |= dict.fromkeys(range(place, place + width), height)
            place += width
        taken = {column: left - 1 for column, left in taken.items() if left > 1}
        rows.append(replace(_row(placed), marks=line.marks))
    return rows


def _row(placed: Sequence[tuple[str, int, int]]) -> Row:
    first = next((i for i, (text, _, _) in enumerate(placed) if text), 0)
    has_label = bool(placed) and re.search(r"[^\W\d]", placed[first][0]) is not None and not _is_heading(placed[first][0])
    # A head's day or year may stand in the first column too, but a label with letters beside it does not.
    label = placed[first][0] if has_label and placed[first][1] <= 2 else ""
    rest = placed[first + 1 :] if label else placed
    cells = tuple(_cells(rest))
    is_head = any(_is_heading(cell.text) for cell in cells) and all(
        cell.number is None or _PLAIN_YEAR.fullmatch(cell.text) is not None for cell in cells
    )
    last = max((i for i, (text, _, _) in enumerate(rest) if text), default=-1)
    return Row(label=label, cells=cells, has_gap=any(not text for text, _, _ in rest[: last + 1]), is_head=is_head)


def _is_heading(text: str) -> bool:
    return bool(_PLAIN_YEAR.search(text) and YEAR.search(text)) or MONTH_DAY.search(text) is not None or bool(lengths(text))


def _cells(placed: Sequence[tuple[str, int, int]]) -> Iterator[Cell]:
    """The cells beside a label, each with the signs that belong to it."""
    texts = [one for one in placed if one[0]]
    place = 0
    while place < len(texts):
        text, start, stop = texts[place]
        place += 1
        while _SIGN_CELL.match(text) and place < len(texts):
            text, start, stop = text + texts[place][0], *texts[place][1:]
            place += 1
        while place < len(texts) and (_CLOSE_CELL.match(texts[place][0]) or _MARK_CELL.match(texts[place][0])):
            text += texts[place][0]
            place += 1
        number, is_share = _number(text)
        yield Cell(text=text, start=start, stop=stop, number=number, is_share=is_share)


def _number(text: str) -> tuple[float | None, bool]:
    """The number that a cell says for certain, and whether it is a share of a hundred.

    A dash may be nothing or "not meaningful", and is no number; a closing parenthesis without its opening one is none either.

    >>> _number("$(0.12)"), _number("1,100 (a)"), _number("N/M"), _number("12%")
    ((-0.12, False), (1100.0, False), (None, False), (12.0, True))
    """
    found = _VALUE.match(text)
    if found is None or (found["whole"] is None and found["part"] is None):
        return None, False
    opened, closed = found["open"].count("("), found["close"] == ")" or ")" in (found["share"] or "")
    if bool(opened) != closed:
        return None, found["share"] is not None
    value = float((found["whole"] or "0").replace(",", "") + (found["part"] or ""))
    is_negative = bool(opened) or re.search(r"[-−–]", found["open"]) is not None
    return (-value if is_negative else value), found["share"] is not None


def _blocks(rows: Sequence[Row]) -> Iterator[tuple[list[Row], list[Row]]]:
    """(head, body) pairs: a head ends at the first row with a label and a number."""
    head: list[Row] = []
    body: list[Row] = []
    for row in rows:
        is_data = bool(row.label) and any(cell.number is not None for cell in row.cells) and not row.is_head
        if body and row.is_head:
            yield head, body
            head, body = [row], []
        elif body or is_data:
            body.append(row)
        else:
            head.append(row)
    if body:
        yield head, body


def _table(head: Sequence[Row], body: Sequence[Row], above: tuple[str, float | None], marks: frozenset[str]) -> Table | None:
    # Rows of labels between the last heading and the first number ("Earnings per share:") are the body's.
    last = max((i for i, row in enumerate(head) if any(YEAR.search(cell.text) for cell in row.cells)), default=None)
    if last is None or last >= _MOST_HEAD:
        return None
    heading = [row for i, row in enumerate(head) if i <= last or row.cells]
    columns = _columns(heading, head[last])
    if not columns:
        return None
    rows = (*(row for row in head[last + 1 :] if not row.cells), *(row for row in body if not is_marked(row.label, row.marks, marks)))
    said = [text for row in head for text in (row.label, *(cell.text for cell in row.cells)) if names_unit(text)]
    units = {scale(text) for text in said}
    unit = above[1] if not units else units.pop() if len(units) == 1 else None
    # A column's own words ("2024 Pro Forma") are about it alone; all others may be about the whole table.
    others = " ".join(text for row in head for text in (row.label, *(cell.text for cell in row.cells if row is not head[last])))
    return Table(columns=columns, rows=rows, scale=unit, title=f"{above[0]} | {others}", is_grid=_fits(columns, rows))


def _columns(head: Sequence[Row], named: Row) -> tuple[Column, ...]:
    """The columns by the head's last row with years, and what the rows over it (and its own words) say about each."""
    cells = [cell for cell in named.cells if cell.start or YEAR.search(cell.text)]
    others = [cell for row in head if row is not named for cell in row.cells]
    cells += [cell for cell in others if _CHANGE.search(cell.text) and not any(_overlaps(cell, one) for one in named.cells)]
    cells.sort(key=lambda cell: cell.start)
    if any(len(YEAR.findall(cell.text)) > 1 for cell in cells):
        return ()  # two columns in one cell
    whole = " ".join(text for row in head for text in (row.label, *(cell.text for cell in row.cells)))
    months = [None if text is None else int(text) for text in _spread(cells, others, whole, _months)]
    days = _spread(cells, others, whole, _month_day)
    found = []
    for cell, length, month_day in zip(cells, months, days, strict=True):
        year = next((int(text) for text in YEAR.findall(cell.text)), None)
        day = read_day(text[0]) if (text := DAY.search(cell.text)) else None
        if day is None and year is not None and month_day is not None:
            day = read_day(f"{month_day} {year}")
        quarter = quarters(cell.text)
        over = " ".join([cell.text, *(one.text for one in others if _overlaps(cell, one) and one.stop - one.start < 40)])
        is_reported = year is not None and not _CHANGE.search(cell.text) and not _NOT_REPORTED.search(over)
        found.append(
            Column(
                start=cell.start,
                stop=cell.stop,
                year=year,
                day=day,
                months=length,
                quarter=quarter.pop() if len(quarter) == 1 else None,
                is_reported=is_reported,
            )
        )
    return tuple(found)


def _months(text: str) -> str | None:
    named = set(lengths(text))
    return str(named.pop()) if len(named) == 1 else None


def _month_day(text: str) -> str | None:
    named = {" ".join(found.replace(".", "").split()).title() for found in MONTH_DAY.findall(text)}
    return named.pop() if len(named) == 1 else None


def _spread(cells: Sequence[Cell], others: Sequence[Cell], whole: str, read: Callable[[str], str | None]) -> list[str | None]:
    """What the head says of each column: in the column's own words, else in the one way there is, else by what stands over it."""
    own = [read(cell.text) for cell in cells]
    if (single := read(whole)) is not None:
        return [said or single for said in own]
    marks = [cell for cell in others if read(cell.text) is not None]
    over = [{read(mark.text) for mark in marks if _overlaps(mark, cell)} for cell in cells]
    if all(len(said) == 1 for said in over) and all(any(_overlaps(mark, cell) for cell in cells) for mark in marks):
        return [said or next(iter(above)) for said, above in zip(own, over, strict=True)]
    # Widths that do not fit: the columns are shared out, if each share has the same years in the same order.
    share = len(cells) // len(marks) if marks else 0
    texts = [cell.text for cell in cells]
    if share and share * len(marks) == len(cells) and all(texts[i] == texts[i % share] for i in range(len(texts))):
        return [said or read(marks[i // share].text) for i, said in enumerate(own)]
    return own


def _overlaps(one: Cell | Column, other: Cell | Column) -> bool:
    return one.start < other.stop and other.start < one.stop


def _fits(columns: Sequence[Column], rows: Sequence[Row]) -> bool:
    """Whether the widths of cells put every number under one column of the head, and a row fills all of them."""
    end = max(column.stop for column in columns)
    is_filled = False
    for row in rows:
        if not any(cell.number is not None for cell in row.cells):
            continue
        under = [[i for i, column in enumerate(columns) if _overlaps(cell, column)] for cell in row.cells]
        fills = sorted(i for places in under for i in places) == list(range(len(columns)))
        is_filled = is_filled or fills
        if len(row.cells) == len(columns) and not fills:
            return False
        stray = [cell for cell, places in zip(row.cells, under, strict=True) if len(places) != 1 and cell.start < end]
        if any(cell.number is not None for cell in stray):
            return False
    return is_filled and columns[0].start > 0


def _counted(row: Row, columns: Sequence[Column], column: Column) -> Cell | None:
    """The cell of a row whose widths say nothing: its cells are the head's columns in order, if none can be missing before it."""
    # Shares of a hundred often stand in a column without a heading.
    plain = [cell for cell in row.cells if not cell.is_share]
    for cells, heads in ((row.cells, columns), (plain, [one for one in columns if one.year is not None])):
        if len(cells) > len(heads) or (len(cells) < len(heads) and row.has_gap):
            continue
        if row.has_gap and any(cell.number is None for cell in cells):
            continue
        pairs = list(zip(cells, heads, strict=False))
        # Signs with cells of their own push numbers to the right of their heads, never to the left: that is a column of notes.
        if any((cell.is_share and head.year is not None) or cell.start < head.start for cell, head in pairs):
            continue
        place = heads.index(column)
        return cells[place] if place < len(cells) else None
    return None
