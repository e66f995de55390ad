"""Validation and the card: the numbers are those of the parts, and they are plain JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from crfs.errors import InvalidInput
from crfs.models.artefact import LOADERS, Model, ModelKind, load_model
from crfs.models.calibration import CalibrationMethod, calibration_fit
from crfs.models.canonical import canonical_json
from crfs.models.card import card_text, model_card
from crfs.models.discrimination import auc
from crfs.models.ead import EadSpec, fit_ead
from crfs.models.lgd import LgdSpec, fit_lgd
from crfs.models.logistic import sigmoid
from crfs.models.scorecard import ScorecardSpec, fit_scorecard
from crfs.models.validation import validate, validate_mean


def rows(seed: int, obligors: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=2 * obligors)
    return pl.DataFrame(
        {
            "obligor_id": np.arange(2 * obligors) // 2,
            "observed_at": [datetime(2005, 1, 1, tzinfo=UTC), datetime(2005, 2, 1, tzinfo=UTC)] * obligors,
            "x": x,
            "default_flag": (rng.random(2 * obligors) < sigmoid(-2.0 + x)).astype(int),
        }
    )


def test_the_report_holds_what_its_parts_say() -> None:
    train, test = rows(1, 2000), rows(2, 1000)
    card = fit_scorecard(train, spec=ScorecardSpec.of(["x"], calibration=CalibrationMethod.NONE))
    scored, reference = test.hstack(card.score(test)), train.hstack(card.score(train))
    grades = scored.with_columns(grade=pl.when(pl.col("pd_12m") < 0.1).then(pl.lit("A")).otherwise(pl.lit("B")))
    report = validate(grades, reference=reference, grade="grade")
    y, p, who = test["default_flag"], scored["pd_12m"], test["obligor_id"]
    assert report["auc"]["value"] == auc(y, p).auc
    assert report["auc"]["se"] == auc(y, p, clusters=who).se
    assert report["calibration"]["slope"] == calibration_fit(y, p, clusters=who).slope.to_dict()
    assert (report["rows"], report["obligors"], report["calibration"]["clusters"]) == (2000, 1000, 1000)
    assert report["psi"]["psi"] < 0.02
    assert report["share_of_obligors_in_reference"] == 1.0
    assert report["last_observed_at"] == "2005-02-01T00:00:00+00:00"
    assert [item["grade"] for item in report["grades"]] == ["A", "B"]
    assert json.loads(canonical_json(report)) == json.loads(json.dumps(report))
    text = card_text(model_card(card, validation=report, purpose="A test."))
    assert f"AUC {report['auc']['value']:.4f}" in text
    assert "slope" in text


def test_rows_without_an_outcome_are_refused() -> None:
    table = rows(1, 100).with_columns(pd_12m=0.1, default_flag=pl.lit(None, pl.Int8))
    with pytest.raises(InvalidInput, match="outcome window"):
        validate(table)


def test_every_family_goes_through_the_registry_as_bytes_and_has_a_card() -> None:
    train = rows(1, 1000)
    losses = pl.DataFrame({"obligor_id": range(60), "lgd": np.linspace(0, 1, 60), "resolved": [True] * 50 + [False] * 10})
    lines = pl.DataFrame({"obligor_id": range(60), "drawn": np.linspace(1, 99, 60), "limit": [100.0] * 60, "ead": np.linspace(50, 99, 60)})
    models: dict[ModelKind, tuple[Model, pl.DataFrame]] = {
        ModelKind.SCORECARD: (fit_scorecard(train, spec=ScorecardSpec.of(["x"]), calibration=train), train),
        ModelKind.LGD_SEGMENT_MEAN: (fit_lgd(losses, spec=LgdSpec()), losses),
        ModelKind.EAD_SEGMENT_MEAN: (fit_ead(lines, spec=EadSpec()), lines),
    }
    assert set(models) == set(LOADERS) == set(ModelKind)
    for kind, (model, table) in models.items():
        data = model.to_json()
        loaded = load_model(kind, data)
        assert loaded.kind == kind
        assert loaded.to_json() == data
        assert loaded.predict(table).equals(model.predict(table))
        assert loaded.predict(table).height == table.height
        card = model_card(loaded)
        assert canonical_json(card)
        assert "not validated" in card_text(card)
    assert "10 unresolved" in card_text(model_card(models[ModelKind.LGD_SEGMENT_MEAN][0]))
    with pytest.raises(InvalidInput, match="family"):
        load_model("crystal_ball", b"{}")


def test_bias_of_a_mean_has_an_error_and_r2_may_be_below_nought() -> None:
    table = pl.DataFrame({"p": [0.5] * 4, "y": [0.0, 0.2, 0.4, 0.6], "who": ["a", "a", "b", "c"]})
    report = validate_mean(table, predicted="p", realised="y", obligor="who")
    assert report["bias"]["value"] == pytest.approx(0.2)
    assert report["bias"]["lower"] < 0.2 < report["bias"]["upper"]
    assert report["rmse"] == pytest.approx(np.sqrt(np.mean([0.25, 0.09, 0.01, 0.01])))
    assert report["r2"] < 0.0
    assert "bias" in card_text(
        model_card(fit_lgd(pl.DataFrame({"lgd": [0.1, 0.5]}), spec=LgdSpec(resolved=None, obligor=None)), validation=report)
    )
