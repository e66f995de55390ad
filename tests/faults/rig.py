"""The rig of the fault tests: clients that are killed at a chosen place of their life, and everything a store holds, to be compared."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

PROGRAM = Path(__file__).with_name("child.py")


class Child:
    """A client of its own session that does ``work`` in ``data_dir``; ``lines`` are what it has said, with the seconds since its start."""

    def __init__(self, data_dir: Path, work: Mapping[str, Any]) -> None:
        self.began = time.monotonic()
        self.lines: list[tuple[float, dict[str, Any]]] = []
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", str(PROGRAM), json.dumps({"data_dir": str(data_dir), "work": work})],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            env={name: value for name, value in os.environ.items() if not name.startswith("CRFS_")},
            start_new_session=True,
        )
        self._said = threading.Condition()
        self._errors: list[str] = []
        self._readers = [threading.Thread(target=self._read, daemon=True), threading.Thread(target=self._listen, daemon=True)]
        for reader in self._readers:
            reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._said:
                self.lines.append((time.monotonic() - self.began, json.loads(line)))
                self._said.notify_all()
        with self._said:
            self._said.notify_all()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        self._errors.extend(self.process.stderr)

    def wait_said(self, count: int) -> bool:
        """Whether it said that many lines before it ended."""
        with self._said:
            return self._said.wait_for(lambda: len(self.lines) >= count or self.process.poll() is not None, timeout=120) and (
                len(self.lines) >= count
            )

    def kill(self) -> None:
        self.process.kill()

    def end(self, *, seconds: float = 120.0) -> int:
        """Its exit status, when all that it said has been read."""
        try:
            status = self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        for reader in self._readers:
            reader.join(timeout=10)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        return status

    @property
    def errors(self) -> str:
        """What it wrote to stderr."""
        return "".join(self._errors)

    def error(self) -> dict[str, Any] | None:
        """The deliberate error that it ended with, if it did."""
        return next((line for _, line in self.lines if "error" in line), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """How an undisturbed client lived: when it said its lines, and how long it took in all."""

    marks: tuple[float, ...]
    seconds: float

    def place(self, share: float) -> tuple[int, float]:
        """The place at a share of the whole life, as lines said and seconds after the last of them: so it does not move with the load."""
        moment = share * self.seconds
        said = sum(mark <= moment for mark in self.marks)
        return said, moment - (self.marks[said - 1] if said else 0.0)

    @property
    def midst(self) -> tuple[int, float]:
        """The place where half of the lines are said."""
        return len(self.marks) // 2, 0.0


def undisturbed(data_dir: Path, work: Mapping[str, Any]) -> Life:
    """Let a client live to its end."""
    child = Child(data_dir, work)
    status = child.end()
    assert (status, child.errors) == (0, ""), child.lines[-1:]
    return Life(marks=tuple(mark for mark, _ in child.lines), seconds=time.monotonic() - child.began)


def strike(child: Child, place: tuple[int, float], blow: Callable[[], None]) -> bool:
    """Deal a blow when the child has come to the place; whether it still lived then."""
    said, later = place
    child.wait_said(said)
    time.sleep(later)
    alive = child.process.poll() is None
    blow()
    return alive


def shares(seed: int, count: int) -> list[float]:
    """Places all over a life: one in each of ``count`` equal parts, in random order."""
    draw = random.Random(seed)
    places = [(part + draw.random()) / count for part in range(count)]
    draw.shuffle(places)
    return places


def last_words(data_dir: Path, *, lines: int = 60) -> str:
    """The end of what PostgreSQL wrote in a data folder: why it would not start."""
    try:
        text = (data_dir / "postgres.log").read_text(errors="replace")
    except OSError as error:
        return f"(no log of PostgreSQL: {error})"
    return "\n".join(["the end of PostgreSQL's log:", *text.splitlines()[-lines:]])


def kill_server(pid: int | None) -> None:
    """kill -9 of a server that may not have started."""
    if pid is not None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def contents(url: str) -> dict[str, list[Any]]:
    """Everything a store holds that an undisturbed run would hold too, by table and in an order of its own.

    Rows stand under their natural keys with both clocks of the world, states and values, in the order of their batches; batches with what
    they are made of, in order; payloads with the hash of their bytes. What tells of the run itself (when recorded, which fetch, which job) is left out.
    """
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:

        def rows(statement: str) -> list[Any]:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]

        found = {}
        for (name,) in rows("SELECT tablename FROM pg_tables WHERE schemaname = 'data' ORDER BY 1"):
            columns = [column for (column,) in rows(
                f"SELECT attname FROM pg_attribute WHERE attrelid = 'data.{name}'::regclass AND attnum > 0 AND NOT attisdropped AND attname "
                "NOT IN ('entity_id', 'valid_time', 'knowledge_time', 'batch_id', 'recorded_at') ORDER BY attname"
            )]  # fmt: skip
            listed = ", ".join(f'd."{column}"' for column in columns)
            found[name] = rows(
                f"SELECT e.natural_key, d.valid_time, d.knowledge_time, {listed} FROM data.{name} AS d LEFT JOIN crfs.entity AS e USING (entity_id) "
                "ORDER BY e.natural_key, d.valid_time, d.knowledge_time, d.batch_id"
            )
        found["batches"] = rows(
            "SELECT b.kind, b.source, b.parser_version, (SELECT array_agg(p.sha256 ORDER BY p.sha256) FROM crfs.batch_payload AS p WHERE "
            "p.batch_id = b.batch_id), (SELECT array_agg(d.dataset || ' ' || d.row_count ORDER BY d.dataset) FROM crfs.batch_dataset AS d WHERE "
            "d.batch_id = b.batch_id) FROM crfs.batch AS b ORDER BY b.batch_id"
        )
        found["batch_ids"] = rows("SELECT batch_id FROM crfs.batch ORDER BY batch_id")
        found["payloads"] = rows("SELECT sha256, byte_count, encode(sha256(body), 'hex') FROM crfs.payload ORDER BY sha256")
        found["rejected"] = rows(
            "SELECT sha256, parser_version, row_number, column_name, reason, detail FROM crfs.rejected_row "
            "ORDER BY sha256, row_number NULLS FIRST, column_name"
        )
        found["definitions"] = rows("SELECT kind, name, sha256 FROM crfs.definition ORDER BY kind, name, batch_id")
        found["entities"] = rows("SELECT tenant_id, kind, natural_key FROM crfs.entity ORDER BY 1, 2, 3")
    return found


def left_behind(url: str) -> dict[str, list[Any]]:
    """What nobody needs any more: staging tables, advisory locks, connections of clients that are gone."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return {
            "staging": list(connection.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'").scalars()),
            "locks": list(connection.exec_driver_sql("SELECT objid FROM pg_locks WHERE locktype = 'advisory'").scalars()),
            "clients": list(
                connection.exec_driver_sql(
                    "SELECT query FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                ).scalars()
            ),
        }
