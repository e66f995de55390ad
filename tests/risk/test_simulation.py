"""Points drawn by bucket, points drawn by search, and every name's own noise: one distribution."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.risk import simulation
from crfs.risk.obligors import roll_up
from crfs.risk.simulation import BlockTask, make_plan, simulate_block

GROUPS = {"banks": {"us": 1.0, "eu": 0.5}, "retail": {"eu": 1.0}}
BLOCKS = 16


def losses(nu: float, few: float | None, at_once: int, patch: pytest.MonkeyPatch) -> npt.NDArray[np.float64]:
    """Of 16 blocks; ``few`` points a bucket divide the two ways to draw them, None draws every name's noise."""
    rng = np.random.default_rng(1)
    names = 400
    ids = [f"O{i:04d}" for i in range(names)]
    book = pl.DataFrame(
        {
            "facility_id": ids,
            "obligor_id": ids,
            "ead": rng.lognormal(3.0, 0.7, names),
            "lgd": rng.uniform(0.2, 0.7, names),
            "lgd_sd": np.where(rng.random(names) < 0.3, 0.1, 0.0),
            "pd_12m": np.exp(rng.uniform(np.log(0.002), np.log(0.2), names)),
            "r2": rng.uniform(0.0, 0.5, names),
            "group": rng.choice(sorted(GROUPS), names),
        }
    )
    model = FactorModel(factors=("us", "eu"), correlation=((1.0, 0.4), (0.4, 1.0)), groups=GROUPS, copula=Copula(nu=nu))
    patch.setattr(simulation, "_FEW_POINTS", few)
    patch.setattr(simulation, "_WORK_AT_ONCE", at_once)
    plan = make_plan(roll_up(book, model), model, thinning=few is not None)
    assert plan is not None
    assert ("entry_rate" in plan) == (few == 0.0)
    assert ("cdf" in plan) == (few == math.inf)
    return np.concatenate([simulate_block(BlockTask(plan, 3 if few is None else 4, k, 2_000, math.inf)).losses for k in range(BLOCKS)])


@pytest.mark.parametrize("nu", [math.inf, 5.0])
@pytest.mark.parametrize("few", [0.0, math.inf])
def test_points_of_both_kinds_make_the_losses_that_every_name_s_noise_makes(nu: float, few: float, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, thinned = losses(nu, None, 1, monkeypatch), losses(nu, few, 20_000, monkeypatch)
    for level in (0.1, 0.5, 0.9, 0.99):
        at = np.quantile(plain, level)
        assert abs((thinned > at).mean() - (1.0 - level)) < 4.0 * math.sqrt(2.0 * level * (1.0 - level) / len(plain))
    each = np.array([sample.reshape(BLOCKS, -1).mean(axis=1) for sample in (plain, thinned)])
    assert abs(each[0].mean() - each[1].mean()) < 4.0 * math.sqrt(float(each.var(axis=1, ddof=1).sum()) / BLOCKS)


def test_a_block_is_the_same_whoever_draws_it_and_different_blocks_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    one, again = losses(5.0, 0.0, 20_000, monkeypatch), losses(5.0, 0.0, 20_000, monkeypatch)
    assert one.tobytes() == again.tobytes()
    assert not np.array_equal(one[:2_000], one[2_000:4_000])
