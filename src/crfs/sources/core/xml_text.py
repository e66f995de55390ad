"""Bytes of XML → an element tree: no entities, no document types, no external anything, and a bound on depth and size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MOST_DEPTH = 100
MOST_ELEMENTS = 2_000_000


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
    from xml.etree.ElementTree import ParseError, TreeBuilder

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser

    class Bounded(TreeBuilder):
        """Ends a tree that is deeper or larger than any provider's."""

        depth = 0
        count = 0

        def start(self, tag, attrs, /):  # type: ignore[no-untyped-def]  # typeshed's TreeBuilder differs between versions
            self.depth += 1
            self.count += 1
            if self.depth > most_depth or self.count > MOST_ELEMENTS:
                raise ValueError(f"deeper than {most_depth} levels or more than {MOST_ELEMENTS} elements")
            return super().start(tag, attrs)

        def end(self, tag, /):  # type: ignore[no-untyped-def]
            self.depth -= 1
            return super().end(tag)

    if not body.strip():
        return XmlText(problem="an empty body")
    parser = DefusedXMLParser(target=Bounded(), forbid_dtd=True, forbid_entities=True, forbid_external=True)
    try:
        parser.feed(body)
        root = parser.close()
    except DefusedXmlException:
        return XmlText(problem="not XML: document types and entities are not read")
    except (ParseError, ValueError, LookupError, AssertionError, TypeError) as error:
        return XmlText(problem=f"not XML: {error}")
    return XmlText(root=root)
