"""Segment means: the mean of an outcome by segment, with its error, and the parent segment where a segment has too few cases.

LGD and EAD models are built on it. Segments are columns from coarse to fine (product, then collateral, then region); a segment is a
value of the first, of the first two, and so on; the root is all cases.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import polars as pl

from crfs.errors import InvalidInput
from crfs.models.logistic import FloatArray, cluster_numbers, cluster_sums


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentMean:
    """One segment: its ``path`` (values of the segment columns, coarse to fine; empty = all), mean, errors, and how many cases.

    ``se`` and the interval are of the mean, clustered by obligor where one was given, with Student's t on ``clusters - 1`` degrees of
    freedom; ``sd`` is the spread of single cases about the mean, which portfolio risk draws from. ``used`` says whether the segment had
    enough cases to stand for itself; where not, its parent is used. A segment of one obligor has no error: None.
    """

    path: tuple[str, ...]
    mean: float
    se: float | None
    lower: float | None
    upper: float | None
    sd: float | None
    count: int
    clusters: int
    used: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentMeans:
    """All segments of a fit, the root first."""

    columns: tuple[str, ...]
    minimum: int
    confidence: float
    segments: tuple[SegmentMean, ...]

    def __post_init__(self) -> None:
        if not self.segments or self.segments[0].path != ():
            raise InvalidInput("segment means need a root segment")

    def locate(self, table: pl.DataFrame) -> pl.DataFrame:
        """The segment of each row: ``segment`` (text, ``<all>`` for the root), ``mean, se, lower, upper, sd, count``.

        The finest segment in use that the row's values lead to; a missing or unknown value stops at the parent.
        """
        absent = sorted(set(self.columns) - set(table.columns))
        if absent:
            raise InvalidInput(f"the table has no column {absent}; the segments are {list(self.columns)}")
        by_path = {segment.path: number for number, segment in enumerate(self.segments) if segment.used or not segment.path}
        names = table.select([pl.col(name).cast(pl.String) for name in self.columns])
        number = np.zeros(table.height, dtype=np.int64)
        if self.columns and table.height:
            distinct = names.with_row_index("row").group_by(self.columns, maintain_order=True).agg("row")
            for *values, rows in distinct.iter_rows():
                path: tuple[str, ...] = ()
                for value in values:
                    if value is None or (*path, value) not in by_path:
                        break
                    path = (*path, value)
                number[rows] = by_path[path]

        def column(name: str) -> FloatArray:
            values = [getattr(segment, name) for segment in self.segments]
            return np.array([math.nan if value is None else value for value in values], dtype=np.float64)[number]

        labels = np.array([segment_label(segment.path) for segment in self.segments], dtype=object)
        return pl.DataFrame(
            {
                "segment": pl.Series(labels[number].tolist(), dtype=pl.String),
                **{name: column(name) for name in ("mean", "se", "lower", "upper", "sd")},
                "count": column("count").astype(np.int64),
            }
        )

    def table(self) -> pl.DataFrame:
        """A row a segment: ``segment, mean, se, lower, upper, sd, count, clusters, used``."""
        rows = [{"segment": segment_label(item.path), **{k: v for k, v in asdict(item).items() if k != "path"}} for item in self.segments]
        return pl.DataFrame(rows, infer_schema_length=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`."""
        return cls(
            columns=tuple(data["columns"]),
            minimum=int(data["minimum"]),
            confidence=float(data["confidence"]),
            segments=tuple(SegmentMean(**{**item, "path": tuple(item["path"])}) for item in data["segments"]),
        )


def segment_label(path: tuple[str, ...]) -> str:
    """``retail / secured``, or ``<all>`` for the root."""
    return " / ".join(path) if path else "<all>"


def fit_segment_means(
    table: pl.DataFrame,
    *,
    outcome: str,
    columns: Sequence[str],
    minimum: int,
    weight: str | None = None,
    obligor: str | None = None,
    confidence: float = 0.95,
) -> SegmentMeans:
    """Means of ``outcome`` by segment.

    Args:
        table: a row a case; the outcome without gaps.
        outcome: column to average.
        columns: segment columns, coarse to fine; none = the root alone.
        minimum: fewest clusters (obligors, or cases where no obligor is given) for a segment to stand for itself; 2 or more. A
            segment below it falls back to its parent, so its children are not used either.
        weight: column of weights above 0; the mean is then the ratio ``Σ w x / Σ w`` and its error the ratio's (Cochran, Sampling
            Techniques, 1977, 6.4). None = equal weights.
        obligor: column whose cases hang together.
        confidence: of the interval.
    """
    needed = [outcome, *columns, *([weight] if weight else []), *([obligor] if obligor else [])]
    absent = sorted(set(needed) - set(table.columns))
    if absent:
        raise InvalidInput(f"the table has no column {absent}")
    if minimum < 2:
        raise InvalidInput(f"minimum must be 2 or more, not {minimum}: one case has no error")
    if table.height < 2:
        raise InvalidInput(f"{table.height} cases are too few for a mean with an error")
    values = table[outcome].cast(pl.Float64).to_numpy()
    weights = np.ones(table.height) if weight is None else table[weight].cast(pl.Float64).to_numpy()
    if not np.isfinite(values).all() or not np.all(np.isfinite(weights) & (weights > 0.0)):
        raise InvalidInput(f"{outcome!r} must be finite and the weights above 0 in every row")
    labels = np.arange(table.height) if obligor is None else cluster_numbers(table[obligor])[0]  # type: ignore[index]
    if len(np.unique(labels)) < 2:
        raise InvalidInput("all cases are of one obligor: its mean has no error")
    names = table.select([pl.col(name).cast(pl.String) for name in columns])
    found: list[SegmentMean] = [_mean((), values, weights, labels, minimum=minimum, confidence=confidence, parent_used=True)]
    standing = {(): True}
    for depth in range(1, len(columns) + 1):
        level = list(columns[:depth])
        groups = names.with_row_index("row").drop_nulls(level).group_by(level).agg("row").sort(level)
        for *path_values, members in groups.iter_rows():
            path, rows = tuple(path_values), np.array(members)
            segment = _mean(
                path, values[rows], weights[rows], labels[rows], minimum=minimum, confidence=confidence, parent_used=standing[path[:-1]]
            )
            standing[path] = segment.used
            found.append(segment)
    return SegmentMeans(columns=tuple(columns), minimum=minimum, confidence=confidence, segments=tuple(found))


def _mean(
    path: tuple[str, ...],
    values: FloatArray,
    weights: FloatArray,
    labels: Any,
    *,
    minimum: int,
    confidence: float,
    parent_used: bool,
) -> SegmentMean:
    total = float(weights.sum())
    mean = float(np.sum(weights * values)) / total
    grouped = cluster_numbers(labels)
    assert grouped is not None
    clusters = grouped[1]
    se: float | None
    width: float | None
    sd: float | None
    if clusters > 1:
        from scipy.special import stdtrit

        sums = cluster_sums(weights * (values - mean), grouped)
        se = math.sqrt(clusters / (clusters - 1) * float(np.sum(sums**2))) / total
        width = float(stdtrit(clusters - 1, 0.5 + 0.5 * confidence)) * se
        sd = math.sqrt(float(np.sum(weights * (values - mean) ** 2)) / total * len(values) / (len(values) - 1))
    else:
        # One obligor says nothing about how obligors differ.
        se = width = sd = None
    return SegmentMean(
        path=path,
        mean=mean,
        se=se,
        lower=None if width is None else mean - width,
        upper=None if width is None else mean + width,
        sd=sd,
        count=len(values),
        clusters=clusters,
        used=parent_used and (clusters >= minimum or not path),
    )
