"""Bundles, callers and job types for tests of what may run: change one thing, ask again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from jobforge.contract.dialects import Hints, TranslatedBundle, TranslatedRequest
from jobforge.core.admission import AdmissionFacts, Caller, CallerTenant, Switches
from jobforge.core.catalog import JobCatalog
from jobforge.core.context import JobContext
from jobforge.core.effects import PlannedEffect
from jobforge.core.job_type import ActionSteps, JobType
from jobforge.core.model import Model

TENANT_ID = UUID("aaaaaaaa-1111-4111-8111-111111111111")
OTHER_TENANT_ID = UUID("99999999-9999-4999-8999-999999999999")
PROJECT_ID = UUID("cccccccc-3333-4333-8333-333333333333")
OTHER_PROJECT_ID = UUID("44444444-4444-4444-8444-444444444444")

READ_TYPE = "autopilot.support.look"
ACTION_TYPE = "autopilot.ops.change"


class LookPayload(Model):
    """What the read-only type takes."""

    ticket_id: str
    depth: int = 1


class ChangePayload(Model):
    """What the action takes."""

    target: str
    value: str = ""


class Done(Model):
    """What both give."""

    text: str


async def look(payload: LookPayload, context: JobContext) -> Done:
    """Read and report."""
    return Done(text=f"{context.job.tenant_slug} {payload.ticket_id}")


async def _plan(payload: ChangePayload, _: JobContext) -> tuple[PlannedEffect, ...]:
    effect = PlannedEffect(
        target=payload.target, change="create", before=None, after=payload.value, diff=""
    )
    return (effect,)


async def _apply(
    payload: ChangePayload, effects: tuple[PlannedEffect, ...], context: JobContext
) -> Done:
    for effect in effects:
        await context.workspace.replace(
            effect.target, payload.value.encode(), expected_checksum=effect.before
        )
    return Done(text=payload.target)


async def _verify(
    payload: ChangePayload, _: tuple[PlannedEffect, ...], context: JobContext
) -> None:
    await context.workspace.read(payload.target)


READ_ONLY = JobType(
    name=READ_TYPE,
    title="Look at a ticket",
    domain="support",
    payload=LookPayload,
    result=Done,
    scopes=frozenset({"support:read"}),
    timeout=timedelta(seconds=5),
    handle=look,
)
ACTION = JobType(
    name=ACTION_TYPE,
    title="Change a file",
    domain="ops",
    payload=ChangePayload,
    result=Done,
    scopes=frozenset({"ops:write"}),
    timeout=timedelta(seconds=5),
    action=ActionSteps(
        plan=_plan, apply=_apply, verify=_verify, undo=None, irreversible_because="a sample"
    ),
)
CATALOG = JobCatalog([READ_ONLY, ACTION])

CALLER = Caller(
    tenant=CallerTenant(TENANT_ID, "acme", frozenset({"Acme Ltd"})),
    projects={"web": PROJECT_ID, str(PROJECT_ID): PROJECT_ID, "app": OTHER_PROJECT_ID},
    scopes=frozenset({"ops:read", "support:read", "growth:read", "finops:read"}),
)
FACTS = AdmissionFacts(switches=Switches(autopilot_jobs=True, action_jobs=True), mode="execute")


def make_request(number: int = 1, **changes: Any) -> TranslatedRequest:  # noqa: ANN401 (any field)
    """Read-only request `number` of tenant acme, with the given fields changed."""
    fields: dict[str, Any] = {
        "request_id": f"request-{number}",
        "job_type": READ_TYPE,
        "tenant": "acme",
        "project": None,
        "payload": {"ticket_id": f"T-{number}"},
        "idempotency_key": f"key-{number}",
        "required_scopes": (),
        "is_flagged": False,
        "hints": Hints(),
        "pointer": f"/requests/{number}",
    }
    return TranslatedRequest(**fields | changes)


def make_action(number: int = 1, **changes: Any) -> TranslatedRequest:  # noqa: ANN401 (any field)
    """Action request `number`, with the given fields changed."""
    fields = {"job_type": ACTION_TYPE, "payload": {"target": f"file-{number}", "value": "new"}}
    return make_request(number, **fields | changes)


def make_bundle(*requests: TranslatedRequest, **changes: Any) -> TranslatedBundle:  # noqa: ANN401 (any field)
    """A bundle of tenant acme without a project, with the given fields changed."""
    fields: dict[str, Any] = {
        "dialect": "jobforge",
        "bundle_id": "bundle-1",
        "tenant": "acme",
        "project": None,
        "trace_id": "trace-1",
        "producer_hash": "absent",
        "source_module": "tests",
        "requests": requests,
        "metadata": {},
    }
    return TranslatedBundle(**fields | changes)


def unmasked(payloads: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The mask for payloads that hold no secret."""
    return payloads
