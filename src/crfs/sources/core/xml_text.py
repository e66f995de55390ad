"""Bytes of XML → an element tree: no entities, no document types, no external anything, and a bound on depth and size."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MOST_DEPTH = 100
MOST_TAGS = 500_000
"""Of start and end tags, comments and the like together: what is read in less than a second and a quarter of a gigabyte."""
MOST_ATTRIBUTES = 1_000
"""Of one tag; the data of statistical offices have some twenty."""
MOST_ATTRIBUTES_IN_ALL = 2_000_000
_TOO_MANY = f"not XML that is read: more than {MOST_ATTRIBUTES} attributes in a tag"
_LONG_TAG = re.compile(rb"<[^<>!?][^<>]{1000000}")
"""The beginning of a tag that is long: it is handed on when it is whole, and its attributes are counted before that."""


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
    from xml.etree.ElementTree import ParseError, XMLParser
    from xml.parsers.expat import ExpatError

    if not body.strip():
        return XmlText(problem="an empty body")
    if body.count(b"<") > MOST_TAGS:
        return XmlText(problem=f"not XML that is read: more than {MOST_TAGS} tags")
    if any(tag.group().count(b"=") > MOST_ATTRIBUTES for tag in _LONG_TAG.finditer(body)):
        return XmlText(problem=_TOO_MANY)
    try:
        problem = _problem(body, most_depth)
        if problem is not None:
            return XmlText(problem=problem)
        parser = XMLParser()
        parser.feed(body)
        return XmlText(root=parser.close())
    except (ParseError, ExpatError, ValueError, LookupError, AssertionError, TypeError) as error:
        return XmlText(problem=f"not XML: {error}")


def local_name(element: Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def _problem(body: bytes, most_depth: int) -> str | None:
    """What forbids to build the tree, found without one: a document type (the only place of entities), too many levels or attributes."""
    from xml.parsers.expat import ParserCreate

    depth = attributes = 0

    def start(_name: str, names_and_values: list[str]) -> None:
        nonlocal depth, attributes
        if names_and_values:
            count = len(names_and_values) // 2
            attributes += count
            if count > MOST_ATTRIBUTES:
                raise _Refused(_TOO_MANY)
            if attributes > MOST_ATTRIBUTES_IN_ALL:
                raise _Refused(f"not XML that is read: more than {MOST_ATTRIBUTES_IN_ALL} attributes")
        depth += 1
        if depth > most_depth:
            raise _Refused(f"not XML that is read: deeper than {most_depth} levels")

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def document_type(*_: object) -> None:
        raise _Refused("not XML: document types and entities are not read")

    parser = ParserCreate()
    parser.ordered_attributes = True
    parser.StartDoctypeDeclHandler, parser.StartElementHandler, parser.EndElementHandler = document_type, start, end
    try:
        parser.Parse(body, True)
    except _Refused as refused:
        return str(refused)
    return None


class _Refused(Exception):
    """Ends the first reading."""
