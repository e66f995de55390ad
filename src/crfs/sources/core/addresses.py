"""Which addresses of the internet a provider may have: public ones, and nothing of this machine, its network or its cloud."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# The metadata services of other clouds lie in blocks of these: 169.254.169.254, 100.100.100.200, 192.0.0.192, fd00:ec2::254, fd20:ce::254.
# Written out rather than asked of the standard library, whose idea of "global" changed between patch releases of Python.
_REFUSED_4 = {
    IPv4Network(block): why
    for block, why in {
        "0.0.0.0/8": "this network",
        "10.0.0.0/8": "private",
        "100.64.0.0/10": "shared by a carrier's customers",
        "127.0.0.0/8": "this machine",
        "168.63.129.16/32": "a cloud's own service",  # Azure's, which hands machines their secrets: public by its number alone
        "169.254.0.0/16": "link-local",
        "172.16.0.0/12": "private",
        "192.0.0.0/24": "reserved",
        "192.0.2.0/24": "documentation",
        "192.88.99.0/24": "reserved",
        "192.168.0.0/16": "private",
        "198.18.0.0/15": "benchmarks",
        "198.51.100.0/24": "documentation",
        "203.0.113.0/24": "documentation",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved",
    }.items()
}
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_REFUSED_6 = {
    IPv6Network(block): why
    for block, why in {
        "2001::/23": "reserved",
        "2001:db8::/32": "documentation",
        "2002::/16": "a tunnel to another address",
        "3fff::/20": "documentation",
    }.items()
}
_NAMED_6 = {
    IPv6Network(block): why
    for block, why in {
        "::1/128": "this machine",
        "::/128": "this machine",
        "fc00::/7": "private",
        "fe80::/10": "link-local",
        "fec0::/10": "private",
        "ff00::/8": "multicast",
    }.items()
}


def refusal(address: str) -> str | None:
    """Why no provider is asked at an address; None where it is a public one.

    >>> refusal("169.254.169.254")
    'link-local'
    >>> refusal("::ffff:10.0.0.1")
    'private'
    >>> refusal("8.8.8.8") is None
    True
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return "no address"
    return _refusal_4(parsed) if isinstance(parsed, IPv4Address) else _refusal_6(parsed)


def _refusal_4(address: IPv4Address) -> str | None:
    return next((why for block, why in _REFUSED_4.items() if address in block), None)


def _refusal_6(address: IPv6Address) -> str | None:
    if address.scope_id is not None:
        return "link-local"
    if address.ipv4_mapped is not None:
        return _refusal_4(address.ipv4_mapped)
    if address in _NAT64:  # how a network without IPv4 reaches the rest: what counts is the address inside
        return _refusal_4(IPv4Address(int(address) & 0xFFFF_FFFF))
    if address not in _GLOBAL_UNICAST:
        return next((why for block, why in _NAMED_6.items() if address in block), "reserved")
    return next((why for block, why in _REFUSED_6.items() if address in block), None)
