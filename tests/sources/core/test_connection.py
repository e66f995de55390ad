"""Addresses: a name is looked up once, every address of it is judged, and the connection goes to one of those and no other."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.errors import SourceRejected, SourceUnavailable
from crfs.sources.core import Request
from crfs.sources.core.addresses import refusal
from crfs.sources.core.budget import LocalBudget
from crfs.sources.core.connection import CheckedBackend, ForbiddenAddress
from crfs.sources.core.http import HttpTransport
from crfs.sources.providers.fred import SOURCE as FRED
from tests.sources.provider_server import GOOD, Local, provider_server, reply, self_signed

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "168.63.129.15",
    "168.63.129.17",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "64:ff9b::8.8.8.8",
    "::ffff:8.8.8.8",
]
NOT_PUBLIC = [
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("168.63.129.16", "::ffff:168.63.129.16", "64:ff9b::168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"),
    *(
        "192.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
    ),
    *("::", "::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "2606:4700::1111%eth0", "fec0::1", "ff02::1", "2001:db8::1"),
    *("2001::1", "2002:7f00:1::", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254"),
    *("64:ff9b:1::8.8.8.8", "3fff::1", "4000::1", "", "localhost", "2130706433", "0x7f.1"),
]


class Noted(httpcore.NetworkBackend):
    """Connects nowhere, and notes where to."""

    def __init__(self) -> None:
        self.connected: list[tuple[str, int]] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        self.connected.append((host, port))
        raise httpcore.ConnectError("nobody there")


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert refusal(address) is None


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_all_others_are_refused_with_a_reason(address: str) -> None:
    assert refusal(address)


@given(st.ip_addresses())
def test_whatever_the_standard_library_calls_private_is_refused(address: IPv4Address | IPv6Address) -> None:
    inside = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    if (inside or address).is_private or address.is_multicast or address.is_loopback or address.is_link_local:
        assert refusal(str(address))


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_as_itself(address: IPv4Address) -> None:
    assert refusal(f"::ffff:{address}") == refusal(f"64:ff9b::{address}") == refusal(str(address))


def test_a_name_is_looked_up_once_and_the_connection_goes_to_what_was_judged() -> None:
    """A name server that lies at the second question is never asked a second one."""
    answers, inner = iter([["8.8.8.8", "1.1.1.1"], ["127.0.0.1"]]), Noted()
    backend = CheckedBackend(resolve=lambda host, port: next(answers), inner=inner)
    with pytest.raises(httpcore.ConnectError):
        backend.connect_tcp("provider.example", 443)
    assert inner.connected == [("8.8.8.8", 443), ("1.1.1.1", 443)]
    with pytest.raises(ForbiddenAddress, match=r"127\.0\.0\.1 \(this machine\)"):
        backend.connect_tcp("provider.example", 443)
    assert len(inner.connected) == 2


@pytest.mark.parametrize("address", ["10.0.0.1", "::1", "169.254.169.254"])
def test_one_forbidden_address_among_others_forbids_the_name(address: str) -> None:
    inner = Noted()
    with pytest.raises(ForbiddenAddress):
        CheckedBackend(resolve=lambda host, port: ["8.8.8.8", address], inner=inner).connect_tcp("provider.example", 443)
    assert inner.connected == []


def test_a_provider_that_leads_into_the_users_network_is_refused_and_not_tried_again() -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["10.0.0.7"]

    request = Request(url="https://api.stlouisfed.org/fred/series", stream="X")
    with (
        HttpTransport(FRED, clock=lambda: datetime.now(UTC), budget=LocalBudget(), resolve=resolve) as transport,
        pytest.raises(SourceRejected, match=r"leads to 10\.0\.0\.7 \(private\).*CRFS_SOURCES__FRED__MIRROR"),
    ):
        transport.send(request)
    assert asked == ["api.stlouisfed.org"]


def test_a_name_that_is_not_found_is_tried_again_and_unavailable() -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        raise socket.gaierror("Name or service not known")

    source = Local(hosts=("provider.example",))
    with (
        HttpTransport(source, clock=lambda: datetime.now(UTC), budget=LocalBudget(), resolve=resolve) as transport,
        pytest.raises(SourceUnavailable, match=r"provider\.example is not found"),
    ):
        transport.send(Request(url="https://provider.example/", stream="X"))
    assert asked == ["provider.example"] * 3


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return self_signed(tmp_path_factory.mktemp("tls"), "DNS:localhost")


def test_tls_and_the_host_header_keep_the_name_while_the_connection_goes_to_the_address(
    certificates: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    server_tls, client_tls = certificates
    with provider_server(reply(200, GOOD), tls=server_tls) as server:
        url = f"https://localhost:{server.port}/x"
        source = Local(hosts=("localhost",))
        looked_up: list[str] = []

        def resolve(host: str, port: int) -> list[str]:
            looked_up.append(host)
            return ["127.0.0.1"]

        with HttpTransport(source, clock=lambda: datetime.now(UTC), budget=LocalBudget(), tls=client_tls, resolve=resolve) as transport:
            assert transport.send(Request(url=url, stream="X")).body == GOOD
            assert transport.send(Request(url=url, stream="X")).body == GOOD
        assert server.asked[0].headers["host"] == f"localhost:{server.port}"
        assert (server.names, looked_up) == (["localhost"], ["localhost"])


@pytest.mark.parametrize("case", ["nobody vouches", "another name", "no TLS"])
def test_no_trusted_tls_is_no_answer_and_not_tried_again(certificates: tuple[ssl.SSLContext, ssl.SSLContext], case: str) -> None:
    server_tls, client_tls = certificates
    tls = None if case == "no TLS" else server_tls
    with provider_server(reply(200, GOOD), tls=tls) as server:
        host = "127.0.0.1" if case == "another name" else "localhost"
        source = Local(hosts=(host,))
        trust = client_tls if case == "another name" else None
        counted: list[str] = []

        def resolve(host: str, port: int) -> list[str]:
            counted.append(host)
            return ["127.0.0.1"]

        with (
            HttpTransport(source, clock=lambda: datetime.now(UTC), budget=LocalBudget(), tls=trust, resolve=resolve) as transport,
            pytest.raises(SourceUnavailable, match="no trusted TLS"),
        ):
            transport.send(Request(url=f"https://{host}:{server.port}/x", stream="X"))
        assert len(counted) == 1
        assert server.asked == []
