"""The names that others import; a change here is a change of the contract."""

from __future__ import annotations

import subprocess
import sys

from jobforge.autopilots import finops

PUBLIC = {
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
}


def test_the_public_names_are_these_and_all_of_them_load() -> None:
    assert set(finops.__all__) == PUBLIC
    assert all(getattr(finops, name) is not None for name in finops.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(finops, "no_such_name")


def test_functions_are_not_hidden_by_the_modules_of_their_names() -> None:

    assert callable(finops.reconcile)
    assert callable(finops.validate_focus)


def test_importing_the_package_loads_no_heavy_library() -> None:
    code = (
        "import sys, jobforge.autopilots.finops; "
        "print(*(m for m in ('numpy', 'scipy', 'sklearn', 'duckdb') if m in sys.modules))"
    )

    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 (our own code)

    assert answer.stdout.strip() == ""
