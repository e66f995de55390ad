"""The chain from a run to the bytes that came over the wire."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from crfs.apps.api.pages.rendering import page
from crfs.apps.api.service import Held

router = APIRouter()
MOST = 200


@router.get("/lineage/{run_id}")
def lineage(request: Request, session: Held, run_id: str, all: str = "") -> Response:
    """What a run rests on, the hashes computed anew; with ``all=1`` every batch and payload, else the first of them."""
    from crfs.workflows.lineage import trace
    from crfs.workflows.run_documents import run_document

    run = run_document(session, run_id)
    chain = trace(session, run["run_id"])
    most = 10**9 if all else MOST
    used: dict[str, list[str]] = {}
    for node in chain["runs"]:
        if node["used_by"]:
            used.setdefault(node["run_id"], []).append(node["used_by"])
    datasets: dict[str, list[int]] = {}
    for node in chain["batches"]:
        datasets.setdefault(node["dataset"], []).append(node["batch_id"])
    payloads = list({(node["sha256"], node["batch_id"]): node for node in chain["payloads"]}.values())
    context = {
        "run": run,
        "chain": chain,
        "runs": list({node["run_id"]: node for node in chain["runs"]}.values()),
        "used": used,
        "datasets": {name: sorted(set(batches)) for name, batches in sorted(datasets.items())},
        "payloads": payloads[:most],
        "payload_count": len(payloads),
        "distinct": len({node["sha256"] for node in payloads}),
        "left_out": max(0, len(payloads) - most),
    }
    return page(request, "lineage.html", context)
