"""``crfs config``."""

from __future__ import annotations

from crfs.apps.cli.door import Door, pass_door
from crfs.apps.cli.exits import ExitCode
from crfs.apps.cli.lazily import group


@group("config")
def config() -> None:
    """Settings: what is set, and variables that nothing claims."""


@config.command("check")
@pass_door
def check(door: Door) -> ExitCode:
    """Read the settings, show them, and name CRFS_* variables that no setting claims (exit code 1)."""
    from crfs.ops.settings import load_settings, unclaimed_variables

    settings = load_settings().model_dump(mode="json")
    unclaimed = unclaimed_variables()
    lines = [f"{name} = {value}" for name, value in _flat(settings)]
    lines += [f"{name}: no setting claims this variable; is it misspelt?" for name in unclaimed]
    door.lines({"settings": settings, "unclaimed": unclaimed}, *lines)
    return ExitCode.CALLERS_MISTAKE if unclaimed else ExitCode.DONE


def _flat(tree: dict[str, object], prefix: str = "CRFS_") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in tree.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{name.upper()}__")
        else:
            found.append((f"{prefix}{name.upper()}", "(not set)" if value is None else str(value)))
    return found
