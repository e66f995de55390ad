"""``crfs up`` serves until it is told to stop, and says at once where it cannot."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

from crfs.ops.datatier import DataTier
from tests.apps.cli.conftest import PROGRAM, Crfs, environment


def test_up_serves_until_it_is_told_to_stop(tier: DataTier, tmp_path: Path) -> None:
    words = [*PROGRAM, "up", "--port", "0", "--data-dir", str(tier.data_dir)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment(), cwd=tmp_path) as running:
        assert running.stderr is not None
        try:
            address = re.search(r"http://\S+/", running.stderr.readline())
            assert address is not None
            with urllib.request.urlopen(address[0] + "livez", timeout=60) as answer:
                assert answer.status == 200
            running.send_signal(signal.SIGTERM)
            rest = running.communicate(timeout=60)[1]
        finally:
            running.kill()
    assert (running.returncode, "Traceback" in rest) == (0, False), rest


def test_a_busy_port_is_told_with_what_to_do(within: Crfs) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = within("up", "--port", str(taken.getsockname()[1]), "--json")
    assert (done.code, done.json["error"]["type"]) == (3, "ServiceUnavailable")
    assert "--port" in done.err
