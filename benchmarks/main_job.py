"""The main job: wall time, memory of all processes together, and the same digest over two runs and on one and two workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.report import keep, machine

BAR_SECONDS = 100.0
BAR_BYTES = 4 * 2**30


def run() -> int:
    """Run it on fresh data folders; the number of bars missed."""
    before = machine()
    runs = [_once(workers) for workers in (2, 2, 1)]
    digests = {item["sha256"] for item in runs}
    two = runs[0]
    missed = (two["wall_seconds"] > BAR_SECONDS) + (two["peak_bytes"] > BAR_BYTES) + (len(digests) != 1)
    keep(
        "main_job",
        {
            "bar": {"wall_seconds": BAR_SECONDS, "peak_bytes": BAR_BYTES, "digests": 1},
            "runs": runs,
            "summary": {"wall_seconds": two["wall_seconds"], "peak_gib": round(two["peak_bytes"] / 2**30, 2), "digests": len(digests)},
        },
        before,
    )
    return int(missed)


def _once(workers: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).parent / "crfs"), "demo", "--no-serve", "--json", "--data-dir", str(Path(folder) / "data")]
        environment = {**os.environ, "CRFS_COMPUTE__WORKERS": str(workers)}
        begun = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        peak = _Peak(folder, process.pid)
        output, _ = process.communicate()
        wall = time.perf_counter() - begun
        report = json.loads(output)
    if process.returncode:
        raise RuntimeError(f"crfs demo ended with {process.returncode}")
    return {
        "workers": workers,
        "wall_seconds": round(wall, 1),
        "peak_bytes": peak.stop(),
        "sha256": report["sha256"],
        "records": report["bureau"]["records"],
        "obligors": report["bureau"]["obligors"],
        "months": report["bureau"]["months"],
    }


class _Peak:
    """The most memory (proportional set size) that the command and the servers on its data folder had at one time."""

    def __init__(self, folder: str, pid: int) -> None:
        self._folder, self._pid, self._most, self._done = folder, pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        self._done.set()
        self._thread.join()
        return self._most

    def _watch(self) -> None:
        import psutil

        while not self._done.wait(0.5):
            total = 0
            for process in psutil.process_iter(["pid", "cmdline"]):
                try:
                    line = " ".join(process.info["cmdline"] or [])
                    ours = (
                        process.pid == self._pid
                        or self._folder in line
                        or any(self._folder in " ".join(p.cmdline()) for p in process.parents())
                    )
                    if ours:
                        total += process.memory_full_info().pss
                except psutil.Error:
                    continue
            self._most = max(self._most, total)


if __name__ == "__main__":
    sys.exit(run())
