"""Every job type that can run here: ours one by one, then those of installed packages."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import entry_points

from jobforge.autopilots import finops, growth, ops, support
from jobforge.autopilots.jobforge import EXECUTE_REQUEST_BUNDLE, RUN_MODULE_CLI, undo_job_type
from jobforge.core.catalog import AnyJobType, JobCatalog

ENTRY_POINTS = "jobforge.job_types"
"""The entry-point group in which other packages name theirs."""

JOB_TYPES: tuple[AnyJobType, ...] = (
    ops.SCAN,
    ops.ALERT_CORRELATE,
    ops.DIAGNOSE,
    ops.RECOMMEND,
    ops.RELIABILITY_REPORT,
    ops.RUNBOOK_GENERATE,
    ops.APPLY,
    support.TRIAGE,
    support.BATCH_TRIAGE,
    support.INGEST_KB,
    support.DRAFT_REPLY,
    support.PROPOSE_KB_PATCH,
    growth.SEO_SCAN,
    growth.FUNNEL_ANALYZE,
    growth.EXPERIMENT_PROPOSE,
    growth.EXPERIMENT_READOUT,
    growth.EXPERIMENT_RUN,
    growth.CONTENT_DRAFT,
    growth.PUBLISH_CONTENT,
    finops.RECONCILE,
    finops.ANOMALY_SCAN,
    finops.CHURN_RISK_REPORT,
    EXECUTE_REQUEST_BUNDLE,
    RUN_MODULE_CLI,
)


def load_catalog(extra: Iterable[AnyJobType] = ()) -> JobCatalog:
    """The catalogue, with `extra` job types for tests and measurements.

    Raises:
        ValueError: two job types have one name.
    """
    installed = [entry_point.load() for entry_point in entry_points(group=ENTRY_POINTS)]
    # What takes actions back looks their types up in the very catalogue it stands in.
    undo = undo_job_type(lambda: catalog)
    catalog = JobCatalog([*JOB_TYPES, undo, *installed, *extra])
    return catalog
