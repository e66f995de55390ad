"""Ids and tickers of texts are the same for every source."""

from __future__ import annotations

import polars as pl

from crfs.credit.catalogue import Catalogue
from crfs.sources.core.articles import filled, ids, text_id, tickers

SHAPE = {
    "title": pl.String(),
    "summary": pl.String(),
    "url": pl.String(),
    "publisher": pl.String(),
    "language": pl.String(),
    "tickers": pl.String(),
    "provider_sentiment": pl.Float64(),
}


def test_an_id_is_the_providers_own_else_that_of_the_address_else_null() -> None:
    own, urls = pl.Series("id", ["a", " ", None, ""]), pl.Series(["u", "https://x.org/1", " https://x.org/1 ", ""])
    assert ids(own, urls).to_list() == ["a", text_id("https://x.org/1"), text_id("https://x.org/1"), None]


def test_tickers_are_upper_case_each_once_and_never_contain_the_comma_between_them() -> None:
    assert tickers(["aapl", " msft ", "AAPL", "A,B", 5, None, "", "X" * 41]) == "AAPL,MSFT"
    assert tickers("AAPL") == tickers(None) == tickers(5) == ""


def test_blanks_are_no_text() -> None:
    assert pl.DataFrame({"t": [" a ", "  ", "", None]}).select(filled("t"))["t"].to_list() == ["a", None, None, None]


def test_every_dataset_of_texts_has_the_same_columns_and_bounds_of_sentiment(catalogue: Catalogue) -> None:
    texts = [dataset for dataset in catalogue.datasets.values() if dataset.name.endswith(("_articles", "_posts"))]
    assert texts
    for dataset in texts:
        assert dataset.schema() == SHAPE, dataset.name
        sentiment = dataset.column("provider_sentiment")
        assert (dataset.entity_kind, sentiment.minimum, sentiment.maximum) == ("article", -1, 1)
