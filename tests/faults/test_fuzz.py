"""Ten thousand broken bodies a parser: none crashes it, takes a second, or a quarter of a gigabyte more than it had.

``CRFS_TEST_FUZZED_BODIES`` is another number of bodies. A finding names the seed and keeps its body.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crfs.sources.core import source_names
from tests.faults.fuzz import broken

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("CRFS_SHARED") or ROOT.parent / "shared")
BODIES = int(os.environ.get("CRFS_TEST_FUZZED_BODIES", "10000"))
SILENCE_SECONDS = 120.0
MOST_FINDINGS = 20
NAMES = [name for name in source_names() if name != "bureau"]  # simulates: nobody sends it anything


def said(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a child says of the bodies it reads, and how it died if it did: nothing it says for two minutes counts as hanging."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.fuzz", json.dumps(asked)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "POLARS_MAX_THREADS": "1"},
    )
    lines: queue.Queue[str | None] = queue.Queue()
    errors: list[str] = []

    def listen() -> None:
        assert child.stdout is not None
        for line in child.stdout:
            lines.put(line)
        lines.put(None)

    def listen_to_errors() -> None:
        assert child.stderr is not None
        errors.extend(child.stderr)

    threads = [threading.Thread(target=listen), threading.Thread(target=listen_to_errors)]
    for thread in threads:
        thread.start()
    hung, before, done = False, -1, False
    while True:
        try:
            line = lines.get(timeout=SILENCE_SECONDS)
        except queue.Empty:
            number = at(asked)
            if number != before:
                before = number
                continue
            hung = True
            child.kill()
            break
        if line is None:
            break
        words = json.loads(line)
        done = done or "bodies" in words
        yield words
    child.wait()
    for thread in threads:
        thread.join()
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    child.stderr.close()
    if not done:
        kind = "hang" if hung else "death"
        yield {"number": at(asked), "kind": kind, "detail": f"status {child.returncode}: {''.join(errors)[-1500:]}"}


def at(asked: dict[str, Any]) -> int:
    """The number of the body that a child reads."""
    place = Path(asked["at"])
    text = place.read_text().strip() if place.exists() else ""
    return int(text) if text else -1


def fuzzed(name: str, *, count: int, seed: int, folder: Path, recordings: Path | None) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Findings over so many bodies, each with its body kept in ``folder``, and the figures of the run."""
    asked: dict[str, Any] = {"source": name, "seed": seed, "recordings": str(recordings) if recordings else None}
    asked |= {"first": 0, "last": count, "at": str(folder / "at")}
    findings: list[dict[str, Any]] = []
    figures = {"slowest": 0.0, "peak": 0.0}
    while asked["first"] < count and len(findings) < MOST_FINDINGS:
        for words in said(asked):
            if "bodies" in words:
                figures = {key: max(figures[key], words[key]) for key in figures}
                asked["first"] = count
                continue
            number = words["number"]
            assert number >= asked["first"], f"the child could not begin: {words}"
            place = folder / f"{name.rpartition(':')[2]}-{number}.body"
            place.write_bytes(broken(name, number, seed=seed, recordings=asked["recordings"]).body)
            findings.append({**words, "seed": seed, "body": str(place)})
            if words["kind"] in ("hang", "death"):
                asked["first"] = number + 1
    return findings, figures


@pytest.mark.faults
@pytest.mark.parametrize("name", NAMES)
def test_no_broken_body_crashes_a_parser_or_takes_much(name: str, seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recordings = SHARED / "recordings"
    found, figures = fuzzed(name, count=BODIES, seed=seed, folder=tmp_path, recordings=recordings if recordings.is_dir() else None)
    with capsys.disabled():
        print(f"\n{name}: {BODIES} bodies, slowest {figures['slowest']:.2f} s, peak {figures['peak'] / 2**20:.0f} MB")  # noqa: T201
    assert not found, json.dumps(found, indent=1)


def test_the_rig_finds_what_no_parser_may_do(tmp_path: Path) -> None:
    found, _ = fuzzed("module:tests.faults.evil_source", count=26, seed=1, folder=tmp_path, recordings=None)
    assert {finding["kind"] for finding in found} == {"crash", "death", "memory", "slow"}
    crash = next(finding for finding in found if finding["kind"] == "crash")
    assert "KeyError: 'a field'" in crash["detail"]
    for finding in found:
        body = broken("module:tests.faults.evil_source", finding["number"], seed=1, recordings=None).body
        assert Path(finding["body"]).read_bytes() == body
