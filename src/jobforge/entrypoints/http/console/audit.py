"""`/console/audit`: what was decided, and whether the record of it holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from starlette.responses import Response

from jobforge.core.authorization import Command
from jobforge.entrypoints.http.access import App, Caller
from jobforge.entrypoints.http.console.access import look
from jobforge.entrypoints.http.console.links import PAGE_ROWS, to_query
from jobforge.entrypoints.http.console.pages import render
from jobforge.ports.records import AuditFilter

router = APIRouter(prefix="/audit")

Reader = Annotated[Caller, look(Command.AUDIT_READ)]
Text = Annotated[str, Query(max_length=256)]


@router.get("", name="audit")
async def show(  # noqa: PLR0913, PLR0917 (a filter each)
    request: Request,
    app: App,
    caller: Reader,
    event: Text = "",
    actor: Text = "",
    subject: Text = "",
    before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
) -> Response:
    """The entries that a filter finds, the newest first."""
    wanted = AuditFilter(event.strip() or None, actor.strip() or None, subject.strip() or None)
    found = await app.read_audit.older(caller.tenant, before, PAGE_ROWS + 1, wanted)
    entries = found[:PAGE_ROWS]
    given = {"event": event, "actor": actor, "subject": subject}
    is_more = len(found) > PAGE_ROWS
    older = to_query("/audit", {**given, "before": entries[-1].seq}) if is_more else None
    return await render(
        request, caller, "audit.html", entries=entries, older=older, given=given, verdict=None
    )


@router.get("/verify", name="verify_audit")
async def verify(
    request: Request, app: App, caller: Annotated[Caller, look(Command.AUDIT_VERIFY)]
) -> Response:
    """Verify the whole chain, and say how far it is proven."""
    (verdict,) = await app.verify_audit(caller.tenant)
    given = {"event": "", "actor": "", "subject": ""}
    return await render(
        request, caller, "audit.html", entries=(), older=None, given=given, verdict=verdict
    )


@router.get("/proof", name="audit_proof")
async def proof(app: App, caller: Reader) -> StreamingResponse:
    """The whole log as JSON Lines, which `verify_audit.py` verifies elsewhere."""

    async def lines() -> AsyncIterator[bytes]:
        async for line in app.read_audit.export_slowly(caller.tenant):
            yield line.encode() + b"\n"

    name = f"audit-{caller.tenant.slug}.jsonl"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return StreamingResponse(lines(), media_type="application/x-ndjson", headers=headers)
