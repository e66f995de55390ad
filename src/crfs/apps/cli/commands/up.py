"""``crfs up``: the service."""

from __future__ import annotations

from crfs.apps.cli.door import Door, pass_door
from crfs.apps.cli.lazily import command
from crfs.apps.cli.serving import host_option, port_option, serve


@command("up")
@host_option
@port_option
@pass_door
def up(door: Door, host: str, port: int) -> None:
    """Serve the pages and the API until you stop it."""
    with door.session() as session:
        serve(door, session.data_dir, host=host, port=port)
