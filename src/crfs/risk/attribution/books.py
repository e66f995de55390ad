"""The books between two books: any combination of what changed taken from the later one, the rest from the earlier."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import polars as pl

from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput, naming
from crfs.quality.connected_clients import CONNECTED
from crfs.quality.portfolio import LOADING, require_table, validate_portfolio
from crfs.risk.obligors import TAGS
from crfs.risk.stress.shifts import shifted_pd


class Block(StrEnum):
    """A reason for which risk changes between two dates."""

    REVISIONS = "revisions"
    """The earlier positions are known otherwise today than they were then."""
    GONE = "gone"
    """Facilities of the earlier book alone."""
    NEW = "new"
    """Facilities of the later book alone."""
    EAD = "ead"
    LGD = "lgd"
    """``lgd``, ``lgd_sd`` and ``lgd_factor_loading``."""
    PD = "pd"
    MODEL = "model"
    """The later positions as today's models see them, not as the earlier date's models would."""
    CORRELATION = "correlation"
    """``r2``, ``group``, loadings, and the factor model with its copula: a change of the copula alone is in this step."""


ORDER = tuple(Block)
"""The order of steps if none is given."""

_NUMBERS = {"ead": Block.EAD, "lgd": Block.LGD, "lgd_sd": Block.LGD, "lgd_factor_loading": Block.LGD, "pd_12m": Block.PD}
_MOST = {"lgd": 1.0, "lgd_sd": 0.5, "lgd_factor_loading": 0.99}
_SIDES = ("before", "revised", "remodelled", "after")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sides:
    """All facilities of two books in one table, with what each says of them.

    ``rows`` has ``facility_id``, ``obligor_id``, tags, ``status`` (``kept``, ``gone``, ``new``) and ``owner`` (the same of the obligor), and each
    quantity four times: ``ead:before``, ``ead:revised``, ``ead:remodelled``, ``ead:after``, and so on.
    """

    rows: pl.DataFrame
    models: tuple[FactorModel, FactorModel]
    follow: tuple[str, ...]

    def book(self, taken: Collection[Block]) -> tuple[pl.DataFrame, FactorModel]:
        """The book in which the blocks ``taken`` are as they are in the later one, and its factor model."""
        rows = self.rows
        if Block.GONE in taken:
            rows = rows.filter(pl.col("status") != "gone")
        if Block.NEW not in taken:
            rows = rows.filter(pl.col("status") != "new")
        earlier = "revised" if Block.REVISIONS in taken else "before"
        columns = {name: _number(rows, name, taken) for name in _NUMBERS}
        later = Block.CORRELATION in taken
        for name in self.follow:
            own = pl.col(f"{name}:after") if later else pl.col(f"{name}:{earlier}")
            columns[name] = rows.select(
                pl.when(pl.col("owner") == "new")
                .then(pl.col(f"{name}:after"))
                .when(pl.col("owner") == "gone")
                .then(pl.col(f"{name}:{earlier}"))
                .otherwise(own)
            ).to_series()
        kept = [name for name in ("facility_id", "obligor_id", "currency", *TAGS) if name in rows.columns and name not in columns]
        book = rows.select(kept).with_columns(series.alias(name) for name, series in columns.items())
        return _fitted(book, self.models[later], self.models[not later])


def make_sides(
    before: pl.DataFrame,
    after: pl.DataFrame,
    models: tuple[FactorModel, FactorModel],
    *,
    revised: pl.DataFrame | None,
    remodelled: pl.DataFrame | None,
    default_ccf: float | None,
) -> Sides:
    """Check the books and put them side by side; ``revised`` has the positions of ``before``, ``remodelled`` those of ``after``."""

    def checked(what: str, table: pl.DataFrame, model: FactorModel) -> pl.DataFrame:
        require_table(table, argument=what)
        with naming(what, instead_of="portfolio"):
            return validate_portfolio(table, model, default_ccf=default_ccf).require_all(what)

    first, last = checked("before", before, models[0]), checked("after", after, models[1])
    second = first if revised is None else checked("revised", revised, models[0])
    third = last if remodelled is None else checked("remodelled", remodelled, models[1])
    _require_same(second, first, "revised", "before")
    _require_same(third, last, "remodelled", "after")
    tables = (first, second, third, last)
    currencies = {code for table in tables if "currency" in table.columns for code in table["currency"].drop_nulls().unique()}
    if len(currencies) > 1:
        raise InvalidInput(f"the books are in {' and '.join(sorted(currencies))}: bring both to one currency first", argument="after")
    loadings = sorted({name for table in tables for name in table.columns if name.startswith(LOADING)})
    follow = ("r2", "group", *loadings)
    keys = ["facility_id", "obligor_id"]
    sides = [_side(table, name, follow) for table, name in zip(tables, _SIDES, strict=True)]
    joined = sides[0]
    for side in sides[1:]:
        joined = joined.join(side, on=keys, how="full", coalesce=True)
    joined = _with_status(joined.sort(keys), sides)
    joined = _obligors_on_all_rows(joined, ("pd_12m", *follow))
    rows = _named_once(joined.join(_tags(tables), on=keys, how="left", maintain_order="left"))
    if currencies:
        rows = rows.with_columns(currency=pl.lit(currencies.pop()))
    return Sides(rows=rows, models=models, follow=follow)


def _side(table: pl.DataFrame, name: str, follow: Sequence[str]) -> pl.DataFrame:
    columns = []
    for column in (*_NUMBERS, *follow):
        kind = pl.String if column == "group" else pl.Float64
        source = pl.col(column).cast(kind) if column in table.columns else pl.lit(None, kind)
        columns.append((source.fill_null(0.0) if column in {"lgd_sd", "lgd_factor_loading"} else source).alias(f"{column}:{name}"))
    return table.select("facility_id", "obligor_id", *columns)


def _with_status(joined: pl.DataFrame, sides: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Whether a facility, and whether its obligor, is in both books, in the earlier alone or in the later alone."""
    gone, new = pl.col("ead:after").is_null(), pl.col("ead:before").is_null()
    status = pl.when(gone).then(pl.lit("gone")).when(new).then(pl.lit("new")).otherwise(pl.lit("kept"))
    here = [pl.col("obligor_id").is_in(side["obligor_id"].unique().implode()) for side in (sides[0], sides[-1])]
    owner = pl.when(~here[1]).then(pl.lit("gone")).when(~here[0]).then(pl.lit("new")).otherwise(pl.lit("kept"))
    return joined.with_columns(status=status, owner=owner)


def _obligors_on_all_rows(joined: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """What is the obligor's is on all of its rows, those of facilities that one book lacks too: an obligor defaults as one."""
    columns = [f"{name}:{side}" for name in names for side in _SIDES]
    return joined.with_columns(pl.col(name).fill_null(pl.col(name).drop_nulls().first().over("obligor_id")) for name in columns)


def _tags(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Tags of each facility as the later book has them, of those that are gone as the earlier one had them."""
    names = [name for name in ("currency", *TAGS) if name != "group" and any(name in table.columns for table in tables)]
    parts = [
        table.select(
            "facility_id",
            "obligor_id",
            *(pl.col(name).cast(pl.String) if name in table.columns else pl.lit(None, pl.String).alias(name) for name in names),
        )
        for table in (tables[3], tables[0])
    ]
    if CONNECTED in names:
        # Who is connected is said of obligors: of one in both books, on the rows of facilities that are gone too, as the later book has it.
        parts = [part.with_columns(pl.coalesce(CONNECTED, "obligor_id").alias(CONNECTED)) for part in parts]
        later = parts[0].select("obligor_id", CONNECTED).unique("obligor_id", keep="first")
        earlier = parts[1].join(later, on="obligor_id", how="left", maintain_order="left", suffix=":later")
        parts[1] = earlier.with_columns(pl.coalesce(f"{CONNECTED}:later", CONNECTED).alias(CONNECTED)).drop(f"{CONNECTED}:later")
    return pl.concat(parts).unique(subset=["facility_id", "obligor_id"], keep="first", maintain_order=True)


def _named_once(joined: pl.DataFrame) -> pl.DataFrame:
    """A facility that went to another obligor is gone with the one and new with the other: the gone row takes a name of its own."""
    twice = pl.col("facility_id").is_duplicated() & (pl.col("status") == "gone")
    return joined.with_columns(
        facility_id=pl.when(twice).then(pl.concat_str("facility_id", pl.lit(" (")) + pl.col("obligor_id") + ")").otherwise("facility_id")
    )


def _number(rows: pl.DataFrame, name: str, taken: Collection[Block]) -> pl.Series:
    """A quantity of each row: the earlier one, or the later as the earlier models see it, or either as today's models see it."""
    earlier = "revised" if Block.REVISIONS in taken else "before"
    old, seen, now = (rows[f"{name}:{side}"].to_numpy() for side in (earlier, "remodelled", "after"))
    later = now if Block.MODEL in taken else seen
    kept = later if _NUMBERS[name] in taken else old
    if Block.MODEL in taken and _NUMBERS[name] not in taken:
        # Today's models on the earlier inputs: the later inputs say by how much they differ.
        kept = _moved(name, old, seen, now)
    status = rows["owner" if name == "pd_12m" else "status"].to_numpy()
    return pl.Series(np.where(status == "new", later, np.where(status == "gone", old, kept)))


def _moved(name: str, old: np.ndarray, seen: np.ndarray, now: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri

    if name == "pd_12m":
        with np.errstate(invalid="ignore"):
            shift = ndtri(now) - ndtri(seen)
        sure = ~np.isfinite(shift)
        return np.where(sure, np.where(now == seen, old, now), shifted_pd(old, np.where(sure, 0.0, shift)))
    if name == "ead":
        return np.where(now == seen, old, np.where(seen > 0.0, old * np.divide(now, seen, out=np.ones_like(now), where=seen > 0.0), now))
    return np.where(now == seen, old, np.clip(old + (now - seen), 0.0, _MOST[name]))


def _fitted(book: pl.DataFrame, model: FactorModel, other: FactorModel) -> tuple[pl.DataFrame, FactorModel]:
    """Groups and loadings of names that the model's own book has not: a group that it lacks is taken from the other model."""
    groups = {name: dict(weights) for name, weights in model.groups.items()}
    for name in sorted(set(book["group"].drop_nulls().to_list()) - set(groups)):
        lost = [factor for factor in other.groups.get(name, {}) if factor not in model.factors]
        if name not in other.groups or lost:
            raise InvalidInput(
                f"a name that is in one book alone follows the group {name!r}, which the other date's factor model lacks and has no factors "
                f"for ({', '.join(lost) or 'none given'}): give both factor models the group",
                argument="before_model",
            )
        groups[name] = dict(other.groups[name])
    for name in [name for name in book.columns if name.startswith(LOADING)]:
        if book[name].null_count() == book.height:
            book = book.drop(name)
        elif name.removeprefix(LOADING) not in model.factors:
            raise InvalidInput(
                f"a name that is in one book alone loads on {name.removeprefix(LOADING)!r}, which the other date's factor model lacks: "
                "give both factor models the factor",
                argument="before_model",
            )
    # Two spreads of different dates may meet a loss given default that is too near to an end for them.
    widest = (pl.col("lgd") * (1.0 - pl.col("lgd"))).sqrt() * 0.999
    book = book.with_columns(lgd_sd=pl.min_horizontal("lgd_sd", widest))
    return book, model if groups.keys() == model.groups.keys() else replace(model, groups=groups)


def _require_same(own: pl.DataFrame, other: pl.DataFrame, what: str, whose: str) -> None:
    keys = ["facility_id", "obligor_id"]
    lost = other.join(own, on=keys, how="anti").height
    extra = own.join(other, on=keys, how="anti").height
    if lost or extra:
        raise InvalidInput(
            f"{what} has the positions of {whose}: {lost} of them are lacking (or owed by others), {extra} are none of them", argument=what
        )
