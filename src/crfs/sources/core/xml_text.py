"""Bytes of XML → an element tree: no entities, no document types, no external anything, and a bound on depth and size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MOST_DEPTH = 100
MOST_ELEMENTS = 2_000_000
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlText:
    """A body that was read: its ``root``, or the ``problem`` why there is none."""

    root: Element | None = None
    problem: str | None = None


def read_xml(body: bytes, *, most_depth: int = MOST_DEPTH) -> XmlText:
    """The root of an XML body; never raises.

    >>> read_xml(b"<a><b/></a>").root.tag
    'a'
    >>> read_xml(b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>').problem
    'not XML: document types and entities are not read'
    """
    from xml.etree.ElementTree import ParseError, TreeBuilder, XMLParser

    class NoDoctype(TreeBuilder):
        """A tree builder, in C but for the one event that ends the reading before an entity could be declared."""

        def doctype(self, _name: str, _pubid: str | None, _system: str | None) -> None:
            raise _DocumentType

    if not body.strip():
        return XmlText(problem="an empty body")
    # No more elements than there are tags that open, whatever the encoding; so a body that has too many is never built.
    if body.count(b"<") - body.count(b"</") > MOST_ELEMENTS:
        return XmlText(problem=f"not XML: more than {MOST_ELEMENTS} elements")
    parser = XMLParser(target=NoDoctype())
    try:
        for start in range(0, len(body), _PIECE):
            parser.feed(body[start : start + _PIECE])
        root = parser.close()
    except _DocumentType:
        return XmlText(problem="not XML: document types and entities are not read")
    except (ParseError, ValueError, LookupError, AssertionError, TypeError) as error:
        return XmlText(problem=f"not XML: {error}")
    if _is_deeper(root, most_depth):
        return XmlText(problem=f"not XML: deeper than {most_depth} levels")
    return XmlText(root=root)


class _DocumentType(Exception):
    """The body declares a document type."""


def _is_deeper(root: Element, most: int) -> bool:
    """Whether elements lie deeper than ``most`` levels, the root being the first; level by level, so that no tree is too deep to ask."""
    level = [root]
    for _ in range(most):
        level = [child for element in level for child in element]
        if not level:
            return False
    return True
