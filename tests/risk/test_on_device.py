"""Plain simulation by PyTorch is plain simulation by NumPy, to the bit: whatever the book, and however inexact the device's normal distribution."""

from __future__ import annotations

import math
import pickle
import sys
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.risk import WarmPortfolio, on_device, portfolio_risk
from crfs.risk.obligors import roll_up
from crfs.risk.on_device import PlainOnDevice, block_simulator, check_device, known_devices
from crfs.risk.plain import decided
from crfs.risk.simulation import BlockTask, make_plan, simulate_block
from crfs.risk.stress import bumped

GROUPS = {"banks": {"us": 1.0, "eu": 0.5}, "retail": {"eu": 1.0}, "alone": {"us": 1.0}}
# The processor, and a GPU where there is one.
DEVICES = tuple(name for name in known_devices() if ":" not in name)
PDS = st.sampled_from([0.0, 1e-12, 1e-4, 0.02, 0.3, 0.999, 1.0])


def model(nu: float = math.inf) -> FactorModel:
    return FactorModel(factors=("us", "eu"), correlation=((1.0, 0.4), (0.4, 1.0)), groups=GROUPS, copula=Copula(nu=nu))


def book(pds: list[float], r2s: list[float], lgd_sd: float = 0.2) -> pl.DataFrame:
    ids = [f"O{i:05d}" for i in range(len(pds))]
    some = {"facility_id": ids, "obligor_id": ids, "ead": [100.0 + i for i in range(len(ids))], "lgd": 0.4, "lgd_sd": lgd_sd}
    return pl.DataFrame({**some, "pd_12m": pds, "r2": r2s, "group": [sorted(GROUPS)[i % 3] for i in range(len(ids))]})


def some_book(names: int) -> pl.DataFrame:
    rng = np.random.default_rng(names)
    return book(np.exp(rng.uniform(-8.0, -1.0, names)).tolist(), rng.uniform(0.0, 0.5, names).tolist())


def same_bits(device: str, table: pl.DataFrame, factor_model: FactorModel, *, seed: int, scenarios: int) -> None:
    plan = make_plan(roll_up(table, factor_model), factor_model, thinning=False)
    assert plan is not None
    there = block_simulator(device)
    for block in range(2):
        task = BlockTask(plan, seed, block, scenarios, 0.0)
        for ours, theirs in zip(simulate_block(task)[1:], there(task)[1:], strict=True):
            assert (ours.dtype, ours.tobytes()) == (theirs.dtype, theirs.tobytes())


@pytest.mark.parametrize("device", DEVICES)
@given(
    names=st.lists(st.tuples(PDS, st.sampled_from([0.0, 0.2, 0.99])), min_size=1, max_size=40),
    nu=st.sampled_from([math.inf, 4.0]),
    lgd_sd=st.sampled_from([0.0, 0.3]),
    scenarios=st.integers(1, 200),
    at_once=st.sampled_from([11, 300, 1 << 23]),
    seed=st.integers(0, 2**32),
)
def test_any_book_has_the_same_losses_to_the_bit(
    device: str, names: list[tuple[float, float]], nu: float, lgd_sd: float, scenarios: int, at_once: int, seed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(on_device, "_AT_ONCE", at_once)
        same_bits(device, book([pd for pd, _ in names], [r2 for _, r2 in names], lgd_sd), model(nu), seed=seed, scenarios=scenarios)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("off", [0.0, 1e-13, -1e-13, 1e-10])
def test_what_the_device_cannot_tell_is_decided_here(device: str, off: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device's probabilities are off by that share of themselves, and where it is tiny by as much again whatever they are."""
    right, asked = on_device._phi, []

    def wrong(threshold: Any) -> Any:
        return right(threshold).mul_(1.0 + off).add_(off if abs(off) < 1e-12 else 0.0)

    def counting(plan: Any, states: Any, pair: Any) -> Any:
        asked.append(len(pair))
        return decided(plan, states, pair)

    monkeypatch.setattr(on_device, "_phi", wrong)
    monkeypatch.setattr(on_device, "decided", counting)
    same_bits(device, some_book(300), model(5.0), seed=1, scenarios=500)
    assert sum(asked) <= 3
    # A margin that holds everything: every pair is asked for, so the device decides nothing. And one in between.
    monkeypatch.setattr(on_device, "_NEAR", 1.0)
    same_bits(device, some_book(30), model(5.0), seed=1, scenarios=500)
    assert asked[-2:] == [30 * 500] * 2
    monkeypatch.setattr(on_device, "_NEAR", 1e-3)
    same_bits(device, some_book(300), model(5.0), seed=1, scenarios=500)
    assert 0 < asked[-1] < 150_000 * 0.1


@pytest.mark.parametrize("device", DEVICES)
def test_a_device_that_is_off_by_more_than_the_margin_would_be_noticed(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = on_device._phi
    monkeypatch.setattr(on_device, "_phi", lambda threshold: right(threshold).mul_(1.01))
    with pytest.raises(AssertionError):
        same_bits(device, some_book(300), model(), seed=1, scenarios=500)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("nu", [math.inf, 5.0])
def test_a_run_with_a_device_is_the_run_without(device: str, nu: float) -> None:
    options: dict[str, Any] = {"confidences": (0.9, 0.99), "method": "plain", "seed": 7, "max_scenarios": 21_000}
    table = some_book(60)
    with_device = portfolio_risk(table, model(nu), device=device, threads=2, **options)
    without = portfolio_risk(table, model(nu), threads=1, **options)
    assert with_device.to_dict() == without.to_dict()
    assert with_device.loss_curve == without.loss_curve


def test_a_warm_book_uses_it_for_what_if_too() -> None:
    table = some_book(20)
    moved = bumped(table, "pd_relative", 0.2)
    options: dict[str, Any] = {"confidences": (0.9,), "method": "plain", "max_scenarios": 2_000, "rel_tol": 1e-9}
    found = [WarmPortfolio(table, model(), device=device, **options).what_if(put=moved).to_dict() for device in (None, "cpu")]
    assert found[0] == found[1]


def test_what_simulates_on_a_device_can_be_sent_to_another_process() -> None:
    sent = pickle.loads(pickle.dumps(PlainOnDevice("cpu")))  # noqa: S301  # our own bytes
    plan = make_plan(roll_up(some_book(50), model()), model(), thinning=False)
    assert plan is not None
    task = BlockTask(plan, 2, 0, 300, math.inf)
    assert simulate_block(task, plain=sent).losses.tobytes() == simulate_block(task).losses.tobytes()
    # One that has worked on a book works on the next.
    other = make_plan(roll_up(some_book(70), model(5.0)), model(5.0), thinning=False)
    assert other is not None
    task = task._replace(plan=other)
    assert simulate_block(task, plain=sent).losses.tobytes() == simulate_block(task).losses.tobytes()


@pytest.mark.parametrize("device", ["cuda:99", "mps", "gpu", "", "meta"])
def test_a_device_that_is_not_here_is_refused_with_those_that_are(device: str) -> None:
    with pytest.raises(InvalidInput, match=r"there are cpu") as refusal:
        portfolio_risk(some_book(5), model(), method="plain", device=device)
    assert refusal.value.argument == "device"


@pytest.mark.parametrize("method", ["auto", "thinning", "collapsed"])
def test_a_device_is_refused_with_a_method_that_has_nothing_for_it_to_do(method: str) -> None:
    with pytest.raises(InvalidInput, match="has nothing to do by"):
        portfolio_risk(some_book(5), model(), method=method, device="cpu")


def test_without_pytorch_a_device_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InvalidInput, match=r"pip install 'crfs\[gpu\]'"):
        check_device("cuda", "plain")
