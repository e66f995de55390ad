"""Lineage as a document: the closed chain from a result to the bytes that came over the wire."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from crfs.workflows.session import Session


def trace(session: Session, run_id: str) -> dict[str, Any]:
    """What a run rests on: ``runs``, ``batches`` and ``payloads``, with how many edges lead to nothing (``dangling``) and which bytes are damaged.

    The payloads' hashes are computed anew, and ``altered`` says in words what the books say otherwise than when it was written; ``sound`` says
    that the chain is closed, nothing of it is altered, and every byte that is kept has the right hash.
    """
    from crfs.store.lineage import lineage
    from crfs.store.runs import run as find

    found = find(session.database, run_id)
    chain = lineage(session.database, found.run_id)
    damaged = sorted({payload.sha256 for payload in chain.payloads if payload.state == "damaged"})
    return {
        "run_id": found.run_id,
        "kind": found.kind,
        "label": found.label,
        "as_of": found.as_of,
        "batch_id": found.batch_id,
        "recorded_as_of": found.recorded_as_of,
        "result_sha256": found.result_sha256,
        "specification_sha256": found.specification_sha256,
        "runs": [asdict(node) for node in chain.runs],
        "batches": [asdict(node) for node in chain.batches],
        "payloads": [asdict(node) for node in chain.payloads],
        "dangling": chain.dangling,
        "damaged": damaged,
        "altered": list(chain.altered),
        "sound": not chain.dangling and not damaged and not chain.altered,
    }
