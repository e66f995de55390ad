"""Recordings: each body under its meta, in the order of names, with its hash checked and no key in its url."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import InvalidInput, SourceUnavailable, VerificationFailed
from crfs.sources.core import Payload, Request
from crfs.sources.core.recorded import NoTransport, recorded_payloads, without_secrets
from crfs.sources.core.registry import load_source, source_names
from tests.sources.recorded_transport import RecordedTransport

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def record(folder: Path, name: str, body: bytes, **about: object) -> None:
    (folder / name).write_bytes(body)
    meta = {"url": "https://example.org/x?api_key=SECRET&series_id=GDP&b=1#page=2", "status": 200, "headers": {"ETag": "1"}, **about}
    (folder / f"{Path(name).stem}.meta.json").write_text(json.dumps(meta))


def test_recordings_come_in_the_order_of_capture_without_keys(tmp_path: Path) -> None:
    record(tmp_path, "b.json", b"{}", captured="2024-11-03T14:33:37+00:00")
    record(tmp_path, "a.csv", b"x", status=None, headers={"Date": "Sun, 03 Nov 2024 14:33:37 GMT"}, sha256=hashlib.sha256(b"x").hexdigest())
    record(tmp_path, "c.txt", b"y", url=None, commit_date_of_snapshot="2018-10-09")
    (tmp_path / "README.md").write_text("no recording")
    found = list(recorded_payloads(tmp_path, source="fred", now=NOW))
    assert [item.path.name for item in found] == ["c.txt", "a.csv", "b.json"]
    assert [item.payload.stream for item in found] == ["c", "GDP", "GDP"]
    assert found[1].payload.url == "https://example.org/x?series_id=GDP&b=1#page=2"
    assert [item.payload.fetched_at.isoformat() for item in found] == [
        "2018-10-10T00:00:00+00:00",
        "2024-11-03T14:33:37+00:00",
        "2024-11-03T14:33:37+00:00",
    ]
    assert (found[1].payload.status, dict(found[2].payload.headers)) == (200, {"etag": "1"})


@pytest.mark.parametrize("source", [name for name in source_names() if load_source(name).provider.key_parameter])
def test_no_sources_key_stays_in_the_url_of_a_recording(tmp_path: Path, source: str) -> None:
    """Nor in capitals, nor where the parameter's name is encoded."""
    name = str(load_source(source).provider.key_parameter)
    encoded = "".join(f"%{ord(letter):02x}" for letter in name)
    url = f"https://me:SECRET@example.org/x?{name}=SECRET&b=1&{name.upper()}=SECRET&{encoded}=SECRET#{name}=SECRET&page=2"
    record(tmp_path, "a.json", b"{}", url=url)
    assert [item.payload.url for item in recorded_payloads(tmp_path, source=source, now=NOW)] == ["https://example.org/x?b=1#page=2"]


@pytest.mark.parametrize("name", ["access_token", "token", "sig", "signature", "client_secret", "password", "X-Amz-Signature", "Key"])
def test_a_usual_name_of_a_key_is_known_whatever_the_source(name: str) -> None:
    assert without_secrets(f"https://x/?{name}=SECRET") == "https://x/"
    assert without_secrets(f"https://x/?page_{name}=2&a=b@c#a/{name}?=@") == f"https://x/?page_{name}=2&a=b@c#a/{name}?=@"


def test_a_changed_body_is_not_replayed(tmp_path: Path) -> None:
    record(tmp_path, "a.csv", b"changed", sha256=hashlib.sha256(b"x").hexdigest())
    with pytest.raises(VerificationFailed, match="was changed"):
        list(recorded_payloads(tmp_path, source="fred", now=NOW))


def test_a_url_with_a_character_that_no_table_holds_is_told_of_by_its_file(tmp_path: Path) -> None:
    record(tmp_path, "a.json", b"{}", url="https://example.org/x?series_id=A\0B")
    with pytest.raises(InvalidInput, match=r"a\.meta\.json: its url has a NUL"):
        list(recorded_payloads(tmp_path, source="fred", now=NOW))


def test_a_folder_without_recordings_or_a_meta_without_body_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no recordings"):
        list(recorded_payloads(tmp_path, source="fred", now=NOW))
    (tmp_path / "a.meta.json").write_text("{}")
    with pytest.raises(InvalidInput, match="exactly one body"):
        list(recorded_payloads(tmp_path, source="fred", now=NOW))


def test_a_recorded_answer_is_found_by_address_and_parameters(tmp_path: Path) -> None:
    record(tmp_path, "a.csv", b"x")
    transport = RecordedTransport([item.payload for item in recorded_payloads(tmp_path, source="fred", now=NOW)], now=NOW)
    assert transport.send(Request(url="https://example.org/x", params=(("b", "1"), ("series_id", "GDP")), stream="GDP")).body == b"x"
    with pytest.raises(SourceUnavailable, match="no recording"):
        transport.send(Request(url="https://example.org/x", params=(("b", "2"),), stream="GDP"))
    with pytest.raises(SourceUnavailable, match="offline"):
        NoTransport(now=NOW).send(Request(url="https://example.org/x", stream="GDP"))


@given(st.one_of(st.text(), st.text("[]/?#&=%:@1a").map("https://x".__add__)))
def test_the_parameters_of_any_url_can_be_asked_for(url: str) -> None:
    payload = Payload(source="x", stream="x", body=b"", url=url, status=200, headers={}, started_at=NOW, fetched_at=NOW)
    assert all(isinstance(text, str) for item in payload.parameters.items() for text in item)
    assert without_secrets(without_secrets(url)) == without_secrets(url)


def test_of_a_parameter_that_is_there_twice_the_last_counts() -> None:
    url = "https://x/y?a=1&b=%26+c&a=2&empty=#a=3"
    payload = Payload(source="x", stream="x", body=b"", url=url, status=200, headers={}, started_at=NOW, fetched_at=NOW)
    assert payload.parameters == {"a": "2", "b": "& c"}
