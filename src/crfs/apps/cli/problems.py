"""The wrong places of an input, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from crfs.errors import CrfsError

SHOWN = 20
"""How many places are shown to people; a program gets them all."""


def problem_list(error: CrfsError) -> list[dict[str, Any]]:
    """Row, column, reason and detail of every wrong place that the error names."""
    return [{"row": item.row, "column": item.column, "reason": item.reason, "detail": item.detail} for item in error.problems]


def problem_lines(problems: Sequence[dict[str, Any]], *, said: str) -> Iterator[str]:
    """A line a place, at most :data:`SHOWN`; nothing where the message has said all there is."""
    if all(
        _line(item) in said or (item["row"] is None and str(item["column"] or "") in said and str(item["detail"]) in said)
        for item in problems
    ):
        return
    for item in problems[:SHOWN]:
        yield f"  {_line(item)}"
    if len(problems) > SHOWN:
        yield f"  … and {len(problems) - SHOWN:,} more"


def _line(item: dict[str, Any]) -> str:
    place = ", ".join(f"{name} {item[name]}" for name in ("row", "column") if item[name] is not None)
    return f"{place or 'input'}: {item['reason']}: {item['detail']}"
