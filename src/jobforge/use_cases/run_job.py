"""Run one started attempt: check the switches again, call the handler, describe how it ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobforge.contract.canonical import checksum_of
from jobforge.contract.codes import ChildCode
from jobforge.contract.manifest import ArtifactOutput, ManifestStatus, RunManifest
from jobforge.core.admission import Switches
from jobforge.core.audit import AuditEntry
from jobforge.core.catalog import AnyJobType, JobCatalog
from jobforge.core.effects import parse_effects
from jobforge.core.errors import FeatureFlagDisabled, HandlerFailed, InvalidInput, Postponed
from jobforge.core.failure import has_another_try, to_failure
from jobforge.core.lifecycle import retry_delay
from jobforge.core.model import Model
from jobforge.core.stop import Stop
from jobforge.ports.engine import Attempt, Ending
from jobforge.ports.runtime import ContextFactory, Fingerprint, HandlerRunner
from jobforge.ports.system import Clock
from jobforge.steps.claim_targets import ClaimTargets

_DENIALS = frozenset(
    {
        ChildCode.FEATURE_FLAG_DISABLED,
        ChildCode.KILL_SWITCH_ON,
        ChildCode.WINDOW_CLOSED,
        ChildCode.BLAST_RADIUS_EXCEEDED,
        ChildCode.EFFECT_NOT_PLANNED,
    }
)
"""What an operator forbade is denied; it is no failure of the job."""


@dataclass(frozen=True, slots=True)
class RunJob:
    """Runs attempts. It never raises for what a handler does; a failure is an ending, too."""

    catalog: JobCatalog
    switches: Callable[[], Switches]
    claim_targets: ClaimTargets
    contexts: ContextFactory
    runner: HandlerRunner
    clock: Clock
    fingerprint: Fingerprint

    async def __call__(self, attempt: Attempt) -> Ending:
        """Run the attempt and describe its end."""
        started = self.clock.now()
        outputs: tuple[ArtifactOutput, ...] = ()
        try:
            job_type = self._permitted(attempt)
            effects = parse_effects(attempt.effects)
            await self.claim_targets(attempt, effects)
            async with self.contexts.for_attempt(attempt) as opened:
                try:
                    result = await self.runner.run(
                        job_type,
                        job_type.parse_payload_text(attempt.payload),
                        effects,
                        opened.context,
                    )
                    text = _to_text(job_type, result)
                finally:
                    outputs = opened.outputs
        except Exception as error:  # noqa: BLE001 (whatever a handler raises is how it ended)
            return self._failed(attempt, started, outputs, error)
        return self._executed(attempt, started, outputs, text)

    def stopped(self, attempt: Attempt, started: datetime, stop: Stop) -> Ending:
        """Describe the end of an attempt whose handler was stopped in the middle."""
        return self._failed(attempt, started, (), stop.to_error())

    def fenced(self, attempt: Attempt) -> None:
        """Nothing: whoever holds the job now describes its end."""

    def _permitted(self, attempt: Attempt) -> AnyJobType:
        """The job's type, if it is still there and still allowed at this moment."""
        if attempt.number > attempt.max_attempts:
            # Only a lost worker leaves an attempt without an end, so it cannot count itself out.
            raise HandlerFailed("its attempts are used up: the workers that ran it were lost")
        if attempt.stopped_by is not None:
            raise Stop("kill", attempt.stopped_by).to_error()
        job_type = self.catalog.find(attempt.job_type)
        if job_type is None:
            raise HandlerFailed(f"this worker has no job type {attempt.job_type}")
        switches = self.switches()
        if not switches.autopilot_jobs:
            raise FeatureFlagDisabled(
                "autopilot jobs are switched off", hint="JOBFORGE_AUTOPILOT_JOBS_ENABLED=1"
            )
        if job_type.is_action and not switches.action_jobs:
            raise FeatureFlagDisabled(
                "action jobs are switched off", hint="JOBFORGE_ACTION_JOBS_ENABLED=1"
            )
        return job_type

    def _executed(
        self,
        attempt: Attempt,
        started: datetime,
        outputs: tuple[ArtifactOutput, ...],
        result: str,
    ) -> Ending:
        manifest = self._manifest(attempt, started, outputs, "complete", None)
        details = {"result": checksum_of(result.encode()), "manifest": checksum_of(manifest)}
        return Ending(
            attempt=attempt,
            status="executed",
            entry=self._entry(attempt, "job.executed", details),
            result=result,
            manifest=manifest.decode(),
            artifact_ref=outputs[0].ref if outputs else None,
        )

    def _failed(
        self,
        attempt: Attempt,
        started: datetime,
        outputs: tuple[ArtifactOutput, ...],
        error: Exception,
    ) -> Ending:
        failure = _to_child_failure(error)
        if has_another_try(error, attempt=attempt.number, max_attempts=attempt.max_attempts):
            delay = retry_delay(attempt.number, seed=attempt.ref.job_id.int)
            event, again = "job.retried", self.clock.now() + delay
            if isinstance(error, Postponed):
                event, again = "job.postponed", error.until
            return Ending(
                attempt=attempt,
                status="queued",
                entry=self._entry(attempt, event, {"error": failure}),
                error=json.dumps(failure),
                retry_at=again,
            )
        is_denied = failure["code"] in _DENIALS
        manifest = self._manifest(attempt, started, outputs, "failed", failure)
        return Ending(
            attempt=attempt,
            status="denied" if is_denied else "error",
            entry=self._entry(
                attempt,
                "job.denied" if is_denied else "job.failed",
                {"error": failure, "manifest": checksum_of(manifest)},
            ),
            manifest=manifest.decode(),
            artifact_ref=outputs[0].ref if outputs else None,
            error=json.dumps(failure),
        )

    def _manifest(
        self,
        attempt: Attempt,
        started: datetime,
        outputs: tuple[ArtifactOutput, ...],
        status: ManifestStatus,
        error: dict[str, Any] | None,
    ) -> bytes:
        duration = self.clock.now() - started
        manifest = RunManifest(
            run_id=attempt.ref.job_id,
            tenant_id=attempt.ref.tenant_id,
            project_id=attempt.project_id,
            job_type=attempt.job_type,
            created_at=started,
            inputs_snapshot_ref=f"job:{attempt.ref.job_id}/inputs",
            outputs=outputs,
            metrics={
                "duration_ms": round(duration.total_seconds() * 1000, 3),
                "attempt": attempt.number,
            },
            env_fingerprint=self.fingerprint.environment,
            tool_versions=self.fingerprint.tools,
            status=status,
            error=error,
        )
        return manifest.model_dump_json().encode()

    def _entry(self, attempt: Attempt, event: str, details: dict[str, Any]) -> AuditEntry:
        return AuditEntry(
            tenant_id=attempt.ref.tenant_id,
            at=self.clock.now(),
            actor="worker",
            event=event,
            subject=f"job:{attempt.ref.job_id}",
            details={
                "job_type": attempt.job_type,
                "run_id": str(attempt.run_id),
                "attempt": attempt.number,
                "grant": attempt.grant_jti,
                **details,
            },
        )


def _to_text(job_type: AnyJobType, result: Model) -> str:
    """The result as JSON. Types are only promises: what a handler gave is looked at."""
    if not isinstance(result, job_type.result):
        raise HandlerFailed(
            f"its handler gave {type(result).__name__}, not a {job_type.result.__name__}"
        )
    return str(result.model_dump_json())


def _to_child_failure(error: Exception) -> dict[str, Any]:
    """The failure with a code of child runs: what a handler calls invalid is what it read."""
    failure = to_failure(error)
    if failure["code"] in ChildCode.__members__:
        return failure
    code = (
        ChildCode.SOURCE_MALFORMED if isinstance(error, InvalidInput) else ChildCode.HANDLER_FAILED
    )
    return {**failure, "code": str(code)}
