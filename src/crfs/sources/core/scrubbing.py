"""Secrets are taken out of everything that is kept or shown: texts, bodies, log records, in every form in which they come back."""

from __future__ import annotations

import html
import json
import logging
import re
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

REDACTED = "REDACTED"
_SHORTEST = 4
_SURELY_SECRET = 8


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A secret that does not show in tracebacks or logs."""

    value: str

    def __repr__(self) -> str:
        return "<secret>"


def forms(secret: str) -> frozenset[str]:
    """How a secret may come back: as it is, in capitals, in a URL, in JSON, in HTML or XML, in Base64.

    >>> {"key%2B%2F1", "KEY+/1", "key%2b/1", "a2V5Ky8x"} <= forms("key+/1")
    True
    """
    found = {encode(secret.encode()).decode().rstrip("=") for encode in (b64encode, urlsafe_b64encode)}
    for spelt in (secret, secret.upper(), secret.lower()):
        url = {quote(spelt), quote(spelt, safe=""), quote_plus(spelt)}
        found |= url | {re.sub("%[0-9A-F]{2}", lambda part: part.group().lower(), text) for text in url}
        text = json.dumps(spelt)[1:-1]
        found |= {spelt, text, text.replace("/", "\\/"), repr(spelt)[1:-1], html.escape(spelt)}
    return frozenset(found)


class Scrubber(logging.Filter):
    """Takes known secrets out of texts, bodies and log records.

    A short secret (below eight characters) is taken out only where it stands alone: else the key ``demo`` would spoil every "democracy".
    One of fewer than four is no secret.
    """

    def __init__(self) -> None:
        super().__init__()
        self._long: tuple[str, ...] = ()
        self._short: re.Pattern[str] | None = None
        self._short_bytes: re.Pattern[bytes] | None = None
        self._secrets: frozenset[str] = frozenset()

    def add(self, secret: str) -> None:
        """Know a secret from now on."""
        if len(secret) < _SHORTEST or secret in self._secrets:
            return
        self._secrets |= {secret}
        every = {form for known in self._secrets for form in forms(known) if len(form) >= _SHORTEST}
        self._long = tuple(sorted((form for form in every if len(form) >= _SURELY_SECRET), key=len, reverse=True))
        short = "|".join(re.escape(form) for form in sorted(every - set(self._long), key=len, reverse=True))
        if short:
            pattern = f"(?<![A-Za-z0-9])(?:{short})(?![A-Za-z0-9])"
            self._short, self._short_bytes = re.compile(pattern), re.compile(pattern.encode())

    def text(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._long:
            text = text.replace(secret, REDACTED)
        return text if self._short is None else self._short.sub(REDACTED, text)

    def body(self, body: bytes) -> bytes:
        """The bytes without secrets."""
        for secret in self._long:
            body = body.replace(secret.encode(), REDACTED.encode())
        return body if self._short_bytes is None else self._short_bytes.sub(REDACTED.encode(), body)

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
