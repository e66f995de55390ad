"""kill -9 at seeded moments of ``crfs ingest fred … --vintages all`` against FRED on this machine: a rerun ends in the undisturbed rows."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from crfs.ops import datatier
from crfs.store.verification import verify_store
from crfs.workflows.session import open_session
from tests.faults.rig import Life, contents, left_behind, shares
from tests.ops.datatier.conftest import wait_for
from tests.places import servers_folder
from tests.sources.alfred import Archive, random_archive
from tests.sources.fred_server import KEY, FredServer, fred_server
from tests.store.conftest import administering, wait_for_no_disk

pytestmark = pytest.mark.servers

ROUNDS = int(os.environ.get("CRFS_FAULT_ROUNDS", "200"))
"""How many rounds `make faults` has of these; CRFS_FAULT_ROUNDS says otherwise."""
SERIES = ("PAGES", "SLICES", "WITHDRAWN")
PROGRAM = [sys.executable, "-W", "error", "-c", "from crfs.apps.cli import main; main()", "ingest", "fred", *SERIES, "--vintages", "all"]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A running PostgreSQL with an empty store to clone, FRED, how an undisturbed program lives, and what it leaves."""

    server: sa.URL
    fred: FredServer
    life: Life
    whole: Mapping[str, list[Any]]


def archives() -> dict[str, Archive]:
    """Three histories: one that needs pages, one with more vintages than one question may have, one with withdrawals."""
    many = {date(2010, 1, 1) + timedelta(days=number): {date(2009, 12, 1): f"{number % 7}.5"} for number in range(2050)}
    paged = random_archive(1, vintages=40, dates=30)
    gone = random_archive(2, vintages=25, dates=12)
    return {
        "PAGES": Archive(vintages=paged.vintages, series="PAGES"),
        "SLICES": Archive(vintages=many, series="SLICES"),
        "WITHDRAWN": Archive(vintages=gone.vintages, series="WITHDRAWN"),
    }


def clone(server: sa.URL, name: str) -> str:
    with administering(server) as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE http_blank")
    return server.set(database=name).render_as_string(hide_password=False)


def program(url: str, fred: FredServer) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CRFS_")}
    settings = {
        "CRFS_STORE__URL": url,
        "CRFS_SOURCES__FRED__API_KEY": KEY,
        "CRFS_SOURCES__FRED__MIRROR": fred.address,
        "CRFS_SOURCES__FRED__REQUESTS_PER_SECOND": "10000",
    }
    return subprocess.Popen(PROGRAM, env={**kept, **settings}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/")


def lived(url: str, fred: FredServer) -> Life:
    """Let the program live to its end; its marks are the questions that came."""
    began, count = time.monotonic(), fred.count
    running = program(url, fred)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 0, out + err
    return Life(marks=tuple(asked.at - began for asked in fred.server.asked[count:]), seconds=time.monotonic() - began)


def struck(url: str, fred: FredServer, place: tuple[int, float]) -> bool:
    """Kill the program so many seconds after so many questions; whether it still lived then."""
    said, later = place
    began = fred.count
    running = program(url, fred)
    deadline = time.monotonic() + 60
    while fred.count - began < said and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(later)
    alive = running.poll() is None
    running.kill()
    running.communicate()
    return alive


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with servers_folder("http faults") as folder, fred_server() as fred:
        fred.series, fred.now, fred.most_rows = archives(), datetime(2029, 1, 1, tzinfo=UTC), 120
        with datatier.start(folder / "data") as tier:
            url = sa.make_url(tier.store_url)
            wait_for_no_disk(url)  # PostgreSQL itself is not killed here
            with administering(url) as connection:
                connection.exec_driver_sql("CREATE DATABASE http_blank")
            open_session(url.set(database="http_blank").render_as_string(hide_password=False)).close()
            whole = clone(url, "http_whole")
            life = lived(whole, fred)
            asked = [request.path for request in fred.server.asked[-len(life.marks) :]]
            assert sum("offset=0" not in path and "series/observations" in path for path in asked) >= 3  # pages
            assert len({path.partition("realtime_start=")[2][:10] for path in asked if "SLICES" in path}) >= 3  # slices
            yield Scene(server=url, fred=fred, life=life, whole=contents(whole))


def rounds(scene: Scene, *, seed: int, count: int) -> None:
    """Each a fresh store; the rerun of every fourth is killed too."""
    alive = []
    moments = shares(seed, count)
    for number, share in enumerate(moments):
        url = clone(scene.server, "http_round")
        alive.append(struck(url, scene.fred, scene.life.place(share)))
        if number % 4 == 3:
            struck(url, scene.fred, scene.life.place(moments[number - 1]))
        lived(url, scene.fred)
        found = contents(url)
        for name in scene.whole.keys() | found.keys():
            assert found.get(name) == scene.whole.get(name), (number, share, name)
        with open_session(url) as session:
            assert verify_store(session.database).sound
        assert wait_for(lambda url=url: left_behind(url) == {"staging": [], "locks": [], "clients": []}, seconds=10), left_behind(url)  # type: ignore[misc]
    assert count < 5 or sum(alive) >= count * 0.7, f"only {sum(alive)} of {count} programs were still alive when they were killed"


def test_a_killed_ingest_over_http_ends_in_the_undisturbed_rows_when_it_is_run_again(scene: Scene, seed: int) -> None:
    rounds(scene, seed=seed, count=1)


@pytest.mark.faults
def test_two_hundred_rounds(scene: Scene, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nhttp: {ROUNDS} rounds, --hypothesis-seed as above, places drawn with seed {seed}")  # noqa: T201
    rounds(scene, seed=seed, count=ROUNDS)
