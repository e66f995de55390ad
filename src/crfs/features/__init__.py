"""Features: weight of evidence, labels, and point-in-time training sets."""

from crfs.features.labels import Labelled, outcome_labels
from crfs.features.specification import FeatureFactor, feature_factors, parse_feature_specification
from crfs.features.training_set import TrainingSet, canonical_parquet, training_set

__all__ = [
    "FeatureFactor",
    "Labelled",
    "TrainingSet",
    "canonical_parquet",
    "feature_factors",
    "outcome_labels",
    "parse_feature_specification",
    "training_set",
]
