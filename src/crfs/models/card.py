"""The model card: what a model is, what it was fitted on, how it did out of time, and where it should not be used; JSON and text."""

from __future__ import annotations

from typing import Any

from crfs.credit.confidences import percentage
from crfs.errors import InvalidInput
from crfs.models.artefact import Model
from crfs.models.canonical import digest
from crfs.models.ead import EadModel
from crfs.models.lgd import LgdModel
from crfs.models.scorecard import Scorecard
from crfs.models.segments import SegmentMeans

INTERVALS = (
    "Intervals treat obligors as independent given the data; a shock common to all obligors is in none of them. Bins and selection were "
    "chosen on the training rows and are taken as given."
)


def model_card(
    model: Model, *, validation: dict[str, Any] | None = None, purpose: str = "", limits: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The card as plain JSON values.

    Args:
        model: a fitted model of a family known here.
        validation: what ``validate`` gave on rows out of time; None = not validated, and the card says so.
        purpose: what it is for, in a sentence.
        limits: where it should not be used, beside what the family itself brings.
    """
    card: dict[str, Any] = {
        "kind": model.kind,
        "sha256": digest(model.to_json()),
        "purpose": purpose,
        "validation": validation,
        "validated": validation is not None,
    }
    if isinstance(model, Scorecard):
        card["fit"] = {
            "rows": model.facts.rows,
            "defaults": model.facts.defaults,
            "obligors": model.facts.obligors,
            "first_observed_at": model.facts.first_observed_at,
            "last_observed_at": model.facts.last_observed_at,
        }
        card["features"] = [
            {
                "feature": item.name,
                "trend": str(item.binning.trend),
                "bins": len(item.binning.ordinary),
                "information_value": item.information_value,
                "information_value_se": item.information_value_se,
                "coefficient": item.coefficient,
                "standard_error": item.standard_error,
            }
            for item in model.features
        ]
        card["dropped"] = [{"feature": item.feature, "reason": str(item.reason), "value": item.value} for item in model.dropped]
        card["calibration"] = model.calibration.to_dict()
        card["limits"] = [*limits, INTERVALS]
    elif isinstance(model, LgdModel):
        card["fit"] = {"resolved": model.resolved, "unresolved": model.unresolved}
        card["segments"] = _segments(model.means)
        card["mean_if_open_workouts_lose"] = {"nothing": model.mean_lowest, "everything": model.mean_highest}
        card["limits"] = [*limits]
        if model.unresolved:
            card["limits"].append(
                f"{model.unresolved} unresolved defaults are not in the means, which are too low if long workouts recover less; "
                f"the overall mean lies between {model.mean_lowest:.4f} and {model.mean_highest:.4f}."
            )
    elif isinstance(model, EadModel):
        card["fit"] = {"defaults": model.defaults, "left_out": model.left_out}
        card["ccf"] = None if model.ccf is None else _segments(model.ccf)
        card["factor"] = None if model.factor is None else _segments(model.factor)
        card["limits"] = [*limits]
        if model.left_out:
            card["limits"].append(
                f"{model.left_out} defaults with (nearly) nothing undrawn or nothing drawn tell no factor and were left out."
            )
    else:
        raise InvalidInput(f"there is no card for a model of kind {model.kind!r}")
    return card


def card_text(card: dict[str, Any]) -> str:
    """The card in a dozen lines."""
    lines = [f"{card['kind']}  sha256 {card['sha256'][:16]}"]
    if card["purpose"]:
        lines.append(card["purpose"])
    lines.append("fit: " + ", ".join(f"{name} {value}" for name, value in card["fit"].items() if value is not None))
    if "features" in card:
        lines.append("features: " + ", ".join(f"{item['feature']} (IV {item['information_value']:.3f})" for item in card["features"]))
        if card["dropped"]:
            lines.append("dropped: " + ", ".join(f"{item['feature']} ({item['reason']})" for item in card["dropped"]))
    for name in ("segments", "ccf", "factor"):
        for item in card.get(name) or ():
            error = "" if item["se"] is None else f" ± {item['se']:.4f}"
            spread = f"{item['mean']:.4f}{error} (n {item['count']})"
            lines.append(f"{name}: {item['segment']}: {spread}" + ("" if item["used"] else ", too few: parent used"))
    seen = card["validation"]
    if seen is None:
        lines.append("not validated")
    elif "auc" in seen:
        slope, large = seen["calibration"]["slope"], seen["calibration"]["in_the_large"]
        level = f"{percentage(seen['confidence'])} %"
        lines.append(f"out of time: {seen['rows']} rows, {seen['defaults']} defaults, {seen['obligors']} obligors")
        lines.append(
            f"AUC {seen['auc']['value']:.4f} ({level} {seen['auc']['lower']:.4f} to {seen['auc']['upper']:.4f}), KS {seen['ks']:.4f}, "
            f"Brier {seen['brier']['brier']:.5f}"
        )
        lines.append(
            f"calibration: slope {slope['value']:.3f} ({level} {slope['lower']:.3f} to {slope['upper']:.3f}), in the large "
            f"{large['value']:+.3f} ({large['lower']:+.3f} to {large['upper']:+.3f}); mean PD {seen['mean_pd']:.4%}, realised {seen['default_rate']:.4%}"
        )
        if seen["psi"] is not None:
            lines.append(f"PSI of the score {seen['psi']['psi']:.4f} ({seen['psi']['bins']} bins, epsilon {seen['psi']['epsilon']:g})")
    else:
        bias, explained = seen["bias"], "-" if seen["r2"] is None else f"{seen['r2']:.3f}"
        lines.append(
            f"out of time: {seen['rows']} cases, predicted {seen['mean_predicted']:.4f}, realised {seen['mean_realised']:.4f}, "
            f"bias {bias['value']:+.4f} ({bias['lower']:+.4f} to {bias['upper']:+.4f}), RMSE {seen['rmse']:.4f}, R² {explained}"
        )
    lines += [f"limit: {limit}" for limit in card["limits"]]
    return "\n".join(lines)


def _segments(means: SegmentMeans) -> list[dict[str, Any]]:
    return means.table().to_dicts()
