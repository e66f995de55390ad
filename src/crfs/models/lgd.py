"""Loss given default as segment means of resolved workouts, with their errors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import polars as pl

from crfs.errors import InvalidInput
from crfs.models.canonical import canonical_json, read_artefact
from crfs.models.segments import SegmentMeans, fit_segment_means

FORMAT = 1
KIND = "lgd_segment_mean"


@dataclass(frozen=True, slots=True, kw_only=True)
class LgdSpec:
    """What an LGD model is to be.

    Args:
        segments: columns from coarse to fine.
        outcome: column of the realised LGD, decimal of the exposure at default (0.4 = 40 % lost); costs can bring it above 1, a gain on
            collateral below 0. Null is allowed where the workout is open.
        resolved: boolean column, True where the workout has ended; None = every row's has.
        obligor: column whose facilities hang together; None = every row its own.
        minimum: fewest obligors for a segment to stand for itself.
        floor, cap: predicted means are held within them (realised values are averaged as they are); None = free.
        confidence: of the intervals.
    """

    segments: tuple[str, ...] = ()
    outcome: str = "lgd"
    resolved: str | None = "resolved"
    obligor: str | None = "obligor_id"
    minimum: int = 30
    floor: float | None = 0.0
    cap: float | None = 1.0
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not 0.0 < self.confidence < 1.0:
            raise InvalidInput(f"confidence must be between 0 and 1, not {self.confidence}")
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
            raise InvalidInput(f"an LGD specification has no {sorted(unknown)}; it has {sorted(cls.__dataclass_fields__)}")
        return cls(**{**data, "segments": tuple(data.get("segments", ()))})


@dataclass(frozen=True, slots=True, kw_only=True)
class LgdModel:
    """Fitted segment means and what was left out of them.

    ``unresolved`` defaults are not in the means. Long workouts recover less than short ones, so leaving the open ones out makes the
    means too low (EBA/GL/2017/16, 6.3.1 asks for incomplete processes to be dealt with); ``mean_lowest`` and ``mean_highest`` are the
    overall mean if every open workout ended with nothing lost, or all.
    """

    spec: LgdSpec
    means: SegmentMeans
    resolved: int
    unresolved: int
    mean_lowest: float
    mean_highest: float

    @property
    def kind(self) -> str:
        return KIND

    def predict(self, table: pl.DataFrame) -> pl.DataFrame:
        """``lgd, lgd_se, lgd_lower, lgd_upper, lgd_sd, lgd_count, lgd_segment`` a row; no other columns.

        ``lgd_se`` and the interval are of the segment's mean, ``lgd_sd`` of a single loss about it.
        """
        found = self.means.locate(table)

        def held(name: str) -> pl.Expr:
            return pl.col(name).clip(self.spec.floor, self.spec.cap)

        return found.select(
            lgd=held("mean"),
            lgd_se="se",
            lgd_lower=held("lower"),
            lgd_upper=held("upper"),
            lgd_sd="sd",
            lgd_count="count",
            lgd_segment="segment",
        )

    def to_json(self) -> bytes:
        """Canonical bytes."""
        return canonical_json(
            {
                "kind": KIND,
                "format": FORMAT,
                "spec": self.spec.to_dict(),
                "means": self.means.to_dict(),
                "resolved": self.resolved,
                "unresolved": self.unresolved,
                "mean_lowest": self.mean_lowest,
                "mean_highest": self.mean_highest,
            }
        )

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """The inverse of :meth:`to_json`, exactly."""
        content = read_artefact(data, kind=KIND, version=FORMAT)
        return cls(
            spec=LgdSpec.from_dict(content["spec"]),
            means=SegmentMeans.from_dict(content["means"]),
            resolved=content["resolved"],
            unresolved=content["unresolved"],
            mean_lowest=content["mean_lowest"],
            mean_highest=content["mean_highest"],
        )


def fit_lgd(table: pl.DataFrame, *, spec: LgdSpec) -> LgdModel:
    """Average the realised LGD of resolved defaults by segment.

    Args:
        table: a row a default, with the columns that the spec names.
        spec: what to fit.

    Example:
        >>> workouts = pl.DataFrame({"secured": [True] * 40 + [False] * 40, "lgd": [0.1, 0.3] * 20 + [0.5, 0.7] * 20})
        >>> model = fit_lgd(workouts, spec=LgdSpec(segments=("secured",), resolved=None, obligor=None))
        >>> model.predict(pl.DataFrame({"secured": [True, False, None]}))["lgd"].round(12).to_list()
        [0.2, 0.6, 0.4]
    """
    if spec.resolved is not None:
        if spec.resolved not in table.columns or table[spec.resolved].dtype != pl.Boolean or table[spec.resolved].null_count():
            raise InvalidInput(
                f"the table needs a boolean column {spec.resolved!r} without gaps (or resolved=None: every workout has ended)"
            )
        ended = table.filter(pl.col(spec.resolved))
    else:
        ended = table
    if spec.outcome not in table.columns:
        raise InvalidInput(f"the table has no column {spec.outcome!r}")
    realised = ended[spec.outcome]
    gaps = realised.null_count() + (int(realised.is_nan().sum()) if realised.dtype.is_float() else 0)
    if gaps:
        raise InvalidInput(f"{gaps} resolved defaults have no {spec.outcome!r}; mark them unresolved or complete them")
    if ended.height < 2:
        raise InvalidInput(f"there are {ended.height} resolved defaults of {table.height}: too few for a mean with an error")
    means = fit_segment_means(
        ended, outcome=spec.outcome, columns=spec.segments, minimum=spec.minimum, obligor=spec.obligor, confidence=spec.confidence
    )
    lost, still_open = math.fsum(realised.cast(pl.Float64).to_list()), table.height - ended.height
    return LgdModel(
        spec=spec,
        means=means,
        resolved=ended.height,
        unresolved=still_open,
        mean_lowest=lost / table.height,
        mean_highest=(lost + still_open) / table.height,
    )
