"""The names that `jobforge.autopilots.ops` exports."""

from __future__ import annotations

from jobforge.autopilots import ops


def test_the_public_names_are_pinned() -> None:
    assert sorted(ops.__all__) == [
        "ALERT_CORRELATE",
        "APPLY",
        "Alert",
        "AlertGroup",
        "Check",
        "DIAGNOSE",
        "Diagnosis",
        "Finding",
        "MetricSeries",
        "RECOMMEND",
        "RELIABILITY_REPORT",
        "RUNBOOK_GENERATE",
        "Recommendation",
        "SCAN",
        "correlate_alerts",
        "diagnose_metrics",
        "list_checks",
        "recommend_request",
        "scan_files",
    ]
    assert all(hasattr(ops, name) for name in ops.__all__)
