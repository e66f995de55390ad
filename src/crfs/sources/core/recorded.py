"""Recorded payloads: a folder of bodies, each with a ``.meta.json`` beside it, in the order of their capture."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from crfs.bitemporal.release import end_of_day
from crfs.errors import InvalidInput, SourceUnavailable, VerificationFailed
from crfs.sources.core.contract import Payload, Request
from crfs.sources.core.registry import load_source, source_names

META = ".meta.json"
_STREAM_PARAMETERS = ("series_id", "id", "seriesid", "symbol", "release_id")
_SECRET_PARAMETERS = frozenset({
    "access_key", "access_token", "accesskey", "api_key", "api_token", "apikey", "apitoken", "auth", "auth_token", "authorization",
    "client_secret", "key", "passwd", "password", "private_token", "refresh_token", "registrationkey", "secret", "sig", "signature",
    "subscription-key", "token", "userid", "x-amz-credential", "x-amz-security-token", "x-amz-signature", "x-api-key",
})  # fmt: skip
"""Names under which keys are usual, whoever recorded it; the name under which the recording's own source sends its key is one more."""


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
    url = without_secrets(str(about.get("url") or ""), source=source)
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


def without_secrets(url: str, *, source: str = "") -> str:
    """The url without what carries keys: parameters of its query and its fragment, and a name and password before the host.

    Which parameters those are the ``source`` says, by how it sends its key, besides the usual names.

    >>> without_secrets("https://me:word@example.org/x?series_id=GDP&API%5Fkey=abc#page=2&token=abc")
    'https://example.org/x?series_id=GDP#page=2'
    """
    return _without(url, _SECRET_PARAMETERS | _key_parameters(source))


def _key_parameters(source: str) -> frozenset[str]:
    """The parameter in which a source sends its key: said once, by its provider. Only that one source is imported."""
    found = load_source(source).provider.key_parameter if source in source_names() else None
    return frozenset({found.lower()} if found else ())


def _without(url: str, secret: Collection[str]) -> str:
    def kept(text: str, mark: str) -> str:
        parts = [part for part in text.split("&") if unquote_plus(part.partition("=")[0]).strip().lower() not in secret]
        return mark + "&".join(parts) if parts and text else ""

    base, hash_mark, fragment = url.partition("#")
    base, mark, query = base.partition("?")
    return _USER.sub(r"\1", base) + kept(query, mark) + kept(fragment, hash_mark)


_USER = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/]*@")


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
