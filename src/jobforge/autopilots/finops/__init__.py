"""FinOps: reconcile ledgers, find cost anomalies, see who is about to leave."""

from __future__ import annotations

from jobforge.autopilots.finops.reconcile import RECONCILE, reconcile
from jobforge.autopilots.finops.reconciliation.model import (
    ControlTotal,
    Difference,
    Match,
    Reconciliation,
    Tolerance,
    Tolerated,
)

__all__ = [
    "RECONCILE",
    "ControlTotal",
    "Difference",
    "Match",
    "Reconciliation",
    "Tolerance",
    "Tolerated",
    "reconcile",
]
