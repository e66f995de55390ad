"""Secrets are taken out of everything that is kept or shown: texts, bodies, log records, in every form in which they come back.

A provider that quotes the key back writes it as its own format does: plain, in another encoding of characters, or character by character in the
escapes of URLs, JSON and HTML. :func:`needles` and :func:`escapes` say which forms are known; docs/how-to/providers.md says it to users.
"""

from __future__ import annotations

import html
import json
import logging
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from heapq import merge
from urllib.parse import quote

REDACTED = "REDACTED"
_SHORTEST = 4
_SURELY_SECRET = 8
_PIECE = 1 << 22
_NAMED = {"&": ("amp",), "<": ("lt",), ">": ("gt",), '"': ("quot",), "'": ("apos",)}
_AFTER_BACKSLASH = "\"'/\\"


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A secret that does not show in tracebacks or logs."""

    value: str

    def __repr__(self) -> str:
        return "<secret>"


def spellings(secret: str) -> tuple[str, ...]:
    """As it is, in capitals and in small letters."""
    return tuple(dict.fromkeys((secret, secret.upper(), secret.lower())))


@dataclass(frozen=True, slots=True, order=True)
class Needle:
    """What is looked for as it stands, what stands there afterwards, and of how many bytes the characters around it are."""

    text: bytes
    instead: bytes = REDACTED.encode()
    width: int = 1


def needles(secret: str) -> Iterator[Needle]:
    """The forms that are looked for as they stand: the secret in UTF-8, UTF-16 and UTF-32, hexadecimal, Base64.

    >>> {b"key1", b"KEY1", b"k\\0e\\0y\\x001", b"6b657931", b"a2V5M"} <= {needle.text for needle in needles("key1")}
    True
    """
    for spelt in spellings(secret):
        plain = spelt.encode("utf-8", "surrogatepass")
        yield Needle(plain)
        yield Needle(plain.replace(b" ", b"+"))  # as forms write it
        yield Needle(plain.hex().encode())
        for width in (2, 4):
            yield from _wide(spelt, width)
        for text in _base64(plain):
            yield Needle(text)
            yield Needle(text.replace(b"/", b"\\/"))
            yield Needle(text.replace(b"/", b"%2F").replace(b"+", b"%2B"))


def _wide(spelt: str, width: int) -> Iterator[Needle]:
    """In UTF-16 or UTF-32, of either order of bytes. The zeros at the outer end are left where they are: without them, a secret of plain
    letters is the same in both orders, and is not found half a character beside its place."""
    name, last = f"utf-{8 * width}", width - 1
    little, big = (spelt.encode(f"{name}-{order}", "surrogatepass") for order in ("le", "be"))
    right = len(little[-width:]) - len(little[-width:].rstrip(b"\0"))
    yield Needle(little[: len(little) - right], REDACTED.encode(f"{name}-le")[: width * len(REDACTED) - right], width)
    left = len(big[:width]) - len(big[:width].lstrip(b"\0"))
    if (left, right) != (last, last) or little[:-last] != big[last:]:
        yield Needle(big[left:], REDACTED.encode(f"{name}-be")[left:], width)


def _base64(plain: bytes) -> Iterator[bytes]:
    """Base64 of a text that has the secret somewhere: after none, one or two bytes of its group of three.

    Characters that hold bits of the neighbours too are left off: at most two at either end, and half of one byte of the secret.
    """
    for encode in (b64encode, urlsafe_b64encode):
        for before in range(3):
            text = encode(bytes(before) + plain).rstrip(b"=")
            yield text[before + (before > 0) : len(text) - ((before + len(plain)) % 3 > 0)]


def escapes(letter: str) -> str:
    """A pattern for a character in every escape: percent (also of itself), JSON, JavaScript, HTML; each with more or fewer zeros.

    >>> import re
    >>> [bool(re.fullmatch(escapes("a"), text)) for text in ("%61", "%2561", "&#97;", "&#x0061", r"\\u0061", r"\\\\u0061", "a")]
    [True, True, True, True, True, True, False]
    """
    code = ord(letter)
    percent = "".join(f"%(?:25){{0,3}}{byte:02x}" for byte in letter.encode("utf-8", "surrogatepass"))
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    found = [
        percent,
        "".join(f"%(?:25){{0,3}}u{units[at : at + 4]}" for at in range(0, len(units), 4)),
        "".join(rf"\\{{1,4}}u{units[at : at + 4]}" for at in range(0, len(units), 4)),
        rf"\\{{1,4}}u\{{0{{0,6}}{code:x}\}}",
        f"&(?:amp;)?#(?:0{{0,9}}{code}|x0{{0,9}}{code:x});?",
    ]
    if code < 256:
        found.append(rf"\\{{1,4}}x{code:02x}")
    found += [f"&(?:amp;)?{name};" for name in _NAMED.get(letter, ())]
    if letter in _AFTER_BACKSLASH:
        found.append(rf"\\{{1,4}}{re.escape(letter)}")
    found += [re.escape(form) for form in sorted(_in_one_another(letter), key=len, reverse=True)]
    return "|".join(found)


@cache
def _in_one_another(letter: str) -> frozenset[str]:
    """The two forms, one within the other, of a character that formats escape by themselves: JSON in HTML, HTML in a URL."""
    ways = (html.escape, _in_url, _in_json, _in_careful_json)
    once = {way(letter) for way in ways} - {letter}
    return frozenset({way(form) for form in once for way in ways} - once)


def _in_url(text: str) -> str:
    """As a URL's query writes it."""
    return quote(text, safe="", errors="surrogatepass")


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _in_careful_json(text: str) -> str:
    """As it is written to stand within HTML."""
    return "".join(f"\\u{ord(letter):04x}" if letter in "&<>'" else letter for letter in _in_json(text))


@dataclass(frozen=True, slots=True)
class _Known:
    """A secret as it is looked for.

    ``stands`` is looked for as it is (in small letters, where ``any_case``). Where a character of the secret stands as an escape (``signs``),
    the surroundings, ``reach`` bytes to either side, are read by ``written``, which takes each character plain or escaped: so it costs next
    to nothing where nothing is escaped.
    """

    stands: tuple[Needle, ...]
    signs: tuple[tuple[bytes, re.Pattern[bytes]], ...]
    written: re.Pattern[bytes]
    reach: int
    any_case: bool

    @classmethod
    def of(cls, secret: str) -> _Known:
        any_case = len(secret) >= _SURELY_SECRET
        least = _SURELY_SECRET if any_case else _SHORTEST
        stands = {replace(needle, text=needle.text.lower()) if any_case else needle for needle in needles(secret)}
        ways = []
        for spelt in spellings(secret):
            ways.append("".join(f"(?:(?i:{escapes(letter)})|{_byte_pattern(letter)})" for letter in spelt))
        pattern = "|".join(ways)
        if not any_case:
            pattern = f"(?<![A-Za-z0-9])(?:{pattern})(?![A-Za-z0-9])"
        letters = sorted({letter for spelt in spellings(secret) for letter in spelt})
        return cls(
            stands=tuple(sorted(needle for needle in stands if len(needle.text) >= least)),
            signs=tuple((mark, re.compile(f"{sign}(?:{sign})*+".encode("latin-1"), re.IGNORECASE)) for mark, sign in _signs(letters)),
            written=re.compile(pattern.encode("latin-1")),
            reach=40 * len(secret),
            any_case=any_case,
        )

    def spans(self, body: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Where it begins and ends, and what stands there afterwards."""
        longest = max(len(needle.text) for needle in self.stands)
        for at in range(0, len(body), _PIECE):  # so that no second body of this size is made
            piece = body[at : at + _PIECE + longest]
            if self.any_case:
                piece = piece.lower()
            for needle in self.stands:
                found = piece.find(needle.text)
                while found >= 0:
                    start, end = at + found, at + found + len(needle.text)
                    if self.any_case or _alone(body, start, end, needle.width):
                        yield start, end, needle.instead
                    found = piece.find(needle.text, found + len(needle.text))
        for start, end in self._surroundings(body):
            yield from ((match.start(), match.end(), REDACTED.encode()) for match in self.written.finditer(body, start, end))

    def _surroundings(self, body: bytes) -> Iterator[tuple[int, int]]:
        """Where escapes stand, with all that may belong to them; what touches is one."""
        runs = (((match.start(), match.end()) for match in sign.finditer(body)) for mark, sign in self.signs if mark in body)
        first = last = -1
        for start, end in merge(*runs):  # in order, and never all of them at once: a hostile body has millions
            if last >= 0 and start - self.reach > last:
                yield first, last
                first = -1
            first, last = (max(0, start - self.reach) if first < 0 else first), max(last, end + self.reach)
        if last >= 0:
            yield first, last


def _byte_pattern(letter: str) -> str:
    """A character as it stands, in a pattern of bytes; a blank may be a plus."""
    raw = letter.encode("utf-8", "surrogatepass")
    return r"[ +]" if letter == " " else "".join(re.escape(chr(byte)) for byte in raw)


def _signs(letters: Iterable[str]) -> Iterator[tuple[bytes, str]]:
    """What shows that a character of the secret is escaped, by the mark with which it begins: the first bytes are enough."""
    letters = list(letters)
    first = sorted({letter.encode("utf-8", "surrogatepass")[0] for letter in letters})
    units = sorted({letter.encode("utf-16-be", "surrogatepass").hex()[:4] for letter in letters})
    codes = sorted({ord(letter) for letter in letters})
    special = "".join(re.escape(letter) for letter in letters if letter in _AFTER_BACKSLASH)
    nested = sorted({form for letter in letters for form in _in_one_another(letter)})
    after = {mark: [re.escape(form[1:]) for form in nested if form[0] == mark] for mark in "%\\&"}
    percent = [f"{byte:02x}" for byte in first] + [f"u(?:{'|'.join(units)})", *after["%"]]
    yield b"%", "%(?:25){0,3}(?:" + "|".join(percent) + ")"
    script = [f"u(?:{'|'.join(units)})", r"u\{0{0,6}(?:" + "|".join(f"{code:x}" for code in codes) + r")\}"]
    script += ["x(?:" + "|".join(f"{code:02x}" for code in codes if code < 256) + ")"] if codes[0] < 256 else []
    yield b"\\", r"\\(?:" + "|".join(script + ([f"[{special}]"] if special else []) + after["\\"]) + ")"
    entities = ["#0{0,9}(?:" + "|".join(map(str, codes)) + ")", "#x0{0,9}(?:" + "|".join(f"{code:x}" for code in codes) + ")"]
    entities += [f"{name};" for letter in letters for name in _NAMED.get(letter, ())] + after["&"]
    yield b"&", "&(?:amp;)?(?:" + "|".join(entities) + ")"


def _alone(body: bytes, start: int, end: int, width: int) -> bool:
    """Whether no letter or digit stands beside it."""
    before, after = start - width, end + width - 1
    return not (before >= 0 and _is_word(body[before])) and not (after < len(body) and _is_word(body[after]))


def _is_word(byte: int) -> bool:
    return bytes([byte]).isalnum()


class Scrubber(logging.Filter):
    """Takes known secrets out of texts, bodies and log records.

    A short secret (below eight characters) is taken out only where it stands alone: else the key ``demo`` would spoil every "democracy".
    One of fewer than four is no secret.
    """

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, _Known] = {}

    def add(self, secret: str) -> None:
        """Know a secret from now on."""
        if len(secret) >= _SHORTEST and secret not in self._known:
            self._known = {**self._known, secret: _Known.of(secret)}

    def text(self, text: str) -> str:
        """The text without secrets."""
        if not self._known:
            return text
        raw = text.encode("utf-8", "surrogatepass")
        clean = self.body(raw)
        return text if clean is raw else clean.decode("utf-8", "surrogatepass")

    def body(self, body: bytes) -> bytes:
        """The bytes without secrets."""
        spans = sorted((span for known in self._known.values() for span in known.spans(body)), key=lambda span: (span[0], -span[1]))
        if not spans:
            return body
        parts, last = [], 0
        for start, end, instead in spans:
            if start >= last:  # else a part of it went with the one before
                parts += [body[last:start], instead]
            last = max(last, end)
        return b"".join([*parts, body[last:]])

    def filter(self, record: logging.LogRecord) -> bool:
        """Log records of the HTTP library are rewritten, not dropped."""
        message = record.getMessage()
        clean = self.text(message)
        if clean != message:
            record.msg, record.args = clean, None
        return True


OF_THIS_PROCESS = Scrubber()
for _name in (
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
    "httpx",
    "httpcore",
    "stamina",
    "crfs.sources",
):
    logging.getLogger(_name).addFilter(OF_THIS_PROCESS)
