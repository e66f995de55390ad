"""FRED on this machine: a real HTTP server that answers from archives as the contract says, and fails when it is told to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.sources.alfred import NOW, Archive
from tests.sources.provider_server import Answer, ProviderServer, provider_server, reply

KEY = "0123456789abcdef0123456789abcdef"


@dataclass(kw_only=True)
class FredServer:
    """Series by their ids as they are at ``now``; ``failing`` answers in the place of all (None: FRED answers), and ``changed`` changes what
    FRED answers to a path. A page has at most ``most_rows``.
    """

    server: ProviderServer
    series: dict[str, Archive] = field(default_factory=dict)
    now: datetime = NOW
    failing: Answer | None = None
    changed: Callable[[str, dict[str, Any]], None] | None = None
    most_rows: int = 100_000

    @property
    def address(self) -> str:
        return self.server.address

    def asked(self, path: str = "series/observations", *, since: int = 0) -> list[dict[str, str]]:
        """The parameters of the questions that came to a path, from the ``since``-th of all."""
        parts = [urlsplit(asked) for asked in self.server.paths[since:]]
        return [dict(parse_qsl(part.query)) for part in parts if part.path == f"/fred/{path}"]

    @property
    def count(self) -> int:
        """How many questions came so far."""
        return len(self.server.asked)

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        if self.failing is not None:
            self.failing(handler)
            return
        parts = urlsplit(handler.path)
        params = dict(parse_qsl(parts.query))
        if "limit" in params:
            params["limit"] = str(min(int(params["limit"]), self.most_rows))
        archive = self.series.get(params.get("series_id", ""), Archive(vintages={}, series=""))
        document = replace(archive, now=self.now)._answer(parts.path.removeprefix("/fred/"), params)
        if self.changed is not None:
            self.changed(parts.path.removeprefix("/fred/"), document)
        reply(400 if "error_code" in document else 200, json.dumps(document).encode(), Content_Type="application/json")(handler)


@contextmanager
def fred_server() -> Iterator[FredServer]:
    """A server on this machine while the block lasts."""
    with provider_server(reply(500)) as server:
        fred = FredServer(server=server)
        server.answers = [fred]
        yield fred


def told_at_once(series: str, values: dict[date, float], *, on: date) -> Archive:
    """A series of one vintage."""
    return Archive(series=series, vintages={on: {day: f"{value}" for day, value in values.items()}})


def revised(archive: Archive, values: dict[date, float], *, on: date) -> Archive:
    """The series with another vintage, in which some values are new or others."""
    newest = archive.vintages[max(archive.vintages)]
    return replace(archive, vintages={**archive.vintages, on: {**newest, **{day: f"{value}" for day, value in values.items()}}})
