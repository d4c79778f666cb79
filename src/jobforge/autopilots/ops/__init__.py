from jobforge.autopilots.ops.alert_correlate import ALERT_CORRELATE
from jobforge.autopilots.ops.alerts.correlation import AlertGroup, correlate_alerts
from jobforge.autopilots.ops.alerts.model import Alert
from jobforge.autopilots.ops.apply import APPLY
from jobforge.autopilots.ops.diagnose import DIAGNOSE
from jobforge.autopilots.ops.finding import Check, Finding
from jobforge.autopilots.ops.iac.scanner import list_checks, scan_files
from jobforge.autopilots.ops.rca.diagnosis import Diagnosis, diagnose_metrics
from jobforge.autopilots.ops.rca.series import MetricSeries
from jobforge.autopilots.ops.recommend import RECOMMEND
from jobforge.autopilots.ops.reliability_report import RELIABILITY_REPORT
from jobforge.autopilots.ops.runbook_generate import RUNBOOK_GENERATE
from jobforge.autopilots.ops.scan import SCAN
from jobforge.autopilots.ops.sizing.request import Recommendation, recommend_request

__all__ = [
    "ALERT_CORRELATE",
    "APPLY",
    "DIAGNOSE",
    "RECOMMEND",
    "RELIABILITY_REPORT",
    "RUNBOOK_GENERATE",
    "SCAN",
    "Alert",
    "AlertGroup",
    "Check",
    "Diagnosis",
    "Finding",
    "MetricSeries",
    "Recommendation",
    "correlate_alerts",
    "diagnose_metrics",
    "list_checks",
    "recommend_request",
    "scan_files",
]
