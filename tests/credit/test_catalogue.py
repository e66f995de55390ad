"""The catalogue: what ships with the package holds together, and a wrong name is answered with the nearest one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crfs.bitemporal import Tenor
from crfs.credit.catalogue import Catalogue, packaged_catalogue, packaged_definitions
from crfs.credit.definitions import ColumnType, Definitions
from crfs.errors import InvalidInput, NotFound


def test_every_packaged_factor_has_a_dataset_a_title_and_a_number_where_it_is_scaled() -> None:
    catalogue = packaged_catalogue()
    assert len(catalogue.factors) > 20
    for factor in catalogue.factors.values():
        dataset = catalogue.dataset(factor.dataset)
        column = dataset.column(factor.column)
        assert factor.title
        assert factor.unit
        assert factor.scale == 1.0 or column.type in {ColumnType.FLOAT8, ColumnType.INT8}
        assert (factor.release_time is None) == (factor.release_zone is None), factor.mnemonic
    for dataset in catalogue.datasets.values():
        assert all(column.title for column in dataset.columns), dataset.name


def test_the_period_of_a_factor_is_its_own_or_its_datasets() -> None:
    catalogue = packaged_catalogue()
    factor = next(iter(catalogue.factors.values()))
    assert catalogue.period(replace(factor, period=Tenor.parse("P7D"))) == Tenor(days=7)
    assert catalogue.period(replace(factor, period=None)) == catalogue.dataset(factor.dataset).period


def test_a_name_that_is_not_there_is_answered_with_the_nearest_one() -> None:
    catalogue = packaged_catalogue()
    mnemonic = next(iter(catalogue.factors))
    with pytest.raises(NotFound, match=f"did you mean {mnemonic}"):
        catalogue.factor(mnemonic + "x")
    with pytest.raises(NotFound, match=r"no dataset is called 'zzzz'$"):
        catalogue.dataset("zzzz")


def test_a_catalogue_that_does_not_hold_together_is_refused() -> None:
    part = next(part for part in packaged_definitions() if part.datasets and part.factors)
    factor = part.factors[0]
    dataset = next(dataset for dataset in part.datasets if dataset.name == factor.dataset)
    text = replace(dataset, columns=tuple(replace(column, type=ColumnType.TEXT, minimum=None, maximum=None) for column in dataset.columns))
    for parts, message in [
        ([part, Definitions(datasets=part.datasets, factors=())], "dataset .* is defined twice"),
        ([part, Definitions(datasets=(), factors=part.factors)], "factor .* is defined twice"),
        ([Definitions(datasets=(text,), factors=(replace(factor, scale=0.01),))], "which cannot be scaled"),
        ([Definitions(datasets=(), factors=(factor,))], "no dataset is called"),
        ([Definitions(datasets=part.datasets, factors=(replace(factor, column="nothing"),))], "has no column 'nothing'"),
    ]:
        with pytest.raises(InvalidInput, match=message):
            Catalogue.of(parts)


def test_every_factor_of_numbers_has_a_valid_range_on_both_sides_its_own_or_its_columns() -> None:
    catalogue = packaged_catalogue()
    without = []
    for factor in catalogue.factors.values():
        column = catalogue.dataset(factor.dataset).column(factor.column)
        if column.type not in (ColumnType.FLOAT8, ColumnType.INT8):
            continue
        low, high = (
            getattr(factor, side) if getattr(factor, side) is not None else getattr(column, side) for side in ("minimum", "maximum")
        )
        if low is None or high is None or not low < high:
            without.append(factor.mnemonic)
    assert without == []


@pytest.mark.parametrize(
    ("mnemonic", "right"),
    [
        ("us.unemployment_rate", (2.5, 14.8)), ("us.federal_funds_rate", (0.04, 22.36)), ("us.treasury_yield_10y", (0.52, 15.84)),
        ("us.treasury_yield_3m", (-0.05, 17.01)), ("us.term_spread_10y_2y", (-2.41, 2.91)), ("us.credit_spread_high_yield", (2.41, 21.82)),
        ("us.mortgage_rate_30y", (2.65, 18.63)), ("us.personal_saving_rate", (-2.7, 33.8)), ("us.volatility_index_vix_fred", (9.14, 82.69)),
        ("us.oil_price_wti_fred", (-36.98, 145.31)), ("us.gdp", (211.0, 31_000.0)), ("us.cpi", (21.48, 330.0)), ("us.payrolls", (29_923, 160_000)),
        ("us.initial_claims", (133_000, 6_867_000)), ("us.federal_surplus_month", (-864_074, 308_215)), ("us.trade_balance", (-140_000, 1_500)),
        ("us.h15.real_yield_5y", (-1.98, 4.24)), ("us.credit_spread_baa_aaa", (30, 564)), ("us.leading_activity_index", (-18.4, 6.2)),
    ],
)  # fmt: skip
def test_history_lies_within_the_valid_range_and_a_hundred_times_too_much_does_not(mnemonic: str, right: tuple[float, float]) -> None:
    factor = packaged_catalogue().factor(mnemonic)
    assert factor.minimum is not None
    assert factor.maximum is not None
    for value in right:
        assert factor.minimum <= factor.value_of(value) <= factor.maximum
    assert not factor.minimum <= factor.value_of(max(right, key=abs) * 100) <= factor.maximum
