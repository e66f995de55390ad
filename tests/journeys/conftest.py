"""One small world for all journeys, made once and cloned for each test that changes it; empty stores for the others."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import pytest
import sqlalchemy as sa

from crfs.ops import datatier
from crfs.store.database import Database, ensure_schema
from crfs.workflows.session import Session, open_session
from tests.journeys.world import World, build
from tests.places import PLACE
from tests.store.conftest import administering, wait_for_no_disk

_NUMBERS = itertools.count(1)
_TEMPLATE = "world_template"
"""What clones of the world are made from: copying ends whoever is connected, and other workers read the world itself."""
SHARED = Path(os.environ.get("CRFS_SHARED") or Path(__file__).parents[2].parent / "shared")


@contextmanager
def _held(file: Path, kind: int) -> Iterator[IO[str]]:
    with file.open("a") as opened:
        fcntl.flock(opened, kind)
        yield opened


@pytest.fixture(scope="session")
def tier_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that all workers of a parallel run share; the last one removes it. Stores for a while lie beside it."""
    run = getattr(request.config, "workerinput", {}).get("testrunuid", str(os.getpid()))
    folder = PLACE / f"journeys {run}"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    tmp_path_factory.getbasetemp()  # pytest's own folders stay where they are
    with _held(folder / "users", fcntl.LOCK_SH) as users, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(PLACE))
        yield folder
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def server(tier_folder: Path) -> Iterator[sa.URL]:
    """A running data tier with an empty store in the database ``blank``, and in ``bare`` one without a catalogue."""
    with datatier.start(tier_folder / "data") as tier:
        url = sa.make_url(tier.store_url)
        with _held(tier_folder / "making", fcntl.LOCK_EX), administering(url) as connection:
            if connection.exec_driver_sql("SELECT 1 FROM pg_database WHERE datname = 'blank'").scalar() is None:
                wait_for_no_disk(url)
                connection.exec_driver_sql("CREATE DATABASE bare")
                with closing(Database(url.set(database="bare").render_as_string(hide_password=False))) as bare:
                    ensure_schema(bare)
                connection.exec_driver_sql("CREATE DATABASE blank TEMPLATE bare STRATEGY FILE_COPY")
                open_session(url.set(database="blank").render_as_string(hide_password=False)).close()
        yield url


@pytest.fixture(scope="session")
def world(server: sa.URL, tier_folder: Path) -> World:
    """The world, made by the worker that comes first; nobody changes it."""
    made, url = tier_folder / "runs.json", server.set(database="world")
    with _held(tier_folder / "making", fcntl.LOCK_EX):
        if not made.exists():
            _clone(server, "blank", "world")
            with open_session(url.render_as_string(hide_password=False)) as session:
                runs = build(session, tier_folder)
            _clone(server, "world", _TEMPLATE)
            made.write_text(json.dumps(runs))
    return World(url=url, runs=json.loads(made.read_text()))


@contextmanager
def cloned(world: World, server: sa.URL, tier_folder: Path) -> Iterator[World]:
    """A clone of the world."""
    name = f"own_{os.getpid()}_{next(_NUMBERS)}"
    with _held(tier_folder / "making", fcntl.LOCK_EX):
        _clone(server, _TEMPLATE, name)
    yield World(url=world.url.set(database=name), runs=world.runs)
    with administering(server) as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def own_world(world: World, server: sa.URL, tier_folder: Path) -> Iterator[World]:
    """A clone of the world, for a test that changes it."""
    with cloned(world, server, tier_folder) as own:
        yield own


@pytest.fixture(scope="module")
def shared_world(world: World, server: sa.URL, tier_folder: Path) -> Iterator[Session]:
    """A clone of the world, open, for the tests of a module that add to it and break nothing."""
    with cloned(world, server, tier_folder) as own, open_session(own.address) as opened:
        yield opened


@pytest.fixture(scope="session")
def new_store(server: sa.URL, tier_folder: Path) -> Callable[[], str]:
    """Makes an empty store; its URL."""

    def make() -> str:
        name = f"new_{os.getpid()}_{next(_NUMBERS)}"
        with _held(tier_folder / "making", fcntl.LOCK_EX):
            _clone(server, "blank", name)
        return server.set(database=name).render_as_string(hide_password=False)

    return make


@pytest.fixture(autouse=True)
def readings_again(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all answers are read again, it is into a database of the servers that journeys share: servers of its own take seconds."""

    @contextmanager
    def beside() -> Iterator[SimpleNamespace]:
        server, tier_folder = request.getfixturevalue("server"), request.getfixturevalue("tier_folder")
        name = f"beside_{os.getpid()}_{next(_NUMBERS)}"
        with _held(tier_folder / "making", fcntl.LOCK_EX):
            _clone(server, "bare", name)
        yield SimpleNamespace(store_url=server.set(database=name).render_as_string(hide_password=False))
        with administering(server) as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")

    monkeypatch.setattr(datatier, "scratch_tier", beside)


@pytest.fixture
def session(new_store: Callable[[], str]) -> Iterator[Session]:
    """An open store with nothing in it but the catalogue."""
    with open_session(new_store()) as opened:
        yield opened


def _clone(server: sa.URL, template: str, name: str) -> None:
    with administering(server) as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()", (template,)
        )
        # The files are copied; by default every page of them goes through the log too, which takes twice the time.
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
