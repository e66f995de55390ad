"""A transport whose provider is a folder of recordings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from urllib.parse import parse_qsl

from crfs.errors import SourceUnavailable
from crfs.sources.core import Payload, Request
from crfs.sources.core.recorded import without_secrets


class RecordedTransport:
    """Answers requests from payloads at hand: the one of the same address and the same parameters (order and key do not matter)."""

    def __init__(self, payloads: Iterable[Payload], *, now: datetime, has_key: bool = True) -> None:
        payloads = list(payloads)
        # The answers of one source; a request does not say whose it is.
        self._source = payloads[0].source if payloads else ""
        self._payloads = {self._address(payload.url): payload for payload in payloads}
        self._now, self._has_key = now, has_key
        self.asked: list[Request] = []

    @property
    def has_key(self) -> bool:
        """Whether a source should ask as one does with a key."""
        return self._has_key

    @property
    def now(self) -> datetime:
        """The time that was given."""
        return self._now

    def send(self, request: Request) -> Payload:
        """The recorded answer; :class:`~crfs.errors.SourceUnavailable` where nobody recorded one."""
        self.asked.append(request)
        try:
            return self._payloads[self._address(request.full_url)]
        except KeyError:
            raise SourceUnavailable(f"no recording answers {request.full_url}") from None

    def _address(self, url: str) -> tuple[str, tuple[tuple[str, str], ...]]:
        base, _, query = without_secrets(url, source=self._source).partition("#")[0].partition("?")
        return base, tuple(sorted(parse_qsl(query, keep_blank_values=True)))
