"""Query parameters: one that nobody reads is refused, since a misspelt clock would be answered as now."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute


def refuse_unknown(request: Request) -> None:
    """Refuse a query parameter that the operation does not have, or one that is given twice."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    known = sorted(set(_names(route.dependant)))
    wrong = []
    given = [name for name, _ in request.query_params.multi_items()]
    for name in sorted(set(given)):
        if name not in known:
            words = f"there is no query parameter {name!r} here; there are: {', '.join(known) or 'none'}"
            wrong.append({"type": "unknown_parameter", "loc": ("query", name), "msg": words})
        elif given.count(name) > 1:
            wrong.append({"type": "repeated_parameter", "loc": ("query", name), "msg": f"{name} is given more than once"})
    if wrong:
        raise RequestValidationError(wrong)


def _names(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        yield field.alias
    for below in dependant.dependencies:
        yield from _names(below)
