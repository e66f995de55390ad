"""XML is read without document types, entities, and without bounds on depth or size being crossed; never an exception."""

from __future__ import annotations

import random
import time

import pytest

from crfs.sources.core.xml_text import MOST_ATTRIBUTES, MOST_ATTRIBUTES_IN_ALL, MOST_DEPTH, MOST_TAGS, read_xml

LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">'
    b'<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;">]><a>&e;</a>'
)


@pytest.mark.parametrize(
    "body",
    [
        LAUGHS,
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b"<!DOCTYPE html><html/>",
        LAUGHS.decode().encode("utf-16"),
        b'<?xml version="1.0" encoding="cp037"?>'.decode().encode("cp037") + "<!DOCTYPE a><a/>".encode("cp037"),
    ],
)
def test_a_document_type_is_never_read(body: bytes) -> None:
    read = read_xml(body)
    assert read.root is None
    assert read.problem is not None


def test_depth_and_size_are_bounded() -> None:
    nested = b"<a>" * MOST_DEPTH + b"</a>" * MOST_DEPTH
    assert read_xml(nested).root is not None
    assert "deeper" in str(read_xml(b"<a>" + nested + b"</a>").problem)
    assert "deeper" in str(read_xml(b"<a>" * 240_000 + b"</a>" * 240_000).problem)
    assert "tags" in str(read_xml(b"<a>" + b"<b/>" * (MOST_TAGS + 1) + b"</a>").problem)


@pytest.mark.parametrize(
    "body",
    [b"", b"  ", b"text", b"<a>", b"<a></b>", b"<a>&x;</a>", b"<a/><a/>", b"\xff\xfe<", b'<?xml version="1.0" encoding="nope"?><a/>'],
)
def test_what_is_no_xml_has_a_problem(body: bytes) -> None:
    assert read_xml(body).problem is not None


def test_text_tails_attributes_and_namespaces_are_kept() -> None:
    root = read_xml("<a xmlns='u' x='1'>é<b>2</b>3<!-- no --><?no no?></a>".encode()).root
    assert root is not None
    assert (root.tag, root.get("x"), root.text, root[0].text, root[0].tail, len(root)) == ("{u}a", "1", "é", "2", "3", 1)


def test_no_bytes_make_it_raise(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(2000):
        body = bytearray(draw.choice([LAUGHS, b"<a><b c='d'>e</b></a>", b'<?xml version="1.0" encoding="latin-1"?><a>\xe9</a>']))
        for _ in range(draw.randint(1, 5)):
            body[draw.randrange(len(body))] = draw.randrange(256)
        read = read_xml(bytes(body))
        assert (read.root is None) != (read.problem is None)


def attributes(count: int, value: str = "1") -> bytes:
    return b"".join(b" a%d=%r" % (number, value.encode()) for number in range(count)).replace(b"=b", b"=")


def test_attributes_are_bounded() -> None:
    assert read_xml(b"<a%s/>" % attributes(MOST_ATTRIBUTES)).root is not None
    assert "attributes in a tag" in str(read_xml(b"<a%s/>" % attributes(MOST_ATTRIBUTES + 1)).problem)
    assert "attributes in a tag" in str(read_xml(b"<a%s/>" % attributes(2_000, value=">" * 999)).problem), "brackets in values are no ends"
    assert "namespaces" not in str(read_xml(b"<a%s/>" % attributes(9).replace(b" a", b" xmlns:a")).problem)
    assert "attributes in a tag" in str(read_xml(b"<a%s/>" % attributes(MOST_ATTRIBUTES + 1).replace(b" a", b" xmlns:a")).problem)
    many = MOST_ATTRIBUTES_IN_ALL // MOST_ATTRIBUTES + 1
    assert "more than 2000000 attributes" in str(read_xml(b"<a>%s</a>" % (b"<b%s/>" % attributes(MOST_ATTRIBUTES) * many)).problem)


def test_the_attributes_of_a_long_tag_are_counted_before_it_is_read() -> None:
    many, gap = (b"<a%s%s/>" % (blank, attributes(500_000)) for blank in (b"", b" " * 1_000_001))
    start = time.process_time()
    assert "attributes in a tag" in str(read_xml(many).problem)
    assert time.process_time() - start < 0.5  # ten times what it takes
    assert "attributes in a tag" in str(read_xml(gap).problem)
    assert "attributes in a tag" in str(read_xml(b"<a>" + attributes(500_000).replace(b" a", b"<a", 1)).problem), "nor has it to end"


def test_a_tag_may_be_long() -> None:
    long = b"x" * 2_000_000
    read = read_xml(b'<a href="data:%s"><![CDATA[%s]]>%s</a>' % (long, long + b"=" * 2_000, long + b"=" * 2_000))
    assert read.root is not None
    assert read.root.text is not None
    assert len(read.root.text) == 4_004_000
