"""The tone of an issuer's earnings releases, and its change since the release before, as they were known.

For the date of report v as known at K: ``tone`` is the compound score (the mean over its sentences) of the release of v that was filed last by K.
An 8-K/A repeats its report's date, so a release that is filed anew takes the place of the first from then on. ``tone_change`` is that tone less
the tone of the latest earlier date of the same issuer of which a release was known at K, if it is no more than :data:`FARTHEST` earlier: across
a longer gap releases are missing, and a difference would be no quarter's change. A date whose releases were all withdrawn is retracted.

A filing has one date, that which was known first: by the filing's header, whose acceptance no fetch is earlier than, or else the day that an
exhibit which came alone bears. What says another date of it, known later, counts for none.

The level differs between issuers by manner as much as by fortune, and most releases are well disposed to who wrote them; the change is free of that.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from crfs.bitemporal.resolve import rows_that_count
from crfs.bitemporal.rows import KNOWLEDGE_BASES, KNOWLEDGE_BASIS, RowState

RELEASES = "edgar_texts/release/"
"""How documents begin that are releases; the issuer follows, and then the filing."""
FARTHEST = timedelta(days=200)
"""How much older the release before may be: two quarters, and the weeks by which one is late."""
_NUMBER = pl.Float64()
_SHARES = ("uncertainty", "litigation", "distress")
RELEASE_TONE: dict[str, pl.DataType] = {
    "tone": _NUMBER,
    "tone_change": _NUMBER,
    "words": pl.Int64(),
    **{f"{name}_share": _NUMBER for name in _SHARES},
    "days_since_previous": pl.Int64(),
    "release": pl.String(),
}
_DAY = ["issuer", "valid_time"]
_AT = [*_DAY, "knowledge_time"]


def issuer_of_release(entity: str = "entity") -> pl.Expr:
    """The issuer of a document that is a release; null for any other."""
    name = pl.col(entity)
    return pl.when(name.str.starts_with(RELEASES)).then(name.str.strip_prefix(RELEASES).str.split("/").list.first())


def release_history(documents: pl.DataFrame) -> pl.DataFrame:
    """Rows of issuers (:data:`RELEASE_TONE`, with the clocks): for each date of report one for each instant at which one of its numbers changes.

    ``documents`` are rows of ``document_sentiment``, every version of the releases of these issuers; what is no release is left out.
    """
    versions = _of_one_date(_versions(documents))
    firsts = versions.group_by(_DAY).agg(first=pl.col("knowledge_time").min())
    # Everything that can change what is said of v: its own versions, and those of the dates before it that come after it.
    later = firsts.join(versions.select("issuer", "knowledge_time", other="valid_time"), on="issuer").filter(
        pl.col("other") <= pl.col("valid_time"),
        pl.col("other") >= pl.col("valid_time") - FARTHEST,
        pl.col("knowledge_time") >= pl.col("first"),
    )
    instants = later.select(_AT).unique()
    own = _newest(_known(instants, versions, same_day=True))
    before = _newest(_known(instants, versions, same_day=False).filter("live"))
    joined = own.join(
        before.select(*_AT, valid_before="other", tone_before="tone", basis_before="basis"), on=_AT, how="left", maintain_order="left"
    ).sort(_AT)
    live = pl.col("live")
    said = joined.select(
        "valid_time",
        "knowledge_time",
        entity="issuer",
        row_state=pl.when(live).then(pl.lit(RowState.VALUE.value)).otherwise(pl.lit(RowState.RETRACTED.value)),
        knowledge_basis=pl.max_horizontal("basis", "basis_before").replace_strict(
            dict(enumerate(KNOWLEDGE_BASES)), return_dtype=KNOWLEDGE_BASIS
        ),
        tone=pl.when(live).then("tone"),
        tone_change=pl.when(live).then(pl.col("tone") - pl.col("tone_before")),
        words=pl.when(live).then("words"),
        **{f"{name}_share": pl.when(live & (pl.col("words") > 0)).then(pl.col(name) / pl.col("words")) for name in _SHARES},
        days_since_previous=pl.when(live).then((pl.col("valid_time") - pl.col("valid_before")).dt.total_days()).cast(pl.Int64),
        release=pl.when(live).then("release"),
    )
    group = ["entity", "valid_time"]
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1).over(group)) for name in ("row_state", *RELEASE_TONE))
    return said.filter(~same | (pl.int_range(pl.len()).over(group) == 0))


def _versions(documents: pl.DataFrame) -> pl.DataFrame:
    """Every version of every release: whether it is ``live``, its numbers, and its knowledge basis as a number, the weakest the greatest."""
    counted = rows_that_count(documents.filter(pl.col("entity").str.starts_with(RELEASES)))
    return counted.select(
        "valid_time",
        "knowledge_time",
        issuer=issuer_of_release(),
        release="entity",
        live=pl.col("row_state").cast(pl.String) == RowState.VALUE.value,
        tone="compound",
        words="words",
        **{name: pl.col(name) for name in _SHARES},
        basis=pl.col("knowledge_basis").cast(KNOWLEDGE_BASIS).to_physical().cast(pl.Int64),
    )


def _of_one_date(versions: pl.DataFrame) -> pl.DataFrame:
    """Versions without those of another date than their filing's, from when that is known: the first, and of those known at once the earliest."""
    filing = pl.col("release").str.strip_prefix(RELEASES).str.split("/").list.slice(1, 1).list.first()
    told = versions.with_columns(filing=filing)
    of_filing = ["issuer", "filing"]
    dates = told.filter("live").sort("knowledge_time", "valid_time").unique(of_filing, keep="first", maintain_order=True)
    dates = dates.select(*of_filing, date="valid_time", since="knowledge_time")
    counts = pl.col("date").is_null() | (pl.col("valid_time") == pl.col("date")) | (pl.col("knowledge_time") < pl.col("since"))
    return told.join(dates, on=of_filing, how="left", maintain_order="left").filter(counts).drop("filing", "date", "since")


def _known(instants: pl.DataFrame, versions: pl.DataFrame, *, same_day: bool) -> pl.DataFrame:
    """For each instant the version that counts then of each release of its date, or of each of the dates before it, as ``other``."""
    others = versions.rename({"valid_time": "other", "knowledge_time": "known"})
    if same_day:
        pairs = instants.with_columns(other="valid_time").join(others, on=["issuer", "other"])
    else:
        pairs = instants.join(others, on="issuer").filter(
            pl.col("other") < pl.col("valid_time"), pl.col("other") >= pl.col("valid_time") - FARTHEST
        )
    return pairs.filter(pl.col("known") <= pl.col("knowledge_time")).sort("known").unique([*_AT, "other", "release"], keep="last")


def _newest(known: pl.DataFrame) -> pl.DataFrame:
    """For each instant the release of the latest date, and of that the one filed last; one that is withdrawn only where there is no other."""
    order = ["live", "other", "known", "release"]
    return known.sort(order).unique(_AT, keep="last", maintain_order=True)
