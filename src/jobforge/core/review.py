"""Reviewing a plan: what it takes to permit it, and what a stored plan is when it is executed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from jobforge.contract.dialects import Hints, TranslatedBundle, TranslatedRequest
from jobforge.core.actor import person_of
from jobforge.core.catalog import JobCatalog
from jobforge.core.errors import InvalidInput
from jobforge.core.plan import Effects
from jobforge.core.scopes import write_scopes

APPROVAL_LIFETIME: Final = timedelta(hours=24)
BREAK_GLASS_LIFETIME: Final = timedelta(minutes=15)


class _Approval(Protocol):
    """What counts of an approval."""

    @property
    def actor(self) -> str: ...

    @property
    def approved_at(self) -> datetime: ...

    @property
    def expires_at(self) -> datetime: ...

    @property
    def withdrawn_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Permission:
    """What a plan's grant must cover."""

    job_types: tuple[str, ...]
    scopes: tuple[str, ...]


def counting(
    approvals: Iterable[_Approval], opened_at: datetime, now: datetime
) -> dict[str, _Approval]:
    """The approvals that count, by person: of this round, not withdrawn, in time."""
    return {
        person_of(approval.actor): approval
        for approval in approvals
        if approval.approved_at >= opened_at
        and approval.withdrawn_at is None
        and now < approval.expires_at
    }


def targets_of(effects: Effects) -> tuple[str, ...]:
    """Everything that a plan would change, sorted."""
    return tuple(sorted({effect.target for planned in effects.values() for effect in planned}))


def permission_for(requests: str, effects: Mapping[str, Any], catalog: JobCatalog) -> Permission:
    """What a grant for a stored plan must cover.

    Raises:
        InvalidInput: nothing in it needs a permission, or what an action would change is not
            known: nobody can approve what cannot be said.
    """
    job_types, scopes = set[str](), set[str]()
    for request in json.loads(requests):
        job_type = catalog.find(request["job_type"])
        is_action = job_type is not None and job_type.is_action
        if is_action and not effects.get(request["request_id"]):
            raise InvalidInput(
                f"what {request['request_id']} would change cannot be told",
                hint="plan it again once its target can be read",
            )
        if is_action or request["is_flagged"]:
            job_types.add(request["job_type"])
            scopes |= {*request["required_scopes"], *(job_type.scopes if job_type else ())}
    if not job_types:
        raise InvalidInput("nothing in this plan needs an approval: execute it")
    return Permission(tuple(sorted(job_types)), tuple(sorted(write_scopes(scopes))))


def to_origin(bundle: TranslatedBundle) -> str:
    """What a stored plan keeps of its bundle besides the requests."""
    priorities = {r.request_id: r.hints.priority for r in bundle.requests if r.hints.priority}
    return json.dumps(
        {
            "dialect": bundle.dialect,
            "bundle_id": bundle.bundle_id,
            "trace_id": bundle.trace_id,
            "producer_hash": bundle.producer_hash,
            "source_module": bundle.source_module,
            "priorities": priorities,
        }
    )


def to_bundle(
    tenant_id: UUID, project_id: UUID | None, requests: str, origin: str | None
) -> TranslatedBundle:
    """The bundle that a stored plan was made from; its plan has the same digest."""
    known = json.loads(origin) if origin is not None else {}
    trace = known.get("trace_id", "plan")
    return TranslatedBundle(
        dialect=known.get("dialect", "jobforge"),
        bundle_id=known.get("bundle_id", trace),
        tenant=str(tenant_id),
        project=None if project_id is None else str(project_id),
        trace_id=trace,
        producer_hash=known.get("producer_hash", "absent"),
        source_module=known.get("source_module", "jobforge"),
        requests=_requests(json.loads(requests), known.get("priorities", {})),
        metadata={},
    )


def _requests(
    stored: Sequence[Mapping[str, Any]], priorities: Mapping[str, Any]
) -> tuple[TranslatedRequest, ...]:
    return tuple(
        TranslatedRequest(
            request_id=request["request_id"],
            job_type=request["job_type"],
            tenant=request["tenant"],
            project=request["project"],
            payload=request["payload"],
            idempotency_key=request["idempotency_key"],
            required_scopes=tuple(request["required_scopes"]),
            is_flagged=request["is_flagged"],
            hints=Hints(priority=priorities.get(request["request_id"])),
            pointer=f"/requests/{index}",
        )
        for index, request in enumerate(stored)
    )
