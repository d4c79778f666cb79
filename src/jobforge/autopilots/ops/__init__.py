from jobforge.autopilots.ops.apply import APPLY
from jobforge.autopilots.ops.finding import Check, Finding
from jobforge.autopilots.ops.iac.scanner import list_checks, scan_files
from jobforge.autopilots.ops.rca.diagnosis import Diagnosis, diagnose_metrics
from jobforge.autopilots.ops.rca.series import MetricSeries
from jobforge.autopilots.ops.scan import SCAN
from jobforge.autopilots.ops.sizing.request import Recommendation, recommend_request

__all__ = [
    "APPLY",
    "SCAN",
    "Check",
    "Diagnosis",
    "Finding",
    "MetricSeries",
    "Recommendation",
    "diagnose_metrics",
    "list_checks",
    "recommend_request",
    "scan_files",
]
