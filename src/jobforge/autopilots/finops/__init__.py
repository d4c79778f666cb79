"""FinOps: reconcile ledgers, find cost anomalies, see who is about to leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobforge.autopilots.finops.anomaly_scan import ANOMALY_SCAN
from jobforge.autopilots.finops.churn_risk_report import CHURN_RISK_REPORT
from jobforge.autopilots.finops.detect_anomalies import detect_anomalies, detect_anomalies_many
from jobforge.autopilots.finops.find_cost_anomalies import find_cost_anomalies
from jobforge.autopilots.finops.match_records import match_records
from jobforge.autopilots.finops.reconcile import RECONCILE, reconcile
from jobforge.autopilots.finops.reconciliation.model import (
    ControlTotal,
    Difference,
    Match,
    Reconciliation,
    Tolerance,
    Tolerated,
)
from jobforge.autopilots.finops.validate_focus import validate_focus

if TYPE_CHECKING:
    from jobforge.autopilots.finops.anomalies.detector import AnomalyScores
    from jobforge.autopilots.finops.churn.bg_nbd import BgNbd, fit_bg_nbd
    from jobforge.autopilots.finops.churn.model import ChurnModel
    from jobforge.autopilots.finops.costs.model import CostAnomaly
    from jobforge.autopilots.finops.focus.validator import FocusReport
    from jobforge.autopilots.finops.matching.matcher import RecordMatch

_LAZY = {
    "AnomalyScores": "anomalies.detector",
    "BgNbd": "churn.bg_nbd",
    "ChurnModel": "churn.model",
    "CostAnomaly": "costs.model",
    "FocusReport": "focus.validator",
    "RecordMatch": "matching.matcher",
    "fit_bg_nbd": "churn.bg_nbd",
}
"""Names whose modules import numpy; they are loaded when first asked for."""

__all__ = [
    "ANOMALY_SCAN",
    "CHURN_RISK_REPORT",
    "RECONCILE",
    "AnomalyScores",
    "BgNbd",
    "ChurnModel",
    "ControlTotal",
    "CostAnomaly",
    "Difference",
    "FocusReport",
    "Match",
    "Reconciliation",
    "RecordMatch",
    "Tolerance",
    "Tolerated",
    "detect_anomalies",
    "detect_anomalies_many",
    "find_cost_anomalies",
    "fit_bg_nbd",
    "match_records",
    "reconcile",
    "validate_focus",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 (whatever the name stands for)
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
