"""The tools. None of them approves a plan, issues a policy token, or takes a tenant's name."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal
from uuid import UUID

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from jobforge import __version__
from jobforge.bootstrap import Application
from jobforge.contract.errors import JobForgeError
from jobforge.contract.results import Mode
from jobforge.core.authorization import Command
from jobforge.core.errors import Missing
from jobforge.core.failure import code_of, to_failure
from jobforge.entrypoints.mcp.access import Caller, Gate
from jobforge.ports.records import Page
from jobforge.ports.runs import RunFilter
from jobforge.steps.intake import Submission

INSTRUCTIONS = (
    "JobForge executes request bundles: it decides request by request what may run, runs it, and "
    "proves what happened. Plan a bundle before you execute it. An action waits until people have "
    "approved its plan; no tool can do that."
)
MAX_PART = 65_536

Limit = Annotated[int, Field(ge=1, le=200, description="How many at most.")]
BundleText = Annotated[
    str, Field(max_length=8 * 1024 * 1024, description="The request bundle, as JSON text.")
]
Json = dict[str, Any]


def make_server(application: Application, own_key: str | None = None) -> MCPServer:
    """The server over an open application; with `own_key` for that key alone."""
    server = MCPServer("jobforge", instructions=INSTRUCTIONS, version=__version__)
    gate = Gate(application, own_key)
    _add_types(server, application, gate)
    _add_reading(server, application, gate)
    _add_running(server, application, gate)
    return server


@asynccontextmanager
async def _entering(gate: Gate, command: Command, context: Context) -> AsyncIterator[Caller]:
    """Let in whoever may; what goes wrong is told with its code, and nothing else is told."""
    try:
        yield await gate.enter(command, context.headers)
    except JobForgeError as error:
        failure = to_failure(error)
        hint = f" ({failure['hint']})" if failure.get("hint") else ""
        raise ToolError(f"{code_of(error)}: {failure['message']}{hint}") from None
    except Exception:  # noqa: BLE001 (a fault of ours is nobody else's to read)
        raise ToolError("INTERNAL: something went wrong") from None


def _add_running(server: MCPServer, app: Application, gate: Gate) -> None:
    @server.tool()
    async def plan_bundle(bundle: BundleText, context: Context) -> Json:
        """Decide request by request what would run, and store the plan. Nothing runs."""
        async with _entering(gate, Command.BUNDLE_PLAN, context) as caller:
            return await _submit(app, caller, bundle, "dry_run")

    @server.tool()
    async def execute_bundle(
        bundle: BundleText,
        context: Context,
        dry_run: Annotated[bool, Field(description="False executes; else it is planned.")] = True,
    ) -> Json:
        """Queue what may run; unless `dry_run` is false, plan it only."""
        command = Command.BUNDLE_PLAN if dry_run else Command.BUNDLE_EXECUTE
        async with _entering(gate, command, context) as caller:
            return await _submit(app, caller, bundle, "dry_run" if dry_run else "execute")


def _add_types(server: MCPServer, app: Application, gate: Gate) -> None:
    @server.tool()
    async def list_job_types(context: Context) -> Json:
        """List every job type that can run here."""
        async with _entering(gate, Command.TYPE_READ, context):
            return {
                "items": [
                    {"name": t.name, "title": t.title, "domain": t.domain, "is_action": t.is_action}
                    for t in app.catalog
                ]
            }

    @server.tool()
    async def show_job_type(name: str, context: Context) -> Json:
        """Show a job type with the JSON Schemas of its payload and result."""
        async with _entering(gate, Command.TYPE_READ, context):
            found = app.catalog.find(name)
            if found is None:
                raise Missing(f"there is no job type {name}")
            return {
                "name": found.name,
                "title": found.title,
                "scopes": sorted(found.scopes),
                "is_action": found.is_action,
                "payload": found.payload.model_json_schema(),
                "result": found.result.model_json_schema(),
            }


def _add_reading(server: MCPServer, app: Application, gate: Gate) -> None:
    @server.tool()
    async def list_runs(
        context: Context,
        status: Literal["open", "closed", "refused"] | None = None,
        limit: Limit = 20,
    ) -> Json:
        """List the bundle runs, the newest first."""
        async with _entering(gate, Command.RUN_READ, context) as caller:
            wanted = RunFilter(caller.actor.project_id, status, None)
            runs = await app.show_run.page(caller.tenant, wanted, Page(limit))
            return {
                "items": [
                    {
                        "id": str(run.run_id),
                        "status": run.status,
                        "mode": run.mode,
                        "bundle_id": run.bundle_id,
                        "plan_digest": run.plan_digest,
                        "actor": run.actor,
                        "open_children": run.open_children,
                        "created_at": run.created_at.isoformat(),
                    }
                    for run in runs
                ]
            }

    @server.tool()
    async def show_run(run_id: UUID, context: Context) -> Json:
        """Show a run with its children's statuses as they are now."""
        async with _entering(gate, Command.RUN_READ, context) as caller:
            result = await app.show_run(run_id, caller.tenant)
            caller.check(result.manifest.project_id)
            return result.model_dump(mode="json")

    @server.tool()
    async def read_artifact(
        checksum: str, context: Context, start: Annotated[int, Field(ge=0, lt=2**53)] = 0
    ) -> Json:
        """Read 64 KiB of an artifact from `start` on: as text where it is UTF-8, else base64."""
        async with _entering(gate, Command.ARTIFACT_READ, context) as caller:
            # Which project made it is not known of a content: it is the whole tenant's.
            caller.check(None)
            record = await app.read_artifact.describe(checksum, caller.tenant)
            end = min(record.size, start + MAX_PART)
            part = b""
            if start < end:
                part = await app.read_artifact.part(checksum, start, end, caller.tenant)
            facts = {"mime_type": record.mime_type, "size": record.size, "start": start, "end": end}
            return facts | _content(part)

    @server.tool()
    async def list_audit(context: Context, limit: Limit = 20) -> Json:
        """List the newest entries of the audit log."""
        async with _entering(gate, Command.AUDIT_READ, context) as caller:
            entries = await app.read_audit.newest(caller.tenant, limit)
            return {
                "items": [
                    {
                        "seq": entry.seq,
                        "at": entry.at.isoformat(),
                        "actor": entry.actor,
                        "event": entry.event,
                        "subject": entry.subject,
                        "details": json.loads(entry.details),
                    }
                    for entry in entries
                ]
            }


async def _submit(app: Application, caller: Caller, bundle: str, mode: Mode) -> Json:
    submission = Submission(caller.tenant, caller.actor, mode, caller.actor.project_id)
    result = await app.submit_bundle(bundle.encode(), submission)
    return result.model_dump(mode="json")


def _content(part: bytes) -> Json:
    try:
        return {"text": part.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(part).decode()}
