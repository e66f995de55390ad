"""Bodies of JSON that say two things under one name."""

from __future__ import annotations

import pytest

from crfs.sources.core.json_text import read_json


@pytest.mark.parametrize(
    "body",
    [
        b'{"value": 1, "value": 2}', b'{"value" : "1", "value" : "2"}', b'[{"a": {"value": [1], "value": [2]}}]',
        b'{"value": "\\":\\":\\":", "value": 2}', b'{"value": 1, "\\u0076alue": 2}', b'\xef\xbb\xbf{"value": 1, "value": null}',
    ],
)  # fmt: skip
def test_a_name_with_two_values_is_a_problem(body: bytes) -> None:
    read = read_json(body)
    assert (read.value, read.problem) == (None, "JSON whose 'value' has two values in one object")


@pytest.mark.parametrize(
    "body",
    [
        b'{"value": 1, "value": 1}', b'[{"value": 1}, {"value": 2}]', b'{"value": "\\"value\\": 1"}', b'{"a": "\\u0022:", "b": {"a": ":"}}',
        b'{"a" :1, "b" : "\\" :"}', b"[]", b'{"a": 123456789012345678901234567890, "b": -0.0}',
    ],
)  # fmt: skip
def test_a_name_that_says_one_thing_is_none(body: bytes) -> None:
    assert read_json(body).problem is None
