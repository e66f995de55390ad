"""Recorded payloads: a folder of bodies, each with a ``.meta.json`` beside it, in the order of their capture."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from crfs.bitemporal.release import end_of_day
from crfs.errors import InvalidInput, SourceUnavailable, VerificationFailed
from crfs.sources.core.contract import Payload, Request

META = ".meta.json"
_STREAM_PARAMETERS = ("series_id", "id", "seriesid", "symbol", "release_id")
_SECRET_PARAMETERS = {"api_key", "apikey", "key", "userid", "registrationkey"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recorded answer: the body's file and the payload it stands for."""

    path: Path
    payload: Payload


def recorded_payloads(folder: Path, *, source: str, now: datetime) -> Iterator[Recording]:
    """The recordings of ``folder`` in the order in which they were captured; a hash that is not that of the ``.meta.json`` is an error.

    ``now`` is the fetch time of a recording that does not say when it was captured. Of those of one moment the file names decide.
    """
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is no folder of recordings")
    metas = sorted(path for path in folder.iterdir() if path.name.endswith(META))
    if not metas:
        raise InvalidInput(f"{folder} has no recordings: each body needs a {META} beside it")
    # Bodies are read again when their turn comes, so that a folder need not fit into memory.
    order = sorted((recording(_body_of(meta), meta, source=source, now=now).payload.fetched_at, meta.name, meta) for meta in metas)
    for _, _, meta in order:
        yield recording(_body_of(meta), meta, source=source, now=now)


def recording(body: Path, meta: Path | None, *, source: str, now: datetime) -> Recording:
    """One saved body as a payload; without a ``meta`` file its url is empty, its status 200 and its stream the file's stem."""
    data = body.read_bytes()
    about = _meta(meta) if meta is not None else {}
    expected = about.get("sha256")
    if expected and hashlib.sha256(data).hexdigest() != expected:
        raise VerificationFailed(f"{body}: its SHA-256 is not the one in {meta}; the recording was changed")
    url = without_secrets(str(about.get("url") or ""))
    if "\0" in url:
        raise InvalidInput(f"{meta}: its url has a NUL character")
    raw_headers = about.get("headers")
    headers = {str(k).lower(): str(v).replace("\0", "\ufffd") for k, v in raw_headers.items()} if isinstance(raw_headers, Mapping) else {}
    status = about.get("status")
    fetched = _captured(about, headers) or now
    payload = Payload(
        source=source,
        stream=_stream(url) or body.stem,
        body=data,
        url=url,
        status=status if isinstance(status, int) else 200,
        headers=headers,
        started_at=fetched,
        fetched_at=fetched,
    )
    return Recording(path=body, payload=payload)


class RecordedTransport:
    """Answers requests from payloads at hand: the one of the same address and the same parameters (order and key do not matter)."""

    def __init__(self, payloads: Iterable[Payload], *, now: datetime, has_key: bool = True) -> None:
        self._payloads = {_address(payload.url): payload for payload in payloads}
        self._now, self._has_key = now, has_key
        self.asked: list[Request] = []

    @property
    def has_key(self) -> bool:
        """Whether a source should ask as one does with a key."""
        return self._has_key

    @property
    def now(self) -> datetime:
        """The time that was given."""
        return self._now

    def send(self, request: Request) -> Payload:
        """The recorded answer; :class:`~crfs.errors.SourceUnavailable` where nobody recorded one."""
        self.asked.append(request)
        try:
            return self._payloads[_address(request.full_url)]
        except KeyError:
            raise SourceUnavailable(f"no recording answers {request.full_url}") from None


class NoTransport:
    """For sources that read what is on this machine: it knows the time and sends nothing."""

    def __init__(self, *, now: datetime) -> None:
        self._now = now

    @property
    def has_key(self) -> bool:
        """There is no key."""
        return False

    @property
    def now(self) -> datetime:
        """The time that was given."""
        return self._now

    def send(self, request: Request) -> Payload:
        """Nothing is sent."""
        raise SourceUnavailable(f"this run is offline; {request.url} was not asked")


def without_secrets(url: str) -> str:
    """The url without query parameters that carry keys."""
    base, mark, query = url.partition("?")
    if not mark:
        return url
    query, hash_mark, fragment = query.partition("#")
    kept = [part for part in query.split("&") if part.partition("=")[0].lower() not in _SECRET_PARAMETERS]
    return base + ("?" + "&".join(kept) if kept else "") + hash_mark + fragment


def _address(url: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    base, _, query = without_secrets(url).partition("#")[0].partition("?")
    return base, tuple(sorted(parse_qsl(query, keep_blank_values=True)))


def _stream(url: str) -> str:
    try:
        params = dict(parse_qsl(urlsplit(url).query))
    except ValueError:
        return ""
    return next((params[name] for name in _STREAM_PARAMETERS if params.get(name)), "")


def _body_of(meta: Path) -> Path:
    stem = meta.name.removesuffix(META)
    bodies = sorted(path for path in meta.parent.iterdir() if path.stem == stem and not path.name.endswith(META) and path.is_file())
    if len(bodies) != 1:
        found = ", ".join(path.name for path in bodies) or "none"
        raise InvalidInput(f"{meta}: exactly one body file has to have the stem {stem!r}; found {found}")
    return bodies[0]


def _meta(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes())
    except ValueError as error:
        raise InvalidInput(f"{path}: not JSON: {error}") from None
    if not isinstance(data, dict):
        raise InvalidInput(f"{path}: a recording's meta file is a JSON object")
    return data


def _captured(about: Mapping[str, Any], headers: Mapping[str, str]) -> datetime | None:
    """When the body was fetched: ``captured``; else the answer's Date header; else the end of the day of the snapshot it was found in."""
    import polars as pl

    for text in (about.get("captured"), headers.get("date")):
        moment = _instant(text)
        if moment is not None:
            return moment
    try:
        day = datetime.fromisoformat(str(about.get("commit_date_of_snapshot"))).date()
    except ValueError:
        return None
    found: datetime = end_of_day(pl.Series([day]), "UTC")[0]
    return found


def _instant(text: object) -> datetime | None:
    from email.utils import parsedate_to_datetime

    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(str(text))
            return moment.astimezone(UTC) if moment.tzinfo is not None else None
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None
