"""A source whose parser does all that no parser may: the rig of the fuzzed bodies has to find each."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from crfs.credit.catalogue import Catalogue
from crfs.sources.core import Classification, Parsed, Payload, Provider, Query, RejectReason, Transport
from crfs.sources.core.tables import reject_all
from tests.samples import sample

_KEPT: list[bytes] = []


@dataclass(frozen=True, kw_only=True)
class Evil:
    """It behaves at good bodies; the first bytes of a broken one say what it does."""

    name: str = "evil"
    parser_version: str = "1"
    hosts: tuple[str, ...] = ()
    provider: Provider = Provider()  # noqa: RUF009 - frozen

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        return {}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        yield from ()

    def classify(self, payload: Payload) -> Classification:
        return Classification.OK

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        if payload.body not in GOOD:
            match len(payload.body) % 5:
                case 0:
                    raise KeyError("a field")
                case 1 if not _KEPT:
                    _KEPT.append(b"x" * (400 << 20))
                case 2 if len(payload.body) % 3 == 0:
                    end = time.process_time() + 1.1
                    while time.process_time() < end:
                        pass
                case 3 if len(payload.body) % 8 == 0:
                    os.abort()
        return reject_all(RejectReason.MALFORMED, "nothing is good enough")


GOOD = (b"good", b"better,still")
SAMPLES = [sample("evil", body) for body in GOOD]
SOURCE = Evil()
