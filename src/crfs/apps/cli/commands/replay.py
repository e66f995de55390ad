"""``crfs replay``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from crfs.apps.cli.door import Door, pass_door
from crfs.apps.cli.exits import ExitCode
from crfs.apps.cli.lazily import command

if TYPE_CHECKING:
    from crfs.workflows.runs import Replay

_ENDS = {
    "MATCH": ExitCode.DONE,
    "MISMATCH": ExitCode.VERIFICATION_FAILED,
    "ENVIRONMENT DIFFERS": ExitCode.DONE_IN_PART,
    "OTHER STATE": ExitCode.DONE,
}


@command("replay")
@click.argument("run", metavar="ID")
@click.option("--recorded-as-of", metavar="TIME", help="What the same specification gives on the store as it was then.")
@pass_door
def replay(door: Door, run: str, recorded_as_of: str | None) -> ExitCode:
    """Compute the result ID again from its specification, and compare it to the byte.

    MATCH ends with 0, MISMATCH with 2, ENVIRONMENT DIFFERS with 4; another state of the store with 0, and what moved.
    """
    from crfs.workflows.replaying import replay_run

    with door.session() as session, door.progress() as progress:
        found = replay_run(session, run, recorded_as_of=recorded_as_of, progress=progress)
    door.lines(found.to_dict(), *_lines(found))
    return _ENDS[found.verdict.value]


def _lines(found: Replay) -> list[str]:
    numbers = " ".join(f"{name}={value!r}" for name, value in key_numbers(found.summary))
    lines = [f"{found.verdict.value} sha256={found.sha256} {numbers}".rstrip()]
    lines.append(f"{found.run_id}, recorded as of {found.recorded_as_of.isoformat()} (batch {found.batch_id})")
    if found.sha256 != found.recorded_sha256:
        lines.append(f"recorded sha256={found.recorded_sha256}")
    if found.verdict.value != "MATCH":
        told = "unknown, as the recorded bytes are gone" if found.largest_difference is None else f"{found.largest_difference:.3g}"
        lines.append(f"largest relative difference: {told}")
    lines += [f"  {difference}" for difference in found.environment_differences]
    if found.rebuild:
        lines.append(f"to make the old environment again: {found.rebuild}")
    for moved in found.moved:
        lines.append(f"  {moved['dataset']}: batches {moved['new_batches']} new, {moved['gone_batches']} gone")
    return lines


def key_numbers(summary: Mapping[str, Any]) -> list[tuple[str, float | int | str]]:
    """The numbers of a result that fit on a line: VaR and ES under their confidence, the others under their name."""
    told: list[tuple[str, float | int | str]] = [
        (f"{name}_{measure['confidence']!r}", measure[name]) for measure in summary.get("measures", ()) for name in ("var", "es")
    ]
    told += [(name, value) for name, value in summary.items() if isinstance(value, int | float)]
    return told
