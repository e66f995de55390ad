"""Answers that come in pages: by offset, by number, by a link; an endless or circling provider is told from a long one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from crfs.errors import SourceUnavailable
from crfs.sources.core.contract import Payload, Request, Transport

MOST_PAGES = 20_000
Next = Callable[[Request, Payload], Request | None]
"""What to ask after an answer; None after the last page."""


def pages(first: Request, following: Next, transport: Transport, *, most: int = MOST_PAGES) -> Iterator[Payload]:
    """The answers to ``first`` and to what ``following`` makes of each; each is handed on before the next question.

    A question that was asked before, two pages in a row with the same bytes, and more than ``most`` pages end in
    :class:`~crfs.errors.SourceUnavailable`: the provider turns in circles, and its rows so far are kept.
    """
    request: Request | None = first
    asked: set[tuple[str, bytes | None]] = set()
    before = ""
    while request is not None:
        question = (request.full_url, request.content)
        if question in asked:
            raise SourceUnavailable(f"{request.stream}: the provider's pages turn in circles: {request.full_url} was asked before")
        if len(asked) >= most:
            raise SourceUnavailable(f"{request.stream}: more than {most} pages; bound the question with since and until")
        asked.add(question)
        payload = transport.send(request)
        if payload.sha256 == before:
            raise SourceUnavailable(f"{request.stream}: the provider gives the same page again at {request.full_url}")
        before = payload.sha256
        yield payload
        request = following(request, payload)


def with_params(request: Request, **values: str | int) -> Request:
    """The same question with other values of some parameters (``page__number`` stands for ``page[number]``).

    >>> first = Request(url="https://example.org/rows", stream="rows", params=(("limit", "10"), ("offset", "0")))
    >>> with_params(first, offset=10).full_url
    'https://example.org/rows?limit=10&offset=10'
    """
    wanted = {_spelt(name): str(value) for name, value in values.items()}
    kept = [(name, wanted.pop(name, value)) for name, value in request.params]
    return replace(request, params=(*kept, *wanted.items()))


def _spelt(name: str) -> str:
    group, mark, key = name.partition("__")
    return f"{group}[{key}]" if mark else name
