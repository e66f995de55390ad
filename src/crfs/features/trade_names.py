"""Trade names: what headlines call issuers for short, and whether that needs a context of business (``trade_names.txt``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from crfs.features.linking_words import listed_lines

_LINE = re.compile(r"(?P<written>.+?) (?P<sure>[=?]) (?P<registrant>[^|]+?)(?: \| (?P<otherwise>.+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeName:
    """A name as it is ``written`` and the registrant that it means; ``otherwise`` are words beside which it means something else."""

    written: str
    registrant: str
    needs_context: bool
    otherwise: frozenset[str]


@cache
def trade_names() -> Mapping[str, tuple[TradeName, ...]]:
    """The trade names of each registrant, by its name in EDGAR.

    >>> [name.written for name in trade_names()["INTERNATIONAL BUSINESS MACHINES CORP"]]
    ['IBM']
    """
    found: dict[str, tuple[TradeName, ...]] = {}
    for line in listed_lines("trade_names.txt"):
        said = _LINE.fullmatch(line)
        assert said is not None, line
        name = TradeName(
            written=said["written"],
            registrant=said["registrant"],
            needs_context=said["sure"] == "?",
            otherwise=frozenset((said["otherwise"] or "").split()),
        )
        found[name.registrant] = (*found.get(name.registrant, ()), name)
    return MappingProxyType(found)
