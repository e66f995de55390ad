"""HTML of filings as lines: a paragraph is a line of one cell, a table's row a line of its cells; with a bound on depth and size."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_BYTES = 20_000_000
MOST_DEPTH = 4_000
MOST_LINES = 10_000
# Tags that end by themselves, or have no content, make no depth.
_FLAT = "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr|p|li|dd|dt|td|th|tr|tbody|thead|tfoot|option|colgroup"
_TAG = re.compile(rf"<(/?)(?!(?:{_FLAT})\b)[A-Za-z]".encode(), re.IGNORECASE)
_SKIPPED = {"script", "style", "head", "title", "ix:header", "noscript", "template", "svg"}
_BLOCKS = {
    "p", "div", "li", "h1", "h2", "h3", "h4", "h5", "h6", "br", "hr", "ul", "ol", "dl", "dd", "dt", "center", "blockquote", "section",
    "article", "pre", "table", "body",
}  # fmt: skip
# A footnote's mark is set high, and glued to a number it would be a digit of it: 980¹ is not 9801.
_HIGH = re.compile(r"vertical-align:\s*super|(?<![\w-])top:\s*-\d", re.IGNORECASE)
_INLINE = {"span", "font", "a", "small"}
_MARKED = {"sup", *_INLINE}
_MARK, _LONGEST_MARK, _MOST_MARKS = re.compile(r"[a-z]\b|\d{1,2}|[*†‡§#]+"), 12, 20
_MOST_SPAN = 100
_SPACE = re.compile(r"[\s\u00a0\u200b\ufeff]+")
# No word or number is longer, and what seeks a name from each of its letters would take the square of its length.
_LONGEST_WORD = 120
_REST_OF_WORD = re.compile(rf"(?<=\S{{{_LONGEST_WORD}}})\S+")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text; ``table`` counts the tables of the document from 1, 0 outside of them.

    ``spans`` says of each cell how many columns and rows it takes up; without it each takes one of both. ``marks`` are the footnotes that the
    first cell bears (1, a, *), which its text leaves out; ``is_note`` where the line begins with one: it is the footnote. ``after_break``
    where nothing but a single line break parts it from the line before, of the same paragraph.
    """

    cells: tuple[str, ...]
    table: int = 0
    spans: tuple[tuple[int, int], ...] = ()
    marks: frozenset[str] = frozenset()
    is_note: bool = False
    after_break: bool = field(default=False, compare=False)

    @property
    def text(self) -> str:
        """The cells with blanks between."""
        return " ".join(cell for cell in self.cells if cell)


def too_deep(body: bytes) -> bool:
    """Whether elements are nested deeper than any filing's: a parser's time grows with the square of the depth."""
    if len(body) > MOST_BYTES:
        return True
    depth = 0
    for closing in _TAG.findall(body):
        depth = depth - 1 if closing else depth + 1
        if depth > MOST_DEPTH:
            return True
        depth = max(depth, 0)
    return False


def lines(body: bytes) -> list[Line]:
    """The first lines of a document, in order, blank ones and marks of footnotes left out; nothing where it is nested too deep.

    Of a word without end the first letters are kept.
    """
    from selectolax.lexbor import LexborHTMLParser

    if too_deep(body):
        return []
    root = LexborHTMLParser(body.decode("utf-8", "replace").replace("\x00", " ")).body
    found = (line for line in _walk(root) if any(line.cells)) if root is not None else iter(())
    return list(islice(found, MOST_LINES))


def _walk(root: Any) -> Iterator[Line]:
    """Depth first, without recursion: a node is opened, its children follow, and it is closed."""
    text: list[str] = []
    cells: list[str] | None = None
    spans: list[tuple[int, int]] = []
    marks: list[tuple[str, bool]] = []  # of the line's first text, and whether they stand before it
    breaks = 0  # line breaks since the line before, if nothing else has ended it
    tables = 0
    open_tables: list[int] = []
    stack: list[tuple[Any, bool]] = [(root, True)]
    while stack:
        node, opening = stack.pop()
        tag = node.tag or ""  # none where the bytes of its name are no text
        is_leaf = opening and (tag in _SKIPPED or tag.startswith(("-", "!")) or _is_high(node, tag))
        if is_leaf or not opening:  # a node is left: its sibling is next
            following = node.next if stack else None
            if following is not None:
                stack.append((following, True))
        if is_leaf:
            if tag == "-text":
                text.append(node.text_content or "")
            elif tag in _MARKED and len(marks) < _MOST_MARKS and not any(cells or ()):
                marks += [(mark, not cleaned(text)) for mark in _MARK.findall(node.text()[:_LONGEST_MARK])]
            continue
        if tag == "tr":
            if not opening:
                yield _line(cells or [cleaned(text)], open_tables, spans if cells else (), marks)
            elif cleaned(text):
                yield _line([cleaned(text)], open_tables, (), marks)
            text, cells, spans, marks, breaks = [], [] if opening else None, [], [], 0
        elif tag in ("td", "th"):
            if not opening and cells is not None:
                cells.append(cleaned(text))
                spans.append((_span(node, "colspan"), _span(node, "rowspan")))
                text = []
        elif tag in _BLOCKS and cells is None:
            if cleaned(text):
                yield _line([cleaned(text)], open_tables, (), marks, after_break=breaks == 1)
                marks, breaks = [], 0
            text = []
            breaks = breaks + opening if tag == "br" else 0
        elif tag in _BLOCKS:
            text.append(" ")
        if tag == "table":
            if opening:
                tables += 1
                open_tables.append(tables)
                cells = None  # a table within a cell lays the page out: its rows are lines of their own
            elif open_tables:
                open_tables.pop()
        if opening:
            stack.append((node, False))
            child = node.first_child
            if child is not None:
                stack.append((child, True))
    if cleaned(text):
        yield _line([cleaned(text)], (), (), marks, after_break=breaks == 1)


def _line(
    cells: Sequence[str],
    tables: Sequence[int],
    spans: Sequence[tuple[int, int]],
    marks: Sequence[tuple[str, bool]],
    *,
    after_break: bool = False,
) -> Line:
    return Line(
        tuple(cells),
        tables[-1] if tables else 0,
        tuple(spans),
        frozenset(mark for mark, _ in marks),
        is_note=any(is_first for _, is_first in marks),
        after_break=after_break,
    )


def _is_high(node: Any, tag: str) -> bool:
    """Whether an element is set above the line: the mark of a footnote."""
    return tag == "sup" or (tag in _INLINE and _HIGH.search(node.attributes.get("style") or "") is not None)


def _span(node: Any, name: str) -> int:
    """How many columns or rows a cell takes up; 1 where it does not say, and no more than any statement has."""
    text = (node.attributes.get(name) or "").strip()
    return min(max(int(text), 1), _MOST_SPAN) if re.fullmatch(r"[0-9]{1,6}", text) else 1


def cleaned(text: Sequence[str]) -> str:
    """Pieces of a text as one, with single blanks, and of a word without end the first letters.

    >>> cleaned(["Net\\u00a0sales ", "\\n rose"])
    'Net sales rose'
    """
    joined = _SPACE.sub(" ", "".join(text)).replace("\u00ad", "").strip() if text else ""
    return _REST_OF_WORD.sub("", joined) if len(joined) > _LONGEST_WORD else joined
