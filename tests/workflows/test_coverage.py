"""The coverage page says what the catalogue has, and the catalogue keeps to its own words."""

from __future__ import annotations

import re
from pathlib import Path

from crfs.credit.catalogue import packaged_catalogue
from crfs.credit.categories import CATEGORIES
from crfs.sources.core import load_source, source_names
from crfs.workflows.coverage import coverage, coverage_page

ROOT = Path(__file__).parents[2]
CATALOGUE = packaged_catalogue()
OF_THE_USER = {"csv"}


def test_the_page_is_what_the_catalogue_gives() -> None:
    """Where this fails: ``crfs sources coverage --markdown > docs/reference/coverage.md``."""
    assert (ROOT / "docs/reference/coverage.md").read_text(encoding="utf-8") == coverage_page(CATALOGUE)


def test_every_factor_is_counted_once_and_every_category_is_one_of_the_list() -> None:
    rows = coverage(CATALOGUE)
    assert sum(row["factors"] for row in rows) == len(CATALOGUE.factors)
    assert {factor.category for factor in CATALOGUE.factors.values()} <= set(CATEGORIES)


def test_every_dataset_has_a_source_that_there_is_and_says_its_rights() -> None:
    there = {*source_names(), "crfs", "portfolio", "scenario"}
    for dataset in CATALOGUE.datasets.values():
        assert dataset.source in there, dataset.name
        assert dataset.rights or dataset.synthetic or dataset.source in {"crfs", "portfolio", "scenario"}, dataset.name


def test_every_source_has_a_page_that_says_what_its_rights_are_and_its_streams_name_it() -> None:
    for name in source_names():
        page = ROOT / "docs/sources" / f"{name}.md"
        assert page.is_file(), name
        assert re.search(r"^(\*\*Rights\.|## Rights$|- Rights: |\| rights \|)", page.read_text(encoding="utf-8"), re.MULTILINE), name
        assert load_source(name).provider.title or name in OF_THE_USER, name
    for stream in CATALOGUE.streams.values():
        assert stream.source in source_names(), stream.key
        assert stream.title, stream.key


def test_a_row_says_when_the_first_half_and_last_of_its_factors_begin() -> None:
    rows = {(row["category"], row["provider"]): row for row in coverage(CATALOGUE)}
    for row in rows.values():
        starts = sorted(
            factor.start
            for factor in CATALOGUE.factors.values()
            if factor.start and (factor.category, CATALOGUE.dataset(factor.dataset).source) == (row["category"], row["provider"])
        )
        assert row["declared"] == len(starts)
        assert (row["since"], row["last_since"]) == ((starts[0], starts[-1]) if starts else (None, None))
        if starts:
            assert 2 * sum(start <= row["half_since"] for start in starts) >= len(starts)
            assert 2 * sum(start < row["half_since"] for start in starts) < len(starts)
    assert rows["statements", "edgar"]["half_since"] is None


def test_a_backfill_reaches_back_to_where_its_series_begin() -> None:
    late = {
        (stream.key, factor.entity, factor.start)
        for stream in CATALOGUE.streams.values()
        for factor in CATALOGUE.factors.values()
        if stream.backfill_since is not None
        and factor.start is not None
        and factor.entity in stream.series
        and CATALOGUE.dataset(factor.dataset).source == stream.source
        and factor.start < stream.backfill_since
    }
    assert late == set()
