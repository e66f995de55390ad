"""FRED's pages: an answer about another page than was asked for is none, and a provider that turns in circles is left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import Any

import pytest

from crfs.credit.catalogue import Catalogue
from crfs.errors import SourceUnavailable
from crfs.sources.core import Classification, Payload, Query, Request
from crfs.sources.providers.fred.source import SOURCE, Fred
from tests.sources.alfred import NOW, Archive, observations_document, payload_of

OBSERVATIONS = "https://api.stlouisfed.org/fred/series/observations?series_id=GDP&limit=3&offset={}"
DATES = "https://api.stlouisfed.org/fred/series/vintagedates?series_id=GDP&limit=3&offset={}"
DAY = date(2026, 3, 4)
WHOLE = 10**9


@dataclass(kw_only=True)
class Circling:
    """A FRED that says that there are ever more rows, and gives the same ones again, as if they were those that were asked for."""

    has_key: bool = True
    now: datetime = NOW
    asked: list[str] = field(default_factory=list)
    circles: str = "series/observations"

    def send(self, request: Request) -> Payload:
        self.asked.append(request.url)
        offset = int(dict(request.params).get("offset", 0))
        if request.url.endswith("/series"):
            document: dict[str, Any] = {"seriess": [{"id": "GDP"}]}
        elif request.url.endswith("vintagedates"):
            count = WHOLE if self.circles == "series/vintagedates" else 1
            document = {"vintage_dates": [str(DAY)], "offset": offset, "limit": 1, "count": count}
        else:
            days = [f"2020-0{month}-01" for month in (1, 2, 3)]
            rows = [{"realtime_start": str(DAY), "realtime_end": str(DAY), "date": day, "value": "1"} for day in days]
            document = observations_document(rows, DAY, DAY, count=WHOLE, offset=offset, limit=3)
        return payload_of(document, url=request.full_url, stream=request.stream)


def fetched(server: Circling, vintages: Any, catalogue: Catalogue) -> Iterator[Payload]:
    yield from islice(Fred(max_vintages=2, max_rows=3).fetch(Query(series=("GDP",), vintages=vintages), server, catalogue), 50)


@pytest.mark.parametrize(
    ("vintages", "circles"), [("latest", "series/observations"), ("all", "series/observations"), ("all", "series/vintagedates")]
)
def test_rows_that_come_again_and_again_end_the_fetch_and_those_before_are_kept(vintages: str, circles: str, catalogue: Catalogue) -> None:
    server = Circling(circles=circles)
    got: list[Payload] = []
    with pytest.raises(SourceUnavailable, match="again"):
        got.extend(fetched(server, vintages, catalogue))
    assert sum(url.endswith(circles) for url in server.asked) == 2


@pytest.mark.parametrize("url", [OBSERVATIONS, DATES])
@pytest.mark.parametrize(("asked", "answered", "expected"), [(0, 0, "OK"), (3, 3, "OK"), (3, 0, "RETRY"), (0, 3, "RETRY")])
def test_an_answer_about_another_page_than_was_asked_for_is_a_broken_moment(url: str, asked: int, answered: int, expected: str) -> None:
    row = {"realtime_start": str(DAY), "realtime_end": str(DAY), "date": "2020-01-01", "value": "1"}
    document = observations_document([row] * 3, DAY, DAY, count=10, offset=answered, limit=3)
    if "vintagedates" in url:
        document = {"vintage_dates": [str(DAY)] * 3, "count": 10, "offset": answered, "limit": 3}
    assert SOURCE.classify(payload_of(document, url=url.format(asked))) is Classification(expected)


def test_a_saved_answer_whose_url_asks_for_no_page_is_what_it_says() -> None:
    row = {"realtime_start": str(DAY), "realtime_end": str(DAY), "date": "2020-01-01", "value": "1"}
    document = observations_document([row], DAY, DAY, count=4, offset=3, limit=3)
    assert SOURCE.classify(payload_of(document, url="")) is Classification.OK


def test_pages_that_begin_with_the_date_before_still_all_come(catalogue: Catalogue) -> None:
    archive = Archive(vintages={date(2026, 1, day): {date(2020, 1, n): str(n * day) for n in range(1, 20)} for day in range(1, 4)})
    payloads = list(Fred(max_vintages=4, max_rows=5).fetch(Query(series=("TEST",), vintages="all"), archive, catalogue))
    assert len(payloads) > 10
