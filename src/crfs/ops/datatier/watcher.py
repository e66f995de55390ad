"""The watcher: a process that sleeps until the last client is gone, however it went, and then stops the servers."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType

from crfs.ops.datatier.folder import DataFolder, Running
from crfs.ops.datatier.locks import FileLock
from crfs.ops.datatier.processes import launch, trim_log
from crfs.ops.datatier.servers import stop, stop_orphaned

_LOG_CHECK_SECONDS = 600.0

# Isolated (-I): the caller's PYTHON* variables and working folder are not the watcher's business.
_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from crfs.ops.datatier.watcher import watch; watch(*sys.argv[2:])"


def start_watcher(folder: DataFolder, running: Running, *, keep: FileLock) -> int:
    """Start the watcher and give its process id; it holds ``keep``, its lock, as long as it watches. 0 where there is no Python to start."""
    if not sys.executable:
        return 0  # Python inside another program: the next last client does the watcher's work
    root = Path(__file__).resolve().parents[3]
    # Opened here, as the folder may be gone before the watcher has started.
    with FileLock(folder.client_lock) as clients:
        words = (root, folder.path, keep.fd, clients.fd, running.socket_dir, running.cluster)
        command = [sys.executable, "-I", "-c", _PROGRAM, *map(str, words)]
        return launch(None, command, cwd=Path("/"), log=folder.log("watcher"), keep=keep, hand_on=clients, environment=dict(os.environ))


def watch(data_dir: str, keep_fd: str, clients_fd: str, socket_dir: str, cluster: str) -> None:
    """The watcher's whole life; ``keep_fd`` is the inherited file whose lock says that a watcher is there, ``clients_fd`` the clients'."""
    folder = DataFolder(Path(data_dir))
    clients = FileLock(folder.client_lock, inherited_fd=int(clients_fd))
    remembered = Running(socket_dir=socket_dir, cluster=cluster)

    def trim(signum: int, frame: FrameType | None) -> None:
        for server in ("postgres", "valkey", "watcher"):
            trim_log(folder.log(server))

    signal.signal(signal.SIGALRM, trim)
    signal.setitimer(signal.ITIMER_REAL, _LOG_CHECK_SECONDS, _LOG_CHECK_SECONDS)
    clients.wait_exclusive()
    signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        if clients.is_current():
            stop(folder)
        else:
            stop_orphaned(folder, remembered)
    finally:
        # First the watcher's own lock: who becomes a client from here on must find that there is no watcher.
        os.close(int(keep_fd))
        clients.close()
