"""`autopilot.ops.alert_correlate`: which of a tenant's alerts belong together, and why."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import Field

from jobforge.autopilots.ops.alerts.correlation import (
    MAX_ALERTS,
    AlertGroup,
    Link,
    correlate_alerts,
)
from jobforge.autopilots.ops.alerts.model import Alert, alerts_of
from jobforge.autopilots.ops.module_payload import without_metadata
from jobforge.autopilots.ops.reports import store_json
from jobforge.autopilots.ops.rows import edges_of
from jobforge.core.context import JobContext
from jobforge.core.data_source import DataSource, NamedDataset
from jobforge.core.errors import DatasetMissing, SourceMalformed
from jobforge.core.job_type import JobType
from jobforge.core.model import Model


class RuleOverride(Model):
    """Switches one rule on or off."""

    rule_id: str
    enabled: bool


class AlertCorrelatePayload(Model):
    """Which alerts to look at; what the module claims about them is checked, not believed."""

    alert_ids: tuple[str, ...] = Field(
        default=(), max_length=1000, description="Looked up in `alerts`; none means all of them."
    )
    correlation_group_id: str | None = None
    correlation_id: str | None = None
    time_window_minutes: float = Field(default=10.0, gt=0, le=24 * 60)
    rules_override: tuple[RuleOverride, ...] = Field(
        default=(), description="Rules: same_service, topology, similar_text."
    )
    alerts: DataSource = Field(
        default=NamedDataset(name="alerts"),
        description="Rows: alert_id, service, started_at, severity, title, resolved_at.",
    )
    topology: DataSource | None = Field(default=None, description="Rows: caller, callee.")
    root_cause: str | None = None
    confidence: float | None = Field(default=None, ge=0, le=1)
    services_affected: tuple[str, ...] = ()
    action: str | None = None
    profile_id: str | None = None


class CorrelatedLink(Model):
    """Why two alerts belong together."""

    alert_ids: tuple[str, str]
    rules: tuple[str, ...]
    gap_seconds: float
    reason: str


class CorrelatedGroup(Model):
    """Alerts that belong together."""

    alert_ids: tuple[str, ...]
    services: tuple[str, ...]
    first_at: datetime
    last_at: datetime
    probable_cause: str
    cause_reason: str
    confidence: float
    links: tuple[CorrelatedLink, ...]


class ClaimCheck(Model):
    """What became of the module's claim that its alerts form one group."""

    holds: bool
    reason: str


class AlertCorrelateResult(Model):
    """Groups, largest first; alerts that belong to none are listed."""

    correlation_group_id: str | None
    groups: tuple[CorrelatedGroup, ...]
    ungrouped_alert_ids: tuple[str, ...]
    missing_alert_ids: tuple[str, ...]
    claim: ClaimCheck | None
    alerts_considered: int


async def handle(payload: AlertCorrelatePayload, context: JobContext) -> AlertCorrelateResult:
    """Look the alerts up and group them.

    Raises:
        DatasetMissing: there is no alerts dataset, or none of the named alerts is in it.
        SourceMalformed: a row lacks what an alert has, or there are too many.
    """
    alerts = alerts_of(await context.data.rows(payload.alerts))
    if len(alerts) > MAX_ALERTS:
        raise SourceMalformed(f"{len(alerts):,} alerts, more than {MAX_ALERTS:,}")
    rows = [] if payload.topology is None else await context.data.rows(payload.topology)
    known = {alert.alert_id for alert in alerts}
    missing = tuple(name for name in payload.alert_ids if name not in known)
    if payload.alert_ids and len(missing) == len(payload.alert_ids):
        raise DatasetMissing(
            f"none of {len(missing)} alerts is in the dataset: {', '.join(missing[:5])}",
            hint="jobforge data add alerts PATH",
        )
    if not alerts:
        raise DatasetMissing("the alerts dataset is empty", hint="jobforge data add alerts PATH")
    groups = correlate_alerts(
        alerts,
        calls=edges_of(rows),
        window=timedelta(minutes=payload.time_window_minutes),
        disabled_rules=[rule.rule_id for rule in payload.rules_override if not rule.enabled],
    )
    result = _to_result(payload, alerts, groups, missing)
    await store_json(context, "ops-alert-correlate", "alert_correlation", result)
    return result


def _to_result(
    payload: AlertCorrelatePayload,
    alerts: tuple[Alert, ...],
    groups: tuple[AlertGroup, ...],
    missing: tuple[str, ...],
) -> AlertCorrelateResult:
    wanted = set(payload.alert_ids) or {alert.alert_id for alert in alerts}
    shown = [group for group in groups if wanted & set(group.alert_ids)]
    grouped = {name for group in shown for name in group.alert_ids}
    return AlertCorrelateResult(
        correlation_group_id=payload.correlation_group_id or payload.correlation_id,
        groups=tuple(_to_model(group) for group in shown),
        ungrouped_alert_ids=tuple(
            alert.alert_id
            for alert in alerts
            if alert.alert_id in wanted and alert.alert_id not in grouped
        ),
        missing_alert_ids=missing,
        claim=_check_claim(payload, shown, missing),
        alerts_considered=len(alerts),
    )


def _check_claim(
    payload: AlertCorrelatePayload, groups: list[AlertGroup], missing: tuple[str, ...]
) -> ClaimCheck | None:
    if payload.correlation_group_id is None or not payload.alert_ids:
        return None
    if missing:
        return ClaimCheck(holds=False, reason=f"{len(missing)} of its alerts are not known")
    wanted = set(payload.alert_ids)
    for group in groups:
        if wanted <= set(group.alert_ids):
            more = len(group.alert_ids) - len(wanted)
            reason = f"one group at confidence {group.confidence}, {more} further alerts"
            return ClaimCheck(holds=True, reason=reason)
    return ClaimCheck(holds=False, reason="no rule links all of them within the window")


def _to_model(group: AlertGroup) -> CorrelatedGroup:
    return CorrelatedGroup(
        alert_ids=group.alert_ids,
        services=group.services,
        first_at=group.first_at,
        last_at=group.last_at,
        probable_cause=group.probable_cause,
        cause_reason=group.cause_reason,
        confidence=group.confidence,
        links=tuple(_to_link(link) for link in group.links),
    )


def _to_link(link: Link) -> CorrelatedLink:
    return CorrelatedLink(
        alert_ids=(link.one, link.other),
        rules=link.rules,
        gap_seconds=link.gap.total_seconds(),
        reason=link.reason,
    )


def _sources(payload: AlertCorrelatePayload) -> tuple[DataSource, ...]:
    return (payload.alerts,) if payload.topology is None else (payload.alerts, payload.topology)


ALERT_CORRELATE = JobType(
    name="autopilot.ops.alert_correlate",
    title="Correlate alerts",
    domain="ops",
    payload=AlertCorrelatePayload,
    result=AlertCorrelateResult,
    scopes=frozenset({"ops:read"}),
    timeout=timedelta(minutes=5),
    handle=handle,
    translate=without_metadata,
    sources=_sources,
    examples=(
        {"alert_ids": ["alert-001", "alert-002"], "correlation_group_id": "grp-1"},
        {"time_window_minutes": 15, "topology": "topology"},
    ),
)
