"""Datasets of one's own: defined by a file, appended to, looked at, exported."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from crfs.errors import InvalidInput
from crfs.workflows.observations import recorded_state
from crfs.workflows.rights import forbidden_entities
from crfs.workflows.session import Session


def define_datasets(session: Session, file: Path) -> dict[str, Any]:
    """Put the datasets and factors of a TOML file in force; what says nothing new is left out."""
    from crfs.credit.definitions import parse_definitions
    from crfs.store.definitions import define

    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InvalidInput(f"{file} is not UTF-8 text") from None
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from None
    parts = parse_definitions(text, where=str(file))
    batch_id = define(session.database, list(parts.datasets), list(parts.factors), at=session.clock.now(), source=f"file:{file.name}")
    return {
        "datasets": [dataset.name for dataset in parts.datasets],
        "factors": [factor.mnemonic for factor in parts.factors],
        "batch_id": batch_id,
    }


def list_datasets(session: Session) -> list[dict[str, Any]]:
    """The datasets in force."""
    catalogue = session.catalogue()
    return [
        {
            "dataset": name,
            "title": dataset.title,
            "source": dataset.source,
            "entity_kind": dataset.entity_kind,
            "period": str(dataset.period),
            "columns": len(dataset.columns),
            "factors": sum(factor.dataset == name for factor in catalogue.factors.values()),
        }
        for name, dataset in sorted(catalogue.datasets.items())
    ]


def show_dataset(session: Session, name: str) -> dict[str, Any]:
    """A dataset's definition and what the store has of it."""
    from crfs.credit.definitions import digest, to_dict

    pin = session.pin()
    catalogue = session.catalogue(pin.batch_id)
    definition = catalogue.dataset(name)
    rows = session.reader(pin.batch_id).rows(name, columns=[])
    return {
        **to_dict(definition),
        "definition_sha256": digest(definition),
        "factors": sorted(mnemonic for mnemonic, factor in catalogue.factors.items() if factor.dataset == name),
        "stored": {
            "rows": rows.height,
            "entities": rows["entity"].n_unique(),
            "batches": rows["batch_id"].n_unique(),
            "first_valid_time": rows["valid_time"].min(),
            "last_valid_time": rows["valid_time"].max(),
            "last_knowledge_time": rows["knowledge_time"].max(),
        },
    }


def export_dataset(session: Session, name: str, out: Path, *, recorded_as_of: str | date | int | None = None) -> dict[str, Any]:
    """Write all rows of a dataset, every revision with its clocks and the provider's vintage date, as Parquet into a folder.

    Their definition and hash stand beside, in a manifest. A dataset whose rights forbid it is :class:`~crfs.errors.Forbidden`; where
    they forbid some series only, these are left out and the manifest names them.
    """
    import hashlib

    import polars as pl

    from crfs.credit.definitions import to_dict
    from crfs.features.training_set import canonical_parquet

    pin = session.pin(recorded_state(recorded_as_of))
    reader = session.reader(pin.batch_id)
    definition = reader.catalogue.dataset(name)
    left_out = forbidden_entities(session, name, recorded_as_of=pin.batch_id)
    rows = reader.rows(name, vintage_dates=True).sort("entity", "valid_time", "knowledge_time", "batch_id")
    rows = rows.filter(~pl.col("entity").is_in(left_out)) if left_out else rows
    body = canonical_parquet(rows)
    manifest = {
        "dataset": name,
        "rows": rows.height,
        "batch_id": pin.batch_id,
        "recorded_as_of": pin.recorded_at.isoformat(),
        "sha256": hashlib.sha256(body).hexdigest(),
        "definition": to_dict(definition),
        **({"left_out": left_out} if left_out else {}),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.parquet").write_bytes(body)
        (out / f"{name}.manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"cannot write into {out}: {error.strerror}") from None
    return manifest
