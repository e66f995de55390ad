"""With --json the standard output is one JSON document, whatever the command; without a terminal no colour is written."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.apps.cli.conftest import PROGRAM, Crfs, environment

ASKING = [
    "status",
    "config check",
    "sources list",
    "factors list --search unemployment",
    "factors show us.credit_spread_baa_aaa",
    "factors vintages us.credit_spread_baa_aaa",
    "datasets list",
    "datasets show moodys_yields",
    "models list",
    "portfolio list",
    "scenarios list",
    "scenarios show us/hold",
    "alerts rules list",
    "jobs list",
    "verify",
]


@pytest.mark.parametrize("line", ASKING)
def test_the_answer_is_json_alone_and_the_readable_one_has_no_colour(line: str, within: Crfs, measured: dict[str, Any]) -> None:
    assert measured
    done = within(*line.split(), "--json")
    assert done.code == 0, done.err
    assert done.json is not None
    shown = within(*line.split())
    assert shown.code == 0, shown.err
    assert "\x1b" not in shown.out + shown.err


def test_the_options_may_stand_before_the_command(within: Crfs, measured: dict[str, Any], tmp_path: Path) -> None:
    assert measured
    assert isinstance(within("--json", "factors", "list").json, list)
    done = subprocess.run(
        [*PROGRAM, "--json", "--data-dir", str(tmp_path / "none"), "status"], capture_output=True, text=True, check=True, env=environment()
    )
    assert json.loads(done.stdout)["made"] is False
    assert not (tmp_path / "none").exists()


def test_a_misspelt_variable_is_named(tmp_path: Path) -> None:
    surroundings = environment(CRFS_STORE__ULR="postgresql://x", CRFS_SOURCES__FRED__API_KEY="secret-key")
    done = subprocess.run(
        [*PROGRAM, "config", "check", "--json"], capture_output=True, text=True, check=False, env=surroundings, cwd=tmp_path
    )
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["sound"], told["unclaimed"], told["problems"]) == (False, ["CRFS_STORE__ULR"], [])
    assert "secret-key" not in done.stdout + done.stderr


def test_a_store_that_is_not_there_ends_with_three(tmp_path: Path) -> None:
    surroundings = environment(CRFS_STORE__URL="postgresql://nobody@127.0.0.1:1/none")
    done = subprocess.run(
        [*PROGRAM, "factors", "list", "--json"], capture_output=True, text=True, check=False, env=surroundings, cwd=tmp_path
    )
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["type"] == "ServiceUnavailable"


def test_saved_bytes_are_parsed_without_a_store(tmp_path: Path) -> None:
    body, meta = tmp_path / "graph.csv", tmp_path / "graph.meta.json"
    body.write_text("observation_date,UNRATE\n2020-01-01,3.6\n2020-02-01,.\n")
    meta.write_text(json.dumps({"url": "https://fred.stlouisfed.org/graph/fredgraph.csv?id=UNRATE", "status": 200}))
    done = subprocess.run(
        [*PROGRAM, "sources", "parse", "fred", str(body), "--meta", str(meta)],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    document = json.loads(done.stdout)
    assert document["classification"] == "OK"
    first = document["accepted"][0]
    assert (first["entity"], first["valid_time"][:10], first["values"]) == ("UNRATE", "2020-01-01", {"value": 3.6})
    assert document["rejected"] == []
