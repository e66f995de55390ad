"""``crfs sources test``: what works of a provider, with which key, and what is late; FRED plays on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler

import pytest

from tests.apps.cli.conftest import Crfs
from tests.samples.fred import SAMPLES
from tests.sources.fred_server import KEY, FredServer, fred_server, told_at_once
from tests.sources.provider_server import reply

PANEL = next(sample.body for sample in SAMPLES if sample.body.startswith(b"sasdate"))
TABLE = b"observation_date,UNRATE\n2026-01-01,4.1\n2026-02-01,4.2\n"


@pytest.fixture
def fred(monkeypatch: pytest.MonkeyPatch, within: Crfs) -> Iterator[FredServer]:
    """FRED, its panels and its keyless tables at one address."""
    with fred_server() as served:
        served.series["UNRATE"] = told_at_once("UNRATE", {date(2026, 1, 1): 4.1, date(2026, 2, 1): 4.2}, on=date(2026, 3, 6))
        served.now = datetime(2026, 3, 8, tzinfo=UTC)

        def answer(handler: BaseHTTPRequestHandler) -> None:
            if handler.path.startswith("/fred/"):
                served(handler)
            else:
                reply(200, TABLE if handler.path.startswith("/graph/") else PANEL)(handler)

        served.server.answers = [answer]
        monkeypatch.setenv("CRFS_SOURCES__FRED__MIRROR", served.address)
        monkeypatch.setenv("CRFS_SOURCES__FRED__REQUESTS_PER_SECOND", "1000")
        yield served


def test_with_a_key_everything_works_and_the_key_is_never_shown(within: Crfs, fred: FredServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRFS_SOURCES__FRED__API_KEY", KEY)
    done = within("sources", "test", "fred", "--json")
    found = done.json
    assert (done.code, found["works"], found["key_set"], found["key_variable"]) == (0, True, True, "CRFS_SOURCES__FRED__API_KEY")
    probes = {probe["name"]: probe for probe in found["probes"]}
    assert [(name, probe["works"], probe["error"]) for name, probe in probes.items()] == [
        ("observations", True, None), ("panel", True, None),
    ]  # fmt: skip
    assert (probes["observations"]["accepted"], probes["observations"]["newest"]) == (2, "2026-02-01")
    assert all(f"api_key={KEY}" in path for path in fred.server.paths if path.startswith("/fred/"))
    shown = within("sources", "test", "fred")
    assert shown.code == 0
    assert "key set (CRFS_SOURCES__FRED__API_KEY)" in shown.out
    assert "Late: nothing" in shown.out
    assert KEY not in done.out + done.err + shown.out + shown.err


def test_without_a_key_it_says_which_variable_and_where_one_is_had(within: Crfs, fred: FredServer) -> None:
    done = within("sources", "test", "fred")
    assert done.code == 0  # the latest values are had without
    assert "no key: set CRFS_SOURCES__FRED__API_KEY, had at fred.stlouisfed.org" in " ".join(done.out.split())
    assert all("api_key" not in path for path in fred.server.paths)


def test_what_does_not_work_is_told_in_the_providers_words_beside_what_does(
    within: Crfs, fred: FredServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRFS_SOURCES__FRED__API_KEY", KEY)
    words = b'{"error_code": 400, "error_message": "Bad Request.  The value for variable api_key is not registered."}'
    fred.failing = reply(400, words)
    done = within("sources", "test", "fred", "--json")
    assert (done.code, done.json["works"]) == (3, False)
    observations, panel = done.json["probes"]
    assert (observations["works"], panel["works"]) == (False, True)
    assert "is not registered" in observations["error"]
    assert "CRFS_SOURCES__FRED__API_KEY" in observations["error"]
    shown = within("sources", "test", "fred")
    assert shown.code == 3
    assert "is not registered" in " ".join(shown.out.split())


def test_nothing_is_stored_and_no_other_source_is_asked(within: Crfs, fred: FredServer) -> None:
    before = within("status", "--json").json["batch_id"]
    within("sources", "test", "fred", "--json")
    assert within("status", "--json").json["batch_id"] == before
    assert within("sources", "test", "csv", "--json").code == 0
    missing = within("sources", "test", "freed", "--json")
    assert missing.code == 1
    assert "did you mean fred" in missing.json["error"]["message"]


def test_a_speed_is_only_of_a_gateway(within: Crfs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRFS_SOURCES__FRED__REQUESTS_PER_SECOND", "50")
    done = within("sources", "list", "--json")
    assert done.code == 1
    assert "a gateway of your own" in done.json["error"]["message"]


def test_a_source_that_is_parked_is_not_asked_and_nobody_waits_for_it(
    within: Crfs, fred: FredServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that asks for a pause longer than a person waits is told at once; after that it is parked, and not asked at all."""
    monkeypatch.setenv("CRFS_SOURCES__FRED__API_KEY", KEY)
    fred.failing = reply(429, b"slow down", Retry_After="3000")
    done = within("ingest", "fred", "UNRATE")
    assert (done.code, "slow down" in done.err) == (3, True)
    asked = len(fred.server.paths)
    done = within("sources", "test", "fred", "--json")
    within("sources", "lift", "fred")
    assert (done.code, done.json["works"]) == (3, False)
    assert ["crfs sources lift fred" in probe["error"] for probe in done.json["probes"]] == [True, True]
    assert len(fred.server.paths) == asked
