"""Secrets in every form in which they come back, and words that only look like one."""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from html import escape
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.sources.core.scrubbing import REDACTED, Scrubber, Secret

KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40)


@given(KEYS, st.sampled_from([str, str.upper, str.lower]))
def test_a_key_is_found_in_every_form(key: str, case: object) -> None:
    scrubber = Scrubber()
    scrubber.add(key)
    spelt = key.upper() if case is str.upper else key.lower() if case is str.lower else key
    said = [
        spelt, quote(spelt), quote(spelt, safe=""), quote_plus(spelt), urlencode({"k": spelt}), json.dumps({"k": spelt}), escape(spelt),
        json.dumps(spelt).replace("/", "\\/"), repr(spelt),
    ]  # fmt: skip
    for text in said:
        assert REDACTED in scrubber.text(f"a {text} b")
        assert scrubber.body(text.encode()).decode() == scrubber.text(text)
    assert REDACTED in scrubber.text(b64encode(key.encode()).decode())


def test_the_quota_text_of_alpha_vantage_keeps_its_words_and_loses_the_key() -> None:
    scrubber = Scrubber()
    scrubber.add("ABCDEFGH12345678")
    body = b'{"Information": "We have detected your API key as ABCDEFGH12345678 and our standard API rate limit is 25 requests per day."}'
    assert scrubber.body(body) == body.replace(b"ABCDEFGH12345678", b"REDACTED")
    other = body.replace(b"ABCDEFGH12345678", b"ZZZZZZZZ12345678")
    assert scrubber.body(other) == other


def test_a_short_key_is_taken_out_only_where_it_stands_alone() -> None:
    scrubber = Scrubber()
    scrubber.add("demo")
    assert scrubber.text('democracy, "demo", ?apikey=demo&x=1, a_demo.') == 'democracy, "REDACTED", ?apikey=REDACTED&x=1, a_REDACTED.'
    assert scrubber.body(b"democracy demo") == b"democracy REDACTED"


@pytest.mark.parametrize("key", ["", "1", "abc"])
def test_what_is_too_short_for_a_secret_spoils_nothing(key: str) -> None:
    scrubber = Scrubber()
    scrubber.add(key)
    assert scrubber.text("1 abc") == "1 abc"


def test_keys_of_several_providers_are_all_taken_out_the_longer_first() -> None:
    scrubber = Scrubber()
    for key in ("secret-key", "secret-key-two", "secret-key"):
        scrubber.add(key)
    assert scrubber.text("secret-key-two secret-key") == "REDACTED REDACTED"


def test_a_log_record_is_rewritten_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    scrubber = Scrubber()
    scrubber.add("secret-key")
    logger = logging.getLogger("crfs.test.scrubbing")
    logger.addFilter(scrubber)
    with caplog.at_level(logging.DEBUG):
        logger.debug("asked %s of %d", ("https://x/?key=secret-key", b"secret-key"), 3)
        logger.debug("plain %d", 3)
    assert [record.getMessage() for record in caplog.records] == ["asked ('https://x/?key=REDACTED', b'REDACTED') of 3", "plain 3"]
    assert "secret-key" not in str([record.args for record in caplog.records])


def test_a_secret_does_not_show_itself() -> None:
    assert "secret-key" not in repr([Secret("secret-key")]) + str(Secret("secret-key"))
