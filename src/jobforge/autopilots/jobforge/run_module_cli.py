"""`jobforge.autopilot.run_module_cli`: runs a registered module and takes in what it recommends.

What runs is what an operator registered, by name; a payload gives its inputs and no word of its
command line. The module's report and bundle come in the normal way: hashes are verified, every
request passes the gates. A pipeline manifest says what was run and what came of it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from jobforge.autopilots.jobforge.execute_request_bundle import refuse_refused
from jobforge.contract.canonical import canonical_bytes
from jobforge.contract.dialects import read_bundle, read_report
from jobforge.contract.errors import ContractViolation, JobForgeError
from jobforge.contract.manifest import ArtifactOutput, ManifestStatus, RunManifest
from jobforge.contract.results import BundleResult, Mode
from jobforge.core.context import JobContext
from jobforge.core.errors import HandlerFailed, SourceMalformed, TimeLimit
from jobforge.core.failure import to_failure
from jobforge.core.job_type import JobType
from jobforge.core.model import Model
from jobforge.core.redaction import mask_secrets, mask_text
from jobforge.core.scopes import READ_SCOPES
from jobforge.core.starting import MODULE_RUNNER, BundleOrder, ModuleOrder, ModuleRun
from jobforge.core.stored_bundle import to_document, without_secrets

MANIFEST = "pipeline-manifest.json"


class RunModulePayload(Model):
    """Which module to run, and on what."""

    command: str = Field(
        min_length=1, max_length=256, description="A command that `jobforge module add` registered."
    )
    inputs: dict[str, Any] = Field(
        default_factory=dict, description="Written to a file for the module: {inputs}."
    )
    mode: Mode = Field(default="dry_run", description="What to do with the module's bundle.")
    on_policy_failure: Literal["deny_all", "deny_actions"] = Field(
        default="deny_all", description="What to do with the rest where an action has no grant."
    )


class ModuleReport(Model):
    """The module's report, checked."""

    report_id: str
    report_type: str
    producer_hash: str
    findings: int
    recommendations: int


class RunModuleResult(Model):
    """What the module said, and what became of what it asked for; None where it wrote none."""

    command: str
    exit_code: int
    duration_ms: int
    report: ModuleReport | None
    success: bool
    bundle_run_id: UUID | None
    plan_digest: str | None
    summary: dict[str, int] | None
    pipeline_manifest_ref: str


class _Pipeline:
    """One run of a module: its outputs as they come, and the manifest in the end."""

    def __init__(self, payload: RunModulePayload, context: JobContext, run: ModuleRun) -> None:
        self._payload, self._context, self._run = payload, context, run
        self._outputs: list[ArtifactOutput] = []
        self._log: ArtifactOutput | None = None
        self.answer: BundleResult | None = None

    async def keep_log(self) -> None:
        """Store what it printed, secrets masked."""
        text = mask_text(self._run.output).encode()
        self._log = await self._context.artifacts.put(
            "module-output.txt", text, kind="module_log", mime_type="text/plain; charset=utf-8"
        )

    def check_end(self) -> None:
        """Make sure that it ended well.

        Raises:
            TimeLimit: it took too long.
            HandlerFailed: it said too much, or ended with a code of its own.
        """
        if self._run.stopped == "time":
            raise TimeLimit("the module took longer than its time limit and was stopped")
        if self._run.stopped == "output":
            raise HandlerFailed("the module printed more than its output limit and was stopped")
        if self._run.exit_code != 0:
            last = mask_text(self._run.output).strip().rpartition("\n")[2][:200]
            raise HandlerFailed(f"the module ended with {self._run.exit_code}: {last}")
        if self._run.report is None and self._run.bundle is None:
            raise HandlerFailed("the module wrote neither a report nor a bundle to {output}")

    async def take_report(self) -> ModuleReport | None:
        """Check the report's form and hash, and store it, secrets masked."""
        if self._run.report is None:
            return None
        report = read_report(self._run.report)
        masked, _ = mask_secrets(report.content)
        await self._put("report.json", canonical_bytes(masked), "module_report")
        return ModuleReport(
            report_id=report.report_id,
            report_type=report.report_type,
            producer_hash=report.producer_hash,
            findings=report.findings,
            recommendations=report.recommendations,
        )

    async def take_bundle(self) -> BundleResult | None:
        """Hand the bundle in; it may not run a module again."""
        if self._run.bundle is None:
            return None
        bundle = replace(without_secrets(read_bundle(self._run.bundle)), origin="module_run")
        document = to_document(bundle)
        await self._put("request-bundle.json", canonical_bytes(document), "module_bundle")
        order = BundleOrder(
            bundle=document,
            mode=self._payload.mode,
            on_policy_failure=self._payload.on_policy_failure,
        )
        self.answer = await self._context.starts.bundle(order)
        refuse_refused(self.answer)
        return self.answer

    async def keep_manifest(self, error: Exception | None) -> ArtifactOutput:
        """Say what was run, on what, and what came of it."""
        job, run = self._context.job, self._run
        status: ManifestStatus = "complete" if error is None else "failed"
        summary = {} if self.answer is None else self.answer.summary.model_dump()
        manifest = RunManifest(
            run_id=job.job_id,
            tenant_id=job.tenant_id,
            project_id=job.project_id,
            job_type=MODULE_RUNNER,
            created_at=self._context.now(),
            inputs_snapshot_ref=f"job:{job.job_id}/inputs",
            logs_ref=None if self._log is None else self._log.ref,
            outputs=tuple(self._outputs),
            metrics={
                "duration_ms": run.duration_ms,
                "exit_code": -1 if run.exit_code is None else run.exit_code,
                **{f"requests_{name}": count for name, count in summary.items()},
            },
            env_fingerprint={"command": self._payload.command, "mode": self._payload.mode},
            tool_versions={"module": {"program": run.program}},
            status=status,
            error=None if error is None else to_failure(error),
        )
        return await self._put(MANIFEST, manifest.model_dump_json().encode(), "pipeline_manifest")

    async def _put(self, name: str, content: bytes, kind: str) -> ArtifactOutput:
        output = await self._context.artifacts.put(
            name, content, kind=kind, mime_type="application/json"
        )
        self._outputs.append(output)
        return output


async def handle(payload: RunModulePayload, context: JobContext) -> RunModuleResult:
    """Run the module, take its report and bundle in, and leave the manifest, whatever happened.

    Raises:
        Missing: no such command is registered.
        TimeLimit: it took too long.
        HandlerFailed: it failed, or wrote nothing.
        SourceMalformed: its report or bundle was refused.
    """
    run = await context.starts.module(ModuleOrder(command=payload.command, inputs=payload.inputs))
    pipeline = _Pipeline(payload, context, run)
    await pipeline.keep_log()
    try:
        pipeline.check_end()
        report = await pipeline.take_report()
        answer = await pipeline.take_bundle()
    except ContractViolation as violation:
        error = SourceMalformed(
            f"the module's document was refused ({violation.refusal_code}): {violation.message}",
            pointer=violation.pointer,
            hint=violation.hint,
        )
        await pipeline.keep_manifest(error)
        raise error from None
    except JobForgeError as error:
        await pipeline.keep_manifest(error)
        raise
    manifest = await pipeline.keep_manifest(None)
    return RunModuleResult(
        command=payload.command,
        exit_code=0,
        duration_ms=run.duration_ms,
        report=report,
        success=answer is None or answer.success,
        bundle_run_id=None if answer is None else answer.bundle_run_id,
        plan_digest=None if answer is None else answer.plan_digest,
        summary=None if answer is None else answer.summary.model_dump(),
        pipeline_manifest_ref=manifest.ref,
    )


RUN_MODULE_CLI = JobType(
    name=MODULE_RUNNER,
    title="Run a registered module and take in what it recommends",
    domain="jobforge",
    payload=RunModulePayload,
    result=RunModuleResult,
    # Whoever starts it holds what the module's read-only requests will need.
    scopes=READ_SCOPES,
    # The longest that a command may be registered for, and what comes after it.
    timeout=timedelta(hours=1, minutes=5),
    handle=handle,
    isolation="inline",
    max_attempts=2,
    examples=({"command": "ops-analyze", "inputs": {"window": "24h"}, "mode": "dry_run"},),
    result_examples=(
        {
            "command": "ops-analyze",
            "exit_code": 0,
            "duration_ms": 412,
            "report": {
                "report_id": "report-1",
                "report_type": "ops.health_assessment",
                "producer_hash": "verified",
                "findings": 3,
                "recommendations": 1,
            },
            "success": True,
            "bundle_run_id": "35194a6f-ea75-45a3-be62-099a92af1407",
            "plan_digest": "sha256:" + "1d" * 32,
            "summary": {"total": 1, "accepted": 1},
            "pipeline_manifest_ref": "artifact:sha256:" + "5f" * 32,
        },
    ),
)
