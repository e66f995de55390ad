"""The reports of runs about a book, and the list of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from crfs.apps.api.pages.rendering import link, page, path_part
from crfs.apps.api.pages.shown import BESIDE, PAGES, shown
from crfs.apps.api.plots.bars import around, bars_plot
from crfs.apps.api.plots.loss_curve import is_banded, loss_curve_plot
from crfs.apps.api.service import Held
from crfs.errors import NotFound
from crfs.workflows.confidences import percentage
from crfs.workflows.cutting import shown_name
from crfs.workflows.filling import filled_in_words
from crfs.workflows.runs import RunKind
from crfs.workflows.session import Session

router = APIRouter()
MOST_GROUPS = 20


@router.get("/report")
def newest(request: Request, session: Held, label: str = "", recorded_as_of: str = "") -> Response:
    """The newest risk run that there was at ``recorded_as_of`` (now, where it is empty); that of the main job, where no label is given."""
    from crfs.workflows.run_documents import newest_risk_run

    found = newest_risk_run(session, label=label or "demo", recorded_as_of=recorded_as_of or None)
    if found is None and not label:
        found = newest_risk_run(session, recorded_as_of=recorded_as_of or None)
    if found is None:
        raise NotFound("there is no risk run yet; crfs demo makes one, and so does crfs portfolio risk book.csv")
    return RedirectResponse(link(f"/runs/{path_part(found)}", recorded_as_of=recorded_as_of), status_code=303)


@router.get("/runs")
def every(request: Request, session: Held, kind: str = "") -> Response:
    """The newest runs."""
    from crfs.workflows.run_documents import list_runs

    return page(request, "runs.html", {"runs": list_runs(session, kind=kind or None, limit=200), "kind": kind})


@router.get("/runs/{run_id}")
def report(request: Request, session: Held, run_id: str, recorded_as_of: str = "") -> Response:
    """The report of a run about a book, or of a factor model; of another run, its lineage."""
    from crfs.workflows.dependence import SECTORS, dependence
    from crfs.workflows.run_documents import book_run, risk_run, run_document

    run = run_document(session, run_id)
    if run["kind"] in PAGES:
        answer = book_run(session, run["run_id"], kind=RunKind(run["kind"]))
        newer = session.pin().batch_id - run["batch_id"]
        context = {
            "run": run,
            "answer": answer,
            "shown": shown(run["kind"], answer),
            "filled": filled_in_words(answer),
            "newer_batches": newer,
            "path": "/report",
        }
        return page(request, "book_run.html", context)
    if run["kind"] != "risk":
        return RedirectResponse(f"/lineage/{path_part(run['run_id'])}", status_code=303)
    risk = risk_run(session, run["run_id"])
    currency = risk["currency"] or "currency units"
    pin = session.pin()
    context = {
        "run": run,
        "risk": risk,
        "drawn": risk["method"] != SECTORS,
        "dependence": dependence(risk["method"], risk["copula"]),
        "currency": currency,
        "models": _models(session, risk["models"]),
        "obligors": [item for item in risk["contributions"] if item["by"] == "obligor"],
        "cuts": _cuts(risk["contributions"]),
        "loss_curve": loss_curve_plot(risk["loss_curve"], risk["measures"], el=risk["el"], currency=currency, method=risk["method"]),
        "loss_band": is_banded(risk["loss_curve"]),
        "exposure": bars_plot(
            [(item["group"] or "no group", item["ead"]) for item in risk["segments"]],
            name="exposure",
            title="Exposure at default by group",
            unit=f"exposure at default, {currency}",
        ),
        "expected": bars_plot(
            [(item["group"] or "no group", item["el"]) for item in risk["segments"]],
            name="expected",
            title="Expected loss by group",
            unit=f"expected loss in 12 months, {currency}",
            css="two",
        ),
        "contributions": _contributions(risk, currency),
        "beside": _beside(session, run),
        "newer_batches": pin.batch_id - run["batch_id"],
        "recorded_as_of": recorded_as_of,
        "path": "/report",
    }
    return page(request, "report.html", context)


def _models(session: Session, references: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The model versions that filled the book, with what their validation found."""
    from crfs.workflows.card_warnings import card_warnings
    from crfs.workflows.models import show_model

    found = [show_model(session, reference["model"], version=reference["version"]) for reference in references.values()]
    return [{**version, "warnings": card_warnings(version["card"])} for version in found]


def _contributions(risk: Mapping[str, Any], currency: str) -> str:
    """Who makes the greatest expected shortfall, by sector, else by the first column that cuts the book."""
    cuts = _cuts(risk["contributions"])
    column = "sector" if "sector" in cuts else next(iter(cuts), None)
    if column is None or not risk["measures"]:
        return ""
    last = max(range(len(risk["measures"])), key=lambda i: risk["measures"][i]["confidence"])
    level = f"{percentage(risk['measures'][last]['confidence'])} %"
    intervals = {
        item["name"]: around(item["es"][last]["es"], 2.0 * item["es"][last]["es_se"]) for item in cuts[column] if item["es"][last]["es_se"]
    }
    return bars_plot(
        [(item["name"], item["es"][last]["es"]) for item in cuts[column]],
        name="contributions",
        title=f"Parts of ES {level} by {column.replace('_', ' ')}",
        unit=f"part of ES {level}, {currency}{' ± 2 standard errors' if intervals else ''}",
        css="two",
        intervals=intervals,
    )


def _beside(session: Session, run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What else was measured of the same book: under the same label, at the same state of the store."""
    from crfs.workflows.run_documents import book_run, runs_beside

    found = []
    for other in runs_beside(session, run, BESIDE):
        answer = book_run(session, other["run_id"], kind=RunKind(other["kind"]))
        found.append({"run_id": other["run_id"], "replay": answer["replay"], "shown": shown(other["kind"], answer)})
    return found


def _cuts(contributions: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Parts by each column that the book can be cut by, in the order of the answer, with the facilities that are blank there as one of them.

    Of connected clients, which are names, those that make the most of the tail: there, what has no name are all that are not told apart.
    """
    cuts: dict[str, list[dict[str, Any]]] = {}
    for item in contributions:
        if item["by"] != "obligor" and (item["name"] is not None or item["by"] != "connected_clients"):
            cuts.setdefault(item["by"], []).append({**item, "name": shown_name(item["name"])})
    if "connected_clients" in cuts:
        groups = sorted(cuts["connected_clients"], key=lambda item: -item["es"][-1]["es"] if item["es"] else 0.0)
        cuts["connected_clients"] = groups[:MOST_GROUPS]
    return cuts
