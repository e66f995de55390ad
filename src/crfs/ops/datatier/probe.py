"""Health by a real conversation: each server's own protocol over its Unix socket, with the standard library alone.

psycopg is not used here: its connection failures carry no SQLSTATE, so "still starting", "full" and "refused" would be told apart by
English text only; and the watcher and ``join`` would pay for its import.
"""

from __future__ import annotations

import enum
import socket
import struct
from dataclasses import dataclass
from pathlib import Path


class Health(enum.Enum):
    """What a server answered."""

    UP = "up"
    """It serves, or is alive and full."""
    STARTING = "starting"
    """It is alive and not ready: starting, recovering, loading or stopping."""
    ABSENT = "absent"
    """Nobody listens."""
    SILENT = "silent"
    """Somebody listens and did not answer in time."""
    REFUSED = "refused"
    """It answers and will not serve us; the detail says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``version`` is empty where the server did not say."""

    health: Health
    version: str = ""
    detail: str = ""


def probe_postgres(socket_path: Path, *, user: str, database: str, seconds: float) -> Answer:
    """Connect, authenticate, ``SELECT 1``."""
    try:
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(seconds)
            wire.connect(str(socket_path))
            words = ("user", user, "database", database, "application_name", "crfs health", "")
            body = struct.pack("!i", 196608) + b"\0".join(word.encode() for word in words) + b"\0"
            wire.sendall(struct.pack("!i", len(body) + 4) + body)
            return _converse_postgres(wire)
    except TimeoutError:
        return Answer(health=Health.SILENT)
    except OSError as error:
        return Answer(health=Health.ABSENT, detail=str(error))


def _converse_postgres(wire: socket.socket) -> Answer:
    version = ""
    asked = False
    while True:
        kind, body = _message(wire)
        if kind == b"R" and struct.unpack_from("!i", body)[0] != 0:
            return Answer(health=Health.REFUSED, version=version, detail="the server asks for a password, which crfs never set")
        if kind == b"S":
            name, value = body.split(b"\0")[:2]
            if name == b"server_version":
                version = value.decode()
        elif kind == b"Z":
            if asked:
                wire.sendall(b"X" + struct.pack("!i", 4))
                return Answer(health=Health.UP, version=version)
            query = b"SELECT 1\0"
            wire.sendall(b"Q" + struct.pack("!i", len(query) + 4) + query)
            asked = True
        elif kind == b"E":
            fields = {chr(part[0]): part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
            code, detail = fields.get("C", ""), fields.get("M", "")
            if code == "57P03":  # cannot_connect_now
                return Answer(health=Health.STARTING, version=version, detail=detail)
            if code == "53300":  # too_many_connections: busy is not dead
                return Answer(health=Health.UP, version=version, detail=detail)
            return Answer(health=Health.REFUSED, version=version, detail=f"{detail} (SQLSTATE {code})")


def _message(wire: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(wire, 5)
    return head[:1], _exactly(wire, struct.unpack("!i", head[1:])[0] - 4)


def _exactly(wire: socket.socket, count: int) -> bytes:
    got = bytearray()
    while len(got) < count:
        part = wire.recv(count - len(got))
        if not part:
            raise ConnectionResetError("the server closed the connection")
        got += part
    return bytes(got)


def probe_valkey(socket_path: Path, *, seconds: float) -> Answer:
    """``PING``, and the version from ``INFO server``."""
    try:
        reply = valkey_command(socket_path, "PING", seconds=seconds)
        if reply.startswith("-LOADING"):
            return Answer(health=Health.STARTING, detail=reply)
        if not reply.startswith("+PONG"):
            # "-ERR max number of clients reached" is an answer of a server that lives.
            return Answer(health=Health.UP if "max number of clients" in reply else Health.REFUSED, detail=reply)
        info = valkey_command(socket_path, "INFO server", seconds=seconds)
    except TimeoutError:
        return Answer(health=Health.SILENT)
    except OSError as error:
        return Answer(health=Health.ABSENT, detail=str(error))
    versions = dict(line.partition(":")[::2] for line in info.splitlines())
    return Answer(health=Health.UP, version=versions.get("valkey_version", ""))


def valkey_command(socket_path: Path, command: str, *, seconds: float) -> str:
    """The reply to one inline command; "" where the server closes the connection, as after ``SHUTDOWN``."""
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(seconds)
        wire.connect(str(socket_path))
        wire.sendall(command.encode() + b"\r\n")
        got = b""
        while b"\r\n" not in got:
            part = wire.recv(65536)
            if not part:
                return got.decode()
            got += part
        if got.startswith(b"$"):
            length, _, _ = got[1:].partition(b"\r\n")
            whole = len(length) + 3 + int(length) + 2
            while len(got) < whole and (part := wire.recv(65536)):
                got += part
        return got.decode(errors="replace")
