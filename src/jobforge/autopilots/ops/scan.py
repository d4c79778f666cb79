"""`autopilot.ops.scan`: health, security and cost findings, live and in files, with evidence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Literal

from pydantic import Field, field_validator

from jobforge.autopilots.ops.finding import Finding, Severity, worst_severity
from jobforge.autopilots.ops.findings_report import to_html, to_markdown, to_sarif
from jobforge.autopilots.ops.live.prometheus import PrometheusQuery
from jobforge.autopilots.ops.module_payload import without_metadata
from jobforge.autopilots.ops.reports import store_text
from jobforge.autopilots.ops.scan_targets import (
    THIS_HOST,
    Look,
    ScanType,
    TargetReport,
    check_target,
    scan_query,
    scan_target,
)
from jobforge.autopilots.ops.suppression import (
    BaselineDiff,
    SuppressedFinding,
    Suppression,
    compare,
    suppress,
)
from jobforge.autopilots.ops.waste import assets_of, find_waste
from jobforge.core.context import JobContext
from jobforge.core.data_source import DataSource
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

PARALLEL_TARGETS = 8
ReportFormat = Literal["sarif", "markdown", "html"]


class ScanOptions(Model):
    """How deep to look, and how long."""

    depth: Literal["surface", "deep"] = Field(
        default="surface",
        description="deep adds DNS records, and statistics of every table and index.",
    )
    include_logs: bool = Field(
        default=False, description="Logs are judged by `autopilot.ops.diagnose`; a notice says so."
    )
    time_range_hours: int = Field(default=24, ge=1, le=168)
    target_timeout_seconds: float = Field(
        default=20.0, gt=0, le=120, description="Time budget of one target, in seconds."
    )


class ScanPayload(Model):
    """What to look at; nothing at all means this host.

    Targets are `https://…`, `connection:NAME`, `files:FOLDER` (of the workspace) or `host:`.
    """

    scan_type: ScanType = "health"
    targets: tuple[str, ...] = Field(default=(), max_length=200)
    options: ScanOptions = ScanOptions()
    prometheus: tuple[PrometheusQuery, ...] = Field(default=(), max_length=100)
    inventory: DataSource | None = Field(
        default=None,
        description="For cost. Rows: resource, kind, price_per_month, price_source, use_percent, "
        "peak_percent, attached, state, owner, size, last_used_at.",
    )
    suppressions: tuple[Suppression, ...] = Field(default=(), max_length=1000)
    baseline: DataSource | None = Field(
        default=None, description="Findings of an earlier scan: rows with a fingerprint."
    )
    formats: tuple[ReportFormat, ...] = Field(
        default=(), description="Further reports beside the JSON one."
    )

    @field_validator("targets")
    @classmethod
    def _are_known_kinds(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        for target in targets:
            check_target(target)
        return tuple(dict.fromkeys(targets))


class ScanSummary(Model):
    """Targets counted by their worst finding: critical or high, medium or low, none."""

    healthy: int
    warning: int
    critical: int


class ScanResult(Model):
    """What was found."""

    scan_type: ScanType
    targets_scanned: int
    findings: tuple[Finding, ...]
    summary: ScanSummary
    suppressed: tuple[SuppressedFinding, ...] = ()
    baseline: BaselineDiff | None = None
    notices: tuple[str, ...] = Field(
        default=(), description="What was asked for and could not be judged, and why."
    )


def summarise(reports: dict[str, tuple[Finding, ...]]) -> ScanSummary:
    """Count targets by their worst finding; an `info` finding leaves a target healthy."""
    ranks: list[Severity | None] = [worst_severity(findings) for findings in reports.values()]
    critical = sum(rank in {"critical", "high"} for rank in ranks)
    warning = sum(rank in {"medium", "low"} for rank in ranks)
    return ScanSummary(healthy=len(ranks) - critical - warning, warning=warning, critical=critical)


async def handle(payload: ScanPayload, context: JobContext) -> ScanResult:
    """Look at every target, each within its own time budget.

    Raises:
        EgressDenied: every target is refused.
        ConnectionMissing: every target is a connection that does not exist.
        DatasetMissing: the inventory or the baseline does not exist.
    """
    reports = await _look_at_all(payload, context)
    refusals = [report.refusal for report in reports if report.refusal is not None]
    if refusals and len(refusals) == len(reports):
        raise refusals[0]
    if payload.inventory is not None:
        assets = assets_of(await context.data.rows(payload.inventory))
        waste = tuple(find_waste(assets, context.now()))
        reports.append(TargetReport("inventory", waste))
    baseline = [] if payload.baseline is None else await context.data.rows(payload.baseline)
    result = _to_result(payload, reports, baseline, context)
    await _store(payload, result, context)
    return result


async def _look_at_all(payload: ScanPayload, context: JobContext) -> list[TargetReport]:
    has_more = bool(payload.prometheus) or payload.inventory is not None
    targets = payload.targets or (() if has_more else (THIS_HOST,))
    look = Look(
        scan_type=payload.scan_type,
        is_deep=payload.options.depth == "deep",
        budget=timedelta(seconds=payload.options.target_timeout_seconds),
    )
    gate = asyncio.Semaphore(PARALLEL_TARGETS)
    total = len(targets) + len(payload.prometheus)
    done = 0

    async def look_at(target: str | PrometheusQuery) -> TargetReport:
        nonlocal done
        async with gate:
            if isinstance(target, str):
                report = await scan_target(look, target, context)
            else:
                report = await scan_query(look, target, context)
        done += 1
        await context.progress(done / total, f"looked at {report.target}")
        return report

    wanted: tuple[str | PrometheusQuery, ...] = (*targets, *payload.prometheus)
    return list(await asyncio.gather(*(look_at(target) for target in wanted)))


def _to_result(
    payload: ScanPayload,
    reports: Sequence[TargetReport],
    baseline: Sequence[Mapping[str, object]],
    context: JobContext,
) -> ScanResult:
    found = [finding for report in reports for finding in report.findings]
    kept, suppressed, told = suppress(found, payload.suppressions, context.now().date())
    fingerprints = {finding.fingerprint for finding in kept}
    notices = [notice for report in reports for notice in report.notices] + told
    if payload.options.include_logs:
        notices.append("include_logs: a scan reads no logs; use autopilot.ops.diagnose")
    by_target: dict[str, tuple[Finding, ...]] = {}
    for report in reports:
        staying = tuple(f for f in report.findings if f.fingerprint in fingerprints)
        by_target[report.target] = (*by_target.get(report.target, ()), *staying)
    return ScanResult(
        scan_type=payload.scan_type,
        targets_scanned=len(by_target),
        findings=tuple(kept),
        summary=summarise(by_target),
        suppressed=tuple(suppressed),
        baseline=None if payload.baseline is None else compare(kept, baseline),
        notices=tuple(notices),
    )


async def _store(payload: ScanPayload, result: ScanResult, context: JobContext) -> None:
    report = {
        "scan_type": result.scan_type,
        "scanned_at": context.now().isoformat(),
        "targets_scanned": result.targets_scanned,
        "summary": result.summary.model_dump(),
        "findings": [asdict(finding) for finding in result.findings],
        "suppressed": [item.model_dump(mode="json") for item in result.suppressed],
        "notices": list(result.notices),
    }
    text = json.dumps(report, indent=2, ensure_ascii=False)
    await store_text(context, "ops-scan", "scan_report", text, suffix="json")
    title = f"Scan ({result.scan_type}), {context.now():%Y-%m-%d %H:%M} UTC"
    for name in payload.formats:
        written, suffix = _write(name, result.findings, title)
        await store_text(context, "ops-scan", f"scan_{name}", written, suffix=suffix)


def _write(name: ReportFormat, findings: tuple[Finding, ...], title: str) -> tuple[str, str]:
    match name:
        case "sarif":
            return to_sarif(findings), "sarif"
        case "markdown":
            return to_markdown(findings, title), "md"
        case "html":
            return to_html(findings, title), "html"


def _sources(payload: ScanPayload) -> tuple[DataSource, ...]:
    named = (payload.inventory, payload.baseline)
    return tuple(source for source in named if source is not None)


SCAN = JobType(
    name="autopilot.ops.scan",
    title="Scan endpoints, databases, files and this host",
    domain="ops",
    payload=ScanPayload,
    result=ScanResult,
    scopes=frozenset({"ops:read"}),
    timeout=timedelta(minutes=5),
    handle=handle,
    isolation="inline",
    translate=without_metadata,
    sources=_sources,
    examples=(
        {"scan_type": "health"},
        {
            "scan_type": "full",
            "targets": ["https://example.com/", "connection:billing-db", "files:deploy", "host:"],
            "options": {"depth": "deep"},
            "formats": ["sarif"],
        },
    ),
    result_examples=(
        {
            "scan_type": "health",
            "targets_scanned": 1,
            "findings": [
                {
                    "check_id": "OPS_HOST_005",
                    "title": "The run queue fits the processors",
                    "references": [],
                    "path": "host:",
                    "resource": "vm",
                    "status": "FAILED",
                    "severity": "high",
                    "line": None,
                    "evidence": "15-minute load 7.45 on 2 processors",
                    "remediation": "Look at the busiest processes; spread or limit them.",
                    "fingerprint": "8a78c26db7046f9e",
                    "category": "health",
                    "controls": ["NIST SC-5"],
                }
            ],
            "summary": {"healthy": 0, "warning": 0, "critical": 1},
            "suppressed": [],
            "baseline": None,
            "notices": [],
        },
    ),
)
