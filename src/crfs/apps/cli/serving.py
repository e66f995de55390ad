"""Serving the pages and the API from a command."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import click

from crfs.apps.cli.door import Door
from crfs.errors import ServiceUnavailable

APPLICATION = "crfs.apps.api:create_app"
"""The application's factory, by name: doors know nothing of each other."""

DEFAULT_PORT = 8315

host_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address to listen at."
)
port_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="The port to listen at; 0 takes a free one."
)


def serve(door: Door, data_dir: Path | None, *, host: str, port: int) -> None:
    """Serve until somebody stops it; the application opens the store of ``data_dir``, or the one that the settings name."""
    import uvicorn

    with _listening(host, port) as listener:
        if data_dir is not None:
            os.environ["CRFS_DATA_DIR"] = str(data_dir)
            os.environ.pop("CRFS_STORE__URL", None)
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listener.getsockname()[1]}/"

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                """Start, and say where as soon as there is an answer."""
                await super().startup(sockets)
                if self.started:
                    door.note(f"The pages are at {address} until you press Ctrl-C.")

        server = Server(uvicorn.Config(APPLICATION, factory=True, log_level="warning", access_log=False))
        before = signal.signal(signal.SIGTERM, _stop)
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            door.note("Stopped.")
        finally:
            signal.signal(signal.SIGTERM, before)
    if not server.started:
        raise ServiceUnavailable("the pages could not be started; what was wrong stands above")


def _stop(_signal: int, _frame: FrameType | None) -> None:
    """What a service manager says when it has had enough: the same as Ctrl-C, so that the store is closed."""
    raise KeyboardInterrupt


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens, so that a busy port is told before anything else is started."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise ServiceUnavailable(f"{host} is no address of this machine: {error.strerror}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ServiceUnavailable(
            f"cannot listen at {host} port {port}: {error.strerror}; name another with --port, or 0 for a free one"
        ) from None
    return listener
