"""Data files that installed packages ship, read as bytes where they lie; the packages are not imported."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from crfs.errors import SourceUnavailable
from crfs.sources.core.contract import Payload, Transport


def package_folder(package: str) -> tuple[Path, str]:
    """Where an installed package lies, and its version."""
    spec = find_spec(package)
    places = spec.submodule_search_locations if spec is not None else None
    if not places:
        raise SourceUnavailable(f"the package {package} is not installed; install it to read the history that it ships")
    try:
        return Path(next(iter(places))), version(package)
    except PackageNotFoundError:
        return Path(next(iter(places))), "unknown"


def package_payload(package: str, path: str, *, source: str, stream: str, transport: Transport) -> Payload:
    """One file of a package as a payload, whose url names the package's version."""
    folder, release = package_folder(package)
    started = transport.now
    try:
        body = (folder / path).read_bytes()
    except OSError as error:
        raise SourceUnavailable(f"{source}: {package} {release} has no readable {path}: {error.strerror}") from None
    return Payload(
        source=source,
        stream=stream,
        body=body,
        url=f"package://{package}/{release}/{path}",
        status=200,
        headers={},
        started_at=started,
        fetched_at=transport.now,
    )
