"""What is asked of the Treasury, and what its answers are."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.sources.core import Classification, Payload, Query, Request
from crfs.sources.core.recorded import recorded_payloads
from crfs.sources.providers.treasury import SOURCE
from tests.samples import sample
from tests.samples.treasury import PAR, feed
from tests.sources.recorded_transport import RecordedTransport

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)


class Always:
    """Answers everything with one body."""

    has_key = False
    now = NOW

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.asked: list[Request] = []

    def send(self, request: Request) -> Payload:
        self.asked.append(request)
        return sample("treasury", self.body, url=request.full_url, stream=request.stream)


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (PAR, 200, "OK"),
        (feed([]), 200, "EMPTY"),
        (b"Date,1 Mo,10 Yr\n", 200, "EMPTY"),
        (b"", 204, "EMPTY"),
        (b"", 200, "RETRY"),
        (b"<!DOCTYPE html><html><body>Access Denied</body></html>", 403, "AUTH"),
        (b"<!DOCTYPE html><html><body>Page not found</body></html>", 404, "BAD_REQUEST"),
        (b"<html><body>maintenance</body></html>", 200, "SCHEMA"),
        (b"busy", 429, "RETRY"),
        (PAR, 503, "RETRY"),
        (PAR[:-200], 200, "SCHEMA"),
        (b'<?xml version="1.0"?><rss><channel/></rss>', 200, "SCHEMA"),
        (b"Date,Close\n2024-01-02,5\n", 200, "SCHEMA"),
        (b'{"error": "no"}', 200, "SCHEMA"),
    ],
)
def test_an_answer_is_classified(body: bytes, status: int, expected: str) -> None:
    assert SOURCE.classify(sample("treasury", body, status=status)) is Classification(expected)


def test_a_kind_is_asked_for_year_by_year_up_to_today(catalogue: Catalogue) -> None:
    transport = Always(PAR)
    answers = list(SOURCE.fetch(Query(series=("real_yields",)), transport, catalogue))
    years = [dict(request.params)["field_tdr_date_value"] for request in transport.asked]
    assert years == [str(year) for year in range(2003, 2026)]
    assert {request.stream for request in transport.asked} == {"daily_treasury_real_yield_curve"}
    assert len(answers) == len(years)


def test_days_within_a_month_ask_for_the_month(catalogue: Catalogue) -> None:
    transport = Always(PAR)
    list(SOURCE.fetch(Query(since=date(2025, 2, 20), until=date(2025, 2, 28)), transport, catalogue))
    assert {dict(request.params)["field_tdr_date_value_month"] for request in transport.asked} == {"202502"}
    assert len(transport.asked) == 5, "no series: every kind"


def test_days_across_a_year_ask_for_both_years(catalogue: Catalogue) -> None:
    transport = Always(PAR)
    list(SOURCE.fetch(Query(series=("daily_treasury_bill_rates",), since=date(2024, 12, 20)), transport, catalogue))
    assert [dict(request.params)["field_tdr_date_value"] for request in transport.asked] == ["2024", "2025"]


def test_the_addresses_are_those_that_were_recorded(recordings: Path, catalogue: Catalogue) -> None:
    payloads = [item.payload for item in recorded_payloads(recordings / "treasury_yield_xml", source="treasury", now=NOW)]
    csv = [item.payload for item in recorded_payloads(recordings / "treasury_yield_csv", source="treasury", now=NOW)]
    transport = RecordedTransport([*payloads, *csv], now=NOW)

    def ask(year: int, form: str) -> list[int]:
        query = Query(series=("par_yields",), since=date(year, 1, 1), until=date(year, 12, 31), options={"format": form})
        return [len(answer.body) for answer in SOURCE.fetch(query, transport, catalogue)]

    assert ask(1990, "xml") == [321669]
    assert ask(2021, "csv") == [17695]


def test_an_unknown_kind_or_format_is_an_error_that_names_the_known(catalogue: Catalogue) -> None:
    with pytest.raises(InvalidInput, match="par_yields"):
        next(SOURCE.fetch(Query(series=("yields",)), Always(PAR), catalogue))
    with pytest.raises(InvalidInput, match="xml or csv"):
        next(SOURCE.fetch(Query(options={"format": "json"}), Always(PAR), catalogue))


def test_a_probe_asks_one_question(catalogue: Catalogue) -> None:
    for query in SOURCE.probes(catalogue).values():
        transport = Always(PAR)
        list(SOURCE.fetch(query, transport, catalogue))
        assert len(transport.asked) == 1
