"""The OECD: series of its SDMX service, in long form with their dimensions in the entity, as the service shows them now.

The service keeps no vintages and says no day of publication. So a value is known from the instant at which its message was prepared,
else from the fetch: old values in a message of today are today's, revised ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from urllib.parse import urlsplit

import polars as pl

from crfs.bitemporal.rows import INSTANT
from crfs.credit.catalogue import Catalogue
from crfs.errors import InvalidInput
from crfs.sources.core.asked import in_words, outside_key
from crfs.sources.core.contract import Classification, Limit, Parsed, Payload, Provider, Query, RejectReason, Request, Transport, by_status
from crfs.sources.core.sdmx import SdmxMessage, flow_in, observation_rows, read_sdmx, stated_units
from crfs.sources.core.tables import accept, reject_all
from crfs.sources.core.units import of_expected_units

DATASET = "oecd_series"
API = "https://sdmx.oecd.org/public/rest/data/"
AGENCIES: Mapping[str, str] = MappingProxyType(
    {
        "DSD_STES@DF_CLI": "OECD.SDD.STES",
        "DSD_STES@DF_FINMARK": "OECD.SDD.STES",
        "DSD_LFS@DF_IALFS_UNE_M": "OECD.SDD.TPS",
        "DSD_PRICES@DF_PRICES_ALL": "OECD.SDD.TPS",
    }
)
"""Who keeps the dataflows that the catalogue names; for another one a query says it: ``OECD.SDD.NAD,DSD_NAMAIN1@DF_QNA/KEY``."""

_FLOW = re.compile(r"(?:(?P<agency>[A-Za-z0-9._-]+),)?(?P<flow>[A-Za-z0-9_@-]+)(?:,(?P<version>[0-9.]*))?", re.ASCII)
_KEY = re.compile(r"[A-Za-z0-9_.+-]+", re.ASCII)
_PROVIDER = Provider(
    title="OECD Data Explorer (SDMX)",
    limits=(Limit(1, 2.0), Limit(60, 3_600.0)),
    terms="Open data (CC BY 4.0): name the OECD as the source. At most 60 downloads an hour.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Oecd:
    """The source ``oecd``; the series of a query are ``FLOW/KEY``, like ``DSD_STES@DF_CLI/USA.M.LI.IX._Z.AA.IX._Z.H`` (none: the catalogue's).

    Series of one dataflow that differ only in their first dimension (the country) are asked for together.
    """

    name: str = "oecd"
    parser_version: str = "4"
    hosts: tuple[str, ...] = ("sdmx.oecd.org",)
    provider: Provider = _PROVIDER

    def probes(self, catalogue: Catalogue) -> Mapping[str, Query]:
        """Some months of one leading indicator."""
        series = "DSD_STES@DF_CLI/USA.M.LI.IX._Z.AA.IX._Z.H"
        return {"observations": Query(series=(series,), since=date(2024, 1, 1), until=date(2024, 6, 30))}

    def fetch(self, query: Query, transport: Transport, catalogue: Catalogue) -> Iterator[Payload]:
        """One question for each dataflow and kind of series, with every observation from ``since`` to ``until``, as SDMX-JSON."""
        named = sorted(catalogue.entities(DATASET))
        params = [("startPeriod", f"{query.since:%Y-%m}")] if query.since else []
        params += [("endPeriod", f"{query.until:%Y-%m}")] if query.until else []
        params += [("dimensionAtObservation", "AllDimensions"), ("format", "jsondata")]
        for place, key in _together(query.series or named):
            yield transport.send(Request(url=f"{API}{place}/{key}", params=tuple(params), stream=f"{place.split(',')[1]}/{key}"))

    def classify(self, payload: Payload) -> Classification:
        """The service says by 404 that a key has no observations in the range (EMPTY), and by a 403 page that it was asked too often (QUOTA)."""
        start = payload.body[:4000].lower()
        if payload.status == 403 and (b"captcha" in start or b"cloudflare" in start):
            return Classification.QUOTA
        if payload.status in (204, 304) or (payload.status == 404 and re.search(rb"no\s?(records|results)\s?found", start)):
            return Classification.EMPTY
        refusal = by_status(payload.status)
        if refusal is not None:
            return refusal
        if not payload.body.strip():
            return Classification.RETRY
        message = read_sdmx(payload.body)
        if message.error is not None:
            empty = re.search(r"no\s?(records|results)\s?found", message.error, re.IGNORECASE)
            return Classification.EMPTY if empty else Classification.BAD_REQUEST
        if message.problem is not None:
            return Classification.SCHEMA
        if _other_series(message, payload) is not None:
            return Classification.SCHEMA
        return Classification.OK if message.count or message.is_structure else Classification.EMPTY

    def parse(self, payload: Payload, catalogue: Catalogue) -> Parsed:
        """A row for each observation; its entity is the dataflow and the codes of its dimensions. A message about structures gives none."""
        message = read_sdmx(payload.body)
        if message.error is not None:
            return reject_all(RejectReason.UNSUPPORTED, f"an error of the provider: {message.error}")
        if message.problem is not None:
            return reject_all(*message.problem)
        flow = _flow(message, payload)
        if not flow:
            return reject_all(RejectReason.UNKNOWN_SERIES, "neither the message nor the url or the stream says which dataflow it is of")
        if (elsewhere := _other_series(message, payload)) is not None:
            return reject_all(RejectReason.UNKNOWN_SERIES, elsewhere)
        dataset = catalogue.dataset(DATASET)
        frame, unread = observation_rows(message, prefix=f"{flow}/")
        frame, other = of_expected_units(frame, stated_units(message, prefix=f"{flow}/"), dataset, catalogue)
        known = payload.fetched_at if message.prepared is None else min(message.prepared, payload.fetched_at)
        frame = frame.with_columns(knowledge_time=pl.lit(known).cast(INSTANT), knowledge_basis=pl.lit("observed"), clipped=pl.lit(True))
        accepted, refused = accept(frame, dataset, catalogue, fetched_at=payload.fetched_at)
        rejected = pl.concat([unread, other, refused]).sort("row", nulls_last=True, maintain_order=True)
        return Parsed(tables={DATASET: accepted} if accepted.height else {}, rejected=rejected)


def _other_series(message: SdmxMessage, payload: Payload) -> str | None:
    """What is wrong where a message has another series than its url asks for; None where it has not, or the url does not say."""
    try:
        path = urlsplit(payload.url).path
        [_, key] = path.partition("/rest/data/")[2].split("/")
    except ValueError:  # neither an agency's dataflow nor a key
        return None
    flow = flow_in(path)
    if message.is_structure or flow is None:
        return None
    keys = message.table["key"].unique(maintain_order=True)
    # In XML the structure is named, which is not always called as its dataflow is.
    if message.flow not in (None, flow) and not payload.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return in_words(f"{flow}/{key}", [f"{message.flow}/{one}" for one in keys])
    return outside_key(key, keys)


def _flow(message: SdmxMessage, payload: Payload) -> str:
    """The dataflow's id: by the message, else by the url, else by the stream (the name of a saved file)."""
    if message.is_structure:
        return "structure"
    try:
        asked = flow_in(urlsplit(payload.url).path)
    except ValueError:
        asked = None
    return message.flow or (asked if asked and asked.strip(".") else None) or payload.stream.partition("/")[0]


def _together(series: Iterable[str]) -> list[tuple[str, str]]:
    """(agency, flow and version; key) of each question: countries of one kind of series joined by ``+``, in order."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name in series:
        flow, _, key = name.partition("/")
        found = _FLOW.fullmatch(flow)
        agency = found and (found["agency"] or AGENCIES.get(found["flow"]))
        if found is None or not agency or not _KEY.fullmatch(key):
            raise InvalidInput(
                f"oecd: {name!r} is no series; write FLOW/KEY with one of {', '.join(AGENCIES)}, or AGENCY,FLOW/KEY for another dataflow"
            )
        first, dot, rest = key.partition(".")
        groups.setdefault((f"{agency},{found['flow']},{found['version'] or ''}", dot + rest), []).append(first)
    return [(place, "+".join(dict.fromkeys(areas)) + rest) for (place, rest), areas in groups.items()]


SOURCE = Oecd()
