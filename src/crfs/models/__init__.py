"""Models of PD, LGD and EAD: fitted from tables, stored as canonical JSON, calibrated, validated, described on a card."""

from crfs.models.artefact import Model, ModelKind, load_model
from crfs.models.calibration import Calibration, CalibrationMethod, calibration_fit, fit_calibration
from crfs.models.card import card_text, model_card
from crfs.models.discrimination import auc, gini, ks, roc_points
from crfs.models.ead import EadModel, EadSpec, fit_ead
from crfs.models.lgd import LgdModel, LgdSpec, fit_lgd
from crfs.models.scorecard import Scorecard, ScorecardSpec, fit_scorecard
from crfs.models.splits import SplitSpec, TimeSplit, propose_split, split_by_time
from crfs.models.stability import psi
from crfs.models.validation import validate, validate_mean

__all__ = [
    "Calibration",
    "CalibrationMethod",
    "EadModel",
    "EadSpec",
    "LgdModel",
    "LgdSpec",
    "Model",
    "ModelKind",
    "Scorecard",
    "ScorecardSpec",
    "SplitSpec",
    "TimeSplit",
    "auc",
    "calibration_fit",
    "card_text",
    "fit_calibration",
    "fit_ead",
    "fit_lgd",
    "fit_scorecard",
    "gini",
    "ks",
    "load_model",
    "model_card",
    "propose_split",
    "psi",
    "roc_points",
    "split_by_time",
    "validate",
    "validate_mean",
]
