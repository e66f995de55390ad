"""The sources that there are, and what one makes of saved bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crfs.errors import InvalidInput


def list_sources() -> list[dict[str, Any]]:
    """Every source: the hosts it may talk to, the datasets it fills, whether it takes a key and whether one is set."""
    from crfs.credit.catalogue import packaged_catalogue
    from crfs.ops.settings import load_settings
    from crfs.sources.core.registry import load_source, source_names

    settings = load_settings()
    catalogue = packaged_catalogue()
    found = []
    for name in source_names():
        source = load_source(name)
        takes_key = source.provider.takes_key
        found.append(
            {
                "source": name,
                "parser_version": source.parser_version,
                "hosts": list(source.hosts),
                "takes_key": takes_key,
                "key_set": takes_key and settings.api_key(name) is not None,
                "datasets": sorted(dataset.name for dataset in catalogue.datasets.values() if dataset.source == name),
            }
        )
    return found


def parse_saved(source: str, body: Path, meta: Path | None = None) -> dict[str, Any]:
    """What a source's classifier and parser make of saved bytes; touches nothing. A ``.meta.json`` beside the body is read where none is named."""
    from crfs.credit.catalogue import packaged_catalogue
    from crfs.workflows.ingestion import parse_file

    if not body.is_file():
        raise InvalidInput(f"there is no file {body}")
    beside = body.with_name(body.stem + ".meta.json")
    if meta is not None and not meta.is_file():
        raise InvalidInput(f"there is no file {meta}")
    return parse_file(source, body, meta or (beside if beside.is_file() else None), packaged_catalogue())
