"""`jobforge.autopilot.execute_request_bundle`: the executor as a job, to be queued and scheduled.

It decides nothing itself: the bundle passes the same gates as one that a person submits. What it
may change is permitted by a grant that was put aside for exactly its plan; a token is never here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from jobforge.contract.dialects import read_bundle
from jobforge.contract.errors import ContractViolation
from jobforge.contract.results import BundleResult, Mode
from jobforge.core.context import JobContext
from jobforge.core.errors import FeatureFlagDisabled, PayloadInvalid, SourceMalformed
from jobforge.core.job_type import JobType
from jobforge.core.model import Model
from jobforge.core.scopes import READ_SCOPES
from jobforge.core.starting import EXECUTOR, BundleOrder
from jobforge.core.stored_bundle import to_document, without_secrets

_DISABLED = "FEATURE_FLAG_DISABLED"


class ExecuteResult(Model):
    """What was decided; the children go on by themselves: `jobforge run show` follows them."""

    success: bool
    bundle_run_id: UUID | None
    dry_run: bool
    mode: Mode
    trace_id: str | None
    plan_digest: str | None
    child_runs: tuple[dict[str, Any], ...]
    summary: dict[str, int]
    bundle_manifest_ref: str | None


def translate(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Verify and translate `request_bundle`, of any dialect, before anything of it is stored.

    Raises:
        PayloadInvalid: with the pointer into it; a token inside it is refused, too.
    """
    if "bundle" in payload:
        raise PayloadInvalid("unknown key", pointer="/bundle")
    if "request_bundle" not in payload:
        return payload
    rest = {key: value for key, value in payload.items() if key != "request_bundle"}
    try:
        bundle = read_bundle(json.dumps(payload["request_bundle"], ensure_ascii=False).encode())
        if bundle.policy_token is not None:
            raise PayloadInvalid(
                "queued work carries no policy token",
                pointer="/request_bundle",
                hint="jobforge bundle queue FILE --policy-token TOKEN puts a grant aside",
            )
        return {**rest, "bundle": to_document(without_secrets(bundle))}
    except ContractViolation as violation:
        pointer = f"/request_bundle{violation.pointer or ''}"
        raise PayloadInvalid(violation.message, pointer=pointer, hint=violation.hint) from None


async def handle(payload: BundleOrder, context: JobContext) -> ExecuteResult:
    """Hand the bundle in.

    Raises:
        FeatureFlagDisabled: autopilot jobs were switched off meanwhile.
        SourceMalformed: the bundle was refused as a whole.
    """
    answer = await context.starts.bundle(payload)
    refuse_refused(answer)
    return ExecuteResult(
        success=answer.success,
        bundle_run_id=answer.bundle_run_id,
        dry_run=answer.dry_run,
        mode=answer.mode,
        trace_id=answer.trace_id,
        plan_digest=answer.plan_digest,
        child_runs=tuple(child.model_dump(mode="json") for child in answer.child_runs),
        summary=answer.summary.model_dump(),
        bundle_manifest_ref=answer.bundle_manifest_ref,
    )


def refuse_refused(answer: BundleResult) -> None:
    """A bundle that was refused as a whole is no success of the job that handed it in.

    Raises:
        FeatureFlagDisabled: it was switched off.
        SourceMalformed: it was refused for anything else.
    """
    error = answer.manifest.error
    if error is None:
        return
    if error["code"] == _DISABLED:
        raise FeatureFlagDisabled(str(error["message"]), hint=error.get("hint"))
    message = f"the bundle was refused ({error['code']}): {error['message']}"
    raise SourceMalformed(message, pointer=error.get("pointer"), hint=error.get("hint"))


EXECUTE_REQUEST_BUNDLE = JobType(
    name=EXECUTOR,
    title="Plan or execute a request bundle",
    domain="jobforge",
    payload=BundleOrder,
    result=ExecuteResult,
    # Whoever starts it holds what the bundle's read-only requests will need.
    scopes=READ_SCOPES,
    timeout=timedelta(minutes=5),
    handle=handle,
    isolation="inline",
    translate=translate,
    examples=({"bundle_digest": "sha256:" + "7d" * 32, "mode": "execute"},),
    result_examples=(
        {
            "success": True,
            "bundle_run_id": "35194a6f-ea75-45a3-be62-099a92af1407",
            "dry_run": False,
            "mode": "execute",
            "trace_id": "trace-1",
            "plan_digest": "sha256:" + "1d" * 32,
            "child_runs": [],
            "summary": {"total": 0, "queued": 0},
            "bundle_manifest_ref": "run:35194a6f-ea75-45a3-be62-099a92af1407/manifest",
        },
    ),
)
