"""The scorecard: bins, weight of evidence, a logistic regression on it, and points that add up to the score.

A scorecard is data. ``logit(pd_12m) = intercept + Σ coefficient · woe`` after calibration, and

    score = offset - factor · logit(pd_12m),   factor = pdo / ln 2,   offset = base_score - factor · ln(base_odds)

so ``base_odds`` (good : bad) has ``base_score`` points and every ``pdo`` points double the odds (Siddiqi, 2017, ch. 10). More points
are less risk. ``base_points`` (of the intercept) and the points of each feature's bin sum to the score, exactly as scored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

import numpy as np
import polars as pl

from crfs.errors import InvalidInput
from crfs.features.woe import Binning, BinningSpec, Trend, fit_binning, outcome_array
from crfs.models.calibration import IDENTITY, Calibration, CalibrationMethod, fit_calibration
from crfs.models.canonical import canonical_json, read_artefact
from crfs.models.logistic import FloatArray, LogisticFit, fit_logistic, sigmoid
from crfs.models.splits import first_and_last

FORMAT = 1
KIND = "scorecard"


class Operation(StrEnum):
    """How two columns make a third."""

    PRODUCT = "product"
    DIFFERENCE = "difference"
    """left - right; with a lagged column on the right, a change."""
    RATIO = "ratio"
    """left / right; missing where right is 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedFeature:
    """A feature computed from two columns of the same row; missing where either is."""

    name: str
    operation: Operation
    left: str
    right: str

    def expression(self) -> pl.Expr:
        """The Polars expression."""
        left, right = pl.col(self.left).cast(pl.Float64), pl.col(self.right).cast(pl.Float64)
        match self.operation:
            case Operation.PRODUCT:
                value = left * right
            case Operation.DIFFERENCE:
                value = left - right
            case Operation.RATIO:
                value = pl.when(right != 0.0).then(left / right)
        return value.alias(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSpec:
    """A column, or a derived feature, and how it is binned."""

    name: str
    binning: BinningSpec = field(default_factory=BinningSpec)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionRule:
    """Which features stay; the reason of each that does not is kept in the model.

    Args:
        information_value: features below it are dropped before the regression.
        p_value: features with a coefficient less certain than this (two-sided, clustered by obligor) are dropped, the worst first; 1 = none.
        sign: drop features whose coefficient is not positive (with this WoE a negative one contradicts the feature's own bins).
    """

    information_value: float = 0.01
    p_value: float = 0.05
    sign: bool = True

    def __post_init__(self) -> None:
        if self.information_value < 0.0 or not 0.0 < self.p_value <= 1.0:
            raise InvalidInput("information_value must be 0 or more and p_value in (0, 1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsScale:
    """``base_odds`` : 1 good to bad has ``base_score`` points, and ``pdo`` more points double the odds.

    >>> scale = PointsScale(base_score=600, base_odds=50, pdo=20)
    >>> round(scale.factor, 6), round(scale.offset, 6), round(scale.score(0.05), 6)
    (28.853901, 487.122876, 572.081426)
    """

    base_score: float = 600.0
    base_odds: float = 50.0
    pdo: float = 20.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.base_score) and 0.0 < self.base_odds < math.inf and 0.0 < self.pdo < math.inf):
            raise InvalidInput("base_odds and pdo must be above 0, base_score finite")

    @property
    def factor(self) -> float:
        """Points per unit of log-odds."""
        return self.pdo / math.log(2.0)

    @property
    def offset(self) -> float:
        """Points at odds of 1 : 1."""
        return self.base_score - self.factor * math.log(self.base_odds)

    def score(self, pd: float) -> float:
        """Points of a PD."""
        return self.offset + self.factor * math.log((1.0 - pd) / pd)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorecardSpec:
    """What a scorecard is to be; all that the fit needs besides the rows.

    Args:
        features: the candidates, in the order in which they are reported.
        derived: features computed from two columns, which ``features`` may name.
        target: column, 1 = defaulted within the horizon.
        obligor: column whose rows hang together, for the standard errors; None = every row its own.
        observed_at: column of the observation time, kept as facts of the fit; None = none.
        ridge: penalty ``½ · ridge · Σ coefficient²`` (not on the intercept): a prior of variance 1/ridge, worth little beside hundreds
            of defaults, that keeps nearly equal features apart; multiplied by the overlap of the rows. 0 = maximum likelihood.
        selection: which features stay.
        scale: of the points.
        calibration: what is fitted on the calibration slice.
    """

    features: tuple[FeatureSpec, ...]
    derived: tuple[DerivedFeature, ...] = ()
    target: str = "default_flag"
    obligor: str | None = "obligor_id"
    observed_at: str | None = "observed_at"
    ridge: float = 1.0
    selection: SelectionRule = field(default_factory=SelectionRule)
    scale: PointsScale = field(default_factory=PointsScale)
    calibration: CalibrationMethod = CalibrationMethod.PLATT

    def __post_init__(self) -> None:
        names = [feature.name for feature in self.features]
        if not names:
            raise InvalidInput("a scorecard needs at least one feature")
        if len(set(names)) < len(names):
            raise InvalidInput(f"features are named twice: {sorted({name for name in names if names.count(name) > 1})}")
        derived = [feature.name for feature in self.derived]
        if len(set(derived)) < len(derived):
            raise InvalidInput("derived features are named twice")
        taken = {self.target, self.obligor, self.observed_at} & set(names)
        if taken:
            raise InvalidInput(f"{sorted(map(str, taken))} cannot be a feature: it is the outcome, the obligor or the time")
        if any(self.target in (feature.left, feature.right) for feature in self.derived):
            raise InvalidInput(f"a derived feature is computed from the outcome {self.target!r}")
        if not (math.isfinite(self.ridge) and self.ridge >= 0.0):
            raise InvalidInput(f"ridge must be 0 or more, not {self.ridge}")

    @classmethod
    def of(
        cls, features: Sequence[str], *, trends: Mapping[str, Trend | str] | None = None, binning: BinningSpec | None = None, **rest: Any
    ) -> Self:
        """A spec from names: one binning for all, with a trend of its own where ``trends`` states one."""
        base, stated = binning or BinningSpec(), dict(trends or {})
        unknown = set(stated) - set(features)
        if unknown:
            raise InvalidInput(f"trends are stated for {sorted(unknown)}, which are no features of this scorecard")
        return cls(
            features=tuple(
                FeatureSpec(name=name, binning=replace(base, trend=Trend(stated[name])) if name in stated else base) for name in features
            ),
            **rest,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """From plain values (JSON, TOML); what is left out keeps its default.

        A feature may be a name alone; it is then binned as ``binning`` says, with the trend that ``trends`` has for it.
        """
        known = {*cls.__dataclass_fields__, "binning", "trends"}
        unknown = set(data) - known
        if unknown:
            raise InvalidInput(f"a scorecard's specification has no {sorted(unknown)}; it has {sorted(known)}")
        if "features" not in data:
            raise InvalidInput("a scorecard's specification names its features")
        stray = set(data.get("trends", {})) - {item for item in data["features"] if isinstance(item, str)}
        if stray:
            raise InvalidInput(f"trends are stated for {sorted(stray)}, which are not among the features that are named alone")
        rest = {key: data[key] for key in ("target", "obligor", "observed_at", "ridge") if key in data}
        try:
            return cls(
                features=tuple(_feature_from(item, data.get("binning", {}), data.get("trends", {})) for item in data["features"]),
                derived=tuple(
                    DerivedFeature(name=str(d["name"]), operation=Operation(d["operation"]), left=str(d["left"]), right=str(d["right"]))
                    for d in data.get("derived", ())
                ),
                selection=SelectionRule(**data.get("selection", {})),
                scale=PointsScale(**data.get("scale", {})),
                calibration=CalibrationMethod(data.get("calibration", CalibrationMethod.PLATT)),
                **rest,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"the scorecard's specification cannot be read: {error}") from error


def _feature_from(item: str | Mapping[str, Any], binning: Mapping[str, Any], trends: Mapping[str, str]) -> FeatureSpec:
    if isinstance(item, str):
        own = {"trend": trends[item]} if item in trends else {}
        return FeatureSpec(name=item, binning=BinningSpec.from_dict({**binning, **own}))
    unknown = set(item) - {"name", "binning"}
    if unknown:
        raise InvalidInput(f"a feature has a name and a binning, not {sorted(unknown)}")
    return FeatureSpec(name=str(item["name"]), binning=BinningSpec.from_dict(item.get("binning", {})))


class DropReason(StrEnum):
    """Why a candidate is not in the scorecard."""

    NO_BINS = "no_bins"
    """All rows fall into one bin: the feature tells nothing."""
    LOW_INFORMATION = "low_information"
    WRONG_SIGN = "wrong_sign"
    INSIGNIFICANT = "insignificant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A candidate that did not stay: ``value`` is the figure that spoke against it (information value, z, or p-value)."""

    feature: str
    reason: DropReason
    value: float
    information_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedFeature:
    """A feature of the scorecard: its bins, its coefficient before calibration, and what is known of it."""

    binning: Binning
    coefficient: float
    standard_error: float
    information_value: float
    information_value_se: float

    @property
    def name(self) -> str:
        return self.binning.feature


@dataclass(frozen=True, slots=True, kw_only=True)
class FitFacts:
    """What the scorecard was fitted on; times as ISO 8601 text, None where the table has no such column.

    ``overlap`` is in how many rows a defaulting obligor is seen as such; bins, smoothing and ridge counted evidence by it.
    """

    rows: int
    defaults: int
    obligors: int | None
    first_observed_at: str | None
    last_observed_at: str | None
    log_likelihood: float
    overlap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """A fitted scorecard: it scores tables, and its whole content is in :meth:`to_json`."""

    spec: ScorecardSpec
    features: tuple[FittedFeature, ...]
    dropped: tuple[Dropped, ...]
    intercept: float
    intercept_se: float
    calibration: Calibration
    facts: FitFacts

    @property
    def kind(self) -> str:
        return KIND

    @property
    def base_points(self) -> float:
        """Points that every row begins with."""
        return self.spec.scale.offset - self.spec.scale.factor * (self.calibration.intercept + self.calibration.slope * self.intercept)

    def _points(self, feature: FittedFeature) -> FloatArray:
        """Points by bin number."""
        return -(self.spec.scale.factor * self.calibration.slope * feature.coefficient) * feature.binning.woe + 0.0

    def points_table(self) -> pl.DataFrame:
        """The scorecard as people read it: ``feature, bin, count, defaults, default_rate, woe, points``, missing and unseen included.

        The first row, feature ``<base>``, holds the base points. A row's score is the base plus the points of its bins.
        """
        tables = [
            pl.DataFrame(
                {
                    "feature": ["<base>"],
                    "bin": ["every row"],
                    "count": [self.facts.rows],
                    "defaults": [self.facts.defaults],
                    "default_rate": [self.facts.defaults / self.facts.rows],
                    "woe": [0.0],
                    "points": [self.base_points],
                }
            )
        ]
        tables += [feature.binning.table().with_columns(pl.Series("points", self._points(feature))) for feature in self.features]
        return pl.concat(tables)

    def score(self, table: pl.DataFrame) -> pl.DataFrame:
        """Score every row: ``pd_12m``, ``score`` and ``points:<feature>``, in the order of the rows; no other columns.

        A row's figures do not depend on the rows beside it.
        """
        columns = {}
        total = np.full(table.height, self.base_points)
        source = with_derived(table, self.spec.derived, {feature.name for feature in self.features})
        for feature in self.features:
            points = self._points(feature)[feature.binning.assign(source[feature.name])]
            columns[f"points:{feature.name}"] = points
            total += points
        pd = sigmoid((self.spec.scale.offset - total) / self.spec.scale.factor)
        return pl.DataFrame({"pd_12m": pd, "score": total, **columns})

    def predict(self, table: pl.DataFrame) -> pl.DataFrame:
        """As :meth:`score`; the name that every model family answers to."""
        return self.score(table)

    def raw_pd(self, table: pl.DataFrame) -> FloatArray:
        """The PD before calibration."""
        source = with_derived(table, self.spec.derived, {feature.name for feature in self.features})
        eta = np.full(table.height, self.intercept)
        for feature in self.features:
            eta += feature.coefficient * feature.binning.transform(source[feature.name])
        return sigmoid(eta)

    def calibrated(self, table: pl.DataFrame, *, method: CalibrationMethod | None = None) -> Scorecard:
        """The same scorecard with its calibration fitted anew on this table."""
        taken = method or self.spec.calibration
        outcome, obligors = _outcome(table, self.spec)
        fitted = fit_calibration(outcome, self.raw_pd(table), method=taken, clusters=obligors)
        return replace(self, spec=replace(self.spec, calibration=taken), calibration=fitted)

    def to_json(self) -> bytes:
        """Canonical bytes: the same fit gives the same bytes."""
        return canonical_json(
            {
                "kind": KIND,
                "format": FORMAT,
                "spec": self.spec.to_dict(),
                "features": [asdict(feature) for feature in self.features],
                "dropped": [asdict(item) for item in self.dropped],
                "intercept": self.intercept,
                "intercept_se": self.intercept_se,
                "calibration": self.calibration.to_dict(),
                "facts": asdict(self.facts),
            }
        )

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """The inverse of :meth:`to_json`, exactly."""
        content = read_artefact(data, kind=KIND, version=FORMAT)
        return cls(
            spec=ScorecardSpec.from_dict(content["spec"]),
            features=tuple(FittedFeature(**{**item, "binning": Binning.from_dict(item["binning"])}) for item in content["features"]),
            dropped=tuple(Dropped(**{**item, "reason": DropReason(item["reason"])}) for item in content["dropped"]),
            intercept=content["intercept"],
            intercept_se=content["intercept_se"],
            calibration=Calibration.from_dict(content["calibration"]),
            facts=FitFacts(**content["facts"]),
        )


def with_derived(table: pl.DataFrame, derived: Sequence[DerivedFeature], needed: set[str]) -> pl.DataFrame:
    """The table with those derived features that are needed; a column that is not there is named."""
    used = [feature for feature in derived if feature.name in needed]
    columns = (needed - {feature.name for feature in used}) | {side for feature in used for side in (feature.left, feature.right)}
    absent = sorted(columns - set(table.columns))
    if absent:
        raise InvalidInput(f"the table has no column {absent}; the scorecard needs {sorted(columns)}")
    try:
        return table.with_columns([feature.expression() for feature in used])
    except pl.exceptions.InvalidOperationError as error:
        raise InvalidInput(f"a derived feature is computed from a column that is not numeric: {error}") from None


def fit_scorecard(table: pl.DataFrame, *, spec: ScorecardSpec, calibration: pl.DataFrame | None = None) -> Scorecard:
    """Bin, select, regress, calibrate.

    Args:
        table: the training slice: feature columns and the target, 0/1 with no gaps; the obligor column where the spec names one.
        spec: what to fit.
        calibration: a slice later than the training rows' outcome windows and closed before the out-of-time part (``splits``); needed
            unless ``spec.calibration`` is ``none``.

    Errors of the coefficients are clustered by obligor, but they take the bins and the selection as given; both were chosen on these
    rows, so p-values are somewhat too small.
    """
    if calibration is None and spec.calibration is not CalibrationMethod.NONE:
        raise InvalidInput(f"calibration {spec.calibration} needs a calibration slice; give one, or set calibration to none")
    outcome, obligors = _outcome(table, spec)
    overlap = _overlap(outcome, obligors)
    names = [feature.name for feature in spec.features]
    source = with_derived(table, spec.derived, set(names))
    binnings: dict[str, Binning] = {}
    dropped: list[Dropped] = []
    columns: dict[str, FloatArray] = {}
    for feature in spec.features:
        binning = fit_binning(source[feature.name], outcome, spec=feature.binning, feature=feature.name, overlap=overlap)
        value = binning.information_value
        if sum(line.count > 0 for line in binning.bins) < 2:
            dropped.append(Dropped(feature=feature.name, reason=DropReason.NO_BINS, value=0.0, information_value=value))
        elif value < spec.selection.information_value:
            dropped.append(Dropped(feature=feature.name, reason=DropReason.LOW_INFORMATION, value=value, information_value=value))
        else:
            binnings[feature.name] = binning
            columns[feature.name] = binning.transform(source[feature.name])
    kept = list(binnings)
    start = math.log(float(outcome.mean()) / (1.0 - float(outcome.mean())))
    design = np.empty((len(outcome), len(kept) + 1))
    design[:, 0] = 1.0
    for number, name in enumerate(kept, start=1):
        design[:, number] = columns.pop(name)
    coefficients: Any = [start, *[0.0] * len(kept)]
    while kept:
        fit = _fit(design, outcome, spec=spec, obligors=obligors, overlap=overlap, names=kept, start=coefficients)
        z, p = fit.z[1:], fit.p_values[1:]
        worst = int(np.argmin(z))
        if spec.selection.sign and z[worst] <= 0.0:
            reason, value = DropReason.WRONG_SIGN, float(z[worst])
        else:
            worst = int(np.argmax(p))
            if p[worst] <= spec.selection.p_value:
                break
            reason, value = DropReason.INSIGNIFICANT, float(p[worst])
        name = kept.pop(worst)
        dropped.append(Dropped(feature=name, reason=reason, value=value, information_value=binnings[name].information_value))
        design, coefficients = np.delete(design, worst + 1, axis=1), np.delete(fit.coefficients, worst + 1)
    if not kept:
        raise InvalidInput(
            "no feature passed the selection: " + "; ".join(f"{item.feature} {item.reason} ({item.value:.3g})" for item in dropped[:20])
        )
    errors = fit.standard_errors
    card = Scorecard(
        spec=spec,
        features=tuple(
            FittedFeature(
                binning=binnings[name],
                coefficient=float(fit.coefficients[number]),
                standard_error=float(errors[number]),
                information_value=binnings[name].information_value,
                information_value_se=binnings[name].information_value_se,
            )
            for number, name in enumerate(kept, start=1)
        ),
        dropped=tuple(dropped),
        intercept=float(fit.coefficients[0]),
        intercept_se=float(errors[0]),
        calibration=IDENTITY,
        facts=_facts(table, spec, outcome, fit=fit, overlap=overlap),
    )
    return card if calibration is None or spec.calibration is CalibrationMethod.NONE else card.calibrated(calibration)


def _fit(
    design: FloatArray,
    outcome: FloatArray,
    *,
    spec: ScorecardSpec,
    obligors: pl.Series | None,
    overlap: float,
    names: list[str],
    start: Any,
) -> LogisticFit:
    ridge = [0.0, *[spec.ridge * overlap] * len(names)]
    labels: Any = obligors if obligors is not None else np.arange(len(outcome))
    return fit_logistic(design, outcome, ridge=ridge, clusters=labels, start=start, names=("intercept", *names))


def _outcome(table: pl.DataFrame, spec: ScorecardSpec) -> tuple[FloatArray, pl.Series | None]:
    absent = [name for name in (spec.target, spec.obligor) if name is not None and name not in table.columns]
    if absent:
        raise InvalidInput(
            f"the table has no column {absent}; the target is {spec.target!r}, the obligor column {spec.obligor!r} (None = none)"
        )
    if table.height == 0:
        raise InvalidInput("there are no rows to fit on")
    outcome = outcome_array(table[spec.target].to_numpy() if table[spec.target].null_count() == 0 else [np.nan])
    return outcome, None if spec.obligor is None else table[spec.obligor].rank("dense")


def _overlap(outcome: FloatArray, obligors: pl.Series | None) -> float:
    """Rows with a default for each obligor that has one: what overlapping windows count over and over."""
    if obligors is None:
        return 1.0
    defaulted = obligors.filter(pl.Series(outcome == 1.0)).n_unique()
    return float(outcome.sum()) / defaulted if defaulted else 1.0


def _facts(table: pl.DataFrame, spec: ScorecardSpec, outcome: FloatArray, *, fit: LogisticFit, overlap: float) -> FitFacts:
    first = last = None
    if spec.observed_at is not None and spec.observed_at in table.columns:
        first, last = first_and_last(table[spec.observed_at])
    return FitFacts(
        rows=table.height,
        defaults=int(outcome.sum()),
        obligors=None if spec.obligor is None else fit.clusters,
        first_observed_at=first,
        last_observed_at=last,
        log_likelihood=fit.log_likelihood,
        overlap=overlap,
    )
