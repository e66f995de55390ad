"""What a reader of a model card must not miss, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crfs.credit.confidences import percentage


def card_warnings(card: Mapping[str, Any]) -> list[str]:
    """Sentences of warning about a model, the gravest first; none where nothing is wrong that its validation can see.

    >>> card_warnings({"validation": None})
    ['It was not validated out of time.']
    """
    seen = card.get("validation")
    if seen is None:
        return ["It was not validated out of time."]
    if "auc" not in seen:
        return _of_means(seen)
    warnings = []
    large, slope = seen["calibration"]["in_the_large"], seen["calibration"]["slope"]
    if large["lower"] > 0.0 or large["upper"] < 0.0:
        side = "too low" if large["value"] > 0.0 else "too high"
        ratio = f" ({seen['default_rate'] / seen['mean_pd']:.2f} times as many)" if seen["mean_pd"] else ""
        warnings.append(
            f"Its PDs were {side} out of time: the mean PD was {100 * seen['mean_pd']:.2f} %, and {100 * seen['default_rate']:.2f} % defaulted{ratio}; the "
            f"{percentage(seen['confidence'])} % interval of the level, {large['lower']:+.2f} to {large['upper']:+.2f} log-odds, leaves out zero."
        )
    if slope["lower"] > 1.0 or slope["upper"] < 1.0:
        what = "too wide apart" if slope["value"] < 1.0 else "too close together"
        warnings.append(
            f"Its PDs lie {what}: the calibration slope is {slope['value']:.3f} ({slope['lower']:.3f} to {slope['upper']:.3f}); 1 is right."
        )
    if seen["auc"]["lower"] <= 0.5:
        warnings.append(f"It may order no better than chance: the interval of the AUC begins at {seen['auc']['lower']:.3f}.")
    if seen["psi"] is not None and seen["psi"]["psi"] >= 0.25:
        warnings.append(f"The scores have moved since training: their stability index is {seen['psi']['psi']:.2f}; above 0.25 is much.")
    return warnings


def _of_means(seen: Mapping[str, Any]) -> list[str]:
    bias = seen["bias"]
    if bias["upper"] < 0.0:
        return [f"It predicts too little: by {-bias['value']:.4f} on average ({-bias['upper']:.4f} to {-bias['lower']:.4f})."]
    return []
