"""Plain simulation: its definition pair by pair, certain and impossible defaults, the far tail, and the closed form of a homogeneous pool."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri
from scipy.stats import chi2

from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.risk import homogeneous_pool, plain
from crfs.risk.counted import NUMBERS, Stream, block_key, counted
from crfs.risk.obligors import roll_up
from crfs.risk.plain import States, plain_defaults
from crfs.risk.simulation import BlockTask, make_plan, simulate_block
from tests.thorough import cases

ONE = FactorModel.one_factor("all")
GROUPS = {"banks": {"us": 1.0, "eu": 0.5}, "retail": {"eu": 1.0}, "alone": {"us": 1.0}}
PDS = st.sampled_from([0.0, 1e-12, 1e-4, 0.02, 0.3, 0.999, 1.0])


def two_factors(nu: float) -> FactorModel:
    return FactorModel(factors=("us", "eu"), correlation=((1.0, 0.4), (0.4, 1.0)), groups=GROUPS, copula=Copula(nu=nu))


def book(pds: list[float], r2s: list[float], **columns: Any) -> pl.DataFrame:
    ids = [f"O{i:05d}" for i in range(len(pds))]
    some = {"facility_id": ids, "obligor_id": ids, "ead": [100.0 + i for i in range(len(ids))], "lgd": 0.4, "pd_12m": pds, "r2": r2s}
    return pl.DataFrame({**some, "group": [sorted(GROUPS)[i % 3] for i in range(len(ids))], **columns})


def planned(table: pl.DataFrame, model: FactorModel) -> dict[str, npt.NDArray[Any]]:
    plan = make_plan(roll_up(table, model), model, thinning=False)
    assert plan is not None
    return dict(plan)


def states(plan: dict[str, npt.NDArray[Any]], seed: int, scenarios: int) -> States:
    """Any states will do: these are wilder than a model's own."""
    rng = np.random.default_rng(seed)
    factor = 2.0 * rng.standard_normal((len(plan["directions"]), scenarios))
    mixing = np.exp(0.5 * rng.standard_normal((len(plan["nus"]) + 1, scenarios)))
    mixing[-1] = 1.0
    return States(block_key(seed, 5, Stream.DEFAULTS), factor, mixing)


def by_definition(plan: dict[str, npt.NDArray[Any]], given_states: States) -> npt.NDArray[np.int64]:
    """Every pair's number beside its probability."""
    kind, count = plan["kind"], len(plan["obligor"])
    mixing = given_states.mixing[plan["kind_nu"][kind]].T
    probability = ndtr(plan["a"] * mixing - plan["b"] * given_states.factor[kind].T)
    number = counted(given_states.key, np.arange(given_states.scenarios)[:, None], np.arange(count))
    return np.flatnonzero(number < np.rint(probability * NUMBERS).astype(np.uint64))


@given(
    names=st.lists(st.tuples(PDS, st.sampled_from([0.0, 0.2, 0.99])), min_size=1, max_size=40),
    nu=st.sampled_from([math.inf, 4.0]),
    scenarios=st.integers(1, 200),
    at_once=st.sampled_from([40, 64, 1 << 15]),
    rows=st.sampled_from([1, 7, 32]),
    seed=st.integers(0, 2**32),
)
def test_it_is_every_pair_s_number_beside_its_probability_however_pairs_are_taken_together(
    names: list[tuple[float, float]], nu: float, scenarios: int, at_once: int, rows: int, seed: int
) -> None:
    plan = planned(book([pd for pd, _ in names], [r2 for _, r2 in names]), two_factors(nu))
    told = states(plan, seed, scenarios)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "_AT_ONCE", at_once)
        patch.setattr(plain, "_NUMBERS_ALIKE", at_once)
        patch.setattr(plain, "_ALIKE", rows)
        assert plain_defaults(plan, told).tolist() == by_definition(plan, told).tolist()
    pair = np.arange(scenarios * len(names))
    assert plain.decided(plan, told, pair).tolist() == by_definition(plan, told).tolist()


@pytest.mark.parametrize("nu", [math.inf, 2.5, 4.0])
def test_who_cannot_default_never_does_and_who_must_always_does(nu: float) -> None:
    plan = planned(book([0.0, 1.0, 0.5], [0.99, 0.99, 0.5]), two_factors(nu))
    found = plain_defaults(plan, states(plan, 1, 3_000)) % 3
    assert np.bincount(found, minlength=3)[:2].tolist() == [0, 3_000]


def test_a_rare_default_is_as_rare_as_it_should_be() -> None:
    """Of a hundred million pairs with probability 1e-6, and with 1e-12, as many as a Poisson variable gives; the numbers below 1e-12 are 9,007 of 2^53."""
    assert int(plain._below(np.array([1e-12]))[0]) == 9007
    count = 2_000
    plan = planned(book([1e-6] * count + [1e-12] * count, [0.0] * (2 * count)), ONE_FOR_ALL)
    found = np.concatenate([simulated(plan, block) for block in range(10)]) % (2 * count)
    often = int((found < count).sum())
    expected = 10 * 5_000 * count * 1e-6
    assert abs(often - expected) < 4.5 * math.sqrt(expected)
    assert len(found) == often


ONE_FOR_ALL = FactorModel(factors=("us",), correlation=((1.0,),), groups={name: {"us": 1.0} for name in GROUPS})


def simulated(plan: dict[str, npt.NDArray[Any]], block: int) -> npt.NDArray[np.int64]:
    rng = np.random.default_rng(block)
    told = States(block_key(9, block, Stream.DEFAULTS), rng.standard_normal((len(plan["directions"]), 5_000)), np.ones((1, 5_000)))
    return plain_defaults(plan, told)


@pytest.mark.parametrize(("pd", "r2"), [(0.02, 0.2), (0.3, 0.5), (0.05, 0.0)])
def test_defaults_of_a_homogeneous_pool_are_distributed_as_they_are_in_closed_form(pd: float, r2: float) -> None:
    names, blocks, size = 50, 10, 4_000
    table = book([pd] * names, [r2] * names, ead=1.0, lgd=1.0, group="all")
    plan = planned(table, ONE)
    losses = np.concatenate([simulate_block(BlockTask(plan, 3, block, size, math.inf)).losses for block in range(blocks)])
    seen = np.bincount(losses.astype(np.int64), minlength=names + 1)
    expected = homogeneous_pool(names, pd, r2).probability * len(losses)
    # Rare numbers of defaults are counted with the last that is not.
    last = int(np.flatnonzero(expected >= 5.0)[-1])
    seen, expected = (np.append(each[:last], each[last:].sum()) for each in (seen, expected))
    statistic = float((np.square(seen - expected) / expected).sum())
    assert statistic < chi2.isf(1e-5, len(seen) - 1)


def test_a_large_pool_follows_its_factor_as_vasicek_s_does() -> None:
    """Given the factor a share Phi((c - sqrt(r2) y) / sqrt(1 - r2)) defaults, but for binomial noise (O. Vasicek, 2002)."""
    names, pd, r2 = 20_000, 0.02, 0.2
    plan = planned(book([pd] * names, [r2] * names), ONE_FOR_ALL)
    y = np.linspace(-4.0, 3.0, 60)
    told = States(block_key(2, 0, Stream.DEFAULTS), np.tile(y, (len(plan["directions"]), 1)), np.ones((1, len(y))))
    share = np.bincount(plain_defaults(plan, told) // names, minlength=len(y)) / names
    expected = ndtr((ndtri(pd) - math.sqrt(r2) * y) / math.sqrt(1.0 - r2))
    assert (np.abs(share - expected) <= 4.5 * np.sqrt(expected * (1.0 - expected) / names) + 1.0 / names).all()


@given(seed=st.integers(0, 2**32), up=st.floats(0.0, 0.5), nu=st.sampled_from([math.inf, 4.0]))
@cases(25)
def test_who_defaults_does_so_in_a_worse_book_too(seed: int, up: float, nu: float) -> None:
    rng = np.random.default_rng(seed)
    pds, r2s = rng.uniform(0.0, 0.4, 30), rng.uniform(0.0, 0.6, 30).tolist()
    better, worse = (planned(book(each.tolist(), r2s), two_factors(nu)) for each in (pds, pds + up * (1.0 - pds)))
    told = states(better, seed, 300)
    assert set(plain_defaults(better, told).tolist()) <= set(plain_defaults(worse, told).tolist())
