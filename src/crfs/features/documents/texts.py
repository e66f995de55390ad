"""Which datasets hold texts, and what of a row is read: the words, the language, the provider's tickers; and their scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

from crfs.features.entity_linking import IssuerIndex, link_issuers
from crfs.features.sentiment.policy import policy_stance
from crfs.features.sentiment.scorer import SCORES, SentimentScorer
from crfs.features.sentiment.word_lists import COUNTS, word_counts


@dataclass(frozen=True, slots=True, kw_only=True)
class TextColumns:
    """The columns of a dataset of texts: those that are read, one after the other, and where its language and its tickers stand.

    ``links`` says whether issuers are looked for in the words; ``is_policy`` whether they have a stance on monetary policy.
    """

    texts: tuple[str, ...]
    language: str | None = None
    tickers: str | None = None
    links: bool = True
    is_policy: bool = False

    @property
    def columns(self) -> list[str]:
        """All of them."""
        return [*self.texts, *(name for name in (self.language, self.tickers) if name)]


_ARTICLE = TextColumns(texts=("title", "summary"), language="language", tickers="tickers")
TEXTS: Mapping[str, TextColumns] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "rss_articles", "gdelt_articles", "newsapi_articles", "yahoo_articles", "alpha_vantage_articles", "stocktwits_posts",
                "reddit_posts",
            ),
            _ARTICLE,
        ),
        "alpha_vantage_transcripts": TextColumns(texts=("content",), tickers="symbol", links=False),
        "edgar_texts": TextColumns(texts=("text",), links=False),
        "federal_register_documents": TextColumns(texts=("title", "abstract"), links=False),
        "policy_document": TextColumns(texts=("text",), links=False, is_policy=True),
    }
)  # fmt: skip
"""The datasets whose rows are documents. ``gdelt_mentions`` has no words. An issuer's filing is not linked with it: what a company says of itself
is no news of it, and would drown the tone of what others say."""

_ENGLISH = r"(?i)^(?:en|eng|english)(?:[-_].*)?$"


def scored(rows: pl.DataFrame, about: TextColumns, *, scorer: SentimentScorer, issuers: IssuerIndex) -> pl.DataFrame:
    """The value columns of ``document_sentiment`` for rows of a dataset of texts, in their order.

    A document in another language than English, where the provider says so, has no score and no counts, since the lexicons are English; it
    still counts as a document, and its issuers are linked.
    """
    text = pl.concat_str([pl.col(name) for name in about.texts], separator="\n\n", ignore_nulls=True)
    texts = rows.select(text=pl.when(text.str.strip_chars() != "").then(text))["text"]
    english = pl.lit(value=True) if about.language is None else pl.col(about.language).str.contains(_ENGLISH).fill_null(value=True)
    read = rows.with_columns(text=texts).select(text=pl.when(english).then("text"))["text"]
    tickers = rows[about.tickers] if about.tickers else pl.Series("tickers", [None], dtype=pl.String()).new_from_index(0, rows.height)
    words = texts if about.links else pl.Series("text", [None], dtype=pl.String()).new_from_index(0, rows.height)
    links = link_issuers(words, issuers, tickers=tickers, keep_unknown=True)
    named = links.group_by("position").agg(issuers=pl.col("entity").unique().sort().str.join(","))
    joined = pl.DataFrame({"position": pl.int_range(rows.height, dtype=pl.Int64, eager=True)}).join(
        named, on="position", how="left", maintain_order="left"
    )
    stance = policy_stance(read if about.is_policy else pl.Series("text", [None], dtype=pl.String()).new_from_index(0, rows.height))
    return pl.DataFrame(
        [
            *scorer.score(read).select(list(SCORES)),
            *word_counts(read).select(list(COUNTS)),
            *stance.select("hawkish", "dovish"),
            joined["issuers"],
            tickers.str.strip_chars().replace("", None).alias("tickers"),
            *(
                pl.Series(name, [value]).new_from_index(0, rows.height)
                for name, value in (("scorer", scorer.name), ("scorer_version", scorer.version), ("lexicon_sha256", scorer.lexicon_sha256))
            ),
        ]
    )
