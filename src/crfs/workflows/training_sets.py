"""Training sets as runs: cut at one state of the store, hashed, and cut again to the byte."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from crfs.errors import InvalidInput, in_file
from crfs.workflows.observations import recorded_state
from crfs.workflows.rights import require_export
from crfs.workflows.runs import Computation, RunKind, execute
from crfs.workflows.session import Progress, Session, no_progress
from crfs.workflows.spines import build_spine, read_spine, require
from crfs.workflows.times import parse_instant


def compute(session: Session, specification: Mapping[str, Any], batch_id: int, progress: Progress) -> Computation:
    """Cut a training set: ``spine``, ``factor`` (a list), ``as_of`` or ``vintage``, ``strict``."""
    from crfs.features.specification import feature_factors
    from crfs.features.training_set import training_set
    from crfs.store.runs import RunInputs

    require(specification, "training set", ("spine", "factor"), ("as_of", "vintage", "strict"))
    reader = session.reader(batch_id)
    as_of = parse_instant(specification["as_of"], what="as_of") if specification.get("as_of") else None
    vintage = parse_instant(specification["vintage"], what="vintage") if specification.get("vintage") else None
    spine = build_spine(reader, reader.catalogue, specification["spine"], known_by=as_of or vintage, landed=session.landed)
    progress("cutting the training set", 0, None)
    cut = training_set(
        reader,
        spine,
        feature_factors(specification["factor"]),
        catalogue=reader.catalogue,
        as_of=as_of,
        vintage=vintage,
        strict=specification.get("strict", True),
    )
    payloads = [specification["spine"]["sha256"]] if specification["spine"].get("kind") == "payload" else []
    return Computation(
        result=cut.to_parquet(),
        inputs=RunInputs(batches={name: sorted(batches) for name, batches in reader.batches_read.items()}, payloads=payloads),
        facts={
            "manifest": cut.manifest,
            "table": cut.table,
            "summary": {"rows": cut.table.height, "content_sha256": cut.manifest["content_sha256"]},
        },
    )


def build_features(
    session: Session,
    factors: list[dict[str, Any]],
    spine_file: Path,
    out: Path,
    *,
    as_of: str | None = None,
    vintage: str | None = None,
    recorded_as_of: str | date | int | None = None,
    strict: bool = True,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Join factors to a spine file and write the table (CSV or Parquet, by the name's ending), with a manifest beside it.

    Factors whose rights keep their values in the store are :class:`~crfs.errors.Forbidden`; a model may be trained on them here.
    """
    import json

    if out.suffix not in {".csv", ".parquet"}:
        raise InvalidInput(f"{out} ends in {out.suffix!r}; name a .csv or a .parquet file")
    require_export(session, *(str(factor["mnemonic"]) for factor in factors), recorded_as_of=recorded_as_of)
    pin = recorded_state(recorded_as_of)
    specification: dict[str, Any] = {"spine": _landed(session, spine_file), "factor": factors, "strict": strict}
    if as_of:
        specification["as_of"] = as_of
    if vintage:
        specification["vintage"] = vintage
    run, computation = execute(session, RunKind.TRAINING_SET, specification, recorded_as_of=pin, progress=progress)
    manifest = {
        **computation.facts["manifest"],
        "run_id": run.run_id,
        "batch_id": run.batch_id,
        "recorded_as_of": run.recorded_as_of.isoformat(),
    }
    table = computation.facts["table"]
    try:
        if out.suffix == ".csv":
            table.write_csv(out)
        else:
            out.write_bytes(computation.result)
        out.with_name(out.name + ".manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"cannot write {out}: {error.strerror}") from None
    return manifest


def _landed(session: Session, spine_file: Path) -> dict[str, str]:
    """A spine's file, landed as a payload: what a specification says of it."""
    from crfs.store.payloads import FetchNote, land

    try:
        body = spine_file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read the spine {spine_file}: {error.strerror}") from None
    file_format = "parquet" if spine_file.suffix == ".parquet" else "csv"
    with in_file(spine_file):
        read_spine(body, file_format=file_format)
    now = session.clock.now()
    note = FetchNote(
        source="file",
        stream=f"spine/{spine_file.name}",
        url=f"file:{spine_file.name}",
        status=200,
        headers={},
        classification="OK",
        parser_version="1",
        started_at=now,
        fetched_at=now,
    )
    return {"kind": "payload", "sha256": land(session.database, body, note), "format": file_format}
