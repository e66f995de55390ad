"""The environment's digest: the same in the same place, another one when anything that a number may rest on differs."""

from __future__ import annotations

import copy
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crfs.ops import environment as module
from crfs.ops.clock import SystemClock
from crfs.ops.environment import differences, environment, environment_digest, rebuild_hint


def test_it_says_what_a_computation_rests_on() -> None:
    description = environment()
    assert set(description) == {"code", "constraints", "packages", "processor", "python"}
    assert description["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"crfs", "numpy", "polars", "scipy", "arch", "pyarrow"} <= set(description["packages"])
    assert "pytest" not in description["packages"], "what only tests need is no part of it"
    assert len(description["code"]) == len(description["constraints"]) == 64


def test_a_caller_cannot_change_it() -> None:
    environment()["packages"]["numpy"] = "0"
    assert environment()["packages"]["numpy"] != "0"


def test_another_process_has_the_same_digest() -> None:
    code = "from crfs.ops.environment import *; print(environment_digest(environment()))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == environment_digest(environment())


def test_every_part_moves_the_digest_and_is_told() -> None:
    now = environment()
    assert differences(now, now) == []
    assert rebuild_hint(now, now) == ""
    changes: list[tuple[dict[str, Any], str, str]] = [
        ({"python": "3.9.1"}, f"python: 3.9.1 then, {now['python']} now", "Python 3.9.1"),
        ({"processor": "m68k"}, f"processor: m68k then, {now['processor']} now", "m68k processor"),
        ({"code": "0" * 64}, "the code of crfs is another version", "the crfs whose code has the digest 000"),
        ({"constraints": "0" * 64}, "the digest of the constraints is another one", ""),
        ({"packages": {**now["packages"], "numpy": "1.0"}}, f"numpy: 1.0 then, {now['packages']['numpy']} now", "pip install numpy==1.0"),
        ({"packages": {**now["packages"], "gone": "2"}}, "gone: 2 then, absent now", "pip install gone==2"),
    ]
    for change, told, hint in changes:
        then = {**copy.deepcopy(now), **change}
        assert environment_digest(then) != environment_digest(now)
        assert differences(then, now) == [told]
        assert hint in rebuild_hint(then, now)


def test_the_order_of_a_description_is_no_part_of_it() -> None:
    now = environment()
    assert environment_digest(dict(reversed(now.items()))) == environment_digest(now)


def test_the_code_digest_moves_with_any_source_file(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    package = tmp_path_factory.mktemp("package")
    (package / "inner").mkdir()
    (package / "a.py").write_text("x = 1")
    (package / "inner" / "b.toml").write_text("x = 1")
    monkeypatch.setattr(module, "files", lambda _: package)
    seen = {module._code_digest()}
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "a.py").write_text("cached")
    (package / "notes.txt").write_text("no code")
    assert module._code_digest() in seen
    (package / "a.py").write_text("x = 2")
    seen.add(module._code_digest())
    (package / "inner" / "b.toml").rename(package / "b.toml")
    seen.add(module._code_digest())
    assert len(seen) == 3


def test_the_clock_tells_utc() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=10)
