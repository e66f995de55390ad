"""Tiles hold the figures that books have: in a real browser, where there is one, no figure is wider than its tile at any usual width."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from crfs.apps.api.pages.rendering import amount, cents, environment

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
STYLE = Path(__file__).parents[3] / "src/crfs/apps/api/pages/static/crfs.css"
FIGURES = (amount(4_170_275.0), amount(1_104_101_373.0), cents(-1_104_101_373.25), amount(9_999_999_999_999.0), cents(9_999_999_999_999.99))
MEASURE = """
const lost = [];
for (const box of document.querySelectorAll(".card")) {
  const text = box.querySelector(".figure"), range = document.createRange();
  range.selectNodeContents(text.querySelector("data"));
  const lines = [...range.getClientRects()], edge = box.getBoundingClientRect();
  if (lines.some(line => line.right > edge.right || line.left < edge.left)) lost.push("wide " + text.textContent);
  if (new Set(lines.map(line => Math.round(line.bottom))).size > 1) lost.push("wrapped " + text.textContent);
  if (parseFloat(getComputedStyle(text.firstChild).fontSize) < 12) lost.push("small " + text.textContent);
}
document.title = innerWidth + "|" + document.querySelectorAll(".card").length + "|" + lost.join(";");
"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: only a browser can tell how wide a text is")
@pytest.mark.parametrize("width", [500, 640, 800, 1024, 1280, 1920])
def test_figures_of_thirteen_digits_stay_within_their_tiles(tmp_path: Path, width: int) -> None:
    assert CHROMIUM is not None
    figure = environment().get_template("macros.html").module.figure  # type: ignore[attr-defined]  # a macro is an attribute of its module
    cards = "".join(
        f'<div class="card"><p class="name">Value at Risk</p><p class="figure">{figure("risk-1", text)}</p><p class="error">± 1</p></div>'
        for text in FIGURES
    )
    file = tmp_path / "tiles.html"
    file.write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<style>{STYLE.read_text(encoding="utf-8")}</style></head><body><main><div class="cards">{cards}</div></main>'
        f"<script>{MEASURE}</script></body></html>",
        encoding="utf-8",
    )
    words = ["--headless", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900", "--dump-dom"]
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium has none for root
    done = subprocess.run([CHROMIUM, *words, *sandbox, file.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r"<title>(\d+)\|(\d+)\|([^<]*)</title>", done.stdout)
    assert found is not None, done.stdout[:500]
    assert (int(found[1]), int(found[2]), found[3]) == (width, len(FIGURES), "")
