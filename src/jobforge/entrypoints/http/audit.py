"""`/v1/audit`: what was decided, and whether the record of it holds."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from jobforge.core.authorization import Command
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.openapi import READ, Responses
from jobforge.entrypoints.http.paging import Limit
from jobforge.entrypoints.http.route import ApiRoute
from jobforge.ports.records import AuditRecord

router = APIRouter(prefix="/v1/audit", tags=["audit"], route_class=ApiRoute)

Reader = Annotated[Caller, permit(Command.AUDIT_READ)]


class Entry(BaseModel):
    """An audit entry."""

    seq: int
    at: datetime
    actor: str
    event: str
    subject: str
    details: dict[str, Any]
    prev_hash: str
    hash: str


class Entries(BaseModel):
    """Some entries, the newest first; `next` is the number to read on before."""

    items: list[Entry]
    next: int | None = Field(description="Give it as `before` to read on; null at the end.")


class Verdict(BaseModel):
    """Whether the tenant's chain holds."""

    ok: bool
    entries: int
    last_seq: int
    proven_until: int
    first_bad: int | None
    problem: str | None
    message: str | None


@router.get("", responses=READ, operation_id="list_audit")
async def list_entries(
    app: App,
    caller: Reader,
    before: Annotated[int | None, Query(ge=1, lt=2**63, description="Only older ones.")] = None,
    limit: Limit = 50,
) -> Entries:
    """List the audit entries, the newest first."""
    found = await app.read_audit.older(caller.tenant, before, limit)
    last = found[-1].seq if found else 1
    return Entries(items=[_to_entry(e) for e in found], next=last if last > 1 else None)


@router.get("/verify", responses=READ, operation_id="verify_audit")
async def verify(app: App, caller: Annotated[Caller, permit(Command.AUDIT_VERIFY)]) -> Verdict:
    """Verify the tenant's whole chain; names the first bad entry."""
    (verdict,) = await app.verify_audit(caller.tenant)
    return Verdict(
        ok=verdict.is_intact,
        entries=verdict.entries,
        last_seq=verdict.last_seq,
        proven_until=verdict.proven_until,
        first_bad=verdict.first_bad,
        problem=verdict.problem,
        message=verdict.message,
    )


_LINES: Responses = {
    200: {
        "description": "The entries in order, a line of JSON each.",
        "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
    }
}


@router.get(
    "/export", responses={**READ, **_LINES}, response_class=StreamingResponse,
    operation_id="export_audit",
)  # fmt: skip
async def export(app: App, caller: Reader) -> StreamingResponse:
    """Export the tenant's whole log as JSON Lines, which `verify_audit.py` verifies."""

    async def lines() -> AsyncIterator[bytes]:
        async for line in app.read_audit.export_slowly(caller.tenant):
            yield line.encode() + b"\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")


def _to_entry(entry: AuditRecord) -> Entry:
    return Entry(
        seq=entry.seq,
        at=entry.at,
        actor=entry.actor,
        event=entry.event,
        subject=entry.subject,
        details=json.loads(entry.details),
        prev_hash=entry.prev_hash.hex(),
        hash=entry.hash.hex(),
    )
