"""A portfolio kept warm: to the bit what a run from nothing gives, and what-ifs whose differences have their own noise alone."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from scipy.stats import norm

from crfs.credit.copula import Copula
from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.risk import RiskResult, WarmPortfolio, portfolio_risk
from crfs.risk.collapsed import measure, spread_of_rest
from crfs.risk.conditional import condition
from crfs.risk.mixtures import make_mixture
from crfs.risk.names import make_names
from crfs.risk.obligors import roll_up
from crfs.risk.what_if import Difference

GROUPS = {"banks": {"us": 1.0, "eu": 0.5}, "energy": {"us": 0.3, "oil": 1.0}, "retail": {"eu": 1.0}}
CORRELATION = ((1.0, 0.6, -0.2), (0.6, 1.0, 0.1), (-0.2, 0.1, 1.0))


def model(*, nu: float = math.inf, correlation: tuple[tuple[float, ...], ...] = CORRELATION) -> FactorModel:
    return FactorModel(factors=("us", "eu", "oil"), correlation=correlation, groups=GROUPS, copula=Copula(nu=nu))


def book(names: int, *, seed: int = 3, spread: float = 0.8, whole: bool = False) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    ids = [f"O{2 * i:06d}" for i in range(names)]
    ead = rng.lognormal(8.0, spread, names)
    return pl.DataFrame(
        {
            "facility_id": ids,
            "obligor_id": ids,
            "ead": np.ceil(ead / 100.0) * 100.0 if whole else ead,
            "lgd": np.ones(names) if whole else rng.uniform(0.2, 0.7, names),
            "lgd_sd": np.zeros(names) if whole else np.where(rng.random(names) < 0.3, 0.1, 0.0),
            "pd_12m": np.exp(rng.uniform(np.log(0.002), np.log(0.1), names)),
            "r2": rng.uniform(0.05, 0.5, names),
            "group": np.array(sorted(GROUPS))[rng.integers(0, 3, names)],
        }
    )


def loan(name: str = "O000801", *, ead: float = 4e4, **columns: Any) -> pl.DataFrame:
    row = {
        "facility_id": f"{name}-1",
        "obligor_id": name,
        "ead": ead,
        "lgd": 0.45,
        "lgd_sd": 0.0,
        "pd_12m": 0.03,
        "r2": 0.2,
        "group": "energy",
    }
    return pl.DataFrame([row | columns])


def without_contributions(table: pl.DataFrame, factor_model: FactorModel) -> RiskResult:
    return portfolio_risk(table, factor_model, contributions=False)


@pytest.mark.parametrize(("names", "nu"), [(1_500, math.inf), (4_600, math.inf), (4_600, 5.0)])
def test_every_change_gives_the_bits_of_a_run_from_nothing(names: int, nu: float) -> None:
    table, factor_model = book(names), model(nu=nu)
    warm = WarmPortfolio(table, factor_model)
    assert warm.result.to_dict() == without_contributions(table, factor_model).to_dict()

    table = table.with_columns(pd_12m=pl.when(pl.col("obligor_id") == "O000010").then(0.25).otherwise("pd_12m"))
    assert warm.update(pd={"O000010": 0.25}).to_dict() == without_contributions(table, factor_model).to_dict()
    table = pl.concat([table, loan()])
    assert warm.update(put=loan()).to_dict() == without_contributions(table, factor_model).to_dict()
    table = table.with_columns(ead=pl.when(pl.col("facility_id") == "O000801-1").then(9e4).otherwise("ead")).filter(
        pl.col("facility_id") != "O000012"
    )
    result = warm.update(put=loan(ead=9e4), drop=["O000012"])
    assert result.to_dict() == without_contributions(table, factor_model).to_dict()
    other = model(nu=nu, correlation=((1.0, 0.3, 0.0), (0.3, 1.0, 0.2), (0.0, 0.2, 1.0)))
    assert warm.update(factor_model=other).to_dict() == without_contributions(table, other).to_dict()
    assert sorted(warm.book["facility_id"]) == sorted(table["facility_id"])


def test_a_small_book_is_followed_by_its_own_method_too() -> None:
    table = book(15, whole=True)
    warm = WarmPortfolio(table, model(), confidences=(0.99,))
    assert warm.result.method == "few_names"
    changed = pl.concat([table, loan("X", ead=400.0, lgd=1.0)])
    answer = warm.what_if(put=loan("X", ead=400.0, lgd=1.0))
    run = portfolio_risk(changed, model(), confidences=(0.99,), contributions=False)
    assert answer.measures[0].var == run.measures[0].var
    assert answer.measures[0].marginal_es is None
    assert answer.measures[0].incremental_es.value == run.measures[0].es - warm.result.measures[0].es
    assert warm.result.n_obligors == 15


@pytest.mark.parametrize("nu", [math.inf, 5.0])
@pytest.mark.parametrize("change", ["come", "go", "pd", "restate"])
def test_a_what_if_is_the_changed_book_at_the_book_s_own_points(nu: float, change: str) -> None:
    table, factor_model = book(4_600), model(nu=nu)
    warm = WarmPortfolio(table, factor_model, confidences=(0.999,))
    base = warm._state.found.collapsed
    assert base is not None
    asked: dict[str, Any]
    match change:
        case "come":
            asked, table = {"put": loan()}, pl.concat([table, loan()])
        case "go":
            asked, table = {"drop": ["O000012", "O000500"]}, table.filter(~pl.col("obligor_id").is_in(["O000012", "O000500"]))
        case "pd":
            asked = {"pd": {"O000012": 0.5}}
            table = table.with_columns(pd_12m=pl.when(pl.col("obligor_id") == "O000012").then(0.5).otherwise("pd_12m"))
        case _:
            row = loan("O000012", facility_id="O000012", group="banks", ead=2e4)
            asked, table = {"put": row}, pl.concat([table.filter(pl.col("obligor_id") != "O000012"), row])
    answer = warm.what_if(**asked)
    names = make_names(roll_up(table, factor_model), factor_model)
    changed = condition(names)
    mixture = make_mixture(changed, base.mixture.points, spread_of_rest(changed, base.aims))
    again = measure(mixture, 0.999)
    assert answer.measures[0].var == pytest.approx(names.unit * again.var, rel=1e-9)
    assert answer.measures[0].es == pytest.approx(names.unit * again.es, rel=1e-9)
    assert answer.el == pytest.approx((table["ead"] * table["lgd"] * table["pd_12m"]).sum(), rel=1e-12)


@pytest.mark.parametrize("names", [12, 1_500])
def test_a_facility_that_is_repaid_and_a_loan_that_is_not_drawn_yet_are_changes_like_others(names: int) -> None:
    table, factor_model = book(names), model()
    warm = WarmPortfolio(table, factor_model, confidences=(0.99,))
    repaid = table[:1].with_columns(ead=pl.lit(0.0))
    undrawn = loan(ead=0.0)
    (without,) = warm.what_if(drop=table["facility_id"][:1].to_list()).measures
    (told,) = warm.what_if(put=repaid).measures
    assert (told.var, told.es, told.incremental_es) == (without.var, without.es, without.incremental_es)
    nothing = warm.what_if(put=undrawn)
    assert nothing.incremental_el == 0.0
    assert nothing.measures[0].incremental_es.value == pytest.approx(0.0, abs=1e-9 * warm.result.measures[0].es)
    changed = pl.concat([repaid, table[1:]])
    options: dict[str, Any] = {"confidences": (0.99,), "contributions": False}
    assert warm.update(put=repaid).to_dict() == portfolio_risk(changed, factor_model, **options).to_dict()
    changed = pl.concat([changed, undrawn])
    assert warm.update(put=undrawn).to_dict() == portfolio_risk(changed, factor_model, **options).to_dict()


@pytest.mark.parametrize(("names", "method"), [(12, "few_names"), (400, "collapsed"), (400, "thinning"), (8, "plain")])
def test_what_is_lost_for_certain_shifts_every_loss_and_has_no_noise(names: int, method: str) -> None:
    """By hand: to lose 400 for certain adds 400 to the mean, to every quantile and to every shortfall, and nothing to the spread."""
    table = book(names)
    options: dict[str, Any] = {"method": method, "confidences": (0.99,), "max_scenarios": 20_000}
    warm = WarmPortfolio(table, model(), **options)
    lost = loan("NEW", ead=1000.0, lgd=0.4, pd_12m=1.0)
    answer = warm.what_if(put=lost)
    (told,) = answer.measures
    exact, none = Difference(value=400.0, se=0.0, low=400.0, high=400.0), Difference(value=0.0, se=0.0, low=0.0, high=0.0)
    assert (told.incremental_var, told.incremental_es, answer.incremental_ul) == (exact, exact, none)
    assert told.marginal_es == (exact if method == "collapsed" else None)
    assert answer.incremental_el == 400.0
    (before,) = warm.result.measures
    assert (told.var, told.es_low, told.es_high) == (before.var + 400.0, before.es_low + 400.0, before.es_high + 400.0)
    assert answer.to_dict()["measures"][0]["incremental_ec"]["value"] == 0.0
    assert [note for note in answer.notes if "certain" in note] == ["400.00 of the change is certain: every loss moves by it, exactly"]

    other = loan("OTHER", ead=9000.0)
    (alone,), (both,) = (warm.what_if(put=put).measures for put in (other, pl.concat([lost, other])))
    assert both.incremental_es == alone.incremental_es.less(-400.0)
    assert both.var == alone.var + 400.0

    holding = WarmPortfolio(pl.concat([table, lost]), model(), **options)
    restated = holding.what_if(put=lost.with_columns(ead=pl.lit(1500.0)))
    assert restated.measures[0].incremental_var == Difference(value=200.0, se=0.0, low=200.0, high=200.0)
    repaid = holding.what_if(drop=["NEW-1"])
    assert repaid.measures[0].incremental_es == Difference(value=-400.0, se=0.0, low=-400.0, high=-400.0)
    assert repaid.measures[0].var == holding.result.measures[0].var - 400.0
    random = holding.what_if(put=lost.with_columns(lgd_sd=pl.lit(0.2)))
    assert random.incremental_ul.value > 0.0


def test_where_only_certain_losses_are_left_they_are_measured() -> None:
    warm = WarmPortfolio(loan(), model(), confidences=(0.99,))
    answer = warm.what_if(put=loan("NEW", ead=1000.0, lgd=0.4, pd_12m=1.0), drop=["O000801-1"])
    assert (answer.el, answer.measures[0].var, answer.measures[0].es, answer.ul) == (400.0, 400.0, 400.0, 0.0)


def test_a_book_of_which_everything_is_repaid_has_nothing_to_lose() -> None:
    warm = WarmPortfolio(loan(), model(), confidences=(0.99,))
    before = warm.result
    for ask in (warm.update, warm.what_if):
        with pytest.raises(InvalidInput, match=r"nothing (to lose|would be left)"):
            ask(put=loan(ead=0.0))
    assert warm.result is before


def test_what_a_loan_adds_agrees_with_two_runs_and_is_known_much_better() -> None:
    table = book(3_000)
    warm = WarmPortfolio(table, model(), confidences=(0.99, 0.999))
    answer = warm.what_if(put=loan(ead=1e5))
    run = portfolio_risk(pl.concat([table, loan(ead=1e5)]), model(), contributions=False, rel_tol=0.002)
    for mine, before, after in zip(answer.measures, warm.result.measures, run.measures, strict=True):
        assert abs(mine.var - after.var) < 4 * np.hypot(mine.var_se, after.var_se)
        assert abs(mine.es - after.es) < 4 * np.hypot(mine.es_se, after.es_se)
        assert mine.incremental_es.se < 0.1 * before.es_se
        assert mine.incremental_var.low < mine.incremental_var.value < mine.incremental_var.high
        assert 0.0 < mine.incremental_es.value < 1e5 * 0.45
    json.dumps(answer.to_dict(), allow_nan=False)


def test_the_first_order_is_the_limit_of_the_whole() -> None:
    warm = WarmPortfolio(book(3_000), model(), confidences=(0.999,))
    small, large = (warm.what_if(put=loan(ead=ead)).measures[0] for ead in (50.0, 5e5))
    assert small.marginal_es is not None
    assert large.marginal_es is not None
    assert small.incremental_es.value == pytest.approx(small.marginal_es.value, rel=2e-3)
    assert large.marginal_es.value == pytest.approx(1e4 * small.marginal_es.value, rel=1e-9)
    # A loan that is large brings its own risk along.
    assert large.incremental_es.value > 1.05 * large.marginal_es.value


@pytest.mark.parametrize("large", [False, True])
def test_the_first_order_of_who_is_in_the_book_has_his_own_part_in_its_tail(large: bool) -> None:
    table = book(400)
    if large:
        table = table.with_columns(ead=pl.when(pl.int_range(pl.len()) == 7).then(0.2 * pl.col("ead").sum()).otherwise(pl.col("ead")))
    warm = WarmPortfolio(table, model(), confidences=(0.99,), contributions=True, method="collapsed")
    own = table[7]
    name = own["obligor_id"][0]
    (part,) = (part for part in warm.result.contributions if part.by == "obligor" and part.name == name) if large else (None,)
    gone = warm.what_if(drop=[own["facility_id"][0]]).measures[0]
    less = warm.what_if(put=own.with_columns(ead=0.999 * pl.col("ead"))).measures[0]
    assert gone.marginal_es is not None
    assert gone.marginal_var is not None
    assert less.marginal_es is not None
    if part is not None:
        # All of him is his Euler contribution, but for what those are scaled by.
        assert -gone.marginal_es.value == pytest.approx(part.es[0], rel=0.01)
        assert -gone.marginal_var.value == pytest.approx(part.var[0], rel=0.01)
    assert less.marginal_es.value == pytest.approx(1e-3 * gone.marginal_es.value, rel=1e-6)
    assert less.incremental_es.value == pytest.approx(less.marginal_es.value, rel=5e-3)
    # Expected shortfall is convex: the whole takes less away than its first order says.
    assert 0.0 < -gone.incremental_es.value <= -gone.marginal_es.value


def test_the_first_order_of_another_probability_of_default_has_the_defaults_that_stay() -> None:
    table = book(400)
    warm = WarmPortfolio(table, model(), confidences=(0.99,), method="collapsed")
    own = table[7]
    half, twice = (warm.what_if(put=own.with_columns(pd_12m=times * pl.col("pd_12m"))).measures[0] for times in (0.5, 2.0))
    gone = warm.what_if(drop=[own["facility_id"][0]]).measures[0]
    assert half.marginal_es is not None
    assert twice.marginal_es is not None
    assert gone.marginal_es is not None
    assert gone.marginal_es.value < half.marginal_es.value < 0.0 < twice.marginal_es.value


def test_a_whole_book_that_moves_is_the_same_without_its_first_order_and_known_better_than_by_two_runs() -> None:
    warm = WarmPortfolio(book(400), model(), confidences=(0.99,), seed=5)
    moved = warm.book.with_columns(pd_12m=pl.col("pd_12m") * 1.1)
    whole, alone = warm.what_if(put=moved), warm.what_if(put=moved, first_order=False)
    (first,), (second,) = whole.measures, alone.measures
    assert first.marginal_es is not None
    assert second.marginal_var is second.marginal_es is None
    assert (second.var, second.es, second.incremental_var, second.incremental_es) == (
        first.var,
        first.es,
        first.incremental_var,
        first.incremental_es,
    )
    assert second.incremental_es.se < 0.2 * math.hypot(second.es_se, warm.result.measures[0].es_se)
    assert json.loads(json.dumps(alone.to_dict(), allow_nan=False))["measures"][0]["marginal_var"] is None


def test_nothing_that_changes_changes_nothing_and_a_large_loan_is_taken_exactly() -> None:
    warm = WarmPortfolio(book(3_000), model(), confidences=(0.99,))
    (same,) = warm.what_if(pd={"O000010": warm.book.filter(pl.col("obligor_id") == "O000010")["pd_12m"][0]}).measures
    assert (same.incremental_es.value, same.marginal_es.value if same.marginal_es else None) == (0.0, 0.0)
    giant = loan(ead=0.2 * warm.result.total_ead)
    (mine,) = warm.what_if(put=giant).measures
    run = portfolio_risk(pl.concat([warm.book, giant], how="diagonal"), model(), confidences=(0.99,), contributions=False)
    assert abs(mine.var - run.measures[0].var) < 4 * np.hypot(mine.var_se, run.measures[0].var_se) + 0.002 * mine.var
    assert abs(mine.es - run.measures[0].es) < 4 * np.hypot(mine.es_se, run.measures[0].es_se) + 0.002 * mine.es


def test_subscribers_are_handed_every_new_result_and_none_after_they_leave() -> None:
    warm = WarmPortfolio(book(15, whole=True), model(), confidences=(0.99,))
    told: list[RiskResult] = []
    leave = warm.subscribe(told.append)
    first = warm.update(pd={"O000010": 0.2})
    warm.what_if(put=loan())
    warm.update()
    assert told == [first]
    leave()
    warm.update(pd={"O000010": 0.3})
    assert told == [first]
    assert warm.result != first


def test_a_subscriber_that_fails_is_logged_and_the_others_are_told(caplog: pytest.LogCaptureFixture) -> None:
    warm = WarmPortfolio(book(15, whole=True), model(), confidences=(0.99,))
    told: list[RiskResult] = []

    def fails(result: RiskResult) -> None:
        raise RuntimeError(f"no room for {result.n_obligors} obligors")

    warm.subscribe(fails)
    warm.subscribe(told.append)
    result = warm.update(pd={"O000010": 0.2})
    assert told == [result]
    assert warm.result is result
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.exc_info is not None
    assert "no room for 15 obligors" in str(record.exc_info[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pd": {"nobody": 0.1}}, "no obligor 'nobody'"),
        ({"drop": ["nothing"]}, "no facility 'nothing'"),
        ({"pd": {"O000010": 1.5}}, "not within"),
        ({"pd": {"O000010": float("nan")}}, "finite"),
        ({"put": loan(ead=-1.0)}, "row 1, column ead"),
        ({"put": loan().to_pandas()}, "put is a polars.DataFrame, not a pandas.DataFrame"),
        ({"put": [{"facility_id": "F"}]}, "put is a polars.DataFrame, not a list"),
        ({"drop": "O000010"}, "drop is a collection of facilities' ids, such as .* not 'O000010'"),
        ({"drop": [10]}, "drop is a collection"),
        ({"put": loan(currency="USD")}, "book says no currency, and the change says USD"),
        ({"put": loan("O000010", facility_id="new", currency="USD")}, "book says no currency, and the change says USD"),
        ({"pd": {"O000010": "x"}}, "pd gives obligors"),
        ({"pd": {"O000010": None}}, "pd gives obligors"),
        ({"pd": 0.1}, "pd is a mapping"),
        ({"pd": {10: 0.1}}, "pd gives obligors"),
        ({"put": loan(group="nowhere")}, "no group"),
        ({"put": pl.concat([loan(), loan()])}, "already on row 1"),
        ({"put": loan("O000010", facility_id="new", pd_12m=0.9, r2=0.1)}, "another row of obligor"),
    ],
)
def test_a_change_that_cannot_be_is_refused_and_changes_nothing(change: dict[str, Any], message: str) -> None:
    warm = WarmPortfolio(book(15, whole=True), model(), confidences=(0.99,))
    before = warm.result
    told: list[RiskResult] = []
    warm.subscribe(told.append)
    for ask in (warm.update, warm.what_if):
        with pytest.raises(InvalidInput, match=message):
            ask(**change)
    assert warm.result is before
    assert not told


def test_a_model_without_the_book_s_groups_is_refused() -> None:
    warm = WarmPortfolio(book(15, whole=True), model(), confidences=(0.99,))
    before = warm.result
    with pytest.raises(InvalidInput, match="is no group of the factor model"):
        warm.update(factor_model=FactorModel.one_factor("all"))
    with pytest.raises(InvalidInput, match="factor_model is a FactorModel, not a dict"):
        warm.update(factor_model={"factors": ["us"]})  # type: ignore[arg-type]
    assert warm.result is before
    assert warm.factor_model == model()


def test_the_last_facility_stays_and_a_book_keeps_its_currency() -> None:
    warm = WarmPortfolio(loan().with_columns(currency=pl.lit("EUR")), model(), confidences=(0.99,))
    with pytest.raises(InvalidInput, match="nothing would be left"):
        warm.what_if(drop=["O000801-1"])
    with pytest.raises(InvalidInput, match="one currency, and with this change it would have EUR and USD"):
        warm.update(put=loan("B").with_columns(currency=pl.lit("USD")))
    with pytest.raises(InvalidInput, match="the book is in EUR, and a row of the change does not say"):
        warm.update(put=loan("B"))
    assert warm.update(put=loan("B", currency=" EUR ")).currency == "EUR"
    assert warm.update(put=loan("C", currency="USD"), drop=["O000801-1", "B-1"]).currency == "USD", "all that was there has left"


def test_an_obligor_of_a_direction_that_the_book_has_not_is_measured_by_a_run_of_its_own() -> None:
    table = book(900).with_columns(group=pl.lit("banks"))
    warm = WarmPortfolio(table, model(), confidences=(0.99,))
    answer = warm.what_if(put=loan(group="energy"))
    run = portfolio_risk(pl.concat([table, loan(group="energy")]), model(), confidences=(0.99,), contributions=False)
    assert answer.measures[0].es == run.measures[0].es


@pytest.mark.parametrize("ead", [8_000.0, 20_000.0])
def test_the_spread_of_a_book_with_a_large_name_has_no_blur_of_its_measurement_in_it(ead: float) -> None:
    """Closed form: given one factor the names are independent, so the variance is an integral over it."""
    number = np.arange(360)
    losses, pds = 300.0 + 11.0 * (number % 61), 0.005 + 0.002 * (number % 11)
    ids = [f"O{k:03d}" for k in number]
    one = FactorModel.one_factor("all")
    columns = {"lgd": 1.0, "r2": 0.2, "group": "all"}
    table = pl.DataFrame({"facility_id": ids, "obligor_id": ids, "ead": losses, "pd_12m": pds}).with_columns(
        **{n: pl.lit(v) for n, v in columns.items()}
    )
    large = pl.DataFrame([{"facility_id": "L", "obligor_id": "L", "ead": ead, "pd_12m": 0.015, **columns}])
    z = np.linspace(-9.0, 9.0, 4001)
    weight = norm.pdf(z) / norm.pdf(z).sum()

    def spread(loss: npt.NDArray[Any], pd: npt.NDArray[Any]) -> float:
        p = norm.cdf((norm.ppf(pd)[:, None] - math.sqrt(0.2) * z) / math.sqrt(0.8))
        mean = loss @ p
        return math.sqrt(float(weight @ (np.square(loss) @ (p * (1.0 - p)) + mean * mean)) - float(weight @ mean) ** 2)

    before, after = spread(losses, pds), spread(np.append(losses, ead), np.append(pds, 0.015))
    warm = WarmPortfolio(table, one, method="collapsed")
    told, run = warm.what_if(put=large), portfolio_risk(pl.concat([table, large]), one, method="collapsed", contributions=False)
    for found, error, exact in ((warm.result.ul, warm.result.ul_se, before), (told.ul, told.ul_se, after), (run.ul, run.ul_se, after)):
        assert abs(found - exact) <= 4.0 * error
    assert told.incremental_ul.value == pytest.approx(after - before, abs=4.0 * told.incremental_ul.se + 1e-3 * (after - before))


def test_a_loan_of_a_pool_of_like_ones_that_grows_never_makes_the_pool_lose_less() -> None:
    """The pool is exact, and so it is with a stranger in it: a lattice for its one odd amount told 40.03 for 40 at a hundredth more, and 40 again then."""
    names = [f"O{i:02d}" for i in range(60)]
    pool = pl.DataFrame({"facility_id": names, "obligor_id": names, "group": "all"}).with_columns(
        ead=pl.lit(10.0), lgd=pl.lit(0.4), pd_12m=pl.lit(0.01), r2=pl.lit(0.2)
    )
    warm = WarmPortfolio(pool, FactorModel.one_factor("all"), confidences=(0.95, 0.99, 0.999))
    before = [(m.var, m.es) for m in warm.result.measures]
    for more in (1.001, 1.003, 1.01, 1.0137, 1.05, 1.2, 1.5, 2.0, 4.0):
        told = warm.what_if(put=pool.head(1).with_columns(ead=pl.col("ead") * more))
        assert told.method == "exact"
        for m, (var, es) in zip(told.measures, before, strict=True):
            assert m.var >= var * (1.0 - 1e-13)
            assert m.es >= es
            assert m.incremental_var.value == pytest.approx(m.incremental_var.low)
            assert m.incremental_var.value == 0.0 or m.incremental_var.value > 1e-3, "exact answers that differ in the last digits are one"
        before = [(m.var, m.es) for m in told.measures]


def test_every_subscription_is_its_own_and_knows_every_result_in_its_order() -> None:
    warm = WarmPortfolio(book(5), model(), confidences=(0.99,))
    told: list[float] = []

    def tell(result: RiskResult) -> None:
        told.append(result.el)

    leave, _ = warm.subscribe(tell), warm.subscribe(tell)
    first = warm.update(pd={"O000002": 0.03}).el
    assert told == [first, first]
    leave()
    leave()
    second = warm.update(pd={"O000002": 0.04}).el
    assert told[2:] == [second]

    def change(result: RiskResult) -> None:
        if not told:  # nobody has been told of the first yet
            warm.update(pd={"O000004": 0.2})

    warm = WarmPortfolio(book(5), model(), confidences=(0.99,))
    told.clear()
    warm.subscribe(change)
    warm.subscribe(tell)
    one = warm.update(pd={"O000002": 0.03}).el
    assert told == [one, warm.result.el]
    assert one != warm.result.el
