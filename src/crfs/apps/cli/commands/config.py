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
    """Read the settings, show them, and name CRFS_* variables that no setting claims or that cannot be read (exit code 1)."""
    from crfs.workflows.configuration import check_configuration

    document = check_configuration()
    lines = [f"{name} = {value}" for name, value in _flat(document["settings"] or {})]
    lines += [f"{item['variable']}: {item['detail']}" for item in document["problems"]]
    lines += [f"{name}: no setting claims this variable; is it misspelt?" for name in document["unclaimed"]]
    door.lines(document, *lines)
    return ExitCode.DONE if document["sound"] else ExitCode.CALLERS_MISTAKE


def _flat(tree: dict[str, object], prefix: str = "CRFS_") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in tree.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{name.upper()}__")
        else:
            found.append((f"{prefix}{name.upper()}", "(not set)" if value is None else str(value)))
    return found
