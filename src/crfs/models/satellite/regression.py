"""Least squares on a time series, with errors that hold when residuals hang together in time, and with the tests that it must face."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from crfs.errors import InvalidInput
from crfs.features.one_blas_thread import one_blas_thread

FloatArray: TypeAlias = npt.NDArray[np.float64]

LAST_PERIOD = "last_period"
INTERCEPT = "intercept"
_FEWEST_FREE = 5
_HIGHEST_CONDITION = 1e8
_NOTED_VIF = 10.0
_FIRST_SHARE = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """Whether the first and the second half of the sample tell the same story, and how well one period is foretold by those before.

    ``chow_f`` with ``chow_p`` is Chow's test of equal coefficients before and after ``chow_at`` (a row of the sample), None where a half
    is too short. ``error`` is the root mean square of the errors of ``forecasts`` one-period forecasts, each fitted on the rows before it
    alone; ``naive_error`` is that of taking the last value. Both are None where the sample is too short.
    """

    chow_f: float | None
    chow_p: float | None
    chow_at: int | None
    error: float | None
    naive_error: float | None
    forecasts: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regression:
    """``y = X b + e``: coefficients in the order of ``names``, the intercept first.

    ``standard_errors`` are Newey-West's with ``hac_lags`` lags and the factor n / (n - k); ``t`` is with n - k degrees of freedom.
    ``sigma`` is the standard deviation of the residual. ``durbin_watson`` near 2 says that residuals do not hang together; with the value
    of the last period among the regressors it is near 2 whatever they do, and ``durbin_h`` (standard normal) is to be read. ``vif`` is
    each regressor's variance inflation.
    """

    names: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray
    sigma: float
    r2: float
    r2_adjusted: float
    bic: float
    durbin_watson: float
    durbin_h: float | None
    hac_lags: int
    observations: int
    vif: tuple[float, ...]
    stability: Stability
    residuals: FloatArray

    @property
    def degrees_of_freedom(self) -> int:
        """Observations less coefficients."""
        return self.observations - len(self.names)

    @property
    def standard_errors(self) -> FloatArray:
        """Of the coefficients."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def t(self) -> FloatArray:
        """Coefficient over standard error."""
        return np.asarray(self.coefficients / self.standard_errors)

    @property
    def p_values(self) -> FloatArray:
        """Two-sided, Student's."""
        from scipy.special import stdtr

        return np.asarray(2.0 * stdtr(self.degrees_of_freedom, -np.abs(self.t)))

    @property
    def persistence(self) -> float:
        """Coefficient of the last period's value; 0 where it is no regressor."""
        return float(self.coefficients[self.names.index(LAST_PERIOD)]) if LAST_PERIOD in self.names else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "coefficients": [
                {
                    "name": name,
                    "coefficient": float(b),
                    "se": float(se),
                    "t": float(t),
                    "p": float(p),
                    "vif": vif if math.isfinite(vif) else None,
                }
                for name, b, se, t, p, vif in zip(
                    self.names, self.coefficients, self.standard_errors, self.t, self.p_values, (math.nan, *self.vif), strict=True
                )
            ],
            "sigma": self.sigma,
            "r2": self.r2,
            "r2_adjusted": self.r2_adjusted,
            "bic": self.bic,
            "durbin_watson": self.durbin_watson,
            "durbin_h": self.durbin_h,
            "hac_lags": self.hac_lags,
            "observations": self.observations,
            "degrees_of_freedom": self.degrees_of_freedom,
            "stability": self.stability.to_dict(),
        }


def regress(y: FloatArray, regressors: FloatArray, names: tuple[str, ...], *, hac_lags: int | None = None) -> Regression:
    """Least squares of ``y`` on an intercept and ``regressors`` (rows in the order of time, without a gap).

    ``hac_lags`` is how many periods residuals may hang together; None takes ``floor(4 (n / 100)^(2/9))`` (W. Newey and K. West,
    "Automatic lag selection in covariance matrix estimation", Review of Economic Studies 61, 1994). Standard errors: W. Newey and K.
    West, Econometrica 55 (1987), Bartlett's weights. Regressors of which one is a combination of the others, and samples too short for
    them, are refused.

    >>> fit = regress(np.array([1.0, 3.0, 2.0, 5.0, 4.0, 6.0, 8.0, 7.0]), np.arange(8.0)[:, None], ("trend",), hac_lags=1)
    >>> fit.names, round(float(fit.coefficients[1]), 6), fit.observations
    (('intercept', 'trend'), 0.928571, 8)
    """
    x = np.column_stack([np.ones(len(y)), regressors])
    rows, count = x.shape
    if rows - count < _FEWEST_FREE:
        raise InvalidInput(
            f"{rows} periods are too few for {count} coefficients ({', '.join(names)}); {count + _FEWEST_FREE} are the least: "
            "leave out a term, or shorten its lags"
        )
    lags = math.floor(4.0 * (rows / 100.0) ** (2.0 / 9.0)) if hac_lags is None else hac_lags
    if not 0 <= lags < rows:
        raise InvalidInput(f"hac_lags is a number of periods from 0 to {rows - 1}, not {lags}", argument="hac_lags")
    with one_blas_thread():
        _require_independent(x, names)
        coefficients, inverse = _solve(x, y)
        residuals = y - x @ coefficients
        covariance = newey_west(x, residuals, inverse, lags)
        inflation = tuple(_inflation(x, j) for j in range(1, count))
        stability = _stability(x, y)
    squares = float(np.add.reduce(residuals**2))
    total = float(np.add.reduce((y - y.mean()) ** 2))
    r2 = 1.0 - squares / total if total > 0.0 else 0.0
    watson = float(np.add.reduce(np.diff(residuals) ** 2)) / squares if squares > 0.0 else 2.0
    all_names = (INTERCEPT, *names)
    plain_variance = np.diag(inverse) * squares / (rows - count)
    return Regression(
        names=all_names,
        coefficients=coefficients,
        covariance=covariance,
        sigma=math.sqrt(squares / (rows - count)),
        r2=r2,
        r2_adjusted=1.0 - (1.0 - r2) * (rows - 1) / (rows - count),
        bic=rows * math.log(max(squares, 1e-300) / rows) + count * math.log(rows),
        durbin_watson=watson,
        durbin_h=_durbin_h(watson, rows, float(plain_variance[all_names.index(LAST_PERIOD)])) if LAST_PERIOD in names else None,
        hac_lags=lags,
        observations=rows,
        vif=inflation,
        stability=stability,
        residuals=residuals,
    )


def newey_west(x: FloatArray, residuals: FloatArray, inverse: FloatArray, lags: int) -> FloatArray:
    """The covariance of least-squares coefficients; ``inverse`` is that of ``X'X``."""
    scores = x * residuals[:, None]
    middle = scores.T @ scores
    for lag in range(1, lags + 1):
        cross = scores[lag:].T @ scores[:-lag]
        middle = middle + (1.0 - lag / (lags + 1.0)) * (cross + cross.T)
    return np.asarray(inverse @ middle @ inverse * (len(x) / (len(x) - x.shape[1])))


def _solve(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    q, r = np.linalg.qr(x)
    root = np.linalg.inv(r)
    return np.asarray(root @ (q.T @ y)), np.asarray(root @ root.T)


def _require_independent(x: FloatArray, names: tuple[str, ...]) -> None:
    spread = x[:, 1:].std(axis=0)
    still = [name for name, sd, middle in zip(names, spread, np.abs(x[:, 1:]).max(axis=0), strict=True) if sd <= 1e-12 * middle]
    if still:
        raise InvalidInput(f"{', '.join(still)} does not move in the sample, so it explains nothing; leave it out")
    if len(names) < 2:
        return
    standard = (x[:, 1:] - x[:, 1:].mean(axis=0)) / spread
    values, vectors = np.linalg.eigh(standard.T @ standard / len(x))
    if values[0] * _HIGHEST_CONDITION < values[-1]:
        involved = [name for name, weight in zip(names, np.abs(vectors[:, 0]), strict=True) if weight > 0.1]
        raise InvalidInput(f"{', '.join(involved)} say the same in the sample (collinear); leave one out")


def _inflation(x: FloatArray, column: int) -> float:
    others = np.delete(x, column, axis=1)
    own = x[:, column]
    coefficients, _ = _solve(others, own)
    left = float(np.add.reduce((own - others @ coefficients) ** 2))
    total = float(np.add.reduce((own - own.mean()) ** 2))
    return total / left if left > 0.0 else math.inf


def _durbin_h(watson: float, rows: int, variance: float) -> float | None:
    """J. Durbin, Econometrica 38 (1970): None where the coefficient's variance is too large for the statistic to exist."""
    left = 1.0 - rows * variance
    return (1.0 - watson / 2.0) * math.sqrt(rows / left) if left > 0.0 else None


def _stability(x: FloatArray, y: FloatArray) -> Stability:
    from scipy.special import fdtrc

    rows, count = x.shape
    half = rows // 2
    chow_f = chow_p = chow_at = None
    if half >= count + 2:
        whole, first, second = (_squares(x[a:b], y[a:b]) for a, b in ((0, rows), (0, half), (half, rows)))
        left = (first + second) / (rows - 2 * count)
        if left > 0.0:
            chow_f = float((whole - first - second) / count / left)
            chow_p, chow_at = float(fdtrc(count, rows - 2 * count, max(chow_f, 0.0))), half
    start = max(count + _FEWEST_FREE, math.ceil(_FIRST_SHARE * rows))
    errors = []
    for row in range(start, rows):
        coefficients, rank = np.linalg.lstsq(x[:row], y[:row], rcond=None)[0::2]
        if rank == count:
            errors.append((y[row] - float(np.add.reduce(x[row] * coefficients)), y[row] - y[row - 1]))
    own, naive = (math.sqrt(math.fsum(e[k] ** 2 for e in errors) / len(errors)) if errors else None for k in (0, 1))
    return Stability(chow_f=chow_f, chow_p=chow_p, chow_at=chow_at, error=own, naive_error=naive, forecasts=len(errors))


def _squares(x: FloatArray, y: FloatArray) -> float:
    coefficients = np.linalg.lstsq(x, y, rcond=None)[0]
    return float(np.add.reduce((y - x @ coefficients) ** 2))


def high_inflation(regression: Regression) -> tuple[str, ...]:
    """Regressors whose variance inflation is above 10: their coefficients are hard to tell from each other."""
    return tuple(name for name, vif in zip(regression.names[1:], regression.vif, strict=True) if vif > _NOTED_VIF)
