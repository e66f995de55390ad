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
