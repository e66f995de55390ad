"""The scorecard: what its table of points says is what it scores, in a batch and alone, today and from its file."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from crfs.errors import InvalidInput, VerificationFailed
from crfs.features.woe import BinningSpec, Trend, Unseen
from crfs.models.calibration import CalibrationMethod, calibration_fit
from crfs.models.discrimination import auc
from crfs.models.logistic import fit_logistic, sigmoid
from crfs.models.scorecard import (
    DerivedFeature,
    DropReason,
    FeatureSpec,
    Operation,
    PointsScale,
    Scorecard,
    ScorecardSpec,
    SelectionRule,
    fit_scorecard,
)


def book(seed: int, obligors: int, months: int = 4) -> tuple[pl.DataFrame, np.ndarray]:
    """Monthly rows of obligors with missing values, a special code and categories, and the true PD of each row."""
    rng = np.random.default_rng(seed)
    rows = obligors * months
    who = np.repeat(np.arange(obligors), months)
    utilisation = np.clip(rng.beta(2, 3, obligors)[who] + rng.normal(0, 0.05, rows), 0, 1)
    income = np.exp(rng.normal(10, 0.6, obligors))[who]
    debt = income * rng.uniform(0.1, 0.9, obligors)[who]
    enquiries = rng.poisson(1.0, rows).astype(float)
    sector = np.array(["retail", "trade", "farm"])[rng.integers(0, 3, obligors)][who]
    eta = -4.0 + 2.5 * utilisation + 2.0 * debt / income + 0.25 * enquiries + 0.5 * (sector == "trade")
    truth = sigmoid(eta)
    table = pl.DataFrame(
        {
            "obligor_id": [f"o{number}" for number in who],
            "observed_at": [datetime(2005, 1 + month, 1, tzinfo=UTC) for month in range(months)] * obligors,
            "utilisation": utilisation,
            "income": income,
            "debt": debt,
            "enquiries": np.where(rng.random(rows) < 0.1, -1.0, enquiries),
            "sector": sector,
            "noise": rng.normal(size=rows),
            "default_flag": (rng.random(rows) < truth).astype(np.int8),
        }
    ).with_columns(pl.when(pl.col("utilisation") < 0.97).then("utilisation"), pl.when(pl.col("noise") < 2).then("noise"))
    return table, truth


SPEC = ScorecardSpec(
    features=(
        FeatureSpec(name="utilisation", binning=BinningSpec(trend=Trend.ASCENDING)),
        FeatureSpec(name="burden", binning=BinningSpec(trend=Trend.ASCENDING)),
        FeatureSpec(name="enquiries", binning=BinningSpec(trend=Trend.ASCENDING, specials=(-1.0,))),
        FeatureSpec(name="sector"),
        FeatureSpec(name="noise"),
    ),
    derived=(DerivedFeature(name="burden", operation=Operation.RATIO, left="debt", right="income"),),
    calibration=CalibrationMethod.PLATT,
)


@pytest.fixture(scope="module")
def card() -> Scorecard:
    return fit_scorecard(book(1, 4000)[0], spec=SPEC, calibration=book(2, 2000)[0])


def test_a_row_scored_alone_has_the_figures_that_it_has_in_a_batch(card: Scorecard) -> None:
    table, _ = book(3, 50)
    table = table.vstack(table.head(1).with_columns(sector=pl.lit(None, pl.String), utilisation=pl.lit(None, pl.Float64)))
    batch = card.score(table)
    alone = pl.concat([card.score(table[row]) for row in range(table.height)])
    assert batch.columns == alone.columns
    assert np.max(np.abs(batch.to_numpy() - alone.to_numpy())) <= 1e-12


def test_points_add_up_and_are_those_of_the_table(card: Scorecard) -> None:
    table, _ = book(3, 100)
    table = table.with_columns(sector=pl.when(pl.int_range(pl.len()) % 7 == 0).then(pl.lit("unheard of")).otherwise("sector"))
    scored, points = card.score(table), card.points_table()
    base = points.filter(pl.col("feature") == "<base>")["points"][0]
    parts = scored.select(pl.sum_horizontal(pl.col("^points:.*$")))[:, 0].to_numpy()
    assert np.max(np.abs(scored["score"].to_numpy() - base - parts)) < 1e-9
    source = table.with_columns(burden=pl.col("debt") / pl.col("income"))
    for feature in card.features:
        mine = points.filter(pl.col("feature") == feature.name)["points"].to_numpy()
        assert np.array_equal(mine[feature.binning.assign(source[feature.name])], scored[f"points:{feature.name}"].to_numpy())
    assert {"<missing>", "<unseen>", "= -1.0"} <= set(points["bin"])
    missing = points.filter((pl.col("feature") == "utilisation") & (pl.col("bin") == "<missing>"))["points"][0]
    none = table.head(1).with_columns(utilisation=pl.lit(None, pl.Float64))
    assert card.score(none)["points:utilisation"][0] == missing


def test_score_and_pd_say_the_same_on_the_stated_scale(card: Scorecard) -> None:
    scored = card.score(book(3, 100)[0])
    assert [card.spec.scale.score(pd) for pd in scored["pd_12m"]] == pytest.approx(scored["score"].to_list(), abs=1e-9)
    scale = PointsScale(base_score=600, base_odds=50, pdo=20)
    assert scale.score(1 / 51) == pytest.approx(600)
    assert scale.score(1 / 101) == pytest.approx(620)


def test_the_same_fit_gives_the_same_bytes_and_the_file_gives_the_same_scorecard(card: Scorecard) -> None:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        again = fit_scorecard(book(1, 4000)[0], spec=SPEC, calibration=book(2, 2000)[0])
    data = card.to_json()
    assert again.to_json() == data
    loaded = Scorecard.from_json(data)
    assert loaded == card
    assert loaded.to_json() == data
    table, _ = book(3, 100)
    assert loaded.score(table).equals(card.score(table))


def test_order_of_the_rows_does_not_change_bins_and_moves_coefficients_by_rounding_alone(card: Scorecard) -> None:
    table = book(1, 4000)[0]
    other = fit_scorecard(table.reverse(), spec=SPEC, calibration=book(2, 2000)[0])
    assert [item.binning for item in other.features] == [item.binning for item in card.features]
    assert [item.coefficient for item in other.features] == pytest.approx([item.coefficient for item in card.features], abs=1e-9)


def test_coefficients_and_errors_are_those_of_the_regression_on_weight_of_evidence(card: Scorecard) -> None:
    table = book(1, 4000)[0].with_columns(burden=pl.col("debt") / pl.col("income"))
    design = np.column_stack([np.ones(table.height), *[item.binning.transform(table[item.name]) for item in card.features]])
    ridge = [0.0, *[card.facts.overlap] * len(card.features)]
    fit = fit_logistic(design, table["default_flag"].to_numpy(), ridge=ridge, clusters=table["obligor_id"])
    assert [card.intercept, *[item.coefficient for item in card.features]] == pytest.approx(fit.coefficients, abs=1e-9)
    assert [item.standard_error for item in card.features] == pytest.approx(fit.standard_errors[1:], abs=1e-9)
    assert card.facts.obligors == 4000


def test_noise_is_dropped_with_its_reason_and_signal_kept(card: Scorecard) -> None:
    assert {item.name for item in card.features} == {"utilisation", "burden", "enquiries", "sector"}
    assert [(item.feature, item.reason) for item in card.dropped] in (
        [("noise", DropReason.LOW_INFORMATION)],
        [("noise", DropReason.NO_BINS)],
    )


def test_a_feature_that_the_others_contradict_is_dropped_for_its_sign() -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(size=20_000)
    b = a + 0.5 * rng.normal(size=20_000)
    y = (rng.random(20_000) < sigmoid(-2.0 + 2.0 * a - 0.8 * b)).astype(int)
    table = pl.DataFrame({"a": a, "b": b, "default_flag": y})
    spec = ScorecardSpec.of(["a", "b"], obligor=None, calibration=CalibrationMethod.NONE)
    card = fit_scorecard(table, spec=spec)
    assert [(item.feature, item.reason) for item in card.dropped] == [("b", DropReason.WRONG_SIGN)]
    assert card.dropped[0].value < 0.0 < card.features[0].coefficient
    kept = ScorecardSpec.of(["a", "b"], obligor=None, calibration=CalibrationMethod.NONE, selection=SelectionRule(sign=False, p_value=1.0))
    assert len(fit_scorecard(table, spec=kept).features) == 2


def test_an_interaction_is_a_declared_product() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.choice([-1.0, 1.0], (2, 20_000)) * rng.uniform(0.5, 1.5, (2, 20_000))
    y = (rng.random(20_000) < sigmoid(-2.0 + a * b)).astype(int)
    table = pl.DataFrame({"a": a, "b": b, "default_flag": y})
    product = DerivedFeature(name="a*b", operation=Operation.PRODUCT, left="a", right="b")
    change = DerivedFeature(name="a-b", operation=Operation.DIFFERENCE, left="a", right="b")
    spec = ScorecardSpec.of(["a", "b", "a*b"], derived=(product, change), obligor=None, calibration=CalibrationMethod.NONE)
    card = fit_scorecard(table, spec=spec)
    found = {item.name: item.information_value for item in card.features}
    assert max(found, key=found.__getitem__) == "a*b"
    alone = ScorecardSpec.of(["a", "b"], obligor=None, calibration=CalibrationMethod.NONE, selection=SelectionRule(information_value=0.0))
    plain = auc(y, fit_scorecard(table, spec=alone).score(table)["pd_12m"]).auc
    assert auc(y, card.score(table)["pd_12m"]).auc > plain + 0.1
    assert table.select(change.expression())["a-b"][0] == a[0] - b[0]


def test_a_ratio_over_nothing_is_missing() -> None:
    ratio = DerivedFeature(name="r", operation=Operation.RATIO, left="a", right="b")
    assert pl.DataFrame({"a": [1, 2, None], "b": [2, 0, 1]}).select(ratio.expression())["r"].to_list() == [0.5, None, None]


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_out_of_time_the_calibration_slope_is_near_one_and_the_score_near_the_truth(seed: int) -> None:
    train, check, test = book(seed, 9000)[0], book(seed + 100, 3000)[0], book(seed + 200, 6000)
    card = fit_scorecard(train, spec=ScorecardSpec.from_dict({**SPEC.to_dict(), "calibration": "intercept"}), calibration=check)
    pd = card.score(test[0])["pd_12m"]
    found = calibration_fit(test[0]["default_flag"], pd, clusters=test[0]["obligor_id"])
    assert found.defaults > 2000
    assert 0.9 < found.slope.lower < found.slope.upper < 1.1
    assert found.clusters == 6000
    y = test[0]["default_flag"].to_numpy()
    assert auc(y, pd).auc > auc(y, test[1]).auc - 0.02


def test_a_spec_survives_json_and_may_be_short() -> None:
    assert ScorecardSpec.from_dict(json.loads(json.dumps(SPEC.to_dict()))) == SPEC
    short = ScorecardSpec.from_dict({"features": ["a", "b"], "binning": {"max_bins": 5, "unseen": "worst"}, "trends": {"b": "descending"}})
    assert [item.binning.max_bins for item in short.features] == [5, 5]
    assert [item.binning.trend for item in short.features] == [Trend.AUTO, Trend.DESCENDING]
    assert short.features[0].binning.unseen is Unseen.WORST
    assert short == ScorecardSpec.of(["a", "b"], trends={"b": "descending"}, binning=BinningSpec(max_bins=5, unseen=Unseen.WORST))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"features": []}, "at least one"),
        ({"features": ["a", "a"]}, "twice"),
        ({"features": ["default_flag"]}, "cannot be a feature"),
        ({"ridge": -1.0}, "ridge"),
        ({"colour": "red"}, "colour"),
        ({"calibration": "guess"}, "guess"),
        ({"trends": {"z": "ascending"}}, "z"),
        ({"derived": [{"name": "d", "operation": "product", "left": "a", "right": "default_flag"}]}, "outcome"),
    ],
)
def test_a_wrong_spec_is_refused(change: dict[str, object], match: str) -> None:
    with pytest.raises(InvalidInput, match=match):
        ScorecardSpec.from_dict({"features": ["a", "b"], **change})


def test_wrong_tables_are_refused_with_what_is_wrong(card: Scorecard) -> None:
    table = book(3, 100)[0]
    with pytest.raises(InvalidInput, match="utilisation"):
        card.score(table.drop("utilisation"))
    with pytest.raises(InvalidInput, match="calibration slice"):
        fit_scorecard(table, spec=SPEC)
    with pytest.raises(InvalidInput, match="0 or 1"):
        fit_scorecard(table.with_columns(default_flag=pl.lit(None, pl.Int8)), spec=SPEC, calibration=table)
    with pytest.raises(InvalidInput, match="no feature passed"):
        fit_scorecard(table, spec=ScorecardSpec.of(["noise"], calibration=CalibrationMethod.NONE, binning=BinningSpec(significance=1e-9)))
    with pytest.raises(InvalidInput, match="fitted on numbers"):
        card.score(table.with_columns(utilisation=pl.lit("high")))


def test_a_file_of_another_kind_or_format_is_refused(card: Scorecard) -> None:
    content = json.loads(card.to_json())
    for change in ({"kind": "lgd_segment_mean"}, {"format": 99}):
        with pytest.raises(VerificationFailed):
            Scorecard.from_json(json.dumps({**content, **change}).encode())
    with pytest.raises(VerificationFailed, match="not JSON"):
        Scorecard.from_json(card.to_json()[:-10])


def test_base_points_are_the_score_of_a_row_without_evidence(card: Scorecard) -> None:
    eta = card.calibration.intercept + card.calibration.slope * card.intercept
    assert card.base_points == pytest.approx(600.0 - 20.0 / math.log(2.0) * (math.log(50.0) + eta), abs=1e-9)


def test_copies_of_the_rows_of_each_obligor_give_the_same_scorecard() -> None:
    table = book(5, 3000, months=1)[0]
    spec = ScorecardSpec.from_dict({**SPEC.to_dict(), "calibration": "none"})
    once, many = fit_scorecard(table, spec=spec), fit_scorecard(pl.concat([table] * 6), spec=spec)
    assert many.facts.overlap == 6.0
    assert [item.name for item in many.features] == [item.name for item in once.features]
    assert [item.coefficient for item in many.features] == pytest.approx([item.coefficient for item in once.features], abs=1e-9)
    assert [item.standard_error for item in many.features] == pytest.approx([item.standard_error for item in once.features], rel=0.01)


def test_where_the_last_feature_is_dropped_it_is_said_that_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    import crfs.models.scorecard as module

    chance = np.random.default_rng(11)
    table = pl.DataFrame({"x": chance.normal(size=600), "default_flag": (chance.random(600) < 0.2).astype(int)})
    fitted = []

    def noting(design: Any, *given: Any, **named: Any) -> Any:
        fitted.append(design.shape[1])
        return fit_logistic(design, *given, **named)

    monkeypatch.setattr(module, "fit_logistic", noting)
    spec = ScorecardSpec(
        features=(FeatureSpec(name="x", binning=BinningSpec(min_defaults=2, significance=0.9)),),
        obligor=None,
        observed_at=None,
        selection=SelectionRule(information_value=0.0, p_value=1e-12),
        calibration=CalibrationMethod.NONE,
    )
    with pytest.raises(InvalidInput, match="no feature passed the selection: x insignificant"):
        fit_scorecard(table, spec=spec)
    assert fitted == [2], "no regression on nothing"
