"""Lineage as a document: the closed chain from a result to the bytes that came over the wire."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from crfs.workflows.session import Session


def trace(session: Session, run_id: str) -> dict[str, Any]:
    """What a run rests on: ``runs``, ``batches`` and ``payloads``, with how many edges lead to nothing (``dangling``) and which bytes are damaged.

    The hashes of payloads and kept results are computed anew, and ``altered`` says in words what is not as it was written; ``sound`` says that
    the chain is closed, that it ends at bytes which are kept (``expired`` are those that are not) and have the right hash, and that nothing
    of it is altered.
    """
    from crfs.store.lineage import lineage
    from crfs.store.runs import run as find

    found = find(session.database, run_id)
    chain = lineage(session.database, found.run_id)
    return {
        "run_id": found.run_id,
        "kind": found.kind,
        "label": found.label,
        # As of when is what the state of the store was, where nobody asked for another time.
        "as_of": found.as_of or found.recorded_as_of,
        "batch_id": found.batch_id,
        "recorded_as_of": found.recorded_as_of,
        "result_sha256": found.result_sha256,
        "specification_sha256": found.specification_sha256,
        "runs": [asdict(node) for node in chain.runs],
        "batches": [asdict(node) for node in chain.batches],
        "payloads": [asdict(node) for node in chain.payloads],
        "dangling": chain.dangling,
        "damaged": chain.payloads_that_are("damaged"),
        "expired": chain.payloads_that_are("expired"),
        "altered": list(chain.altered),
        "sound": chain.sound,
    }
