"""`autopilot.ops.scan`: health, security and cost findings on live targets, with evidence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from jobforge.autopilots.ops.finding import Check, Finding, Severity, worst_severity
from jobforge.autopilots.ops.live import dns, host, http, postgres, tls
from jobforge.autopilots.ops.live.postgres_queries import DEEP, SURFACE
from jobforge.contract.errors import JobForgeError
from jobforge.core.context import HttpRequest, JobContext
from jobforge.core.errors import ConnectionMissing, EgressDenied
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

ScanType = Literal["health", "security", "cost", "full"]
THIS_HOST = "host:"
PARALLEL_TARGETS = 8

TARGET_FAILED = Check(
    "OPS_TARGET_001", (), "The target can be looked at", "critical",
    "Check that it is up and reachable from here within the time budget.", "health",
)  # fmt: skip
TARGET_REFUSED = Check(
    "OPS_TARGET_002", (), "The target may be looked at", "critical",
    "List the address in JOBFORGE_EGRESS_ALLOW if it is yours.", "health",
)  # fmt: skip


class ScanOptions(Model):
    """How deep to look, and how long."""

    depth: Literal["surface", "deep"] = Field(
        default="surface",
        description="deep adds DNS records, and statistics of every table and index.",
    )
    include_logs: bool = Field(
        default=False, description="Not judged on live targets; the result says so."
    )
    time_range_hours: int = Field(default=24, ge=1, le=168)
    target_timeout_seconds: float = Field(
        default=20.0, gt=0, le=120, description="Time budget of one target, in seconds."
    )


class ScanPayload(Model):
    """What to look at: `https://…`, `connection:NAME` or `host:`; none means this host."""

    scan_type: ScanType = "health"
    targets: tuple[str, ...] = Field(default=(), max_length=200)
    options: ScanOptions = ScanOptions()

    @field_validator("targets")
    @classmethod
    def _are_known_kinds(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        for target in targets:
            _check_target(target)
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
    notices: tuple[str, ...] = Field(
        default=(), description="What was asked for and could not be judged, and why."
    )


@dataclass(frozen=True, slots=True)
class _TargetReport:
    target: str
    findings: tuple[Finding, ...]
    refusal: JobForgeError | None = None
    notices: tuple[str, ...] = ()


def _check_target(target: str) -> None:
    if target == THIS_HOST:
        return
    if target.startswith("connection:") and target.removeprefix("connection:").strip():
        return
    parts = urlsplit(target)
    if parts.scheme in {"http", "https"} and parts.hostname:
        if parts.username or parts.password:
            raise ValueError("a target carries no credentials; register a connection instead")
        http.host_and_port(target)
        return
    raise ValueError(f"{target!r} is none of https://…, connection:NAME, host:")


def summarise(reports: dict[str, tuple[Finding, ...]]) -> ScanSummary:
    """Count targets by their worst finding; an `info` finding leaves a target healthy."""
    ranks: list[Severity | None] = [worst_severity(findings) for findings in reports.values()]
    critical = sum(rank in {"critical", "high"} for rank in ranks)
    warning = sum(rank in {"medium", "low"} for rank in ranks)
    return ScanSummary(healthy=len(ranks) - critical - warning, warning=warning, critical=critical)


async def _scan_host(payload: ScanPayload, target: str, context: JobContext) -> _TargetReport:
    facts = await context.probes.host()
    findings: list[Finding] = []
    if payload.scan_type in {"health", "full"}:
        findings += host.check_health(target, facts)
    if payload.scan_type in {"security", "full"}:
        findings += host.check_security(target, facts)
    notices = ("host: has no cost check",) if payload.scan_type == "cost" else ()
    return _TargetReport(target, tuple(findings), notices=notices)


async def _scan_postgres(payload: ScanPayload, target: str, context: JobContext) -> _TargetReport:
    is_deep = payload.options.depth == "deep" or payload.scan_type in {"cost", "full"}
    tables = await context.probes.postgres(
        target.removeprefix("connection:"),
        SURFACE | DEEP if is_deep else SURFACE,
        timeout=_budget(payload),
    )
    findings: list[Finding] = []
    if payload.scan_type in {"health", "full"}:
        findings += postgres.check_health(target, tables)
    if payload.scan_type in {"security", "full"}:
        findings += postgres.check_security(target, tables)
    if payload.scan_type in {"cost", "full"}:
        findings += postgres.check_cost(target, tables)
    return _TargetReport(target, tuple(findings))


async def _scan_url(payload: ScanPayload, target: str, context: JobContext) -> _TargetReport:
    if payload.scan_type == "cost":
        return _TargetReport(target, (), notices=(f"{target} has no cost check",))
    findings: list[Finding] = []
    if target.startswith("https:"):
        findings += await _scan_tls(payload, target, context)
    if payload.options.depth == "deep":
        name, _ = http.host_and_port(target)
        records = await context.probes.resolve(name, timeout=_budget(payload))
        wanted = _wanted(payload)
        findings += (item for item in dns.check_dns(target, name, records) if wanted(item))
    if any(finding.check_id == tls.UNTRUSTED.check_id for finding in findings):
        # The client refuses an untrusted server; the handshake already told why.
        return _TargetReport(target, tuple(filter(_wanted(payload), findings)))
    answer = await context.http.fetch(HttpRequest(url=target, timeout=_budget(payload)))
    if payload.scan_type in {"health", "full"}:
        findings += http.check_health(target, answer)
    if payload.scan_type in {"security", "full"}:
        findings += http.check_security(target, answer)
    return _TargetReport(target, tuple(findings))


async def _scan_tls(payload: ScanPayload, target: str, context: JobContext) -> list[Finding]:
    name, port = http.host_and_port(target)
    facts = await context.probes.tls(name, port, timeout=_budget(payload))
    found: Iterator[Finding] = tls.check_tls(target, facts, context.now())
    # An untrusted or expired certificate is an outage as well as a risk: every scan names it.
    outage = {tls.UNTRUSTED.check_id, tls.EXPIRY.check_id, tls.NOT_YET_VALID.check_id}
    wanted = _wanted(payload)
    return [finding for finding in found if finding.check_id in outage or wanted(finding)]


def _wanted(payload: ScanPayload) -> Callable[[Finding], bool]:
    outage = {tls.UNTRUSTED.check_id, tls.EXPIRY.check_id, tls.NOT_YET_VALID.check_id}
    return lambda finding: (
        payload.scan_type in {"full", finding.category} or finding.check_id in outage
    )


def _budget(payload: ScanPayload) -> timedelta:
    return timedelta(seconds=payload.options.target_timeout_seconds)


_Scanner = Callable[[ScanPayload, str, JobContext], Awaitable[_TargetReport]]


def _scanner_of(target: str) -> _Scanner:
    if target == THIS_HOST:
        return _scan_host
    return _scan_postgres if target.startswith("connection:") else _scan_url


async def _scan_target(payload: ScanPayload, target: str, context: JobContext) -> _TargetReport:
    budget = payload.options.target_timeout_seconds
    try:
        async with asyncio.timeout(budget):
            return await _scanner_of(target)(payload, target, context)
    except TimeoutError:
        failed = TARGET_FAILED.fail(target, target, f"no result within {budget:g} s")
        return _TargetReport(target, (failed,))
    except (EgressDenied, ConnectionMissing) as error:
        refused = TARGET_REFUSED.fail(target, target, f"{error.code}: {error.message}")
        return _TargetReport(target, (refused,), refusal=error)
    except JobForgeError as error:
        failed = TARGET_FAILED.fail(target, target, f"{error.code}: {error.message}")
        return _TargetReport(target, (failed,))


async def handle(payload: ScanPayload, context: JobContext) -> ScanResult:
    """Look at every target, each within its own time budget.

    Raises:
        EgressDenied: every target is refused.
        ConnectionMissing: every target is a connection that does not exist.
    """
    targets = payload.targets or (THIS_HOST,)
    gate = asyncio.Semaphore(PARALLEL_TARGETS)
    done = 0

    async def scan_one(target: str) -> _TargetReport:
        nonlocal done
        async with gate:
            report = await _scan_target(payload, target, context)
        done += 1
        await context.progress(done / len(targets), f"looked at {target}")
        return report

    reports = await asyncio.gather(*(scan_one(target) for target in targets))
    refusals = [report.refusal for report in reports if report.refusal is not None]
    if len(refusals) == len(reports):
        raise refusals[0]
    result = _to_result(payload, reports)
    await _store(result, context)
    return result


def _to_result(payload: ScanPayload, reports: list[_TargetReport]) -> ScanResult:
    notices = [notice for report in reports for notice in report.notices]
    if payload.options.include_logs:
        notices.append("include_logs: live targets give no logs here; none were read")
    return ScanResult(
        scan_type=payload.scan_type,
        targets_scanned=len(reports),
        findings=tuple(finding for report in reports for finding in report.findings),
        summary=summarise({report.target: report.findings for report in reports}),
        notices=tuple(notices),
    )


async def _store(result: ScanResult, context: JobContext) -> None:
    report = {
        "scan_type": result.scan_type,
        "scanned_at": context.now().isoformat(),
        "targets_scanned": result.targets_scanned,
        "summary": result.summary.model_dump(),
        "findings": [asdict(finding) for finding in result.findings],
        "notices": list(result.notices),
    }
    await context.artifacts.put(
        f"ops-scan-{context.job.job_id}.json",
        json.dumps(report, indent=2, ensure_ascii=False).encode(),
        kind="scan_report",
        mime_type="application/json",
    )


SCAN = JobType(
    name="autopilot.ops.scan",
    title="Scan endpoints, databases and this host",
    domain="ops",
    payload=ScanPayload,
    result=ScanResult,
    scopes=frozenset({"ops:read"}),
    timeout=timedelta(minutes=5),
    handle=handle,
    isolation="inline",
    examples=(
        {"scan_type": "health"},
        {
            "scan_type": "full",
            "targets": ["https://example.com/", "connection:billing-db", "host:"],
            "options": {"depth": "deep"},
        },
    ),
)
