"""Real servers in folders of their own, clients in processes of their own, and a look after each test that none is left."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from crfs.ops import datatier
from tests.places import PLACE, servers_folder

SOURCE = Path(datatier.__file__).resolve().parents[3]

_CLIENT = """
import json, sys
from pathlib import Path
from crfs.errors import CrfsError
from crfs.ops.datatier import start
try:
    tier = start(Path(sys.argv[1]))
except CrfsError as error:
    print(json.dumps({"error": type(error).__name__, "text": str(error)}), flush=True)
    sys.exit(0)
print(json.dumps({"store_url": tier.store_url, "redis_url": tier.redis_url}), flush=True)
try:
    sys.stdin.read()
except KeyboardInterrupt:
    pass
tier.close()
print("closed", flush=True)
"""


_started: list[Client] = []


@pytest.fixture(autouse=True)
def _no_client_outlives_its_test() -> Iterator[None]:
    yield
    while _started:
        client = _started.pop()
        if client.process.poll() is None:
            client.kill()
        for pipe in (client.process.stdin, client.process.stdout):
            if pipe is not None:
                pipe.close()


class Client:
    """A client in a process of its own, in a process group of its own as a shell would start it."""

    def __init__(self, data_dir: Path, *, user: str | None = None) -> None:
        python, identity = sys.executable, {}
        if user is not None:
            python, entry = python_of(user), pwd.getpwnam(user)
            identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        self.process = subprocess.Popen(
            [python, "-W", "error", "-c", _CLIENT, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCE), *_site_packages()])},
            process_group=0,
            **identity,  # type: ignore[call-overload]
        )

        _started.append(self)

    def said(self) -> dict[str, str]:
        """What ``start`` gave or raised."""
        assert self.process.stdout is not None
        answer: dict[str, str] = json.loads(self.process.stdout.readline())
        return answer

    def ready(self) -> dict[str, str]:
        answer = self.said()
        assert "error" not in answer, answer
        return answer

    def close(self) -> None:
        out, _ = self.process.communicate("", timeout=60)
        assert out == "closed\n"
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def interrupt(self) -> None:
        """Ctrl-C: the terminal sends it to the whole group."""
        os.killpg(self.process.pid, signal.SIGINT)
        out, _ = self.process.communicate(timeout=60)
        assert out == "closed\n"


def _site_packages() -> list[str]:
    return [path for path in sys.path if path.endswith("site-packages")]


def python_of(user: str) -> str:
    """A Python that ``user`` can run with this source tree; skips where there is none."""
    if os.geteuid() != 0:
        pytest.skip("only root can act as another user")
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        pytest.skip(f"this machine has no user {user}")
    for python in (sys.executable, shutil.which("python3", path="/usr/local/bin:/usr/bin")):
        if python is None:
            continue
        check = "import sys, crfs.ops.datatier.binaries as b; b.find_binaries(); sys.exit(sys.version_info < (3, 11))"
        try:
            done = subprocess.run(
                [python, "-c", check],
                cwd="/",
                env={"PYTHONPATH": os.pathsep.join([str(SOURCE), *_site_packages()])},
                user=entry.pw_uid,
                group=entry.pw_gid,
                extra_groups=[],
                capture_output=True,
                check=False,
            )
        except PermissionError:
            continue
        if done.returncode == 0:
            return python
    pytest.skip(f"no Python 3.11 that the user {user} can reach together with this source tree")


def living(base: Path) -> list[psutil.Process]:
    """Servers, watchers and clients that belong to a folder below ``base``."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.name().startswith(("postgres", "valkey", "python")) and process.pid != os.getpid():
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                places = [process.cwd(), *process.cmdline()]
                if process.name() == "valkey-server":  # works in its socket folder; its log and its lock say whose it is
                    places += [file.path for file in process.open_files()]
                if any(str(base) in place for place in places):
                    found.append(process)
        except psutil.Error:
            continue
    return found


def wait_for(what: Callable[[], Any], *, seconds: float) -> bool:
    """Whether ``what`` became true in time."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder that every user can pass through, as pytest's own are root's alone; at the end nothing may run that belongs to it."""
    made = Path(tempfile.mkdtemp(prefix="datatier test é ", dir=PLACE))
    made.chmod(0o755)
    yield made
    left = _end(made)
    shutil.rmtree(made)
    assert not left, left


def _end(folder: Path) -> list[psutil.Process]:
    """What still runs in ``folder`` after a moment's grace, killed now."""
    wait_for(lambda: not living(folder), seconds=5)
    left = living(folder)
    for process in left:
        process.kill()
    return left


@pytest.fixture(scope="session")
def made_once() -> Iterator[Path]:
    """A data folder with a store, used by many tests in turn: making one takes most of a second."""
    with servers_folder("datatier test ü") as made:
        datatier.start(made / "data folder").close()
        yield made / "data folder"


@pytest.fixture
def data_dir(made_once: Path) -> Iterator[Path]:
    """A data folder with a store that does not run, now and when the test is over."""
    yield made_once
    left = _end(made_once)
    assert not left, left


@pytest.fixture
def own_dir(base: Path, made_once: Path) -> Path:
    """The same, for a test that spoils it."""
    subprocess.run(["cp", "-a", str(made_once), str(base / "own folder")], check=True)
    return base / "own folder"
