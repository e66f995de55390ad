"""Certain losses and at most one uncertain name: the distribution can be written down."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from crfs.risk.cuts import cut
from crfs.risk.measures import TailMeasure, certain, within_the_tail
from crfs.risk.obligors import Obligors
from crfs.risk.outcome import Outcome
from crfs.risk.result import CurvePoint, Method


def closed_form(obligors: Obligors, uncertain: npt.NDArray[np.intp], confidences: tuple[float, ...], *, listed: int | None) -> Outcome:
    """Certain losses, and at most one name that either defaults or does not; ``listed`` obligors are told with their parts, None: no parts."""
    base = float(obligors.loss[obligors.pd >= 1.0].sum())
    pd = float(obligors.pd[uncertain[0]]) if len(uncertain) else 0.0
    jump = float(obligors.loss[uncertain[0]]) if len(uncertain) else 0.0
    measures: list[TailMeasure] = []
    shares = []
    for confidence in confidences:
        quantile = base if within_the_tail(pd, confidence) else base + jump
        share = min(1.0, pd / (1.0 - confidence))
        shares.append(share)
        measures.append(certain(confidence, quantile, base + jump * share))
    # As of any distribution of steps: what is exceeded with a probability, and no loss that nothing exceeds.
    points = [(1.0, 0.0)] * (base > 0.0) + [(pd, base)] * (pd > 0.0)
    sure = np.where(obligors.pd >= 1.0, obligors.loss, 0.0)
    es, var = np.stack([sure] * len(confidences)), np.stack([sure] * len(confidences))
    if len(uncertain):
        es[:, uncertain[0]] += jump * np.array(shares)
        var[:, uncertain[0]] += [measure.var - base for measure in measures]
    return Outcome(
        measures=tuple(measures),
        mean=base + pd * jump,
        mean_se=0.0,
        ul=jump * math.sqrt(pd * (1.0 - pd)),
        ul_se=0.0,
        curve=tuple(CurvePoint(exceedance_probability=p, loss=x, loss_low=x, loss_high=x) for p, x in points),
        contributions=cut(obligors, es[:, :, None], var[:, :, None], listed=listed) if listed is not None else (),
        method=Method.CLOSED_FORM,
        scenarios=0,
        converged=True,
        notes=("at most one name of the book is uncertain: the distribution is exact",),
    )
