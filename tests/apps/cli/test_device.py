"""`crfs portfolio risk --device`: a plain simulation by PyTorch is the run that it is without, and is replayed where there is no device."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apps.cli.conftest import Crfs

PLAIN = ("--models", "none", "--method", "plain", "--max-scenarios", "2000", "--confidence", "0.9", "--json")


def test_a_run_on_a_device_is_the_run_without_and_its_replay_needs_none(within: Crfs, book: Path, factor_model: Path) -> None:
    with_device, without = (
        within("portfolio", "risk", book, "--factor-model", factor_model, *PLAIN, *device).json for device in (("--device", "cpu"), ())
    )
    assert with_device["method"] == "plain"
    assert with_device["result_sha256"] == without["result_sha256"]
    assert within("replay", with_device["run_id"]).out.startswith(f"MATCH sha256={without['result_sha256']}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--method", "plain", "--device", "mps"), "there are cpu"),
        (("--device", "cpu"), "has nothing to do by 'auto'"),
    ],
    ids=["no such device", "nothing to do"],
)
def test_a_device_that_cannot_be_used_is_the_callers_mistake(
    within: Crfs, book: Path, factor_model: Path, words: tuple[str, ...], said: str
) -> None:
    done = within("portfolio", "risk", book, "--factor-model", factor_model, "--models", "none", *words, "--json")
    assert done.code == 1
    assert said in done.json["error"]["message"]
