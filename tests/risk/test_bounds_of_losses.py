"""Laws of the measures over wide books: nothing beyond all that can be lost, whatever correlation, PD and copula; exact references where there are some."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.risk import portfolio_risk
from crfs.risk.cumulants import sums_of_default
from crfs.risk.names import Names, thresholds
from crfs.risk.normal_cdf import both_tails
from crfs.risk.tables import make_table
from tests.thorough import cases


def book(ead: np.ndarray, pd: np.ndarray | float, r2: np.ndarray | float, groups: int = 1) -> pl.DataFrame:
    ids = [f"O{i:05d}" for i in range(len(ead))]
    return pl.DataFrame({"facility_id": ids, "obligor_id": ids, "ead": ead, "lgd": 1.0}).with_columns(
        pd_12m=pl.lit(pd) if isinstance(pd, float) else pl.Series(pd),
        r2=pl.lit(r2) if isinstance(r2, float) else pl.Series(r2),
        group=pl.Series([f"g{i % groups}" for i in range(len(ead))]),
    )


def model(groups: int = 1, nu: float = math.inf) -> FactorModel:
    names = tuple(f"g{k}" for k in range(groups))
    correlation = tuple(tuple(1.0 if i == k else 0.3 for i in range(groups)) for k in range(groups))
    return FactorModel(factors=names, correlation=correlation, groups={name: {name: 1.0} for name in names}, copula=Copula(nu=nu))


@cases(8)
@given(
    seed=st.integers(0, 10_000),
    names=st.integers(1, 500),
    groups=st.integers(1, 3),
    nu=st.one_of(st.just(math.inf), st.floats(1.0, 50.0)),
    pds=st.tuples(st.floats(-9.0, 9.0), st.floats(-9.0, 9.0)),
    r2s=st.tuples(st.floats(0.0, 0.999), st.floats(0.0, 0.999)),
)
@example(seed=0, names=174, groups=1, nu=math.inf, pds=(-3.0, -4.0), r2s=(0.75, 0.75))  # no loss has any density at its value at risk
def test_no_measure_is_beyond_all_that_can_be_lost_and_higher_confidences_lose_more(
    seed: int, names: int, groups: int, nu: float, pds: tuple[float, float], r2s: tuple[float, float]
) -> None:
    rng = np.random.default_rng(seed)
    ead = rng.lognormal(3.0, 1.0, names)
    # Log-odds to the base of ten: PDs from 1e-9 to 1 - 1e-9.
    pd = 1.0 / (1.0 + 10.0 ** -rng.uniform(min(pds), max(pds), names))
    table = book(ead, pd, rng.uniform(min(r2s), max(r2s), names), groups)
    result = portfolio_risk(
        table, model(groups, nu), confidences=(0.9, 0.99, 0.999), max_scenarios=2_000, rel_tol=0.05, contributions=False
    )
    last, greatest = 0.0, float(ead.sum()) * (1.0 + 1e-9)
    for measure in result.measures:
        assert last - 1e-9 * greatest <= measure.var <= measure.es * (1.0 + 1e-9) <= greatest * (1.0 + 1e-9)
        assert 0.0 <= measure.var_low <= measure.var_high <= greatest or result.method != "collapsed"
        last = measure.var
    if result.method == "collapsed":
        assert abs(result.el_simulated - result.el) <= 5.0 * result.el_simulated_se + 0.03 * result.el


def _quadrature(ead: np.ndarray, pd: float, r2: float, confidence: float) -> tuple[float, float]:
    """Value at risk and expected shortfall of a one-factor book: every name's default exactly, by Fourier sums on a lattice, the factor by quadrature."""
    cells = 8_192
    step = float(ead.sum()) / (cells // 2)
    places = ead / step
    lower = np.floor(places).astype(np.int64)
    y, weight = np.polynomial.legendre.leggauss(240)
    y, weight = 8.5 * y, 8.5 * weight * np.exp(-0.5 * (8.5 * y) ** 2) / math.sqrt(2.0 * math.pi)
    p = ndtr((ndtri(pd) - math.sqrt(r2) * y) / math.sqrt(1.0 - r2))
    t = 2.0 * math.pi * np.arange(cells // 2 + 1) / cells
    total = np.ones((len(y), len(t)), dtype=np.complex128)
    for where, share in zip(lower, places - lower, strict=True):
        # Between two cells, so that the mean is kept.
        phase = np.exp(-1j * t * where) * (1.0 - share + share * np.exp(-1j * t))
        total *= 1.0 + p[:, None] * (phase - 1.0)
    distribution = np.fft.irfft(np.einsum("y,yt->t", weight, total), cells)
    beyond = 1.0 - np.cumsum(distribution)
    at = int(np.argmax(beyond <= 1.0 - confidence))
    excess = float((distribution * np.maximum(np.arange(cells) - at, 0)).sum())
    return at * step, at * step + step * excess / (1.0 - confidence)


@pytest.mark.parametrize(("pd", "r2"), [(0.03, 0.75), (0.03, 0.85), (0.5, 0.4), (0.9, 0.2)])
def test_close_correlation_and_likely_default_agree_with_quadrature(pd: float, r2: float) -> None:
    ead = np.random.default_rng(1).lognormal(0.0, 1.0, 150)
    result = portfolio_risk(book(ead, pd, r2), model(), confidences=(0.99,), contributions=False, rel_tol=0.002, max_scenarios=100_000)
    var, es = _quadrature(ead, pd, r2, 0.99)
    (mine,) = result.measures
    # The lattice splits every loss between two of its places: some of them, all names together.
    step = 8.0 * ead.sum() / 4_096
    assert mine.var_low - step <= var <= mine.var_high + step
    assert mine.es_low - step <= es <= mine.es_high + step


@pytest.mark.parametrize("r2", [0.9, 0.999, 0.999999])
def test_near_full_correlation_is_measured_not_refused(r2: float) -> None:
    ead = np.random.default_rng(1).lognormal(0.0, 1.0, 60)
    result = portfolio_risk(book(ead, 0.03, r2), model(), confidences=(0.99,), contributions=False, max_scenarios=20_000, rel_tol=0.05)
    assert 0.9 * ead.sum() < result.measures[0].es <= ead.sum() * (1.0 + 1e-12)


@pytest.mark.parametrize("random", [0.0, 0.2])
@pytest.mark.parametrize("nu", [math.inf, 1.0, 1.5, 4.0, 50.0])
@pytest.mark.parametrize(("low", "high"), [(1e-12, 1e-6), (1e-4, 0.1), (0.3, 0.999), (1.0 - 1e-6, 1.0 - 1e-12)])
def test_tables_are_right_from_one_end_to_the_other(low: float, high: float, nu: float, random: float) -> None:
    rng = np.random.default_rng(5)
    count = 60
    pd, r2 = np.exp(rng.uniform(np.log(low), np.log(high), count)), rng.uniform(0.0, 0.86, count)
    k1 = rng.lognormal(0.0, 0.5, count)
    loss = np.stack([k1, *(random * k1**order for order in (2, 3, 4))])
    gaussian = math.isinf(nu)
    names = Names(
        obligor=np.arange(count),
        a=thresholds(pd, np.full(count, nu)) / np.sqrt(1.0 - r2),
        b=np.sqrt(r2 / (1.0 - r2)),
        loss=loss,
        certain=k1,
        random=np.zeros(count),
        kind=np.zeros(count, dtype=np.int64),
        directions=np.ones((1, 1)),
        nu_index=np.array([-1 if gaussian else 0]),
        nus=() if gaussian else (nu,),
        unit=1.0,
    )
    table = make_table(names, np.array([0]), -1 if gaussian else 0, map, memo=None)
    y = rng.normal(0.0, 2.0, 400)
    s = np.ones(400) if gaussian else np.sqrt(rng.chisquare(nu, 400) * np.where(rng.random(400) < 0.5, 1.0, 0.01) / nu)
    found = table.by_class(y[None], None if gaussian else s)[0]
    # As far as the mixing variable itself is found.
    s = s if gaussian else np.clip(s, table.grid.s[0], table.grid.s[-1])
    p, q = both_tails(names.a[:, None] * s - names.b[:, None] * y)
    truth = sums_of_default(p, loss, q=q)
    # In states up to six standard deviations out: the mean, and the variance where it is more than nothing beside the greatest there is.
    assert (np.abs(found[0] - truth[0]) <= 2e-3 * truth[0] + 1e-12 * k1.sum()).all()
    assert (np.abs(found[1] - truth[1]) <= 2e-2 * truth[1] + 1e-9 * np.square(k1).sum()).all()


@pytest.mark.parametrize("nu", [1.0, 1.5, 2.5])
def test_a_t_copula_of_few_degrees_of_freedom_keeps_its_expected_loss_and_its_tail(nu: float) -> None:
    rng = np.random.default_rng(4)
    names = 1_000
    ead, pd, r2 = rng.lognormal(3.0, 0.3, names), np.exp(rng.uniform(-6.0, -2.5, names)), rng.uniform(0.05, 0.4, names)
    options = {"confidences": (0.99,), "contributions": False}
    fast = portfolio_risk(book(ead, pd, r2), model(nu=nu), method="collapsed", **options)  # type: ignore[arg-type]
    slow = portfolio_risk(book(ead, pd, r2), model(nu=nu), method="thinning", seed=3, rel_tol=1e-6, max_scenarios=40_000, **options)  # type: ignore[arg-type]
    assert abs(fast.el_simulated - fast.el) <= 5.0 * fast.el_simulated_se + 0.002 * fast.el
    (mine,), (truth,) = fast.measures, slow.measures
    assert abs(mine.var - truth.var) < 4.0 * math.hypot(mine.var_se, truth.var_se)
    assert abs(mine.es - truth.es) < 4.0 * math.hypot(mine.es_se, truth.es_se)


@pytest.mark.parametrize("budget", [math.nan, 0.0, -1.0])
def test_a_budget_that_is_no_amount_of_work_is_refused(budget: float) -> None:
    with pytest.raises(InvalidInput, match="budget is how many"):
        portfolio_risk(book(np.ones(3), 0.01, 0.2), model(), budget=budget)


def test_an_adjustment_for_granularity_beyond_its_range_is_not_given() -> None:
    few = portfolio_risk(book(np.array([100.0, 50.0]), 0.02, 0.2).with_columns(lgd=0.4), model(), contributions=False)
    assert few.granularity_adjustment is None
    assert "too few names" in few.granularity_note


def exact_spread(losses: np.ndarray, pd: float, r2: float) -> float:
    """The standard deviation of loss over one Gaussian factor."""
    z = np.linspace(-9.0, 9.0, 4001)
    weight = np.exp(-0.5 * z * z) / np.exp(-0.5 * z * z).sum()
    p = ndtr((ndtri(pd) - math.sqrt(r2) * z) / math.sqrt(1.0 - r2))
    own = float(np.square(losses).sum()) * p * (1.0 - p)
    return math.sqrt(float(weight @ (own + np.square(losses.sum() * (p - pd)))))


@pytest.mark.parametrize("method", ["few_names", "collapsed", "importance_sampling"])
@pytest.mark.parametrize("pd", [0.02, 0.9, 0.9997])
def test_the_spread_of_a_loss_that_is_almost_certain_is_known(pd: float, method: str) -> None:
    ead = np.linspace(1_000.0, 2_000.0, 40)
    found = portfolio_risk(book(ead, pd, 0.2), model(), method=method, contributions=False)
    exact = exact_spread(ead, pd, 0.2)
    # Drawn defaults see few of those who survive; the others take each as likely as it is.
    assert found.ul_se <= (0.5 if method == "importance_sampling" else 0.03) * exact
    assert abs(found.ul - exact) <= 5.0 * found.ul_se + 1e-3 * exact
