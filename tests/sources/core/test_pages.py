"""Pages over the wire: ten thousand of them, endless ones, and ones that turn in circles."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from crfs.errors import SourceUnavailable
from crfs.sources.core import Limit, Payload, Request
from crfs.sources.core.budget import LocalBudget
from crfs.sources.core.http import HttpTransport
from crfs.sources.core.pages import pages, with_params
from tests.sources.provider_server import Local, ProviderServer, pages_of, provider_server, quick_pages, reply


def following(request: Request, payload: Payload) -> Request | None:
    number = json.loads(payload.body)["next"]
    return with_params(request, page=number) if number is not None else None


def fetched(server: ProviderServer, *, most: int) -> tuple[list[Payload], str]:
    """The pages of a toy source, and the words of the error that ended them."""
    provider = replace(Local().provider, limits=(Limit(1_000_000, 1.0),), read_seconds=5.0)
    got: list[Payload] = []
    with HttpTransport(Local(provider=provider), clock=lambda: datetime.now(UTC), budget=LocalBudget()) as transport:
        first = Request(url=server.address + "/rows", params=(("page", "1"),), stream="rows")
        try:
            got.extend(pages(first, following, transport, most=most))
        except SourceUnavailable as error:
            return got, str(error)
    return got, ""


def test_thousands_of_pages_all_come() -> None:
    with quick_pages(2_500) as server:
        got, words = fetched(server, most=5_000)
    assert words == ""
    assert server.numbers == list(range(1, 2_501))
    assert [json.loads(payload.body)["page"] for payload in got] == server.numbers


def test_endless_pages_end_and_those_before_are_kept() -> None:
    with provider_server(pages_of(None)) as server:
        got, words = fetched(server, most=300)
    assert "more than 300 pages" in words
    assert len(server.asked) == len(got) == 300


def test_pages_that_turn_in_circles_end() -> None:
    with provider_server(pages_of(None, circle=7)) as server:
        got, words = fetched(server, most=300)
    assert "turn in circles" in words
    assert len(server.asked) == len(got) == 7


@pytest.mark.parametrize("body", [b'{"page": 1, "next": 2}'])
def test_the_same_page_again_and_again_ends(body: bytes) -> None:
    def same(request: Request, payload: Payload) -> Request | None:
        return with_params(request, page=int(dict(request.params)["page"]) + 1)

    with (
        provider_server(reply(200, body)) as server,
        HttpTransport(Local(), clock=lambda: datetime.now(UTC), budget=LocalBudget()) as transport,
        pytest.raises(SourceUnavailable, match="the same page again"),
    ):
        list(pages(Request(url=server.address + "/rows", params=(("page", "1"),), stream="rows"), same, transport))
    assert len(server.asked) == 2
