"""What is sent to whom: the user's permission and contact, the place of the key, redirects, the user's own gateway and proxy."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from importlib.metadata import version
from typing import Any

import pytest

from crfs.errors import CrfsError, InvalidInput, SourceRejected, SourceUnavailable
from crfs.sources.core import Limit, Payload, Request
from crfs.sources.core.budget import LocalBudget
from crfs.sources.core.http import HttpTransport
from crfs.sources.providers.fred import SOURCE as FRED
from tests.sources.provider_server import FAST, GOOD, Local, ProviderServer, provider_server, reply

KEY = "sesame-open/0123456789"
Make = Callable[..., HttpTransport]


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with provider_server(reply(200, GOOD)) as server:
        yield server


@pytest.fixture
def other() -> Iterator[ProviderServer]:
    with provider_server(reply(200, GOOD)) as server:
        yield server


@pytest.fixture
def transport() -> Iterator[Make]:
    """Makes transports of a local source whose provider has the given traits, and closes them."""
    with ExitStack() as stack:

        def made(*, source: Any = None, key: str | None = KEY, landed: list[Payload] | None = None, **traits: Any) -> HttpTransport:
            settings: dict[str, Any] = {name: traits.pop(name) for name in ("contact", "enabled", "mirror", "proxy") if name in traits}
            source = source or Local(hosts=("127.0.0.1", "localhost"))
            if traits:
                source = replace(source, provider=replace(source.provider, **traits))
            given: dict[str, Any] = {
                "budget": LocalBudget(),
                "key": key,
                "land_error": landed.append if landed is not None else None,
                **settings,
            }
            return stack.enter_context(HttpTransport(source, clock=lambda: datetime.now(UTC), **given))

        yield made


def ask(server: ProviderServer, path: str = "/data", **more: Any) -> Request:
    return Request(url=server.address + path, params=(("id", "X"),), stream="X", **more)


# ---------------------------------------------------------------------------------------------------------------- permission


@pytest.mark.parametrize(
    ("settings", "traits", "kind", "words"),
    [
        (
            {},
            {"switched_on": False, "terms": "Personal use only."},
            SourceRejected,
            r"Personal use only\..*CRFS_SOURCES__LOCAL__ENABLED=true",
        ),
        ({"enabled": False}, {}, SourceRejected, "CRFS_SOURCES__LOCAL__ENABLED=false"),
        ({"enabled": False}, {"switched_on": False}, SourceRejected, "CRFS_SOURCES__LOCAL__ENABLED=false"),
        ({}, {"needs_contact": True, "title": "SEC"}, InvalidInput, "SEC wants to know who asks: set CRFS_SOURCES__LOCAL__CONTACT"),
        ({"contact": "  "}, {"needs_contact": True}, InvalidInput, "CRFS_SOURCES__LOCAL__CONTACT"),
        ({"key": None}, {"needs_key": True, "key_page": "x.org/key"}, SourceRejected, r"CRFS_SOURCES__LOCAL__API_KEY.*x\.org/key"),
    ],
)
def test_without_the_users_word_nothing_is_asked(
    server: ProviderServer, transport: Make, settings: dict[str, Any], traits: dict[str, Any], kind: type[CrfsError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        transport(**settings, **traits).send(ask(server))
    assert server.asked == []


@pytest.mark.parametrize(
    ("settings", "traits"),
    [
        ({"enabled": True}, {"switched_on": False}),
        ({"enabled": True}, {}),
        ({"contact": "Bank a@b.example"}, {"needs_contact": True}),
        ({}, {"needs_key": True}),
    ],
)
def test_with_it_the_provider_is(server: ProviderServer, transport: Make, settings: dict[str, Any], traits: dict[str, Any]) -> None:
    assert transport(**settings, **traits).send(ask(server)).body == GOOD


@pytest.mark.parametrize(("contact", "more"), [(None, ""), ("Example Bank jane@example.com", " Example Bank jane@example.com")])
def test_the_user_agent_says_who_asks(server: ProviderServer, transport: Make, contact: str | None, more: str) -> None:
    transport(contact=contact).send(ask(server, headers=(("User-Agent", "Mozilla/5.0"),)))
    assert server.asked[0].headers["user-agent"] == f"crfs/{version('crfs')}{more}"


# ------------------------------------------------------------------------------------------------------------------- the key


@pytest.mark.parametrize(
    ("traits", "where"),
    [
        ({"key_parameter": "api_key"}, {"path": "/data?id=X&api_key=sesame-open%2F0123456789"}),
        ({"key_header": "X-Api-Key"}, {"X-Api-Key": KEY}),
        ({"key_header": "Authorization", "key_prefix": "Bearer "}, {"Authorization": f"Bearer {KEY}"}),
    ],
)
def test_the_key_goes_where_the_provider_wants_it(
    server: ProviderServer, transport: Make, traits: dict[str, Any], where: dict[str, str]
) -> None:
    sending = transport(**{"key_parameter": None, **traits})
    payload = sending.send(ask(server))
    assert sending.has_key
    asked = server.asked[0]
    assert asked.path == where.pop("path", "/data?id=X")
    assert {name: asked.headers[name] for name in where} == where
    assert payload.url == f"{server.address}/data?id=X"


def test_a_post_has_the_key_in_its_json_body(server: ProviderServer, transport: Make) -> None:
    request = ask(server, content=b'{"seriesid": ["X"], "startyear": "2020"}', fragment="seriesid=X")
    payload = transport(key_parameter=None, key_field="registrationkey").send(request)
    asked = server.asked[0]
    assert asked.method == "POST"
    assert json.loads(asked.body) == {"seriesid": ["X"], "startyear": "2020", "registrationkey": KEY}
    assert (asked.headers["content-type"], asked.headers["content-length"]) == ("application/json", str(len(asked.body)))
    assert payload.url == f"{server.address}/data?id=X#seriesid=X"


def test_a_post_without_a_key_is_sent_as_it_is(server: ProviderServer, transport: Make) -> None:
    transport(key=None, key_parameter=None, key_field="registrationkey").send(ask(server, content=b'{ "a" : 1 }'))
    assert server.asked[0].body == b'{ "a" : 1 }'


@pytest.mark.parametrize("content", [b"[1]", b"seriesid=X"])
def test_a_key_cannot_go_into_a_body_that_is_no_object(server: ProviderServer, transport: Make, content: bytes) -> None:
    with pytest.raises(InvalidInput, match="registrationkey"):
        transport(key_parameter=None, key_field="registrationkey").send(ask(server, content=content))


def test_a_key_for_a_provider_that_takes_none_is_not_sent(server: ProviderServer, transport: Make) -> None:
    sending = transport(key_parameter=None)
    sending.send(ask(server))
    assert not sending.has_key
    assert KEY not in server.asked[0].path + str(server.asked[0].headers)


def test_limits_with_a_key_hold_instead_of_those_without(server: ProviderServer, transport: Make) -> None:
    strict = (Limit(1, 86_400.0),)
    with_key = transport(limits=strict, keyed_limits=FAST)
    for _ in range(3):
        with_key.send(ask(server))
    without = transport(key=None, limits=strict, keyed_limits=FAST)
    without.send(ask(server))
    with pytest.raises(SourceRejected, match="the day's 1 requests"):
        without.send(ask(server))


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/v8/chart/^GSPC", "/v8/chart/%5EGSPC"),
        ("/a b/ü", "/a%20b/%C3%BC"),
        ("/a%20b", "/a%20b"),
        ("/a\r\nX-Evil: 1", "/aX-Evil:%201"),
        ("", "/"),
    ],
)
def test_a_path_is_written_as_the_wire_wants_it(server: ProviderServer, transport: Make, path: str, sent: str) -> None:
    transport(key=None).send(Request(url=server.address + path, stream="X"))
    assert server.paths == [sent]
    assert server.asked[0].headers["x-evil"] is None


# ------------------------------------------------------------------------------------------------------------------ redirects


def test_a_redirect_to_the_same_host_keeps_the_key(server: ProviderServer, transport: Make) -> None:
    server.answers = [reply(301, b"moved", Location="/new?id=X&api_key=other"), reply(200, GOOD)]
    landed: list[Payload] = []
    payload = transport(max_redirects=1, landed=landed).send(ask(server, fragment="asked=X", headers=(("X-Kept", "1"),)))
    assert server.paths == ["/data?id=X&api_key=sesame-open%2F0123456789", "/new?id=X&api_key=sesame-open%2F0123456789"]
    assert server.asked[1].headers["x-kept"] == "1"
    assert (payload.body, payload.url) == (GOOD, f"{server.address}/data?id=X#asked=X")
    assert [(answer.status, answer.body) for answer in landed] == [(301, b"moved")]


@pytest.mark.parametrize("place", ["parameter", "header", "field"])
@pytest.mark.parametrize("status", [302, 307])
def test_the_key_is_never_sent_on_to_another_host(
    server: ProviderServer, other: ProviderServer, transport: Make, place: str, status: int
) -> None:
    """Not even where the first host writes it into the address."""

    def move(handler: BaseHTTPRequestHandler) -> None:
        reply(status, Location=f"http://localhost:{other.port}{handler.path}&again={KEY}&api_key={KEY}")(handler)

    server.answers = [move]
    keys: dict[str, Any] = {"key_parameter": None, f"key_{place}": "api_key"}
    request = ask(server, content=b'{"id": "X"}' if place == "field" else None, headers=(("Cookie", "a=1"), ("Accept", "text/csv")))
    payload = transport(max_redirects=3, **keys).send(request)
    assert payload.body == GOOD
    asked = other.asked[0]
    assert "sesame" not in f"{asked.path} {asked.headers} {asked.body!r}"
    assert (asked.headers["cookie"], asked.headers["accept"]) == (None, "text/csv")
    keeps_body = place == "field" and status == 307
    assert (asked.method, asked.body) == (("POST", b'{"id": "X"}') if keeps_body else ("GET", b""))


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[::1]:80/", "https://evil.example/", "//evil.example/x",
        "ftp://127.0.0.1/", "file:///etc/passwd", "https://127.0.0.1@evil.example/", "http://[/", "http://2130706433/", "http://0x7f.1/",
    ],
)  # fmt: skip
def test_a_redirect_elsewhere_is_refused(server: ProviderServer, transport: Make, target: str) -> None:
    server.answers = [reply(302, Location=target)]
    landed: list[Payload] = []
    with pytest.raises(SourceRejected, match="local redirects"):
        transport(max_redirects=5, landed=landed).send(ask(server))
    assert len(server.asked) == len(landed) == 1


def test_a_redirect_of_a_provider_to_plain_http_is_refused() -> None:
    from crfs.sources.core.wire import Hop, followed

    hop = Hop.first(Request(url="https://api.stlouisfed.org/fred/series", stream="X"), FRED, None)
    for target in ("http://api.stlouisfed.org/fred/series", "https://api.stlouisfed.org:8443/", "https://user@api.stlouisfed.org/"):
        with pytest.raises(SourceRejected, match="redirects, but"):
            followed(hop, 302, target, FRED, None)
    assert followed(hop, 302, "https://fred.stlouisfed.org/x#y", FRED, None).shown == "https://fred.stlouisfed.org/x"


def test_an_allowed_host_that_leads_into_the_users_network_is_refused_after_a_redirect_too(transport: Make) -> None:
    """The addresses of each target are judged, not those of the first host alone."""
    with provider_server() as server:
        source = Local(hosts=("127.0.0.1", "internal.example"))
        server.answers = [reply(302, Location="https://internal.example/")]
        given = replace(source, provider=replace(source.provider, max_redirects=1))
        with (
            HttpTransport(
                given, clock=lambda: datetime.now(UTC), budget=LocalBudget(), resolve=lambda host, port: ["127.0.0.1"]
            ) as sending,
            pytest.raises(SourceRejected, match=r"internal\.example leads to 127\.0\.0\.1"),
        ):
            sending.send(ask(server))


def test_redirects_end(server: ProviderServer, transport: Make) -> None:
    server.answers = [reply(302, Location="/again")]
    with pytest.raises(SourceRejected, match="redirects more than 3 times"):
        transport(max_redirects=3).send(ask(server))
    assert len(server.asked) == 4


# ------------------------------------------------------------------------------------------------------------------ the mirror


def test_a_mirror_is_asked_instead_and_payloads_keep_the_providers_address(server: ProviderServer, transport: Make) -> None:
    request = Request(url="https://api.stlouisfed.org/fred/series", params=(("series_id", "X"),), stream="X")
    payload = transport(source=FRED, mirror=server.address + "/gateway/", limits=FAST).send(request)
    asked = server.asked[0]
    assert asked.path == "/gateway/fred/series?series_id=X&api_key=sesame-open%2F0123456789"
    assert (asked.headers["host"], asked.headers["x-forwarded-host"]) == (f"127.0.0.1:{server.port}", "api.stlouisfed.org")
    assert payload.url == "https://api.stlouisfed.org/fred/series?series_id=X"


@pytest.mark.parametrize("location", ["/gateway/new?id=Y", "{mirror}/gateway/new?id=Y", "https://api.stlouisfed.org/new?id=Y"])
def test_a_redirect_of_a_mirror_stays_with_it(server: ProviderServer, transport: Make, location: str) -> None:
    server.answers = [reply(302, Location=location.format(mirror=server.address)), reply(200, GOOD)]
    request = Request(url="https://api.stlouisfed.org/fred/series", stream="X")
    transport(source=FRED, mirror=server.address + "/gateway", limits=FAST, max_redirects=1).send(request)
    assert server.paths[1] == "/gateway/new?id=Y&api_key=sesame-open%2F0123456789"


def test_with_a_mirror_the_providers_hosts_are_still_the_only_ones(server: ProviderServer, transport: Make) -> None:
    with pytest.raises(InvalidInput, match="may talk to"):
        transport(source=FRED, mirror=server.address).send(Request(url="https://evil.example/", stream="X"))
    assert server.asked == []


@pytest.mark.parametrize("mirror", ["gateway:8080", "ftp://x", "http://", "http://x?y=1", "http://me:pw@x", "http://x:99999"])
def test_a_mirror_that_is_no_address_is_said_to_be_none(transport: Make, mirror: str) -> None:
    with pytest.raises(InvalidInput, match="a mirror is an address"):
        transport(mirror=mirror)


# ------------------------------------------------------------------------------------------------------------------- the proxy


def test_the_proxies_of_the_environment_are_not_used(
    server: ProviderServer, other: ProviderServer, transport: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, other.address)
    transport().send(ask(server))
    assert (len(server.asked), other.asked) == (1, [])


def test_a_proxy_that_is_set_is_told_the_name_and_its_password_stays_secret(transport: Make) -> None:
    """It refuses the way; what counts is what it was asked, and what is said of it."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(4096))
                connection.sendall(b"HTTP/1.1 403 no bob:let-me-out-please\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        proxy = f"http://bob:let-me-out-please@127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(SourceUnavailable, match="ProxyError") as caught:
            transport(source=FRED, proxy=proxy, attempts=1).send(Request(url="https://api.stlouisfed.org/fred/series", stream="X"))
        thread.join()
    assert heard[0].startswith(b"CONNECT api.stlouisfed.org:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic" in heard[0]
    assert KEY.encode() not in heard[0]
    assert "let-me-out" not in str(caught.value)


def test_the_key_goes_to_the_hosts_that_it_belongs_to_alone(server: ProviderServer, transport: Make) -> None:
    asked = Request(url=f"{server.address}/rows", stream="X")
    transport(key_parameter="api_key", key_hosts=("localhost",)).send(asked)
    transport(key_parameter="api_key", key_hosts=("127.0.0.1",)).send(asked)
    assert ["api_key" in path for path in server.paths] == [False, True]
