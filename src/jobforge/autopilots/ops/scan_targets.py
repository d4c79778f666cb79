"""Looking at one target of a scan, whatever its kind, within its time budget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import urlsplit

from jobforge.autopilots.ops.finding import Check, Finding
from jobforge.autopilots.ops.iac.scanner import (
    BINARY_SUFFIXES,
    MAX_FILE_BYTES,
    SKIPPED_FOLDERS,
    UNREADABLE,
    scan_texts,
    to_text,
)
from jobforge.autopilots.ops.live import dns, host, http, postgres, tls
from jobforge.autopilots.ops.live.postgres_queries import DEEP, SURFACE
from jobforge.autopilots.ops.live.prometheus import PrometheusQuery, check_prometheus
from jobforge.contract.errors import JobForgeError
from jobforge.core.context import HttpRequest, JobContext
from jobforge.core.errors import (
    ConnectionMissing,
    DatasetMissing,
    EgressDenied,
    PathDenied,
    SourceMalformed,
)

ScanType = Literal["health", "security", "cost", "full"]
THIS_HOST = "host:"
FILES = "files:"
CHART = "Chart.yaml"
RENDERED = "templates-rendered.yaml"
"""The name under which findings in a rendered chart appear."""

TARGET_FAILED = Check(
    "OPS_TARGET_001", (), "The target can be looked at", "critical",
    "Check that it is up and reachable from here within the time budget.", "health",
)  # fmt: skip
TARGET_REFUSED = Check(
    "OPS_TARGET_002", (), "The target may be looked at", "critical",
    "List the address in JOBFORGE_EGRESS_ALLOW if it is yours.", "health",
)  # fmt: skip
# What a caller has to put right himself; a scan of nothing else fails with it.
REFUSALS = (EgressDenied, ConnectionMissing, PathDenied, DatasetMissing)


@dataclass(frozen=True, slots=True)
class Look:
    """How to look at a target."""

    scan_type: ScanType
    is_deep: bool
    budget: timedelta

    def wants(self, *categories: str) -> bool:
        """Whether findings of any of these categories are wanted."""
        return self.scan_type == "full" or self.scan_type in categories


@dataclass(frozen=True, slots=True)
class TargetReport:
    """What a target showed; `refusal` is why it could not be looked at at all."""

    target: str
    findings: tuple[Finding, ...]
    refusal: JobForgeError | None = None
    notices: tuple[str, ...] = ()


def check_target(target: str) -> None:
    """Refuse what is no target.

    Raises:
        ValueError: the target is of no known kind, or carries credentials.
    """
    if target == THIS_HOST or (target.startswith(FILES) and target != FILES):
        return
    if target.startswith("connection:") and target.removeprefix("connection:").strip():
        return
    parts = urlsplit(target)
    if parts.scheme in {"http", "https"} and parts.hostname:
        if parts.username or parts.password:
            raise ValueError("a target carries no credentials; register a connection instead")
        http.host_and_port(target)
        return
    raise ValueError(f"{target!r} is none of https://…, connection:NAME, files:FOLDER, host:")


async def _scan_host(look: Look, target: str, context: JobContext) -> TargetReport:
    facts = await context.probes.host()
    findings: list[Finding] = []
    if look.wants("health"):
        findings += host.check_health(target, facts)
    if look.wants("security"):
        findings += host.check_security(target, facts)
    notices = ("host: has no cost check",) if look.scan_type == "cost" else ()
    return TargetReport(target, tuple(findings), notices=notices)


async def _scan_postgres(look: Look, target: str, context: JobContext) -> TargetReport:
    is_deep = look.is_deep or look.wants("cost")
    tables = await context.probes.postgres(
        target.removeprefix("connection:"),
        SURFACE | DEEP if is_deep else SURFACE,
        timeout=look.budget,
    )
    findings: list[Finding] = []
    if look.wants("health"):
        findings += postgres.check_health(target, tables)
    if look.wants("security"):
        findings += postgres.check_security(target, tables)
    if look.wants("cost"):
        findings += postgres.check_cost(target, tables)
    return TargetReport(target, tuple(findings))


async def _scan_url(look: Look, target: str, context: JobContext) -> TargetReport:
    if look.scan_type == "cost":
        return TargetReport(target, (), notices=(f"{target} has no cost check",))
    findings: list[Finding] = []
    if target.startswith("https:"):
        findings += await _scan_tls(look, target, context)
    if look.is_deep:
        name, _ = http.host_and_port(target)
        records = await context.probes.resolve(name, timeout=look.budget)
        wanted = _wanted(look)
        findings += (item for item in dns.check_dns(target, name, records) if wanted(item))
    if any(finding.check_id == tls.UNTRUSTED.check_id for finding in findings):
        # The client refuses an untrusted server; the handshake already told why.
        return TargetReport(target, tuple(filter(_wanted(look), findings)))
    answer = await context.http.fetch(HttpRequest(url=target, timeout=look.budget))
    if look.wants("health"):
        findings += http.check_health(target, answer)
    if look.wants("security"):
        findings += http.check_security(target, answer)
    return TargetReport(target, tuple(findings))


async def _scan_tls(look: Look, target: str, context: JobContext) -> list[Finding]:
    name, port = http.host_and_port(target)
    facts = await context.probes.tls(name, port, timeout=look.budget)
    found: Iterator[Finding] = tls.check_tls(target, facts, context.now())
    # An untrusted or expired certificate is an outage as well as a risk: every scan names it.
    outage = {tls.UNTRUSTED.check_id, tls.EXPIRY.check_id, tls.NOT_YET_VALID.check_id}
    wanted = _wanted(look)
    return [finding for finding in found if finding.check_id in outage or wanted(finding)]


def _wanted(look: Look) -> Callable[[Finding], bool]:
    outage = {tls.UNTRUSTED.check_id, tls.EXPIRY.check_id, tls.NOT_YET_VALID.check_id}
    return lambda finding: (
        look.scan_type in {"full", finding.category} or finding.check_id in outage
    )


_Scanner = Callable[[Look, str, JobContext], Awaitable[TargetReport]]


def _scanner_of(target: str) -> _Scanner:
    if target == THIS_HOST:
        return _scan_host
    if target.startswith(FILES):
        return _scan_files
    return _scan_postgres if target.startswith("connection:") else _scan_url


async def scan_target(look: Look, target: str, context: JobContext) -> TargetReport:
    """Look at one target; whatever goes wrong costs one finding."""
    return await _bounded(look, target, _scanner_of(target)(look, target, context))


async def scan_query(look: Look, query: PrometheusQuery, context: JobContext) -> TargetReport:
    """Ask Prometheus one query; whatever goes wrong costs one finding."""

    async def ask() -> TargetReport:
        request = HttpRequest(url=query.address, timeout=look.budget)
        answer = await context.http.fetch(request)
        return TargetReport(query.url, tuple(check_prometheus(query, answer)))

    return await _bounded(look, query.url, ask())


async def _bounded(look: Look, target: str, work: Awaitable[TargetReport]) -> TargetReport:
    seconds = look.budget.total_seconds()
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        failed = TARGET_FAILED.fail(target, target, f"no result within {seconds:g} s")
        return TargetReport(target, (failed,))
    except REFUSALS as error:
        refused = TARGET_REFUSED.fail(target, target, f"{error.code}: {error.message}")
        return TargetReport(target, (refused,), refusal=error)
    except JobForgeError as error:
        failed = TARGET_FAILED.fail(target, target, f"{error.code}: {error.message}")
        return TargetReport(target, (failed,))


async def _scan_files(look: Look, target: str, context: JobContext) -> TargetReport:
    texts: dict[str, str] = {}
    findings: list[Finding] = []
    for path in await context.workspace.list(target.removeprefix(FILES)):
        if _is_skipped(path):
            continue
        content = await context.workspace.read(path)
        if len(content) > MAX_FILE_BYTES:
            size = f"{len(content):,} bytes, over {MAX_FILE_BYTES:,}"
            findings.append(UNREADABLE.fail(path, path, size))
        elif (text := to_text(content)) is not None:
            texts[path] = text
    notices = [notice async for notice in _render_charts(texts, findings, context)]
    # A thousand files take seconds of pure computing: other jobs of this process go on.
    findings += await asyncio.to_thread(scan_texts, texts)
    wanted = _wanted(look)
    failed = tuple(f for f in findings if f.status == "FAILED" and wanted(f))
    notices.append(f"{target}: {len(texts)} files, {len(findings)} judgements")
    return TargetReport(target, failed, notices=tuple(notices))


async def _render_charts(
    texts: dict[str, str], findings: list[Finding], context: JobContext
) -> AsyncIterator[str]:
    """Put rendered charts in the place of their templates; a notice for each that is not."""
    for chart in sorted(path for path in texts if PurePosixPath(path).name == CHART):
        folder = str(PurePosixPath(chart).parent)
        templates = [path for path in texts if path.startswith(f"{folder}/templates/")]
        try:
            rendered = await context.workspace.render_chart(folder)
        except SourceMalformed as error:
            findings.append(UNREADABLE.fail(chart, chart, error.message))
            continue
        if rendered is None:
            yield f"{chart}: {len(templates)} templates were not rendered: helm is not installed"
            continue
        for path in templates:
            del texts[path]
        texts[f"{folder}/{RENDERED}"] = rendered


def _is_skipped(path: str) -> bool:
    folders, _, name = path.rpartition("/")
    suffix = name[name.rfind(".") :].lower() if "." in name else ""
    return suffix in BINARY_SUFFIXES or not SKIPPED_FOLDERS.isdisjoint(folders.split("/"))
