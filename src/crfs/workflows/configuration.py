"""The settings as they are read: values, what cannot be read, and variables that nothing claims."""

from __future__ import annotations

from typing import Any

from crfs.errors import InvalidInput


def check_configuration() -> dict[str, Any]:
    """Read the environment; ``sound`` says that every ``CRFS_*`` variable is claimed and can be read. Keys are never shown.

    A variable for a source that does not exist is claimed by nobody.
    """
    from crfs.ops.settings import load_settings, unclaimed_variables
    from crfs.sources.core.registry import source_names

    unclaimed = unclaimed_variables(sources=source_names())
    settings: dict[str, Any] | None = None
    problems: list[dict[str, Any]] = []
    try:
        settings = load_settings().model_dump(mode="json")
    except InvalidInput as error:
        problems = [{"variable": item.column, "detail": item.detail} for item in error.problems if item.column not in unclaimed]
    return {"sound": not unclaimed and not problems, "settings": settings, "problems": problems, "unclaimed": unclaimed}
