"""LGD segment means: resolved workouts alone, and what that hides is said."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from crfs.errors import InvalidInput
from crfs.models.lgd import LgdModel, LgdSpec, fit_lgd


def workouts(rows: int = 400) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    secured = rng.random(rows) < 0.5
    return pl.DataFrame(
        {
            "obligor_id": [f"o{number // 2}" for number in range(rows)],
            "collateral": np.where(secured, "secured", "unsecured"),
            "lgd": np.clip(np.where(secured, 0.2, 0.6) + rng.normal(0, 0.2, rows), -0.1, 1.2),
            "resolved": rng.random(rows) < 0.8,
        }
    ).with_columns(lgd=pl.when("resolved").then("lgd"))


def test_means_are_those_of_resolved_workouts_and_the_open_ones_are_counted() -> None:
    table = workouts()
    model = fit_lgd(table, spec=LgdSpec(segments=("collateral",)))
    ended = table.filter("resolved")
    assert (model.resolved, model.unresolved) == (ended.height, table.height - ended.height)
    assert model.unresolved > 0
    predicted = model.predict(pl.DataFrame({"collateral": ["secured", "unsecured", "pledge"]}))
    for row, kind in enumerate(("secured", "unsecured")):
        losses = ended.filter(collateral=kind)["lgd"]
        assert predicted["lgd"][row] == pytest.approx(losses.mean(), abs=1e-12)
        assert predicted["lgd_sd"][row] == pytest.approx(losses.std(), abs=1e-12)
        assert predicted["lgd_lower"][row] < predicted["lgd"][row] < predicted["lgd_upper"][row]
        assert predicted["lgd_count"][row] == losses.len()
    assert predicted["lgd_segment"][2] == "<all>"
    assert model.mean_lowest == pytest.approx(ended["lgd"].sum() / table.height)
    assert model.mean_highest == pytest.approx((ended["lgd"].sum() + model.unresolved) / table.height)


def test_predictions_stay_within_floor_and_cap() -> None:
    table = pl.DataFrame({"lgd": [-0.2, -0.1] * 20 + [1.1, 1.3] * 20, "s": ["gain"] * 40 + ["loss"] * 40})
    model = fit_lgd(table, spec=LgdSpec(segments=("s",), resolved=None, obligor=None))
    asked = pl.DataFrame({"s": ["gain", "loss"]})
    assert model.predict(asked)["lgd"].to_list() == [0.0, 1.0]
    free = fit_lgd(table, spec=LgdSpec(segments=("s",), resolved=None, obligor=None, floor=None, cap=None))
    assert free.predict(asked)["lgd"].to_list() == pytest.approx([-0.15, 1.2])


def test_the_file_gives_the_same_model_and_a_spec_survives_json() -> None:
    model = fit_lgd(workouts(), spec=LgdSpec(segments=("collateral",)))
    assert LgdModel.from_json(model.to_json()) == model
    assert LgdModel.from_json(model.to_json()).to_json() == model.to_json()
    assert LgdSpec.from_dict(json.loads(json.dumps(model.spec.to_dict()))) == model.spec
    with pytest.raises(InvalidInput, match="colour"):
        LgdSpec.from_dict({"colour": "red"})


def test_a_resolved_workout_without_a_loss_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no 'lgd'"):
        fit_lgd(pl.DataFrame({"lgd": [0.1, None, 0.3], "resolved": [True] * 3}), spec=LgdSpec(obligor=None))
    with pytest.raises(InvalidInput, match="boolean"):
        fit_lgd(pl.DataFrame({"lgd": [0.1, 0.3]}), spec=LgdSpec(obligor=None))
