"""The factor explorer: the catalogue, and a factor's history as known now and as known then."""

from __future__ import annotations

from datetime import date
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from crfs.apps.api.answers import instant
from crfs.apps.api.pages.rendering import page
from crfs.apps.api.plots.history import Series, history_plot
from crfs.apps.api.service import Held
from crfs.workflows.session import Session

router = APIRouter()
ROWS = 120
OPEN_VINTAGES = 8
"""How many vintages are seen at once; the others are folded, so that the observations are not far."""


@router.get("/factors")
def every(request: Request, session: Held, *, q: str = "", category: str = "", as_of: str = "", recorded_as_of: str = "") -> Response:
    """Factors in force, by category."""
    from crfs.workflows.factors import list_factors

    found = list_factors(session, search=q or None)
    categories = sorted({factor["category"] for factor in found})
    shown = [factor for factor in found if not category or factor["category"] == category]
    context = {
        "groups": [(name, [f for f in shown if f["category"] == name]) for name in categories if not category or name == category],
        "categories": categories,
        "q": q,
        "category": category,
        "total": len(shown),
        "clocks": {"as_of": as_of, "recorded_as_of": recorded_as_of},
    }
    return page(request, "factors.html", context)


@router.get("/factors/{mnemonic}")
def one(
    request: Request,
    session: Held,
    mnemonic: str,
    *,
    as_of: str = "",
    recorded_as_of: str = "",
    start: str = "",
    end: str = "",
    entity: str = "",
    period: str = "",
) -> Response:
    """A factor's history; with ``period`` all revisions of one observation."""
    from crfs.workflows.factors import factor_vintages, show_factor
    from crfs.workflows.observations import observations, origins, revisions, some_entities

    factor = show_factor(session, mnemonic)
    entities = some_entities(session, mnemonic)
    name = entity or (entities[0] if entities else "")
    context: dict[str, Any] = {
        "factor": factor,
        "unit": factor["unit"],
        "entity": name,
        "entities": entities if not factor.get("entity") else [],
        "clocks": {"as_of": as_of, "recorded_as_of": recorded_as_of},
        "window": {"start": start, "end": end},
        "asked": {"start": start, "end": end, "as_of": as_of, "recorded_as_of": recorded_as_of},
        "period": period,
        "found": None,
    }
    if not name:
        return page(request, "factor.html", context)
    then = observations(
        session,
        mnemonic,
        entity=name,
        start=start or None,
        end=end or None,
        as_of=as_of or None,
        recorded_as_of=recorded_as_of or None,
    )
    rows = then.table.sort("valid_time", descending=True).head(ROWS).to_dicts()
    vintages = factor_vintages(session, mnemonic, entity=name, recorded_as_of=recorded_as_of or None).table
    is_now = not as_of and not recorded_as_of
    lines = _lines(session, then, start=start, end=end, is_now=is_now)
    context |= {
        "found": then,
        "day": _day(as_of),
        "is_now": is_now,
        "rows": rows,
        "origins": origins(session, mnemonic, sorted({row["batch_id"] for row in rows})),
        "total": then.table.height,
        "vintages": vintages.sort("knowledge_time", descending=True).head(ROWS).to_dicts(),
        "vintage_count": vintages.height,
        "open_vintages": OPEN_VINTAGES,
        "revisions": revisions(session, mnemonic, valid_time=period, entity=name, recorded_as_of=recorded_as_of or None) if period else [],
        "plot": history_plot(lines, name="history", title=f"{factor['title']}: {name}", unit=factor["unit"]) if lines else "",
        "lines": [line.name for line in lines],
        "pinned": {"as_of": instant(then.as_of), "recorded_as_of": str(then.batch_id)},
    }
    return page(request, "factor.html", context, headers={"Cache-Control": "no-store"} if then.personal else None)


def _day(as_of: str) -> str:
    """The day that a question names, which is answered as of its end; empty where it names an instant, or nothing."""
    try:
        return date.fromisoformat(as_of).isoformat()
    except ValueError:
        return ""


def _lines(session: Session, then: Any, *, start: str, end: str, is_now: bool) -> list[Series]:
    """The answer, and beside it what shows that knowledge changes: today's values, or, where today is meant and differs, the first ones."""
    from crfs.workflows.observations import first_known, observations

    if not then.table["value"].dtype.is_numeric():
        return []
    window = {"entity": then.entity, "start": start or None, "end": end or None}
    if not is_now:
        now = observations(session, then.mnemonic, **window)
        return [
            Series(name="as known now", css="one", points=_points(now.table)),
            Series(name="as known then", css="two", points=_points(then.table)),
        ]
    lines = [Series(name="as known now", css="one", points=_points(then.table))]
    first = _points(first_known(session, then.mnemonic, **window))
    if first != lines[0].points:
        lines.append(Series(name="as first known", css="two", points=first))
    return lines


def _points(table: Any) -> list[tuple[Any, float | None]]:
    return list(zip(table["valid_time"].to_list(), table["value"].cast(float).to_list(), strict=True))
