"""What is in an open store: its head, datasets, factors by category, models, books and newest runs."""

from __future__ import annotations

from typing import Any

from crfs.workflows.session import Session


def overview(session: Session, *, runs: int = 12) -> dict[str, Any]:
    """One look at a store; every list is in the order in which a page shows it."""
    from crfs.store.provenance import contents
    from crfs.workflows.books import list_portfolios
    from crfs.workflows.models import list_models
    from crfs.workflows.run_documents import list_runs

    pin = session.pin()
    catalogue = session.catalogue(pin.batch_id)
    held = {item.dataset: item for item in contents(session.database, batch_id=pin.batch_id)}
    categories: dict[str, dict[str, int]] = {}
    for factor in catalogue.factors.values():
        row = categories.setdefault(factor.category, {"factors": 0, "with_rows": 0})
        row["factors"] += 1
        row["with_rows"] += factor.dataset in held
    return {
        "batch_id": pin.batch_id,
        "recorded_as_of": pin.recorded_at,
        "datasets": [
            {
                "dataset": name,
                "title": catalogue.datasets[name].title,
                "source": catalogue.datasets[name].source,
                "synthetic": catalogue.datasets[name].synthetic,
                "rows": item.rows,
                "batches": item.batches,
                "recorded_at": item.recorded_at,
            }
            for name, item in held.items()
            if name in catalogue.datasets
        ],
        "rows": sum(item.rows for item in held.values()),
        "factors": len(catalogue.factors),
        "categories": [{"category": name, **categories[name]} for name in sorted(categories)],
        "models": list_models(session),
        "portfolios": list_portfolios(session, batch_id=pin.batch_id).to_dicts(),
        "runs": list_runs(session, limit=runs),
    }
