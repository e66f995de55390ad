"""Secrets in every form in which they come back, and words that only look like one."""

from __future__ import annotations

import json
import logging
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from html import escape
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.sources.core.scrubbing import REDACTED, Scrubber, Secret

KEY = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
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


def each(secret: str, write: Callable[[str], str]) -> str:
    return "".join(map(write, secret))


def units(letter: str) -> Iterator[str]:
    text = letter.encode("utf-16-be").hex()
    return (text[at : at + 4] for at in range(0, len(text), 4))


ESCAPES: dict[str, Callable[[str], str]] = {
    "percent": lambda letter: "".join(f"%{byte:02x}" for byte in letter.encode()),
    "PERCENT": lambda letter: "".join(f"%{byte:02X}" for byte in letter.encode()),
    "percent twice": lambda letter: "".join(f"%25{byte:02X}" for byte in letter.encode()),
    "JSON": lambda letter: "".join(f"\\u{unit}" for unit in units(letter)),
    "JSON in JSON": lambda letter: "".join(f"\\\\u{unit.upper()}" for unit in units(letter)),
    "JavaScript": lambda letter: f"\\u{{{ord(letter):x}}}",
    "HTML": lambda letter: f"&#{ord(letter)};",
    "HTML with zeros": lambda letter: f"&#00{ord(letter)};",
    "HTML hexadecimal": lambda letter: f"&#x{ord(letter):x};",
    "HTML HEXADECIMAL": lambda letter: f"&#X000{ord(letter):X};",
    "HTML without ends": lambda letter: f"&#x{ord(letter):04x}",
    "JavaScript's escape": lambda letter: "".join(f"%u{unit.upper()}" for unit in units(letter)),
    "HTML of JSON": lambda letter: escape(json.dumps(letter)[1:-1]),
    "URL of JSON": lambda letter: quote(json.dumps(letter, ensure_ascii=False)[1:-1], safe=""),
    "URL of HTML": lambda letter: quote(escape(letter), safe=""),
    "JSON for HTML, of HTML": lambda letter: escape(letter).replace("&", "\\u0026"),
    "HTML in XML": lambda letter: f"&amp;#{ord(letter)};",
    "as it is": str,
}
ANY_KEY = st.text(st.characters(min_codepoint=32, max_codepoint=0x1F600, categories=("L", "N", "P", "S", "Zs")), min_size=8, max_size=24)


@given(st.one_of(KEYS, ANY_KEY), st.sampled_from([str, str.upper, str.lower]), st.data())
def test_a_key_is_found_whatever_characters_of_it_are_escaped(key: str, case: Callable[[str], str], data: st.DataObject) -> None:
    """All in one way, or each in another or none: encoders escape what they must, and that differs."""
    scrubber = Scrubber()
    scrubber.add(key)
    names = data.draw(
        st.one_of(st.sampled_from(list(ESCAPES)).map(lambda name: [name]), st.lists(st.sampled_from(list(ESCAPES)), min_size=1))
    )
    written = "".join(ESCAPES[names[at % len(names)]](letter) for at, letter in enumerate(case(key)))
    body = f"<p>before {written}. after</p>".encode()
    assert scrubber.body(body) == b"<p>before REDACTED. after</p>"
    assert scrubber.text(body.decode()) == "<p>before REDACTED. after</p>"


@given(st.one_of(KEYS, ANY_KEY), st.sampled_from(["utf-16-le", "utf-16-be", "utf-16", "utf-32-le", "utf-32-be", "utf-8-sig"]))
def test_a_key_is_found_in_every_encoding_of_characters(key: str, encoding: str) -> None:
    scrubber = Scrubber()
    scrubber.add(key)
    assert scrubber.body(f"Ä key {key}, it is".encode(encoding)).decode(encoding) == "Ä key REDACTED, it is"


@given(KEYS, st.binary(max_size=9), st.binary(max_size=9), st.booleans())
def test_a_key_is_found_in_base64_whatever_stands_beside_it(key: str, before: bytes, after: bytes, url: bool) -> None:
    """Of the key no more than half a byte at either end is left."""
    scrubber = Scrubber()
    scrubber.add(key)
    encode = urlsafe_b64encode if url else b64encode
    text = encode(before + key.encode() + after).decode()
    clean = scrubber.text(f'{{"auth": "Basic {text}"}}')
    assert REDACTED in clean
    left = clean.removeprefix('{"auth": "Basic ').removesuffix('"}').split(REDACTED, 1)
    whole = (len(before) * 8, (len(before) + len(key)) * 8)
    assert len(left[0]) * 6 <= whole[0] + 5
    assert (len(text) - len(left[1].rstrip("="))) * 6 >= whole[1] - 5 - 6 * text.count("=")


@pytest.mark.parametrize("write", [str, str.upper, lambda text: text[:9] + text[9:].upper()], ids=["small", "capitals", "both"])
def test_a_key_is_found_in_hexadecimal_and_whatever_the_case(write: Callable[[str], str]) -> None:
    scrubber = Scrubber()
    scrubber.add("zone-key+jolly")
    for text in ("zone-key+jolly", b"zone-key+jolly".hex()):
        assert scrubber.text(f"a {write(text)} b") == "a REDACTED b"


@pytest.mark.parametrize("at", [0, 1, -1, 5, 33])
def test_a_key_is_found_where_two_pieces_of_a_long_body_meet(at: int) -> None:
    scrubber = Scrubber()
    scrubber.add(KEY)
    long = b"x" * ((1 << 22) - len(KEY) + at)
    for written in (KEY.encode(), each(KEY, ESCAPES["HTML"]).encode(), KEY.encode("utf-16-le")[:-1]):
        clean = scrubber.body(long + written + b"-y")
        assert clean.startswith(long)
        assert len(clean) < len(long) + 20
        assert clean.endswith(b"-y")


def test_a_short_key_that_is_escaped_is_taken_out_where_it_stands_alone() -> None:
    scrubber = Scrubber()
    scrubber.add("demo")
    assert scrubber.text(r"%64emo &#100;emo; \u0064\u0065\u006d\u006f %64emocracy Demo") == r"REDACTED REDACTED; REDACTED %64emocracy Demo"
    assert scrubber.body("demo democracy".encode("utf-16-le")) == "REDACTED democracy".encode("utf-16-le")


def test_what_only_looks_like_a_key_stays() -> None:
    scrubber = Scrubber()
    scrubber.add(KEY)
    for body in (each(KEY[:-1], ESCAPES["HTML"]), each(KEY[1:], ESCAPES["percent"]), KEY[:-1] + "x", KEY.replace("b", "&#99;"), "%61" * 99):
        assert scrubber.text(body) == body


def test_a_body_of_escapes_takes_no_more_than_its_size_allows() -> None:
    """A hundred megabytes without the key take a third of a second; what is made to take long takes a second for each two megabytes."""
    scrubber = Scrubber()
    scrubber.add(KEY)
    almost = each(KEY[:-1], ESCAPES["percent"])
    for body in (b"%61" * 170_000, b"&#0000000" * 55_000, almost.encode() * (500_000 // len(almost)), b"%61x" * 125_000):
        start = time.process_time()
        assert scrubber.body(body) == body
        assert time.process_time() - start < 2.0  # a tenth of that, on a machine that has nothing else to do


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
