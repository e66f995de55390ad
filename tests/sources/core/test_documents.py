"""JSON and XML that mean harm: a second of computing and a quarter of a gigabyte are enough for every one of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crfs.sources.core.json_text import MOST_LEVELS, as_text, read_json
from crfs.sources.core.xml_text import MOST_TAGS, read_xml
from tests.sources.core.hostile import JSON, XML

PROGRAM = Path(__file__).with_name("hostile.py")
READ = {"a huge attribute", "as many tags as are read", "a huge name"} | {
    "a million members", "a million rows", "the same name again and again", "a huge text",
}  # fmt: skip


@pytest.fixture(scope="module")
def said() -> dict[str, dict[str, Any]]:
    """What came of every document, by its kind and name; one that took too much has a status in place of a problem."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")])}
    found: dict[str, dict[str, Any]] = {}
    for kind in ("xml", "json"):
        run = subprocess.run([sys.executable, str(PROGRAM), kind], capture_output=True, text=True, env=environment, check=True)
        found |= {f"{kind} {name}": outcome for name, outcome in json.loads(run.stdout).items()}
    return found


@pytest.mark.parametrize("name", [*(f"xml {name}" for name in XML), *(f"json {name}" for name in JSON)])
def test_a_hostile_document_is_read_or_rejected_with_little(name: str, said: dict[str, dict[str, Any]]) -> None:
    assert "status" not in said[name]
    assert (said[name]["problem"] is None) == (name.partition(" ")[2] in READ)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig", "latin-1"])
def test_a_document_type_is_seen_in_every_encoding(encoding: str) -> None:
    head = "" if encoding.startswith("utf") else f'<?xml version="1.0" encoding="{encoding}"?>'
    plain = f"{head}<!-- {'x' * 70_000} --><a>1</a>"
    assert read_xml(plain.encode(encoding)).problem is None
    typed = plain.replace("<a>", '<!DOCTYPE a [<!ENTITY e "2">]><a>')
    assert read_xml(typed.encode(encoding)).problem == "not XML: document types and entities are not read"


def test_depth_and_tags_are_bounded_to_the_level_and_the_tag() -> None:
    assert read_xml(b"<a>" * 100 + b"</a>" * 100).problem is None
    assert read_xml(b"<a>" * 101 + b"</a>" * 101).problem == "not XML that is read: deeper than 100 levels"
    assert read_xml(b"<a><a/></a>", most_depth=1).problem == "not XML that is read: deeper than 1 levels"
    assert read_xml(b"<a>" + b"<b/>" * (MOST_TAGS - 1) + b"</a>").problem == f"not XML that is read: more than {MOST_TAGS} tags"


def test_json_is_read_to_the_last_level_and_what_stands_in_texts_is_none() -> None:
    def deep(levels: int) -> bytes:
        return b'{"a":' + b"[" * (levels - 1) + b"1" + b"]" * (levels - 1) + b"}"

    read = read_json(deep(MOST_LEVELS))
    assert read.problem is None
    assert as_text(read.fields["a"]) == "[" * (MOST_LEVELS - 1) + "1" + "]" * (MOST_LEVELS - 1)
    assert read_json(deep(MOST_LEVELS + 1)).problem == f"JSON of more than {MOST_LEVELS} levels"
    assert read_json(b"[" + b",".join([b'"[{[{"'] * 1000) + b"]").problem is None
    assert read_json(b"7").problem is None
