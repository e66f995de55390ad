"""Provisions: IFRS 9 stages and expected credit losses, CECL allowances, overlays, and the way from one period's allowance to the next."""

from __future__ import annotations

from crfs.risk.provisions.book import provisions_schema
from crfs.risk.provisions.cecl import CeclResult, cecl_allowance
from crfs.risk.provisions.ecl import EclResult, expected_credit_loss, provision_matrix
from crfs.risk.provisions.exposure import Amortisation, balance_share
from crfs.risk.provisions.loss_paths import Timing
from crfs.risk.provisions.overlays import Overlay, OverlayResult, apply_overlays
from crfs.risk.provisions.reconciliation import Reconciliation, reconcile
from crfs.risk.provisions.scenarios import BASE, EclScenario
from crfs.risk.provisions.staging import StagingResult, StagingRule, Trigger, in_default_by, stage_facilities, staging_schema
from crfs.risk.provisions.term_structure import (
    PdCurves,
    curves_from_conditional,
    curves_from_cumulative,
    curves_from_generator,
    curves_from_pd_12m,
    curves_from_transitions,
    point_in_time_pd,
)

__all__ = [
    "BASE",
    "Amortisation",
    "CeclResult",
    "EclResult",
    "EclScenario",
    "Overlay",
    "OverlayResult",
    "PdCurves",
    "Reconciliation",
    "StagingResult",
    "StagingRule",
    "Timing",
    "Trigger",
    "apply_overlays",
    "balance_share",
    "cecl_allowance",
    "curves_from_conditional",
    "curves_from_cumulative",
    "curves_from_generator",
    "curves_from_pd_12m",
    "curves_from_transitions",
    "expected_credit_loss",
    "in_default_by",
    "point_in_time_pd",
    "provision_matrix",
    "provisions_schema",
    "reconcile",
    "stage_facilities",
    "staging_schema",
]
