"""Confidences on the terminal: rows of a table are told apart, and from certainty, however near it they are."""

from __future__ import annotations

from pathlib import Path

from tests.apps.cli.conftest import Crfs


def test_confidences_near_certainty_are_told_apart(within: Crfs, tmp_path: Path) -> None:
    file = tmp_path / "book.csv"
    rows = [f"F{n},O{n},{100 * n},0.4,0.02,0.2,retail_pacific" for n in range(1, 9)]
    file.write_text("\n".join(["facility_id,obligor_id,ead,lgd,pd_12m,r2,group", *rows]) + "\n")
    words = ("portfolio", "risk", file, "--models", "none", "--confidence", "0.999999999999,0.9999999,0.99")
    done = within(*words)
    assert done.code == 0, done.err
    for name in ("VaR", "ES"):
        for told in ("99 %", "99.99999 %", "99.9999999999 %"):
            assert f"{name} {told}" in done.out
    assert "100 %" not in done.out
    replayed = within("replay", next(line.split()[1] for line in done.out.splitlines() if line.startswith("run ")))
    assert "var_0.999999999999=" in replayed.out
    assert "var_0.9999999=" in replayed.out
