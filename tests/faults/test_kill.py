"""kill -9 at seeded places of the life of an ingest, of PostgreSQL, of the starter, of Valkey: a rerun ends in exactly the undisturbed rows."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import redis

from crfs.errors import ServiceUnavailable
from crfs.ops import datatier
from crfs.ops.clock import SystemClock
from crfs.store.jobs import jobs
from crfs.store.staging import staging_room
from crfs.store.verification import verify_store
from crfs.workflows.jobs import LEASE
from crfs.workflows.session import Session, open_session
from tests.faults.rig import Child, Life, contents, kill_server, last_words, left_behind, shares, strike, undisturbed
from tests.journeys.captures import write_graph, write_refusal, write_window
from tests.ops.datatier.conftest import living, wait_for
from tests.places import servers_folder
from tests.sources.alfred import Archive, random_archive

pytestmark = pytest.mark.servers

ROUNDS = {"bureau": 30, "fred": 25, "postgres": 20, "starter": 15, "valkey": 10}
"""How many of the hundred rounds of `make faults` strike where."""
BUREAU = {"seed": 7, "obligors": 150, "months": 8}
HISTORY = ["moodys_yields", "us_macro_quarterly"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Work that is disturbed: the folder that it starts from, the work, how an undisturbed client lives, and what it leaves in the store."""

    template: Path
    work: Mapping[str, Any]
    life: Life
    whole: Mapping[str, list[Any]]


_NUMBERS = itertools.count(1)


# What a dying server sends. The library below the bulk driver prints it where it comes between two statements (once in some hundred kills), and
# the driver has no way to tell it not to.
_LAST_WORDS = "FATAL:  terminating connection due to unexpected postmaster exit\n"


def copied(template: Path, home: Path) -> Path:
    """A data folder of its own, the servers at rest."""
    place = home / f"round {next(_NUMBERS)}"
    subprocess.run(["cp", "-a", str(template), str(place)], check=True)
    return place


def story(template: Path, work: Mapping[str, Any], home: Path) -> Story:
    """Tell it once without a disturbance."""
    folder = copied(template, home)
    life = undisturbed(folder, work)
    with datatier.start(folder) as tier:
        whole = contents(tier.store_url)
    shutil.rmtree(folder)
    return Story(template=template, work=work, life=life, whole=whole)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A folder for copies of data folders, of which nothing runs when all is done."""
    with servers_folder("faults é") as made:
        yield made
        assert wait_for(lambda: not living(made), seconds=20), living(made)


@pytest.fixture(scope="module")
def recordings(home: Path) -> Path:
    """Captures of five series: all vintages, the same again later, windows clipped on both sides, tables without a key, a refusal."""
    folder = home / "recordings"
    now = datetime(2025, 3, 1, 18, 0, tzinfo=UTC)
    for number in range(5):
        drawn = random_archive(100 + number, vintages=40, dates=30)
        archive = Archive(vintages=drawn.vintages, series=f"FAULT{number}")
        days = sorted(archive.vintages)
        write_window(folder, f"{number}a_until", archive, captured=now, today=days[25])
        write_window(folder, f"{number}b_all", archive, captured=now + timedelta(days=1))
        write_window(folder, f"{number}c_window", archive, captured=now + timedelta(days=2), start=days[10], end=days[20])
        write_graph(folder, f"{number}d_graph", archive, captured=now + timedelta(days=3))
    write_refusal(folder, "6_refused", captured=now)
    return folder


@pytest.fixture(scope="module")
def empty(home: Path) -> Path:
    """A data folder that was never made."""
    place = home / "template empty"
    place.mkdir()
    return place


@pytest.fixture(scope="module")
def packaged(home: Path) -> Path:
    """A data folder with the history that drives the bureau."""
    place = home / "template packaged"
    undisturbed(place, {"packaged": HISTORY})
    return place


@pytest.fixture(scope="module")
def bureau(home: Path, packaged: Path) -> Story:
    return story(packaged, {"bureau": BUREAU}, home)


@pytest.fixture(scope="module")
def fred(home: Path, packaged: Path, recordings: Path) -> Story:
    return story(packaged, {"fred": str(recordings)}, home)


@pytest.fixture(scope="module")
def start(home: Path, empty: Path) -> Story:
    return story(empty, {}, home)


def check_rerun(told: Story, folder: Path) -> None:
    """A rerun ends well, the store holds exactly what an undisturbed one does, and nothing is left: no lock, no table, no job, no process."""
    again = Child(folder, told.work)
    status = again.end()
    assert (status, again.errors) == (0, ""), f"{again.lines[-1:]}\n{last_words(folder)}"
    with open_session(data_dir=folder) as session:
        url = session.database.url.render_as_string(hide_password=False)
        found = contents(url)
        for name in told.whole.keys() | found.keys():
            assert found.get(name) == told.whole.get(name), name
        verified = verify_store(session.database)
        assert verified.sound, verified
        session.database.close()
        assert wait_for(lambda: left_behind(url) == {"staging": [], "locks": [], "clients": []}, seconds=10), left_behind(url)
    with open_session(data_dir=folder, clock=Later()) as session:
        assert [(job.kind, job.state) for job in jobs(session.database) if job.state in {"queued", "running"}] == []
    assert wait_for(lambda: not living(folder), seconds=10), living(folder)
    shutil.rmtree(folder)


class Later(SystemClock):
    """The time when every lease of this test has run out, and its grace too."""

    def now(self) -> datetime:
        return super().now() + LEASE + timedelta(hours=1)


def kill_client(told: Story, folder: Path, share: float) -> bool:
    """Kill a client at a share of its life, and see that its servers stop by themselves; whether it still lived."""
    child = Child(folder, told.work)
    alive = strike(child, told.life.place(share), child.kill)
    child.end()
    assert wait_for(lambda: not living(folder), seconds=20), living(folder)
    return alive


def rounds_of_killed_clients(told: Story, home: Path, *, seed: int, count: int) -> None:
    alive = []
    for share in shares(seed, count):
        folder = copied(told.template, home)
        alive.append(kill_client(told, folder, share))
        check_rerun(told, folder)
    assert count == 1 or sum(alive) >= count * 0.7, f"only {sum(alive)} of {count} clients were still alive when they were killed"


def rounds_of_killed_postgres(told: Story, home: Path, *, seed: int, count: int) -> None:
    """The client must end by itself, with an error that says what to do or with its work done.

    One blow falls in the midst of the work, where the client cannot but notice; the others fall anywhere.
    """
    failed = 0
    for place in [told.life.midst, *map(told.life.place, shares(seed, count - 1))]:
        folder = copied(told.template, home)
        child = Child(folder, told.work)
        strike(child, place, lambda folder=folder: kill_server(datatier.status(folder).pids.get("postgres")))  # type: ignore[misc]
        status, error = child.end(), child.error()
        assert status in {0, 3}, (status, child.errors)
        if status == 3:
            failed += 1
            assert error is not None
            assert error["error"] == "ServiceUnavailable", error
        assert child.errors.replace(_LAST_WORDS, "") == "", child.errors
        check_rerun(told, folder)
    assert failed, "no client noticed that its server was gone"


def rounds_of_killed_valkey(told: Story, home: Path, *, seed: int, count: int) -> None:
    """Nothing rests on the cache: the ingest ends as if nothing had been, and the next start has a cache again."""
    for share in shares(seed, count):
        folder = copied(told.template, home)
        child = Child(folder, told.work)
        strike(child, told.life.place(share), lambda folder=folder: kill_server(datatier.status(folder).pids.get("valkey")))  # type: ignore[misc]
        status = child.end()
        assert status == 0 or (status == 3 and not any(line.get("step") == "open" for _, line in child.lines)), (status, child.lines[-1:])
        with datatier.start(folder) as tier:
            cache = redis.Redis.from_url(tier.redis_url)
            assert cache.ping()
            cache.close()
        check_rerun(told, folder)


def test_a_killed_ingest_ends_in_the_same_rows_when_it_is_run_again(bureau: Story, home: Path, seed: int) -> None:
    rounds_of_killed_clients(bureau, home, seed=seed, count=1)


def test_an_ingest_whose_postgresql_is_killed_says_so_and_goes_on_when_it_is_run_again(fred: Story, home: Path, seed: int) -> None:
    rounds_of_killed_postgres(fred, home, seed=seed, count=1)


def stage_until_the_server_is_killed(session: Session, folder: Path) -> None:
    """The blow falls between the staging of rows and the end of its transaction, and the log of it is on the disk by then."""
    with staging_room(session.database) as room, session.database.writing() as connection:
        room.stage(connection, pl.DataFrame({"entity_id": [1], "value": [1.0]}))
        with session.database.owning() as other:
            other.exec_driver_sql("CREATE TABLE data.flushed (x integer)")
        kill_server(datatier.status(folder).pids.get("postgres"))
        connection.exec_driver_sql("SELECT 1")


def test_a_server_that_is_killed_while_rows_are_staged_starts_again_at_once(packaged: Path, home: Path) -> None:
    """The log that is replayed makes the staging table again; nothing of it may lie there already."""
    folder = copied(packaged, home)
    with open_session(data_dir=folder) as session, pytest.raises(ServiceUnavailable):
        stage_until_the_server_is_killed(session, folder)
    try:
        with open_session(data_dir=folder) as session:
            assert left_behind(session.database.url.render_as_string(hide_password=False))["staging"] == []
    except ServiceUnavailable as error:
        raise AssertionError(last_words(folder)) from error
    shutil.rmtree(folder)


@pytest.mark.faults
@pytest.mark.parametrize("what", list(ROUNDS))
def test_a_hundred_rounds(
    what: str, bureau: Story, fred: Story, start: Story, home: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\n{what}: {ROUNDS[what]} rounds, --hypothesis-seed as above, places drawn with seed {seed}")  # noqa: T201
    match what:
        case "bureau":
            rounds_of_killed_clients(bureau, home, seed=seed, count=ROUNDS[what])
        case "fred":
            rounds_of_killed_clients(fred, home, seed=seed, count=ROUNDS[what])
        case "starter":
            rounds_of_killed_clients(start, home, seed=seed, count=ROUNDS[what])
        case "postgres":
            rounds_of_killed_postgres(bureau, home, seed=seed, count=ROUNDS[what])
        case "valkey":
            rounds_of_killed_valkey(fred, home, seed=seed, count=ROUNDS[what])
