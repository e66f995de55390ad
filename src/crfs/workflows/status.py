"""The state of a store: its servers, its head, what it holds, the newest runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crfs.workflows.session import open_session


def status(*, url: str | None = None, data_dir: Path | str | None = None, runs: int = 10) -> dict[str, Any]:
    """What is there. An embedded store that was never made is not made now; one that sleeps is woken for the moment."""
    from crfs.ops.datatier import default_data_dir
    from crfs.ops.datatier import status as tier_status
    from crfs.ops.settings import load_settings

    settings = load_settings()
    given = url or (settings.store.url if data_dir is None else None)
    document: dict[str, Any] = {"store": "served" if given else "embedded"}
    if given is None:
        folder = Path(data_dir or settings.data_dir or default_data_dir()).expanduser().resolve()
        tier = tier_status(folder)
        document |= {
            "data_dir": str(tier.data_dir),
            "running": tier.running,
            "pids": dict(tier.pids),
            "versions": dict(tier.versions),
            "clients": None if tier.clients is None else list(tier.clients),
        }
        if not (folder / "layout.json").exists():
            return {**document, "made": False}
    with open_session(url, data_dir=data_dir) as session:
        from crfs.store.runs import runs as newest_runs

        pin = session.pin()
        catalogue = session.catalogue(pin.batch_id)
        return {
            **document,
            "made": True,
            "batch_id": pin.batch_id,
            "recorded_at": pin.recorded_at,
            "datasets": len(catalogue.datasets),
            "factors": len(catalogue.factors),
            "runs": [
                {
                    "run_id": run.run_id,
                    "kind": run.kind,
                    "label": run.label,
                    "as_of": run.as_of,
                    "created_at": run.created_at,
                    "result_sha256": run.result_sha256,
                }
                for run in newest_runs(session.database, limit=runs)
            ],
        }
