"""`autopilot.ops.runbook_generate`: steps to take, which of them are safe to automate, and why."""

from __future__ import annotations

import re
import shlex
from datetime import timedelta

from pydantic import Field

from jobforge.autopilots.ops.alerts.model import Alert, alerts_of
from jobforge.autopilots.ops.module_payload import without_metadata
from jobforge.autopilots.ops.reports import store_json, store_text
from jobforge.autopilots.ops.runbook_steps import Playbook, StepTemplate, choose_playbooks
from jobforge.core.context import JobContext
from jobforge.core.data_source import DataSource, NamedDataset
from jobforge.core.errors import DatasetMissing
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

READ_MINUTES, CHANGE_MINUTES = 2, 6
"""Planning figures: to run and read a command; to decide, change and watch."""


class RunbookGeneratePayload(Model):
    """What is wrong, as far as it is known: alerts by id, a cause, services."""

    runbook_id: str = Field(min_length=1, max_length=256)
    alert_ids: tuple[str, ...] = Field(default=(), max_length=1000)
    alert_group_id: str | None = None
    alerts: DataSource = Field(default=NamedDataset(name="alerts"))
    root_cause: str | None = Field(default=None, max_length=4000)
    affected_services: tuple[str, ...] = ()
    severity: str | None = None
    namespace: str | None = Field(default=None, pattern=r"^[a-z0-9-]{1,63}$")
    include_rollback: bool = True
    include_automation: bool = True
    action: str | None = None
    automated_step_numbers: tuple[int, ...] = ()
    requires_approval_before_each: bool = True
    estimated_duration_minutes: float | None = None
    steps_require_manual: tuple[int, ...] | int | None = None
    profile_id: str | None = None


class RunbookStep(Model):
    """One step."""

    number: int
    title: str
    command: str
    expected: str
    verification: str
    rollback: str | None
    is_safe_to_automate: bool
    why: str


class RequestedAutomation(Model):
    """What became of the step numbers that a module wants automated."""

    allowed: tuple[int, ...]
    refused: tuple[int, ...]
    reason: str


class RunbookGenerateResult(Model):
    """The runbook; nothing is run."""

    runbook_id: str
    title: str
    kinds: tuple[str, ...]
    services: tuple[str, ...]
    severity: str | None
    steps: tuple[RunbookStep, ...]
    safe_step_numbers: tuple[int, ...]
    estimated_duration_minutes: int
    automation: RequestedAutomation | None
    evidence: tuple[str, ...]


async def handle(payload: RunbookGeneratePayload, context: JobContext) -> RunbookGenerateResult:
    """Look the alerts up and choose steps for what they say.

    Raises:
        DatasetMissing: alerts are named and none of them is in the dataset.
    """
    alerts: tuple[Alert, ...] = ()
    if payload.alert_ids:
        rows = await context.data.rows(payload.alerts)
        wanted = set(payload.alert_ids)
        alerts = tuple(alert for alert in alerts_of(rows) if alert.alert_id in wanted)
        if not alerts:
            raise DatasetMissing(
                f"none of the alerts {', '.join(payload.alert_ids[:5])} is in the dataset",
                hint="jobforge data add alerts PATH",
            )
    result = generate_runbook(payload, alerts)
    await store_json(context, "ops-runbook", "runbook", result)
    await store_text(context, "ops-runbook", "runbook_markdown", to_markdown(result))
    return result


def generate_runbook(
    payload: RunbookGeneratePayload, alerts: tuple[Alert, ...]
) -> RunbookGenerateResult:
    """Steps of the playbooks that the cause and the alerts' titles call for, reading ones first."""
    texts = [payload.root_cause or "", *(alert.title for alert in alerts)]
    books = choose_playbooks(texts)
    services = tuple(
        dict.fromkeys([*payload.affected_services, *(alert.service for alert in alerts)])
    )
    steps = _steps(payload, books, services)
    safe = tuple(step.number for step in steps if step.is_safe_to_automate)
    return RunbookGenerateResult(
        runbook_id=payload.runbook_id,
        title=_title(books, services),
        kinds=tuple(book.kind for book in books),
        services=services,
        severity=payload.severity or _worst([alert.severity for alert in alerts]),
        steps=steps,
        safe_step_numbers=safe if payload.include_automation else (),
        estimated_duration_minutes=sum(
            READ_MINUTES if step.is_safe_to_automate else CHANGE_MINUTES for step in steps
        ),
        automation=_requested(payload, steps),
        evidence=tuple(
            f"{alert.alert_id} on {alert.service} at {alert.started_at.isoformat()}: {alert.title}"
            for alert in alerts
        ),
    )


def _title(books: tuple[Playbook, ...], services: tuple[str, ...]) -> str:
    kinds = " and ".join(book.kind for book in books)
    return f"{kinds} trouble on {', '.join(services)}" if services else f"{kinds} trouble"


def _worst(severities: list[str]) -> str | None:
    order = ("critical", "high", "error", "medium", "warning", "low", "info")
    return next((name for name in order if name in severities), None)


def _steps(
    payload: RunbookGeneratePayload, books: tuple[Playbook, ...], services: tuple[str, ...]
) -> tuple[RunbookStep, ...]:
    templates = dict.fromkeys(step for book in books for step in book.steps)
    ordered = sorted(templates, key=lambda step: not step.reads_only)
    service = services[0] if services else "<service>"
    return tuple(
        _to_step(number, template, payload, service)
        for number, template in enumerate(ordered, start=1)
    )


def _to_step(
    number: int, template: StepTemplate, payload: RunbookGeneratePayload, service: str
) -> RunbookStep:
    # Names come from alerts, which anybody may send: quoted, and never automated if that matters.
    quoted = service if service == "<service>" else shlex.quote(service)

    def fill(text: str) -> str:
        named = text.replace("<service>", quoted)
        return named.replace("<namespace>", payload.namespace or "<namespace>")

    command = fill(template.command)
    return RunbookStep(
        number=number,
        title=template.title,
        command=command,
        expected=fill(template.expected),
        verification=template.verification,
        rollback=fill(template.rollback) or None if payload.include_rollback else None,
        is_safe_to_automate=template.reads_only and quoted == service and not _has_gaps(command),
        why=_why(template, command),
    )


def _has_gaps(command: str) -> bool:
    return re.search(r"<[a-z-]+>", command) is not None


def _why(template: StepTemplate, command: str) -> str:
    if not template.reads_only:
        return template.why_manual
    if _has_gaps(command):
        return "Only reads, but a person has to fill in what is in angle brackets."
    return "Only reads."


def _requested(
    payload: RunbookGeneratePayload, steps: tuple[RunbookStep, ...]
) -> RequestedAutomation | None:
    if not payload.automated_step_numbers:
        return None
    safe = {step.number for step in steps if step.is_safe_to_automate}
    wanted = payload.automated_step_numbers
    return RequestedAutomation(
        allowed=tuple(number for number in wanted if number in safe),
        refused=tuple(number for number in wanted if number not in safe),
        reason="only steps that read, and need nothing filled in, may run by themselves",
    )


def to_markdown(result: RunbookGenerateResult) -> str:
    """The runbook as a page for people."""
    lines = [f"# Runbook: {result.title}", ""]
    lines += [f"- {text}" for text in result.evidence]
    for step in result.steps:
        mark = "may be automated" if step.is_safe_to_automate else "by a person"
        lines += [
            "",
            f"## {step.number}. {step.title} ({mark})",
            "",
            "```sh",
            step.command,
            "```",
            "",
        ]
        lines += [f"Expected: {step.expected}", "", f"Verify: {step.verification}"]
        lines += ["", f"Undo: `{step.rollback}`"] if step.rollback else []
        lines += ["", f"Why: {step.why}"]
    return "\n".join(lines) + "\n"


RUNBOOK_GENERATE = JobType(
    name="autopilot.ops.runbook_generate",
    title="Generate a runbook",
    domain="ops",
    payload=RunbookGeneratePayload,
    result=RunbookGenerateResult,
    scopes=frozenset({"ops:read"}),
    timeout=timedelta(minutes=3),
    handle=handle,
    translate=without_metadata,
    sources=lambda payload: (payload.alerts,) if payload.alert_ids else (),
    examples=(
        {"runbook_id": "rb-1", "root_cause": "memory leak", "affected_services": ["checkout"]},
        {"runbook_id": "rb-2", "alert_ids": ["alert-001"], "namespace": "shop"},
    ),
)
