"""Binning of one feature and its weight of evidence (WoE): from counts to a table that scores.

Sign. ``woe = ln( (defaults_i / defaults) / (others_i / others) )``: **positive means riskier than the population**, zero means
like it. With this sign every coefficient of a scorecard's logistic regression should be positive.

Smoothing. Additive, in pseudo-defaults: each bin gets ``smoothing`` further defaults and as many further others as bring the
population's odds, so ``woe = ln( (d + s) / (g + s·G/D) · G/D )``. An empty bin has WoE 0, a small one is drawn towards 0, and
``smoothing=0`` is the textbook figure (Siddiqi, Intelligent Credit Scoring, 2017, ch. 10).

Bins of a numeric feature. Quantile pre-bins, cut at values that occur, left-closed ``[lower, upper)``; pool-adjacent-violators on the
default rate in the trend's direction; bins with too few rows, defaults or others merged into the neighbour that is most like them;
neighbours that a chi-square test does not tell apart merged; at last the most alike neighbours, until ``max_bins`` are left. Only the
order of the values matters, so an increasing transform of the feature gives the same counts.

Bins of a categorical feature. Categories below ``rare_share`` are pooled, all are ordered by their default rate, and neighbours in
that order are merged in the same way. A category never seen in the fit is scored as the pooled rare ones, where there are any.

Missing (null or NaN) and each special value have a bin of their own, outside the trend, smoothed like every other. A missing value or
category that the fit never saw is scored by ``unseen``: ``neutral`` (WoE 0, the population: nothing is known for or against it) or
``worst`` (the greatest WoE of the feature: nobody gains by leaving a field blank).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from crfs.errors import InvalidInput

RARE = "<rare>"
MISSING = "<missing>"
UNSEEN = "<unseen>"

_FloatArray = NDArray[np.float64]
_IntArray = NDArray[np.int64]


class Trend(StrEnum):
    """Direction of the default rate along a numeric feature."""

    ASCENDING = "ascending"
    """The default rate grows with the value."""
    DESCENDING = "descending"
    """The default rate falls with the value."""
    MONOTONE = "monotone"
    """Ascending or descending, whichever is more likely given the data."""
    AUTO = "auto"
    """As ``monotone``, but one turn (peak or valley) where the evidence for it is strong: twice the gain in log-likelihood > 4 ln n."""
    PEAK = "peak"
    """Grows, then falls."""
    VALLEY = "valley"
    """Falls, then grows."""
    NONE = "none"
    """No demand."""


class Unseen(StrEnum):
    """How a value is scored of which the fit saw no case."""

    NEUTRAL = "neutral"
    WORST = "worst"


@dataclass(frozen=True, slots=True, kw_only=True)
class BinningSpec:
    """How one feature is to be binned.

    Args:
        trend: demanded direction of the default rate; for numeric features only.
        max_bins: most ordinary bins (missing and specials come on top), 2 or more.
        prebins: quantile pre-bins of a numeric feature, before anything is merged.
        min_share: least share of the rows in an ordinary bin, in [0, 0.5).
        min_defaults: least number of defaults, and of others, in an ordinary bin.
        significance: neighbours whose difference has a chi-square p-value above it are merged; 1 merges none.
        smoothing: pseudo-defaults a bin, 0 or more (see the top of this file).
        rare_share: categories with a smaller share of the rows are pooled.
        categorical: treat the values as names, also where they are numbers.
        specials: numeric codes that are not quantities (-9 for "no file"), each its own bin.
        unseen: how what the fit never saw is scored.
        edges: fixed cuts of a numeric feature (a bin begins at each); nothing is merged then.
        groups: fixed groups of categories; nothing is merged then.
    """

    trend: Trend = Trend.AUTO
    max_bins: int = 8
    prebins: int = 60
    min_share: float = 0.02
    min_defaults: int = 10
    significance: float = 0.05
    smoothing: float = 0.5
    rare_share: float = 0.01
    categorical: bool = False
    specials: tuple[float, ...] = ()
    unseen: Unseen = Unseen.NEUTRAL
    edges: tuple[float, ...] | None = None
    groups: tuple[tuple[str, ...], ...] | None = None

    def __post_init__(self) -> None:
        if self.max_bins < 2 or self.prebins < 2:
            raise InvalidInput("max_bins and prebins must be 2 or more")
        if not 0.0 <= self.min_share < 0.5:
            raise InvalidInput(f"min_share must be in [0, 0.5), not {self.min_share}")
        if self.min_defaults < 0 or self.smoothing < 0 or not math.isfinite(self.smoothing):
            raise InvalidInput("min_defaults and smoothing must be 0 or more")
        if not 0.0 < self.significance <= 1.0 or not 0.0 <= self.rare_share < 1.0:
            raise InvalidInput("significance must be in (0, 1] and rare_share in [0, 1)")
        if self.edges is not None and any(a >= b for a, b in pairwise(self.edges)):
            raise InvalidInput(f"edges must be strictly increasing, not {self.edges}")
        if any(not math.isfinite(value) for value in (*self.specials, *(self.edges or ()))):
            raise InvalidInput("specials and edges must be finite; missing values have a bin of their own without being asked for")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON or TOML."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`; what is left out keeps its default, an unknown name is refused."""
        known = set(cls.__dataclass_fields__)
        unknown = set(data) - known
        if unknown:
            raise InvalidInput(f"a binning has no {sorted(unknown)}; it has {sorted(known)}")
        fields = dict(data)
        try:
            if "trend" in fields:
                fields["trend"] = Trend(fields["trend"])
            if "unseen" in fields:
                fields["unseen"] = Unseen(fields["unseen"])
        except ValueError as error:
            raise InvalidInput(f"{error}; trend is one of {[*Trend]}, unseen one of {[*Unseen]}") from None
        if "specials" in fields:
            fields["specials"] = tuple(float(value) for value in fields["specials"])
        if fields.get("edges") is not None:
            fields["edges"] = tuple(float(value) for value in fields["edges"])
        if fields.get("groups") is not None:
            fields["groups"] = tuple(tuple(str(name) for name in group) for group in fields["groups"])
        return cls(**fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One line of a binning: ``label`` for people, ``count`` rows, ``defaults`` among them, ``woe`` (positive = riskier)."""

    label: str
    count: int
    defaults: int
    woe: float

    @property
    def default_rate(self) -> float:
        """Share of defaults, NaN in an empty bin."""
        return self.defaults / self.count if self.count else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Binning:
    """The fitted bins of one feature: turns a column into bin numbers and WoE, and travels as plain values.

    Bins are numbered: the ordinary ones in order, the specials, missing, unseen. ``bins`` holds a line for each, so what a table of
    points shows is what is scored.
    """

    feature: str
    categorical: bool
    trend: Trend
    """The trend that came out: ascending, descending, peak, valley, or none (categories, a single bin, no demand)."""
    edges: tuple[float, ...]
    groups: tuple[tuple[str, ...], ...]
    specials: tuple[float, ...]
    rare: tuple[str, ...]
    """Categories that were pooled as rare; the group that holds them also takes unseen categories."""
    bins: tuple[Bin, ...]

    def __post_init__(self) -> None:
        ordinary = len(self.groups) if self.categorical else len(self.edges) + 1
        if len(self.bins) != ordinary + len(self.specials) + 2:
            raise InvalidInput(
                f"the binning of {self.feature!r} has {len(self.bins)} bins where its cuts need {ordinary + len(self.specials) + 2}"
            )

    @property
    def ordinary(self) -> tuple[Bin, ...]:
        """The bins on the feature's own range, without specials, missing and unseen."""
        return self.bins[: len(self.bins) - 2 - len(self.specials)]

    @property
    def woe(self) -> _FloatArray:
        """WoE by bin number."""
        return np.array([line.woe for line in self.bins], dtype=np.float64)

    def assign(self, values: pl.Series) -> _IntArray:
        """Bin number of each value."""
        missing = len(self.bins) - 2
        if self.categorical:
            mapping = {name: number for number, group in enumerate(self.groups) for name in group}
            unseen = next((number for number, group in enumerate(self.groups) if RARE in group), missing + 1)
            names = _names(values)
            if not mapping:
                numbers = np.full(len(names), unseen, dtype=np.int64)
            else:
                found = names.replace_strict(list(mapping), list(mapping.values()), default=unseen, return_dtype=pl.Int64)
                numbers = found.to_numpy().copy()
            numbers[names.is_null().to_numpy()] = missing
            return numbers
        numeric = _numbers(self.feature, values)
        numbers = np.searchsorted(np.array(self.edges, dtype=np.float64), numeric, side="right").astype(np.int64)
        first_special = missing - len(self.specials)
        for offset, special in enumerate(self.specials):
            numbers[numeric == special] = first_special + offset
        numbers[np.isnan(numeric)] = missing
        return numbers

    def transform(self, values: pl.Series) -> _FloatArray:
        """WoE of each value."""
        return self.woe[self.assign(values)]

    @property
    def information_value(self) -> float:
        """Information value, the symmetric Kullback–Leibler divergence between defaults and others; 0 = no information.

        Rules of thumb (Siddiqi): below 0.02 useless, 0.1–0.3 medium, above 0.5 ask whether the feature knows the future.
        """
        defaults, others = self._shares()
        return float(np.sum((defaults - others) * self.woe[: len(defaults)]))

    @property
    def information_value_se(self) -> float:
        """Standard error of the information value by the delta method on two multinomials.

        Rows count as independent. Monthly rows of one obligor are not: the true error is then larger. Near zero information the
        estimate is also biased upwards, by about :attr:`information_value_null`.
        """
        defaults, others = self._shares()
        total_defaults, total_others = self._totals()
        used = (defaults > 0) & (others > 0)
        p, q = defaults[used], others[used]
        by_default = np.log(p / q) + 1.0 - q / p
        by_other = -np.log(p / q) + 1.0 - p / q
        variance_default = float(np.sum(p * by_default**2) - np.sum(p * by_default) ** 2)
        variance_other = float(np.sum(q * by_other**2) - np.sum(q * by_other) ** 2)
        return math.sqrt(max(variance_default, 0.0) / total_defaults + max(variance_other, 0.0) / total_others)

    @property
    def information_value_null(self) -> float:
        """What the information value would be on average if the feature told nothing: ``(bins - 1)(1/defaults + 1/others)``."""
        total_defaults, total_others = self._totals()
        filled = sum(line.count > 0 for line in self.bins)
        return (filled - 1) * (1.0 / total_defaults + 1.0 / total_others)

    def _totals(self) -> tuple[int, int]:
        defaults = sum(line.defaults for line in self.bins)
        return defaults, sum(line.count for line in self.bins) - defaults

    def _shares(self) -> tuple[_FloatArray, _FloatArray]:
        total_defaults, total_others = self._totals()
        defaults = np.array([line.defaults for line in self.bins], dtype=np.float64)
        counts = np.array([line.count for line in self.bins], dtype=np.float64)
        return defaults / total_defaults, (counts - defaults) / total_others

    def table(self) -> pl.DataFrame:
        """The binning as a table: ``feature, bin, count, defaults, default_rate, woe``."""
        return pl.DataFrame(
            {
                "feature": [self.feature] * len(self.bins),
                "bin": [line.label for line in self.bins],
                "count": [line.count for line in self.bins],
                "defaults": [line.defaults for line in self.bins],
                "default_rate": [line.default_rate if line.count else None for line in self.bins],
                "woe": [line.woe for line in self.bins],
            },
            schema={
                "feature": pl.String,
                "bin": pl.String,
                "count": pl.Int64,
                "defaults": pl.Int64,
                "default_rate": pl.Float64,
                "woe": pl.Float64,
            },
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values; floats keep every bit through JSON because Python writes the shortest text that reads back the same."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`, exactly."""
        return cls(
            feature=str(data["feature"]),
            categorical=bool(data["categorical"]),
            trend=Trend(data["trend"]),
            edges=tuple(float(value) for value in data["edges"]),
            groups=tuple(tuple(str(name) for name in group) for group in data["groups"]),
            specials=tuple(float(value) for value in data["specials"]),
            rare=tuple(str(name) for name in data["rare"]),
            bins=tuple(
                Bin(label=str(line["label"]), count=int(line["count"]), defaults=int(line["defaults"]), woe=float(line["woe"]))
                for line in data["bins"]
            ),
        )


def fit_binning(
    values: pl.Series, target: ArrayLike, *, spec: BinningSpec | None = None, feature: str | None = None, overlap: float = 1.0
) -> Binning:
    """Bin one feature against a 0/1 outcome.

    Args:
        values: the feature; null and NaN are missing, infinities are refused. Text, booleans and categories are categorical.
        target: 1 = default, 0 = none, no missing values; the same length.
        spec: how; the default is :class:`BinningSpec`.
        feature: its name; the series' own by default.
        overlap: rows in which one default is seen, 1 or more: with monthly rows and a window of a year a default is in up to twelve.
            Evidence is then counted in defaults, not in rows: chi-square and likelihood are divided by it, ``min_defaults`` and
            ``smoothing`` multiplied.

    Example:
        >>> import polars as pl
        >>> utilisation = pl.Series("utilisation", [0.1, 0.2, 0.3, 0.7, 0.8, 0.9] * 50)
        >>> default_flag = [0, 0, 0, 0, 1, 1] * 40 + [0, 0, 1, 0, 1, 0] * 10
        >>> binning = fit_binning(utilisation, default_flag)
        >>> [(line.label, line.count, line.defaults, round(line.woe, 3)) for line in binning.ordinary]
        [('[-inf, 0.8)', 200, 10, -2.208), ('[0.8, inf)', 100, 90, 2.801)]
    """
    spec = spec or BinningSpec()
    name = feature if feature is not None else values.name
    outcome = outcome_array(target, length=len(values))
    totals = (int(outcome.sum()), int(len(outcome) - outcome.sum()))
    if min(totals) == 0:
        raise InvalidInput(f"binning {name!r} needs both outcomes; there are {totals[0]} defaults and {totals[1]} others")
    if not 1.0 <= overlap < math.inf:
        raise InvalidInput(f"overlap must be 1 or more, not {overlap}")
    if spec.categorical or spec.groups is not None or not (values.dtype.is_numeric() or values.dtype == pl.Null):
        return _fit_categorical(name, values, outcome, totals=totals, spec=spec, overlap=overlap)
    return _fit_numeric(name, values, outcome, totals=totals, spec=spec, overlap=overlap)


def outcome_array(target: ArrayLike, *, length: int | None = None) -> _FloatArray:
    """A 0/1 outcome as float64, refused where it has other values or another length."""
    if isinstance(target, pl.Series):
        target = target.cast(pl.Float64).to_numpy()
    outcome = np.asarray(target, dtype=np.float64)
    if length is not None and outcome.shape != (length,):
        raise InvalidInput(f"the outcome has shape {outcome.shape}, the feature {length} rows")
    if not np.all((outcome == 0.0) | (outcome == 1.0)):
        raise InvalidInput(
            "the outcome must be 0 or 1 in every row; drop the rows without a label, and flip a target in which 1 means good"
        )
    return outcome


# --- numeric ---------------------------------------------------------------------------------------------------------------------


def _numbers(feature: str, values: pl.Series) -> _FloatArray:
    try:
        numeric = values.cast(pl.Float64).to_numpy()
    except pl.exceptions.InvalidOperationError as error:
        raise InvalidInput(f"feature {feature!r} was fitted on numbers; this column is {values.dtype}: {error}") from None
    return np.asarray(numeric, dtype=np.float64)


def _fit_numeric(
    name: str, values: pl.Series, outcome: _FloatArray, *, totals: tuple[int, int], spec: BinningSpec, overlap: float
) -> Binning:
    numeric = _numbers(name, values)
    if np.isinf(numeric).any():
        raise InvalidInput(f"feature {name!r} has infinite values; make them missing or a special code")
    ordinary = ~np.isnan(numeric)
    special_counts: list[tuple[int, int]] = []
    for special in spec.specials:
        hit = numeric == special
        special_counts.append((int(hit.sum()), int(outcome[hit].sum())))
        ordinary &= ~hit
    everything = bool(ordinary.all())
    kept, kept_outcome = (numeric, outcome) if everything else (numeric[ordinary], outcome[ordinary])
    missing = np.isnan(numeric) if not everything else np.zeros(0, dtype=bool)
    missing_count = (int(missing.sum()), int(outcome[missing].sum())) if not everything else (0, 0)

    if spec.edges is not None:
        edges = np.array(spec.edges, dtype=np.float64)
        counts = _counts(np.searchsorted(edges, kept, side="right"), kept_outcome, len(edges) + 1)
        trend = Trend.NONE
    else:
        edges = _prebin_edges(kept, spec.prebins)
        counts = _counts(np.searchsorted(edges, kept, side="right"), kept_outcome, len(edges) + 1)
        sizes, trend = _monotone(counts, spec.trend, rows=len(kept), overlap=overlap)
        counts, sizes = _merge(counts, sizes, spec=spec, rows=len(numeric), overlap=overlap)
        counts, sizes = _restore_trend(counts, sizes, trend=trend, totals=totals, smoothing=spec.smoothing * overlap)
        edges = edges[np.cumsum(sizes)[:-1] - 1]
        if len(counts) == 1:
            trend = Trend.NONE
    cuts = tuple(float(edge) for edge in edges)
    bounds = ["-inf", *[repr(cut) for cut in cuts], "inf"]
    labels = [f"[{low}, {high})" for low, high in pairwise(bounds)]
    labels += [f"= {special!r}" for special in spec.specials]
    return Binning(
        feature=name,
        categorical=False,
        trend=trend,
        edges=cuts,
        groups=(),
        specials=spec.specials,
        rare=(),
        bins=_lines(labels, [*counts, *special_counts], missing_count, totals=totals, spec=spec, overlap=overlap),
    )


def _prebin_edges(values: _FloatArray, prebins: int) -> _FloatArray:
    """Values that begin a pre-bin: every distinct one where they are few, else those at equally spaced ranks."""
    if len(values) == 0:
        return np.zeros(0, dtype=np.float64)
    ordered = np.sort(values)
    starts = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    if len(starts) < prebins:
        return ordered[starts]
    ranks = (np.arange(1, prebins) * len(ordered)) // prebins
    candidates = ordered[ranks]
    # Ranks inside a run of equal values would cut before the run; the value after it begins the next pre-bin, so that a heavy point
    # (60 % zeros) still stands alone.
    nexts = np.searchsorted(starts, ranks, side="right")
    after = ordered[starts[nexts[nexts < len(starts)]]]
    run = np.searchsorted(ordered, after, side="left")
    heavy = after[run - np.searchsorted(ordered, ordered[run - 1], side="left") >= len(ordered) / prebins]
    edges = np.unique(np.concatenate([candidates, heavy]))
    return np.asarray(edges[edges > ordered[0]], dtype=np.float64)


def _counts(numbers: NDArray[np.integer[Any]], outcome: _FloatArray, bins: int) -> list[tuple[int, int]]:
    counts = np.bincount(numbers, minlength=bins)
    defaults = np.bincount(numbers, weights=outcome, minlength=bins)
    return [(int(count), int(default)) for count, default in zip(counts, defaults, strict=True)]


def _log_likelihood(count: int, defaults: int) -> float:
    others = count - defaults
    return (defaults * math.log(defaults / count) if defaults else 0.0) + (others * math.log(others / count) if others else 0.0)


def _pool(counts: Sequence[tuple[int, int]], *, ascending: bool) -> tuple[list[int], list[float]]:
    """Pool adjacent violators: sizes of the blocks (in pre-bins), and the log-likelihood of the fit to every prefix.

    Rates are compared by whole-number products, so nothing depends on rounding.
    """
    blocks: list[tuple[int, int, int, float]] = []
    prefixes = [0.0]
    for cell in counts:
        count, defaults, size = *cell, 1
        while blocks:
            before_count, before_defaults, before_size, _ = blocks[-1]
            left, right = before_defaults * count, defaults * before_count
            if (left < right) if ascending else (left > right):
                break
            blocks.pop()
            count, defaults, size = count + before_count, defaults + before_defaults, size + before_size
        below = blocks[-1][3] if blocks else 0.0
        blocks.append((count, defaults, size, below + _log_likelihood(count, defaults)))
        prefixes.append(blocks[-1][3])
    return [block[2] for block in blocks], prefixes


def _monotone(counts: Sequence[tuple[int, int]], trend: Trend, *, rows: int, overlap: float) -> tuple[list[int], Trend]:
    """Sizes (in pre-bins) of the blocks that obey the trend, and the trend that was taken."""
    if trend is Trend.NONE or len(counts) < 2:
        return [1] * len(counts), Trend.NONE
    up, up_fit = _pool(counts, ascending=True)
    if trend is Trend.ASCENDING:
        return up, trend
    down, down_fit = _pool(counts, ascending=False)
    if trend is Trend.DESCENDING:
        return down, trend
    best, taken, fit = (up, Trend.ASCENDING, up_fit[-1]) if up_fit[-1] >= down_fit[-1] else (down, Trend.DESCENDING, down_fit[-1])
    if trend is Trend.MONOTONE:
        return best, taken
    backwards = counts[::-1]
    turns = []
    for shape, first, ascending in ((Trend.PEAK, up_fit, True), (Trend.VALLEY, down_fit, False)):
        _, last = _pool(backwards, ascending=ascending)
        fits = [first[k] + last[len(counts) - k] for k in range(len(counts) + 1)]
        turn = max(range(len(fits)), key=fits.__getitem__)
        turns.append((fits[turn], shape, turn, ascending))
    if trend in (Trend.PEAK, Trend.VALLEY):
        _, shape, turn, ascending = next(found for found in turns if found[1] is trend)
    else:
        gained, shape, turn, ascending = max(turns, key=lambda found: found[0])
        if 2.0 * (gained - fit) / overlap <= 4.0 * math.log(max(rows, 2)):
            return best, taken
    left, _ = _pool(counts[:turn], ascending=ascending)
    right, _ = _pool(counts[turn:], ascending=not ascending)
    return left + right, shape


def _chi_square(a: tuple[int, int], b: tuple[int, int]) -> float:
    """Pearson's statistic of a 2×2 table, one degree of freedom; 0 where it is not defined."""
    count, defaults = a[0] + b[0], a[1] + b[1]
    others = count - defaults
    if 0 in (a[0], b[0], defaults, others):
        return 0.0
    cross = a[1] * (b[0] - b[1]) - b[1] * (a[0] - a[1])
    return cross * cross * count / (a[0] * b[0] * defaults * others)


def _chi_square_bound(significance: float) -> float:
    """Value that a chi-square with one degree of freedom exceeds with probability ``significance``; by bisection, so scipy stays out."""
    low, high = 0.0, 1500.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if math.erfc(math.sqrt(middle / 2.0)) > significance else (low, middle)
    return 0.5 * (low + high)


def _merge(
    counts: Sequence[tuple[int, int]], sizes: Sequence[int], *, spec: BinningSpec, rows: int, overlap: float
) -> tuple[list[tuple[int, int]], list[int]]:
    """Merge blocks, then small ones, then ones that do not differ, then down to ``max_bins``."""
    merged: list[tuple[int, int]] = []
    at = 0
    for size in sizes:
        block = counts[at : at + size]
        merged.append((sum(c for c, _ in block), sum(d for _, d in block)))
        at += size
    widths = list(sizes)
    differences = [_chi_square(a, b) for a, b in pairwise(merged)]

    def join(i: int) -> None:
        merged[i : i + 2] = [(merged[i][0] + merged[i + 1][0], merged[i][1] + merged[i + 1][1])]
        widths[i : i + 2] = [widths[i] + widths[i + 1]]
        del differences[i]
        for j in (i - 1, i):
            if 0 <= j < len(differences):
                differences[j] = _chi_square(merged[j], merged[j + 1])

    least, fewest = spec.min_share * rows, spec.min_defaults * overlap
    while len(merged) > 1:
        small = [i for i, (c, d) in enumerate(merged) if c < least or d < fewest or c - d < fewest]
        if not small:
            break
        i = min(small, key=lambda k: merged[k][0])
        neighbours = [j for j in (i - 1, i) if 0 <= j < len(differences)]
        join(min(neighbours, key=lambda j: (differences[j], merged[j][0] + merged[j + 1][0])))
    bound = _chi_square_bound(spec.significance) * overlap
    while differences:
        i = min(range(len(differences)), key=differences.__getitem__)
        if differences[i] >= bound and len(merged) <= spec.max_bins:
            break
        join(i)
    return merged, widths


def _restore_trend(
    counts: list[tuple[int, int]], sizes: list[int], *, trend: Trend, totals: tuple[int, int], smoothing: float
) -> tuple[list[tuple[int, int]], list[int]]:
    """Smoothing draws small bins to 0 and may so bend a trend; merge the neighbours between which it did."""
    if trend is Trend.NONE:
        return counts, sizes
    while len(counts) > 1:
        woe = [_woe(c, d, totals, smoothing) for c, d in counts]
        rates = [d / c if c else 0.0 for c, d in counts]
        turn = {
            Trend.ASCENDING: len(counts) - 1,
            Trend.DESCENDING: 0,
            Trend.PEAK: rates.index(max(rates)),
            Trend.VALLEY: rates.index(min(rates)),
        }[trend]
        rising_first = trend is not Trend.VALLEY
        broken = next(
            (i for i in range(len(counts) - 1) if not ((woe[i] < woe[i + 1]) if (i < turn) == rising_first else (woe[i] > woe[i + 1]))),
            None,
        )
        if broken is None:
            break
        counts[broken : broken + 2] = [(counts[broken][0] + counts[broken + 1][0], counts[broken][1] + counts[broken + 1][1])]
        sizes[broken : broken + 2] = [sizes[broken] + sizes[broken + 1]]
    return counts, sizes


# --- categorical -----------------------------------------------------------------------------------------------------------------


def _names(values: pl.Series) -> pl.Series:
    if values.dtype.is_float():
        values = values.fill_nan(None)
    return values.cast(pl.String)


def _fit_categorical(
    name: str, values: pl.Series, outcome: _FloatArray, *, totals: tuple[int, int], spec: BinningSpec, overlap: float
) -> Binning:
    tally = (
        pl.DataFrame({"name": _names(values), "default": outcome})
        .group_by("name")
        .agg(count=pl.len(), defaults=pl.col("default").sum())
        .sort("name", nulls_last=True)
    )
    missing = (0, 0)
    seen: dict[str, tuple[int, int]] = {}
    for label, count, defaults in tally.iter_rows():
        if label is None:
            missing = (int(count), int(defaults))
        else:
            seen[label] = (int(count), int(defaults))
    reserved = {RARE, MISSING, UNSEEN} & set(seen)
    if reserved:
        raise InvalidInput(f"feature {name!r} has categories {sorted(reserved)}, which crfs keeps for itself; rename them")
    rare: tuple[str, ...] = ()
    if spec.groups is not None:
        groups = [list(group) for group in spec.groups]
        outside = set(seen) - {label for group in groups for label in group}
        if outside:
            raise InvalidInput(f"feature {name!r} has categories {sorted(outside)[:10]} outside the groups given; add them to a group")
        counts = [(sum(seen.get(g, (0, 0))[0] for g in group), sum(seen.get(g, (0, 0))[1] for g in group)) for group in groups]
    else:
        rare = tuple(label for label, (count, _) in seen.items() if count < spec.rare_share * len(outcome))
        cells = {label: [label] for label in seen if label not in set(rare)}
        tallies = {label: seen[label] for label in cells}
        if rare:
            cells[RARE] = [*rare, RARE]
            tallies[RARE] = (sum(seen[label][0] for label in rare), sum(seen[label][1] for label in rare))
        order = sorted(cells, key=lambda label: (_woe(*tallies[label], totals, spec.smoothing * overlap), label))
        counts, sizes = _merge([tallies[label] for label in order], [1] * len(order), spec=spec, rows=len(outcome), overlap=overlap)
        groups, at = [], 0
        for size in sizes:
            groups.append(sorted(member for label in order[at : at + size] for member in cells[label]))
            at += size
    labels = ["{" + ", ".join(group) + "}" for group in groups]
    return Binning(
        feature=name,
        categorical=True,
        trend=Trend.NONE,
        edges=(),
        groups=tuple(tuple(group) for group in groups),
        specials=(),
        rare=rare,
        bins=_lines(labels, counts, missing, totals=totals, spec=spec, overlap=overlap),
    )


# --- lines -----------------------------------------------------------------------------------------------------------------------


def _woe(count: int, defaults: int, totals: tuple[int, int], smoothing: float) -> float:
    odds = totals[1] / totals[0]
    if count == 0:
        return 0.0
    bad, good = defaults + smoothing, (count - defaults) + smoothing * odds
    if bad == 0.0 or good == 0.0:
        raise InvalidInput(f"a bin of {count} rows has {defaults} defaults: its weight of evidence is infinite; give smoothing above 0")
    return math.log(bad / good * odds)


def _lines(
    labels: Sequence[str],
    counts: Sequence[tuple[int, int]],
    missing: tuple[int, int],
    *,
    totals: tuple[int, int],
    spec: BinningSpec,
    overlap: float,
) -> tuple[Bin, ...]:
    all_counts = [*counts, missing, (0, 0)]
    woe = [_woe(count, defaults, totals, spec.smoothing * overlap) for count, defaults in all_counts]
    if spec.unseen is Unseen.WORST:
        worst = max(value for value, (count, _) in zip(woe, all_counts, strict=True) if count)
        woe = [value if count else worst for value, (count, _) in zip(woe, all_counts, strict=True)]
    return tuple(
        Bin(label=label, count=count, defaults=defaults, woe=value)
        for label, (count, defaults), value in zip([*labels, MISSING, UNSEEN], all_counts, woe, strict=True)
    )
