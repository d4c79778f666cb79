"""Every job type that comes with JobForge, listed one by one."""

from __future__ import annotations

from jobforge.autopilots.finops import RECONCILE
from jobforge.autopilots.growth import SEO_SCAN
from jobforge.autopilots.ops import APPLY, SCAN
from jobforge.autopilots.support import TRIAGE
from jobforge.core.catalog import AnyJobType

JOB_TYPES: tuple[AnyJobType, ...] = (
    SCAN,
    APPLY,
    TRIAGE,
    SEO_SCAN,
    RECONCILE,
)
