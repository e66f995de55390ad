"""Exposure at default as segment means: conversion factors for revolving facilities, exposure factors for amortising ones.

Revolving: ``ead = drawn + ccf · (limit - drawn)``, the undrawn part not below 0. Amortising: ``ead = factor · drawn``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

import polars as pl

from crfs.errors import InvalidInput
from crfs.models.canonical import canonical_json, read_artefact
from crfs.models.segments import SegmentMeans, fit_segment_means

FORMAT = 1
KIND = "ead_segment_mean"


class Weighting(StrEnum):
    """How the cases of a segment are averaged."""

    AMOUNT = "amount"
    """By undrawn amount (revolving) or drawn amount (amortising): total over total, the sum in money is met, and a nearly full line does
    not give a wild factor."""
    COUNT = "count"
    """Every default alike, as the regulation's default-weighted mean (CRR 182(1)(a))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EadSpec:
    """What an EAD model is to be.

    Args:
        segments: columns from coarse to fine.
        drawn: column of the balance at the reference date, at or above 0.
        limit: column of the limit at the reference date; null where there is none.
        ead: column of the balance at default (fit only), at or above 0.
        revolving: boolean column; None = a facility is revolving where it has a limit.
        obligor: column whose facilities hang together; None = every row its own.
        minimum: fewest obligors for a segment to stand for itself.
        minimum_undrawn_share: revolving cases with less of the limit undrawn are left out of the fit and counted: their factor is
            noise over almost nothing. In [0, 1).
        weighting: how cases are averaged.
        floor: predicted factors of revolving facilities are held at or above it (0: nobody repays on the way to default); None = free.
        cap: and at or below this; None = free (balances may overrun the limit).
        confidence: of the intervals.
    """

    segments: tuple[str, ...] = ()
    drawn: str = "drawn"
    limit: str = "limit"
    ead: str = "ead"
    revolving: str | None = None
    obligor: str | None = "obligor_id"
    minimum: int = 30
    minimum_undrawn_share: float = 0.05
    weighting: Weighting = Weighting.AMOUNT
    floor: float | None = 0.0
    cap: float | None = None
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not 0.0 < self.confidence < 1.0 or not 0.0 <= self.minimum_undrawn_share < 1.0:
            raise InvalidInput("confidence must be in (0, 1) and minimum_undrawn_share in [0, 1)")
        if self.floor is not None and self.cap is not None and self.floor >= self.cap:
            raise InvalidInput("floor must be below cap")

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """From plain values; what is left out keeps its default."""
        unknown = set(data) - set(cls.__dataclass_fields__)
        if unknown:
            raise InvalidInput(f"an EAD specification has no {sorted(unknown)}; it has {sorted(cls.__dataclass_fields__)}")
        try:
            weighting = Weighting(data.get("weighting", Weighting.AMOUNT))
        except ValueError as error:
            raise InvalidInput(str(error)) from None
        return cls(**{**data, "segments": tuple(data.get("segments", ())), "weighting": weighting})


@dataclass(frozen=True, slots=True, kw_only=True)
class EadModel:
    """Fitted factors: ``ccf`` by segment for revolving facilities, ``factor`` for amortising; None where there were no such defaults.

    ``left_out`` counts revolving defaults with too little undrawn to tell a factor, and amortising ones with nothing drawn.
    """

    spec: EadSpec
    ccf: SegmentMeans | None
    factor: SegmentMeans | None
    defaults: int
    left_out: int

    @property
    def kind(self) -> str:
        return KIND

    def predict(self, table: pl.DataFrame) -> pl.DataFrame:
        """``ead, ead_se, ccf, ead_factor, ead_segment`` a row; no other columns.

        ``ccf`` is null for amortising facilities and ``ead_factor`` for revolving ones; ``ead_se`` is the error of the segment's factor
        times the amount that it multiplies, in currency units.
        """
        marked = _marked(table, self.spec)
        pieces: list[pl.DataFrame] = []
        for means, revolving in ((self.ccf, True), (self.factor, False)):
            rows = marked.filter(pl.col("_revolving") == revolving)
            if rows.height == 0:
                continue
            if means is None:
                raise InvalidInput(
                    f"{rows.height} facilities are {'revolving' if revolving else 'amortising'}, but the model was fitted on no such default; "
                    "fit on defaults of this sort too, or state their ead"
                )
            found = means.locate(rows)
            if revolving:
                amount, factor = pl.col("_undrawn"), pl.col("mean").clip(self.spec.floor, self.spec.cap)
                chosen = [
                    (pl.col("_drawn") + factor * amount).alias("ead"),
                    factor.alias("ccf"),
                    pl.lit(None, pl.Float64).alias("ead_factor"),
                ]
            else:
                amount, factor = pl.col("_drawn"), pl.max_horizontal(pl.col("mean"), 0.0)
                chosen = [(factor * amount).alias("ead"), pl.lit(None, pl.Float64).alias("ccf"), factor.alias("ead_factor")]
            both = rows.select("_row", "_drawn", "_undrawn").hstack(found)
            pieces.append(both.select("_row", *chosen, (pl.col("se") * amount).alias("ead_se"), pl.col("segment").alias("ead_segment")))
        columns = ["ead", "ead_se", "ccf", "ead_factor", "ead_segment"]
        if not pieces:
            return pl.DataFrame(schema={name: pl.String if name == "ead_segment" else pl.Float64 for name in columns})
        return pl.concat(pieces).sort("_row").select(columns)

    def to_json(self) -> bytes:
        """Canonical bytes."""
        return canonical_json(
            {
                "kind": KIND,
                "format": FORMAT,
                "spec": self.spec.to_dict(),
                "ccf": None if self.ccf is None else self.ccf.to_dict(),
                "factor": None if self.factor is None else self.factor.to_dict(),
                "defaults": self.defaults,
                "left_out": self.left_out,
            }
        )

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """The inverse of :meth:`to_json`, exactly."""
        content = read_artefact(data, kind=KIND, version=FORMAT)
        return cls(
            spec=EadSpec.from_dict(content["spec"]),
            ccf=None if content["ccf"] is None else SegmentMeans.from_dict(content["ccf"]),
            factor=None if content["factor"] is None else SegmentMeans.from_dict(content["factor"]),
            defaults=content["defaults"],
            left_out=content["left_out"],
        )


def fit_ead(table: pl.DataFrame, *, spec: EadSpec) -> EadModel:
    """Average realised conversion and exposure factors of defaults by segment.

    Args:
        table: a row a default: the balance and limit at the reference date (a fixed time before default), and the balance at default.
        spec: what to fit.

    Example:
        >>> lines = pl.DataFrame({"drawn": [20.0, 60.0] * 20, "limit": [100.0] * 40, "ead": [60.0, 80.0] * 20})
        >>> model = fit_ead(lines, spec=EadSpec(obligor=None))
        >>> model.predict(pl.DataFrame({"drawn": [50.0], "limit": [150.0]}))["ead"].to_list()
        [100.0]
    """
    if spec.ead not in table.columns:
        raise InvalidInput(f"the table has no column {spec.ead!r}")
    balance = table[spec.ead].cast(pl.Float64)
    wrong = int((balance.is_null() | ~balance.is_finite() | (balance < 0.0)).fill_null(True).sum())
    if wrong:
        raise InvalidInput(f"{spec.ead!r} must be a finite amount at or above 0; it is not in {wrong} rows")
    marked = _marked(table, spec).with_columns(_ead=balance)
    enough = pl.col("_undrawn") > pl.max_horizontal(spec.minimum_undrawn_share * pl.col("_limit"), 0.0)
    lines = marked.filter(pl.col("_revolving") & enough).with_columns(
        _outcome=(pl.col("_ead") - pl.col("_drawn")) / pl.col("_undrawn"), _weight=pl.col("_undrawn")
    )
    loans = marked.filter(~pl.col("_revolving") & (pl.col("_drawn") > 0.0)).with_columns(
        _outcome=pl.col("_ead") / pl.col("_drawn"), _weight=pl.col("_drawn")
    )

    def fitted(cases: pl.DataFrame) -> SegmentMeans | None:
        if cases.height < 2:
            return None
        return fit_segment_means(
            cases,
            outcome="_outcome",
            columns=spec.segments,
            minimum=spec.minimum,
            weight="_weight" if spec.weighting is Weighting.AMOUNT else None,
            obligor=spec.obligor,
            confidence=spec.confidence,
        )

    ccf, factor = fitted(lines), fitted(loans)
    if ccf is None and factor is None:
        raise InvalidInput(f"of {table.height} defaults {lines.height} revolving and {loans.height} amortising ones can be used: too few")
    return EadModel(spec=spec, ccf=ccf, factor=factor, defaults=table.height, left_out=table.height - lines.height - loans.height)


def _marked(table: pl.DataFrame, spec: EadSpec) -> pl.DataFrame:
    """Row number, drawn, limit, undrawn and whether revolving, checked."""
    needed = [spec.drawn, *spec.segments, *([spec.revolving] if spec.revolving else [spec.limit])]
    absent = sorted(set(needed) - set(table.columns))
    if absent:
        raise InvalidInput(f"the table has no column {absent}")
    drawn = table[spec.drawn].cast(pl.Float64)
    limit = table[spec.limit].cast(pl.Float64) if spec.limit in table.columns else pl.Series([None] * table.height, dtype=pl.Float64)
    for name, amount, gaps in ((spec.drawn, drawn, False), (spec.limit, limit, True)):
        wrong = int((amount.is_nan() | amount.is_infinite() | (amount < 0.0)).fill_null(not gaps).sum())
        if wrong:
            raise InvalidInput(f"{name!r} must be a finite amount at or above 0; it is not in {wrong} rows")
    revolving = table[spec.revolving] if spec.revolving else limit.is_not_null()
    if revolving.dtype != pl.Boolean or revolving.null_count():
        raise InvalidInput(f"column {spec.revolving!r} must be boolean without gaps")
    lacking = int((revolving & limit.is_null()).sum())
    if lacking:
        raise InvalidInput(f"{lacking} revolving facilities have no {spec.limit!r}")
    return table.with_columns(
        _row=pl.int_range(table.height, eager=True),
        _drawn=drawn,
        _limit=limit,
        _undrawn=(limit - drawn).clip(lower_bound=0.0),
        _revolving=revolving,
    )
