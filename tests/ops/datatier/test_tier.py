"""The data tier is there while it has a client, is one for all clients, and survives the death of any part."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
import sqlalchemy

from crfs.ops import datatier

from .conftest import Client, living, wait_for


def ask(url: str, statement: str) -> list[tuple[object, ...]]:
    """Rows of one statement, in a transaction of its own."""
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        result = connection.execute(sqlalchemy.text(statement))
        return [tuple(row) for row in result] if result.returns_rows else []


def ping(url: str) -> bool:
    client = redis.Redis.from_url(url)
    try:
        return bool(client.ping())
    finally:
        client.close()


def test_a_first_start_makes_a_store_that_serves_and_the_last_close_leaves_nothing_running_but_the_rows(base: Path) -> None:
    sentences: list[str] = []
    folder = base / "new folder" / "tier"
    with datatier.start(folder, progress=sentences.append) as tier:
        assert ask(tier.store_url, "SELECT current_user, current_database(), current_setting('fsync')") == [("crfs", "crfs", "on")]
        assert ping(tier.redis_url)
        ask(tier.store_url, "CREATE TABLE kept AS SELECT 7 AS n")
        status = datatier.status(folder)
        assert status.running
        assert set(status.pids) == {"postgres", "valkey", "watcher"}
        assert status.versions["postgres"].startswith("18.")
        assert status.clients in ((os.getpid(),), None)
        sockets = Path(tier.redis_url.removeprefix("unix://")).parent
        assert sockets.stat().st_mode & 0o777 == 0o700
        for pid in status.pids.values():
            assert psutil.Process(pid).net_connections("inet") == []
    assert not sockets.exists()
    assert wait_for(lambda: not living(base), seconds=2)
    assert not datatier.status(folder).running
    assert any("empty store" in sentence for sentence in sentences)
    with datatier.start(folder) as tier:
        assert ask(tier.store_url, "SELECT n FROM kept") == [(7,)]


@pytest.mark.parametrize("way", ["by another folder", "by a link"])
def test_a_folder_is_the_same_whichever_way_leads_to_it(base: Path, way: str) -> None:
    (base / "store").mkdir()
    if way == "by a link":
        (base / "link").symlink_to(base / "store")
        folder = base / "link" / "tier"
    else:
        folder = base / "store" / ".." / "store" / "tier"
    with datatier.start(folder) as tier:
        assert tier.data_dir == base.resolve() / "store" / "tier"
        with datatier.start(base / "store" / "tier") as other:
            assert other.store_url == tier.store_url
    assert wait_for(lambda: not living(base), seconds=5)
    with datatier.start(folder) as tier:
        assert ping(tier.redis_url)


def test_the_settings_are_those_of_a_small_durable_store(data_dir: Path) -> None:
    with datatier.start(data_dir) as tier:
        names = (
            "fsync",
            "synchronous_commit",
            "data_checksums",
            "TimeZone",
            "server_encoding",
            "jit",
            "listen_addresses",
            "shared_buffers",
        )
        found = {name: ask(tier.store_url, f"SHOW {name}")[0][0] for name in names}
        provider = ask(tier.store_url, "SELECT datlocprovider::text, datlocale FROM pg_database WHERE datname = 'crfs'")
        cache = redis.Redis.from_url(tier.redis_url)
        memory, append, policy = (cache.config_get(name)[name] for name in ("maxmemory", "appendonly", "maxmemory-policy"))
        cache.close()
    assert found == {
        "fsync": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "TimeZone": "UTC",
        "server_encoding": "UTF8",
        "jit": "off",
        "listen_addresses": "",
        "shared_buffers": "256MB",
    }
    assert provider == [("b", "C.UTF-8")]
    assert (memory, append, policy) == (str(256 * 2**20), "no", "volatile-lru")


def test_settings_of_the_operator_win(own_dir: Path) -> None:
    (own_dir / "servers" / "local.conf").write_text("work_mem = 5MB\n")
    (own_dir / "servers" / "local.conf").chmod(0o644)
    with datatier.start(own_dir) as tier:
        assert ask(tier.store_url, "SHOW work_mem") == [("5MB",)]


def test_a_second_process_joins_the_same_servers_and_the_last_one_stops_them(data_dir: Path) -> None:
    first, second = Client(data_dir), Client(data_dir)
    urls = first.ready()
    assert second.ready() == urls
    pids = datatier.status(data_dir).pids
    first.close()
    assert datatier.status(data_dir).pids == pids
    assert ask(urls["store_url"], "SELECT 1") == [(1,)]
    second.close()
    assert wait_for(lambda: not living(data_dir), seconds=2)


def test_joining_takes_less_than_50_ms_of_the_processor(data_dir: Path) -> None:
    with datatier.start(data_dir):
        before = time.process_time()
        datatier.start(data_dir).close()
        assert time.process_time() - before < 0.05


def test_six_processes_that_start_at_once_get_one_pair_of_servers(data_dir: Path) -> None:
    clients = [Client(data_dir) for _ in range(6)]
    assert len({json.dumps(client.ready()) for client in clients}) == 1
    names = [process.name() for process in living(data_dir) if process.ppid() not in {other.pid for other in living(data_dir)}]
    assert names.count("postgres") == 1
    assert names.count("valkey-server") == 1
    for client in clients:
        assert client.process.stdin is not None
        client.process.stdin.close()
        client.process.stdin = None
    for client in clients:
        client.close()
    assert wait_for(lambda: not living(data_dir), seconds=3)


@pytest.mark.parametrize("victim", ["starter", "joiner"])
def test_a_killed_client_takes_nothing_with_it_and_does_not_keep_the_servers_up(data_dir: Path, victim: str) -> None:
    starter = Client(data_dir)
    urls = starter.ready()
    joiner = Client(data_dir)
    joiner.ready()
    dead, alive = (starter, joiner) if victim == "starter" else (joiner, starter)
    dead.kill()
    assert ask(urls["store_url"], "SELECT 1") == [(1,)]
    assert ping(urls["redis_url"])
    alive.close()
    assert wait_for(lambda: not living(data_dir), seconds=2)


def test_ctrl_c_of_the_starter_does_not_reach_the_servers(data_dir: Path) -> None:
    starter = Client(data_dir)
    urls = starter.ready()
    with datatier.start(data_dir):
        pids = datatier.status(data_dir).pids
        starter.interrupt()
        assert ask(urls["store_url"], "SELECT 1") == [(1,)]
        assert ping(urls["redis_url"])
        assert datatier.status(data_dir).pids == pids


@pytest.mark.parametrize("server", ["postgres", "valkey", "both"])
def test_a_killed_server_is_started_again_by_the_next_start_and_its_clients_find_it_where_it_was(data_dir: Path, server: str) -> None:
    with datatier.start(data_dir) as tier:
        ask(tier.store_url, "DROP TABLE IF EXISTS kept")
        ask(tier.store_url, "CREATE TABLE kept AS SELECT 7 AS n")
        before = datatier.status(data_dir).pids
        for name in ("postgres", "valkey") if server == "both" else (server,):
            os.kill(before[name], signal.SIGKILL)
        assert wait_for(lambda: not datatier.status(data_dir).running, seconds=2)
        with datatier.start(data_dir) as again:
            after = datatier.status(data_dir)
            assert after.running
            assert (after.pids["postgres"] != before["postgres"]) == (server != "valkey")
            assert (after.pids["valkey"] != before["valkey"]) == (server != "postgres")
            assert (again.store_url, again.redis_url) == (tier.store_url, tier.redis_url)
            assert ask(tier.store_url, "SELECT n FROM kept") == [(7,)]
            assert ping(tier.redis_url)


def test_a_busy_backend_of_a_killed_postgres_does_not_block_the_next_one(data_dir: Path) -> None:
    with datatier.start(data_dir) as tier:
        dsn = tier.store_url.replace("postgresql+psycopg", "postgresql")
        busy = psycopg.connect(dsn, autocommit=True)
        # A loop that never waits does not notice that its postmaster is gone.
        busy.pgconn.send_query(b"DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$")
        orphan = busy.info.backend_pid
        time.sleep(0.1)
        os.kill(datatier.status(data_dir).pids["postgres"], signal.SIGKILL)
        with datatier.start(data_dir):
            assert ask(tier.store_url, "SELECT 1") == [(1,)]
            assert not psutil.pid_exists(orphan) or psutil.Process(orphan).status() == psutil.STATUS_ZOMBIE
        busy.close()


@pytest.mark.parametrize("word", ["terminating any other active server processes", "database system was interrupted"])
def test_a_last_client_that_leaves_while_postgres_recovers_from_a_killed_process_does_not_wait(data_dir: Path, word: str) -> None:
    client = Client(data_dir)
    store = client.ready()["store_url"]
    log = data_dir / "postgres.log"
    seen = log.read_text().count(word)
    with psycopg.connect(store.replace("postgresql+psycopg", "postgresql")) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        assert wait_for(lambda: log.read_text().count(word) > seen, seconds=10)
        client.close()  # gives up after a minute
    with datatier.start(data_dir) as tier:
        assert ask(tier.store_url, "SELECT 1") == [(1,)]


def test_a_stale_process_id_that_now_is_another_process_does_not_block_the_start(own_dir: Path) -> None:
    cluster = own_dir / "servers" / "postgres"
    (cluster / "postmaster.pid").write_text(f"{os.getpid()}\n{cluster}\n1\n5432\n/tmp\n\n\nready\n")
    os.chown(cluster / "postmaster.pid", cluster.stat().st_uid, cluster.stat().st_gid)
    with datatier.start(own_dir) as tier:
        assert ask(tier.store_url, "SELECT 1") == [(1,)]


def test_when_all_clients_are_killed_the_servers_stop_by_themselves(data_dir: Path) -> None:
    clients = [Client(data_dir), Client(data_dir)]
    for client in clients:
        client.ready()
    for client in clients:
        client.kill()
    assert wait_for(lambda: not living(data_dir), seconds=5)


def test_when_the_watcher_is_killed_too_the_next_last_client_stops_the_servers(data_dir: Path) -> None:
    client = Client(data_dir)
    urls = client.ready()
    pids = datatier.status(data_dir).pids
    os.kill(pids["watcher"], signal.SIGKILL)
    client.kill()
    assert ask(urls["store_url"], "SELECT 1") == [(1,)]
    with datatier.start(data_dir):
        after = datatier.status(data_dir).pids
        assert after["postgres"] == pids["postgres"]
        assert after["watcher"] != pids["watcher"]
    assert wait_for(lambda: not living(data_dir), seconds=2)


def test_sockets_that_a_cleaner_removed_come_back(data_dir: Path) -> None:
    with datatier.start(data_dir) as tier:
        Path(tier.redis_url.removeprefix("unix://")).unlink()
        with datatier.start(data_dir) as again:
            assert ping(again.redis_url)


def test_a_kill_while_the_store_is_made_leaves_nothing_half_made(base: Path) -> None:
    seed = 20261122
    moments = random.Random(seed)
    for turn in range(2):
        folder = base / f"tier {turn}"
        client = Client(folder)
        wait_for(folder.exists, seconds=10)
        time.sleep(moments.uniform(0.0, 0.8))
        client.kill()
        with datatier.start(folder) as tier:
            assert ask(tier.store_url, "SELECT 1") == [(1,)], (seed, turn)
        home = folder / "servers"
        assert sorted(path.name for path in home.iterdir() if path.is_dir()) == ["postgres"], (seed, turn)


def test_clients_that_come_go_and_die_at_random_leave_nothing(data_dir: Path) -> None:
    seed = 7
    choice = random.Random(seed)
    clients: list[Client] = []
    for _ in range(16):
        act = choice.random()
        if act < 0.55 or not clients:
            clients.append(Client(data_dir))
        elif act < 0.8:
            clients.pop(choice.randrange(len(clients))).kill()
        else:
            client = clients.pop(choice.randrange(len(clients)))
            client.ready()
            client.close()
        if choice.random() < 0.2:
            victim = datatier.status(data_dir).pids.get(choice.choice(["postgres", "valkey", "watcher"]))
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim or 0x7FFFFFFE, signal.SIGKILL)
    with datatier.start(data_dir) as tier:
        assert ask(tier.store_url, "SELECT 1") == [(1,)], seed
        assert ping(tier.redis_url), seed
    for client in clients:
        client.kill()
    assert wait_for(lambda: not living(data_dir), seconds=5), seed


def test_a_close_in_a_forked_child_does_not_stop_its_parents_servers(data_dir: Path) -> None:
    with datatier.start(data_dir) as tier:
        child = os.fork()
        if child == 0:
            tier.close()
            os._exit(0)
        os.waitpid(child, 0)
        assert datatier.status(data_dir).running
        assert ask(tier.store_url, "SELECT 1") == [(1,)]


def test_a_second_close_does_nothing(data_dir: Path) -> None:
    tier = datatier.start(data_dir)
    tier.close()
    tier.close()
    assert not datatier.status(data_dir).running


def test_the_status_of_a_folder_that_is_not_there_makes_none(base: Path) -> None:
    status = datatier.status(base / "nowhere")
    assert (status.running, status.pids, status.versions) == (False, {}, {})
    assert not (base / "nowhere").exists()


def test_a_folder_may_have_any_name_that_a_file_may_have(base: Path, made_once: Path) -> None:
    folder = base / "back\\slash, 'quotes', #5 % $HOME"
    subprocess.run(["cp", "-a", str(made_once), str(folder)], check=True)
    with datatier.start(folder) as tier:
        assert ask(tier.store_url, "SELECT 1") == [(1,)]


def test_a_removed_data_folder_does_not_leave_servers_behind(own_dir: Path) -> None:
    client = Client(own_dir)
    client.ready()
    pids = datatier.status(own_dir).pids
    while own_dir.exists():  # the servers go on writing there for a moment
        shutil.rmtree(own_dir, ignore_errors=True)
    client.kill()
    assert wait_for(lambda: not any(_alive(pid) for pid in pids.values()), seconds=8)


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
