"""The main job's report on the terminal says of each model what its page says."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from crfs.apps.api.pages.shown import what_if as pages_of_what_if
from crfs.apps.cli.reports import attribution, capital, demo, ecl, reverse_stress, risk, sensitivity, stress, what_if
from crfs.apps.cli.screen import money
from crfs.workflows.card_warnings import card_warnings
from crfs.workflows.demo import MEASURED


def shown(card: dict[str, Any]) -> str:
    out = io.StringIO()
    model = {"kind": "scorecard", "run_id": "r1", "artefact_sha256": "00", "card": card}
    demo.show_model(Console(file=out, width=400), "pd", model)
    return out.getvalue()


def card(*, level: float) -> dict[str, Any]:
    def around(value: float) -> dict[str, float]:
        return {"value": value, "lower": value - 0.05, "upper": value + 0.05}

    validation = {
        "rows": 1000, "obligors": 500, "defaults": 30, "first_observed_at": "2007-01-31", "last_observed_at": "2008-01-31",
        "confidence": 0.95, "auc": around(0.8), "ks": 0.4, "brier": {"brier": 0.02}, "mean_pd": 0.01, "default_rate": 0.03, "psi": None,
        "calibration": {"in_the_large": around(level), "slope": around(1.0)},
    }  # fmt: skip
    return {"purpose": "PD in 12 months", "validation": validation}


def test_the_warnings_of_a_model_are_told_below_its_figures() -> None:
    wrong = card(level=0.9)
    warnings = card_warnings(wrong)
    assert len(warnings) == 1
    lines = shown(wrong).splitlines()
    assert f"Warning: {warnings[0]}" in lines
    assert lines[-1].startswith("run r1")


def test_a_model_of_which_nothing_is_wrong_has_no_warning() -> None:
    assert card_warnings(card(level=0.0)) == []
    assert "Warning" not in shown(card(level=0.0))


def test_a_model_that_was_not_validated_is_said_to_be_so() -> None:
    segment = {"segment": "<all>", "count": 12, "mean": 0.4, "lower": 0.3, "upper": 0.5}
    assert "Warning: It was not validated out of time." in shown({"purpose": "LGD", "validation": None, "segments": [segment]})


def test_every_run_about_the_book_is_shown_under_a_title_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (attribution, capital, ecl, reverse_stress, risk, stress):
        monkeypatch.setattr(module, "show", lambda screen, answer: screen.print(f"about {answer['run_id']}"))
    bureau = {"obligors": 1, "facilities": 1, "months": 1, "records": 1, "defaults": 0, "seed": 1}
    report = {"title": "T", "history": [], "bureau": bureau, "models": {}, "sha256": "00"}
    out = io.StringIO()
    demo.show(Console(file=out, width=400), {**report, **{name: {"run_id": name} for name in MEASURED}})
    lines = out.getvalue().splitlines()
    titles = [lines[lines.index(f"about {name}") - 1] for name in MEASURED]
    assert len(set(titles)) == len(MEASURED)
    assert "" not in titles


def test_where_there_is_room_for_one_confidence_it_is_the_highest() -> None:
    """Reports and pages of answers whose confidences were asked for from the highest down."""
    none = {"marginal": None, "change_low": None, "change_high": None, "change_se": 0.0}
    measures = [
        {"confidence": level, "var": {"change": loss, **none}, "es": {"change": loss + 1.0, **none}, "ec": {"change": loss, **none}}
        for level, loss in ((0.999, 50.0), (0.9, 10.0))
    ]
    bump = {"el": {"change": 1.0}, "measures": measures, "capital": None}
    assert [part["change"] for part in sensitivity._parts(bump)] == [1.0, 50.0, 51.0, 50.0]
    part = {"obligor_id": "A", "ead": {"change": 1.0}, "el": {"change": 1.0}, "measures": measures}
    row = what_if._obligor(part, {"measures": measures, "obligors": [part]})
    assert (row["VaR 99.9 %"], row["ES 99.9 %"]) == (money(50.0), money(51.0))
    grid = pages_of_what_if._obligors({"measures": measures, "obligors": [part]})
    assert "VaR 99.9 %" in grid.head
    assert "50" in str(grid.rows[0][1][2])
