"""A change of a book: facilities that come, go or are restated, and PDs that move. Only what is touched is checked again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from crfs.credit.factor_model import FactorModel
from crfs.errors import InvalidInput
from crfs.quality.portfolio import LOADING, require_table, validate_portfolio
from crfs.risk.arguments import is_number, shown
from crfs.risk.obligors import LEAST_SPREAD, ORDER


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BookChange:
    """What changes of a book, in this order: ``drop`` names facilities that go, ``pd`` gives obligors another PD, ``put`` has rows of facilities.

    A row of ``put`` whose ``facility_id`` is in the book takes that facility's place, any other is new. ``put`` has the columns of a book
    (:data:`crfs.credit.schemas.PORTFOLIO`); amounts in currency units, ``pd`` decimals within [0, 1].
    """

    put: pl.DataFrame | None = None
    drop: Collection[str] = ()
    pd: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.put is not None:
            require_table(self.put, argument="put")
        _require_ids(self.drop)
        _require_pds(self.pd)
        object.__setattr__(self, "drop", tuple(self.drop))

    @property
    def empty(self) -> bool:
        """Whether nothing changes."""
        return (self.put is None or self.put.is_empty()) and not self.drop and not self.pd


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Changed:
    """A changed book: the rows of obligors that the change does not touch, and the rows, ``before`` and as they are now, of those that it does.

    ``untouched`` are the stretches of the book between the rows of touched ``obligors`` (sorted): one more than there are obligors.
    """

    untouched: tuple[pl.DataFrame, ...]
    before: pl.DataFrame
    touched: pl.DataFrame
    obligors: tuple[str, ...]

    @property
    def exposure(self) -> float:
        """What is owed in all, currency units."""
        return sum(float(rows["ead"].sum()) for rows in (*self.untouched, self.touched))

    def greatest_loss(self, before: float) -> float:
        """All that can be lost, currency units, where that was ``before`` (:attr:`crfs.risk.obligors.Obligors.greatest_loss`) the change."""
        return max(0.0, before - _most_lost(self.before)) + _most_lost(self.touched)

    @property
    def of_nothing(self) -> bool:
        """Whether the rows that the change touches are those that the same obligors had before."""
        before = self.before
        if not before.height and not self.touched.height:
            return True
        if before.height != self.touched.height or not set(before.columns) <= set(self.touched.columns):
            return False
        after = self.touched.sort(*ORDER)
        more = [name for name in after.columns if name not in before.columns]
        return after.select(before.columns).equals(before) and all(after[name].null_count() == after.height for name in more)

    @property
    def book(self) -> pl.DataFrame:
        """All rows in their :data:`crfs.risk.obligors.ORDER`."""
        if not self.touched.height:
            return pl.concat(self.untouched, rechunk=True).with_columns(pl.col(ORDER[0]).set_sorted())
        touched = self.touched.sort(*ORDER)
        names = pl.Series(self.obligors, dtype=pl.String)
        ends = touched[ORDER[0]].search_sorted(names, side="right").to_list()
        stretches = [self.untouched[0]]
        for first, last, rows in zip([0, *ends], ends, self.untouched[1:], strict=False):
            stretches += [touched[first:last], rows]
        book = pl.concat([rows for rows in stretches if rows.height], how="diagonal_relaxed", rechunk=True)
        return book.with_columns(pl.col(ORDER[0]).set_sorted())


def changed_book(book: pl.DataFrame, change: BookChange, factor_model: FactorModel, *, default_ccf: float | None = None) -> Changed:
    """``book`` (checked rows in their :data:`crfs.risk.obligors.ORDER`) after ``change``; a row that is not a facility's, or a facility or obligor that
    is not there, is :class:`InvalidInput`. In its problems row 1 is the first of ``change.put``.
    """
    put = change.put if change.put is not None and change.put.height else None
    _require(change.drop, book["facility_id"], "facility")
    restated = put["facility_id"].cast(pl.String).drop_nulls().to_list() if put is not None and "facility_id" in put.columns else []
    arriving = put["obligor_id"].cast(pl.String).drop_nulls().to_list() if put is not None and "obligor_id" in put.columns else []
    gone = [*change.drop, *restated]
    owing = book.filter(book["facility_id"].is_in(gone))["obligor_id"].to_list() if gone else []
    obligors = tuple(sorted({*owing, *arriving, *change.pd}))
    ids, names = book["obligor_id"], pl.Series(obligors, dtype=pl.String)
    starts, ends = (ids.search_sorted(names, side=side).to_list() for side in ("left", "right"))
    _require_obligors(change.pd, {name for name, start, end in zip(obligors, starts, ends, strict=True) if start < end})
    before = staying = pl.concat([book[:0], *(book[start:end] for start, end in zip(starts, ends, strict=True))])
    untouched = tuple(book[start:end] for start, end in zip([0, *ends], [*starts, book.height], strict=True))
    if gone:
        staying = staying.filter(~staying["facility_id"].is_in(gone))
    if change.pd:
        values = pl.Series([float(value) for value in change.pd.values()], dtype=pl.Float64)
        staying = staying.with_columns(
            pl.coalesce(
                pl.col("obligor_id").replace_strict(list(change.pd), values, default=None, return_dtype=pl.Float64), "pd_12m"
            ).alias("pd_12m")
        )
    if put is not None:
        _require_one_currency((*untouched, staying), put)
    rows = pl.concat([put, staying], how="diagonal_relaxed") if put is not None and staying.height else staying if put is None else put
    # Rows that stay were checked when they came: of them, a PD is all that may be wrong now.
    if rows.height and not (put is None and all(0.0 <= float(value) <= 1.0 for value in change.pd.values())):
        rows = validate_portfolio(rows, factor_model, default_ccf=default_ccf, part=True).require_all("the change")
    if not rows.height and not any(each.height for each in untouched):
        raise InvalidInput("the change leaves the book without a row: nothing would be left to measure")
    return Changed(untouched=untouched, before=before, touched=rows, obligors=obligors)


def _most_lost(rows: pl.DataFrame) -> float:
    """What rows lose at most, by those who may default: all that is owed where the LGD is random."""
    if not rows.height:
        return 0.0
    random = pl.lit(False)
    if "lgd_sd" in rows.columns:
        random |= pl.col("lgd_sd").fill_null(0.0) > LEAST_SPREAD * pl.min_horizontal("lgd", 1.0 - pl.col("lgd"))
    if "lgd_factor_loading" in rows.columns:
        # Who follows no factor has none for its losses to follow.
        follows = [pl.col(name).fill_null(0.0) != 0.0 for name in rows.columns if name == "r2" or name.startswith(LOADING)]
        random |= (pl.col("lgd_factor_loading").fill_null(0.0) > 0.0) & pl.any_horizontal(*follows, pl.lit(False))
    most = pl.col("ead") * pl.when(random).then(1.0).otherwise(pl.col("lgd"))
    return float(rows.filter(pl.col("pd_12m") > 0.0).select(most.sum()).item())


def _require_ids(drop: object) -> None:
    # A text is a collection too: of its characters, which nobody means.
    if isinstance(drop, str | bytes) or not isinstance(drop, Collection) or not all(isinstance(name, str) for name in drop):
        raise InvalidInput(f"drop is a collection of facilities' ids, such as ['F1'], not {drop!r:.80}", argument="drop")


def _require_pds(pd: object) -> None:
    if not isinstance(pd, Mapping):
        raise InvalidInput(f"pd is a mapping of obligors to their new PDs, such as {{'A': 0.02}}, not {pd!r:.80}", argument="pd")
    for name, value in pd.items():
        if not isinstance(name, str) or not is_number(value):
            raise InvalidInput(
                f"pd gives obligors, by their ids, decimals within [0, 1], not {shown(value)} to {name!r:.80}", argument="pd"
            )


def _require(asked: Collection[str], known: pl.Series, what: str) -> None:
    missing = sorted(set(asked) - set(known.filter(known.is_in(list(asked))).to_list())) if asked else []
    _refuse(missing, what)


def _require_obligors(asked: Collection[str], known: Collection[str]) -> None:
    _refuse(sorted(set(asked) - set(known)), "obligor")


def _refuse(missing: list[str], what: str) -> None:
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise InvalidInput(f"the book has no {what} {missing[0]!r}{more}")


def _require_one_currency(staying: Iterable[pl.DataFrame], put: pl.DataFrame) -> None:
    """Refuse rows of another currency than those of the book that stay, or that say one where these do not, or the other way round."""
    # Checked rows agree, so that one of them tells.
    before = next((_currencies(rows[:1]) for rows in staying if rows.height), None)
    after = _currencies(put)
    if before is None or before == after:
        return
    known = sorted((before | after) - {None}, key=str)
    if None in before:
        detail = f"the book says no currency, and the change says {known[0]}: leave it out, or say that of the book"
    elif None in after:
        detail = f"the book is in {known[0]}, and a row of the change does not say its currency"
    else:
        detail = f"a book has one currency, and with this change it would have {' and '.join(map(str, known))}: convert it first"
    raise InvalidInput(detail, argument="put")


def _currencies(rows: pl.DataFrame) -> set[str | None]:
    """What rows are in; None of those that do not say it."""
    if "currency" not in rows.columns:
        return {None}
    return {name or None for name in rows["currency"].cast(pl.String).str.strip_chars().unique().to_list()}
