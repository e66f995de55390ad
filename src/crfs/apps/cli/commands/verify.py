"""``crfs verify``."""

from __future__ import annotations

from typing import Any

import click

from crfs.apps.cli.door import Door, pass_door
from crfs.apps.cli.exits import ExitCode
from crfs.apps.cli.lazily import command


@command("verify")
@click.option("--all", is_flag=True, expose_value=False, help="Verify everything, which is the default: the same with and without.")
@pass_door
def verify(door: Door) -> ExitCode:
    """Hash every payload and result anew, and compare batches, runs, entities and rows with what was kept of them.

    Exit code 2 says that something is wrong: what it is, and which runs rest on it.
    """
    from crfs.workflows.verification import verify as check

    with door.session() as session:
        document = check(session)
    door.lines(document, *_lines(document))
    return ExitCode.DONE if document["sound"] else ExitCode.VERIFICATION_FAILED


def _lines(document: dict[str, Any]) -> list[str]:
    expired = f" ({document['expired_payloads']:,} expired)" if document["expired_payloads"] else ""
    lines = [
        f"{document['payloads']:,} payloads{expired}, {document['artefacts']:,} artefacts, {document['batches']:,} batches, {document['rows']:,} rows"
    ]
    for payload in document["damaged_payloads"]:
        lines.append(f"DAMAGED payload {payload['sha256']}: its bytes have another hash; {len(payload['runs'])} runs rest on it")
        lines += [f"  {run}" for run in payload["runs"]]
    for artefact in document["damaged_artefacts"]:
        lines.append(f"DAMAGED artefact {artefact['sha256']}: a replay of the run that made it computes it again, and mends it")
        lines += [f"  {run}" for run in artefact["runs"]]
    lines += [f"WRONG {error}" for error in document["book_errors"]]
    if old := document["without_digest"]:
        counted = " and ".join(f"{count:,} {what}{'es' if what == 'batch' else 's'}" for what, count in old.items())
        lines.append(f"{counted} are of an older crfs, which kept no digests: of them only rows, counts and bytes were checked")
    lines.append("VERIFIED" if document["sound"] else "VERIFICATION FAILED")
    return lines
