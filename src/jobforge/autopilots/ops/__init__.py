from jobforge.autopilots.ops.apply import APPLY
from jobforge.autopilots.ops.finding import Check, Finding
from jobforge.autopilots.ops.iac.scanner import list_checks, scan_files
from jobforge.autopilots.ops.rca.diagnosis import Diagnosis, diagnose_metrics
from jobforge.autopilots.ops.rca.series import MetricSeries
from jobforge.autopilots.ops.scan import SCAN

__all__ = [
    "APPLY",
    "SCAN",
    "Check",
    "Diagnosis",
    "Finding",
    "MetricSeries",
    "diagnose_metrics",
    "list_checks",
    "scan_files",
]
