"""Logistic regression by Newton's method, with standard errors that hold when rows of one obligor hang together.

The same input gives the same bits whatever number of BLAS threads the process has: products run on one thread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from crfs.errors import InvalidInput
from crfs.features.one_blas_thread import one_blas_thread

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_ITERATIONS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LogisticFit:
    """Coefficients of ``logit(P) = offset + X b``, in the order of the columns.

    ``covariance`` is the sandwich over clusters where these were given, else the inverse information. ``log_likelihood`` is without the
    ridge's penalty. ``clusters`` is how many there were (None: rows counted as independent).
    """

    coefficients: FloatArray
    covariance: FloatArray
    log_likelihood: float
    iterations: int
    rows: int
    clusters: int | None

    @property
    def standard_errors(self) -> FloatArray:
        return np.sqrt(np.diag(self.covariance))

    @property
    def z(self) -> FloatArray:
        """Coefficient over standard error."""
        return np.asarray(self.coefficients / self.standard_errors)

    @property
    def p_values(self) -> FloatArray:
        """Two-sided, normal."""
        return np.array([math.erfc(abs(value) / math.sqrt(2.0)) for value in self.z])


def sigmoid(eta: FloatArray) -> FloatArray:
    """``1 / (1 + exp(-eta))`` without overflow."""
    small = np.exp(-np.abs(eta))
    return np.asarray(np.where(eta >= 0.0, 1.0, small) / (1.0 + small))


def logit(probability: ArrayLike) -> FloatArray:
    """``ln(p / (1 - p))``; probabilities of exactly 0 or 1 are refused, since no calibration can mend certainty."""
    p = np.asarray(probability, dtype=np.float64)
    if not np.all((p > 0.0) & (p < 1.0)):
        raise InvalidInput("a probability of default must lie strictly between 0 and 1 in every row")
    return np.asarray(np.log(p) - np.log1p(-p))


def cluster_numbers(labels: ArrayLike | pl.Series | None) -> tuple[IntArray, int] | None:
    """Labels (obligor ids) as numbers 0 … n-1 and n."""
    if labels is None:
        return None
    series = labels if isinstance(labels, pl.Series) else pl.Series(np.asarray(labels))
    if series.null_count():
        raise InvalidInput(f"{series.null_count()} rows have no obligor; every row needs one, or give no obligor column at all")
    numbers = series.rank("dense").cast(pl.Int64).to_numpy() - 1
    return numbers, int(numbers.max()) + 1 if len(numbers) else 0


def cluster_sums(contributions: FloatArray, clusters: tuple[IntArray, int] | None) -> FloatArray:
    """Row contributions added up within each cluster; as they are without clusters."""
    if clusters is None:
        return contributions
    numbers, count = clusters
    if contributions.ndim == 1:
        return np.bincount(numbers, weights=contributions, minlength=count).astype(np.float64)
    return np.column_stack([np.bincount(numbers, weights=column, minlength=count) for column in contributions.T])


def fit_logistic(
    design: FloatArray,
    outcome: ArrayLike,
    *,
    ridge: float | ArrayLike = 0.0,
    offset: ArrayLike | None = None,
    clusters: ArrayLike | pl.Series | None = None,
    start: ArrayLike | None = None,
    names: tuple[str, ...] = (),
) -> LogisticFit:
    """Maximise ``log-likelihood - ½ Σ ridge_j b_j²``.

    Args:
        design: one row a case, one column a coefficient; put a column of ones in for the intercept.
        outcome: 0/1.
        ridge: penalty, one number for all columns or one a column (0 for the intercept's).
        offset: known part of the log-odds.
        clusters: label of each row; rows of one label may depend on each other. The covariance is then the sandwich with the factor
            ``G/(G-1) · (n-1)/(n-k)`` (Cameron & Miller, 2015, eq. 11).
        start: coefficients to begin at, unless zeros fit better: far from the maximum every case looks certain, and nothing is to be seen.
        names: of the columns, for messages.

    Example:
        >>> fit = fit_logistic(np.ones((4, 1)), [0, 0, 0, 1])
        >>> round(float(fit.coefficients[0]), 12) == round(math.log(1 / 3), 12)
        True
    """
    x = np.ascontiguousarray(design, dtype=np.float64)
    y = np.asarray(outcome, dtype=np.float64)
    rows, columns = x.shape
    if y.shape != (rows,) or rows <= columns:
        raise InvalidInput(
            f"the regression has {rows} rows, {columns} columns and an outcome of shape {y.shape}; it needs more rows than columns"
        )
    if not np.isfinite(x).all():
        raise InvalidInput("the regression's design has missing or infinite values")
    known = np.zeros(rows) if offset is None else np.asarray(offset, dtype=np.float64)
    penalty = np.broadcast_to(np.asarray(ridge, dtype=np.float64), (columns,))
    grouped = cluster_numbers(clusters)
    beta = np.zeros(columns) if start is None else np.array(start, dtype=np.float64)
    label = ", ".join(names) or f"{columns} columns"

    def objective(coefficients: FloatArray) -> tuple[float, float, FloatArray]:
        eta = known + x @ coefficients
        # log(1 + exp(eta)) without overflow
        log_likelihood = float(np.sum(y * eta - np.maximum(eta, 0.0) - np.log1p(np.exp(-np.abs(eta)))))
        return log_likelihood - 0.5 * float(np.sum(penalty * coefficients**2)), log_likelihood, eta

    with one_blas_thread():
        value, log_likelihood, eta = objective(beta)
        if start is not None:
            zeros = objective(np.zeros(columns))
            if not value >= zeros[0]:
                beta, (value, log_likelihood, eta) = np.zeros(columns), zeros
        iterations = 0
        while iterations < MAX_ITERATIONS:
            iterations += 1
            p = sigmoid(eta)
            weight = p * (1.0 - p)
            gradient = x.T @ (y - p) - penalty * beta
            information = x.T @ (x * weight[:, None]) + np.diag(penalty)
            scale = np.sqrt(np.diag(information))
            if not np.all(scale > 0.0) or np.linalg.eigvalsh(information / np.outer(scale, scale))[0] < 1e-12:
                raise InvalidInput(f"columns are collinear, or separate the outcome perfectly ({label}); drop one, or give ridge above 0")
            step = np.linalg.solve(information, gradient)
            decrement = float(gradient @ step)
            # The decrement is the squared length of the step in standard errors: a billionth of one is left, far above rounding.
            if decrement < 1e-18:
                break
            shrink = 1.0
            while True:
                trial = beta + shrink * step
                trial_value, trial_log_likelihood, trial_eta = objective(trial)
                if trial_value >= value - 1e-12 * abs(value) or shrink < 1e-10:
                    break
                shrink *= 0.5
            beta, value, log_likelihood, eta = trial, trial_value, trial_log_likelihood, trial_eta
        else:
            raise InvalidInput(
                f"the regression does not settle: some column separates the outcome perfectly ({label}); drop it, or give ridge above 0"
            )
        inverse = np.linalg.inv(information)
        if grouped is None:
            covariance = np.asarray(inverse, dtype=np.float64)
        else:
            scores = cluster_sums(x * (y - p)[:, None], grouped)
            factor = grouped[1] / (grouped[1] - 1) * (rows - 1) / (rows - columns) if grouped[1] > 1 else math.inf
            covariance = factor * (inverse @ (scores.T @ scores) @ inverse)
    return LogisticFit(
        coefficients=beta,
        covariance=covariance,
        log_likelihood=log_likelihood,
        iterations=iterations,
        rows=rows,
        clusters=None if grouped is None else grouped[1],
    )
