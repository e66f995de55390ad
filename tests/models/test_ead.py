"""EAD: conversion factors for lines, exposure factors for loans."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from crfs.errors import InvalidInput
from crfs.models.ead import EadModel, EadSpec, Weighting, fit_ead


def defaults(rows: int = 600) -> pl.DataFrame:
    """Simulated lines with a true conversion factor of 0.6 (cards) and 0.3 (overdrafts), and loans that are 95 % of their balance."""
    rng = np.random.default_rng(1)
    product = np.array(["card", "overdraft", "loan"])[np.arange(rows) % 3]
    limit = rng.uniform(1e3, 2e4, rows)
    drawn = limit * rng.beta(2, 2, rows)
    ccf = np.where(product == "card", 0.6, 0.3) + rng.normal(0, 0.2, rows)
    ead = np.where(product == "loan", drawn * np.clip(rng.normal(0.95, 0.03, rows), 0, 1.1), np.maximum(drawn + ccf * (limit - drawn), 0))
    return pl.DataFrame(
        {
            "obligor_id": np.arange(rows) // 2,
            "product": product,
            "drawn": drawn,
            "limit": pl.Series(limit).set(pl.Series(product == "loan"), None),
            "ead": ead,
        }
    )


def test_known_factors_are_found_within_their_error() -> None:
    model = fit_ead(defaults(), spec=EadSpec(segments=("product",)))
    assert model.ccf is not None
    assert model.factor is not None
    for means, product, truth in ((model.ccf, "card", 0.6), (model.ccf, "overdraft", 0.3), (model.factor, "loan", 0.95)):
        found = next(item for item in means.segments if item.path == (product,))
        assert found.se is not None
        assert abs(found.mean - truth) < 4 * found.se < 0.1


def test_weighting_by_amount_meets_the_total_and_by_count_the_plain_mean() -> None:
    lines = defaults().filter(product="card")
    undrawn = lines["limit"] - lines["drawn"]
    by_amount = fit_ead(lines, spec=EadSpec(minimum_undrawn_share=0.0))
    assert by_amount.predict(lines)["ead"].sum() == pytest.approx(lines["ead"].sum(), rel=1e-12)
    by_count = fit_ead(lines, spec=EadSpec(minimum_undrawn_share=0.0, weighting=Weighting.COUNT))
    assert by_count.ccf is not None
    assert by_count.ccf.segments[0].mean == pytest.approx(((lines["ead"] - lines["drawn"]) / undrawn).mean(), rel=1e-12)


def test_predictions_come_in_the_order_of_the_rows_and_are_never_below_the_balance() -> None:
    model = fit_ead(defaults(), spec=EadSpec(segments=("product",)))
    asked = pl.DataFrame(
        {"product": ["loan", "card", "card", "loan"], "drawn": [100.0, 50.0, 130.0, 10.0], "limit": [None, 100.0, 100.0, None]}
    )
    predicted = model.predict(asked)
    assert predicted["ccf"].is_null().to_list() == [True, False, False, True]
    assert predicted["ead_factor"].is_null().to_list() == [False, True, True, False]
    assert predicted["ead"][1] == 50.0 + predicted["ccf"][1] * 50.0
    assert predicted["ead"][2] == 130.0
    assert predicted["ead"][0] == pytest.approx(10.0 * predicted["ead"][3])
    assert predicted["ead_segment"].to_list() == ["loan", "card", "card", "loan"]
    repaid = defaults().with_columns(ead=pl.col("drawn") * 0.5).filter(product="card")
    assert (fit_ead(repaid, spec=EadSpec()).predict(repaid)["ead"] == repaid["drawn"]).all()


def test_full_lines_are_left_out_of_the_fit_and_counted() -> None:
    table = defaults().filter(product="card")
    full = table.head(30).with_columns(drawn=pl.col("limit") * 0.99)
    model = fit_ead(pl.concat([table, full]), spec=EadSpec())
    noisy = int((table["drawn"] > 0.95 * table["limit"]).sum())
    assert model.left_out == 30 + noisy
    assert model.defaults == table.height + 30


def test_a_sort_of_facility_that_was_never_seen_is_refused() -> None:
    model = fit_ead(defaults().filter(product="card"), spec=EadSpec())
    with pytest.raises(InvalidInput, match="amortising"):
        model.predict(pl.DataFrame({"drawn": [1.0], "limit": [None]}, schema={"drawn": pl.Float64, "limit": pl.Float64}))


@pytest.mark.parametrize("column", ["drawn", "limit", "ead"])
def test_negative_amounts_are_refused(column: str) -> None:
    with pytest.raises(InvalidInput, match=column):
        fit_ead(defaults().with_columns(pl.lit(-1.0).alias(column)), spec=EadSpec())


def test_the_file_gives_the_same_model_and_a_spec_survives_json() -> None:
    model = fit_ead(defaults(), spec=EadSpec(segments=("product",), weighting=Weighting.COUNT))
    assert EadModel.from_json(model.to_json()) == model
    assert EadSpec.from_dict(json.loads(json.dumps(model.spec.to_dict()))) == model.spec
