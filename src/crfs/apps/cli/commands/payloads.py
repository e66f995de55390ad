"""``crfs payloads``."""

from __future__ import annotations

import base64

import click

from crfs.apps.cli.door import Door, pass_door, write_bytes, write_json
from crfs.apps.cli.lazily import group


@group("payloads")
def payloads() -> None:
    """The raw bytes behind a number."""


@payloads.command("get")
@click.argument("sha256", metavar="SHA")
@pass_door
def get(door: Door, sha256: str) -> None:
    """The bytes under a hash, as they came, on the standard output (with --json in Base64)."""
    from crfs.workflows.payload_bytes import payload_bytes
    from crfs.workflows.rights import terms_of_payload

    with door.session() as session:
        body = payload_bytes(session, sha256)
        terms = terms_of_payload(session, sha256.strip().lower())
    if terms is not None:
        door.note(f"Its provider's terms forbid to hand these bytes on: {terms}")
    if door.json:
        write_json({"sha256": sha256.lower(), "byte_count": len(body), "base64": base64.b64encode(body).decode()})
    else:
        write_bytes(body)
