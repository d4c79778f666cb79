"""What a schedule or a trigger rule starts, as bodies say it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from fastapi import Request
from pydantic import Field, SecretStr

from jobforge.contract.parsing import parse_json
from jobforge.contract.results import Mode
from jobforge.core.admission import OnPolicyFailure
from jobforge.entrypoints.http.access import App, Caller
from jobforge.entrypoints.http.model import Body, JobTypeName, Name
from jobforge.steps.intake import Submission
from jobforge.steps.prepare_work import WorkWish


class WorkBody(Body):
    """What shall start: exactly one of a bundle, a module command and a job type."""

    bundle: dict[str, Any] | None = Field(default=None, description="In any of the dialects.")
    module: Name | None = Field(default=None, description="A registered module command.")
    job_type: JobTypeName | None = None
    payload: dict[str, Any] = Field(
        default_factory=dict, description="Of the job type, or more for the module."
    )
    on_policy_failure: OnPolicyFailure = "deny_all"


def to_wish(work: WorkBody, mode: Mode, policy_token: SecretStr | None = None) -> WorkWish:
    """What the body asks for."""
    bundle = None if work.bundle is None else json.dumps(work.bundle, ensure_ascii=False).encode()
    return WorkWish(
        bundle=bundle,
        module=work.module,
        job_type=work.job_type,
        payload=work.payload,
        mode=mode,
        on_policy_failure=work.on_policy_failure,
        policy_token=None if policy_token is None else policy_token.get_secret_value(),
    )


async def refuse_ambiguous(request: Request) -> None:
    """Read the body as bundles are read: what two readers could read differently is refused.

    Raises:
        ContractViolation: a key stands there twice, a number loses digits, it is too deep.
    """
    parse_json(await request.body())


async def to_submission(app: App, caller: Caller, wanted: Submission) -> Submission:
    """The submission, in a project that is there and the caller's.

    Raises:
        Missing: the project is not his.
        ProjectUnknown: the tenant has none of that id.
    """
    project_id = caller.narrow(wanted.project_id)
    if project_id is not None:
        await app.names.project(caller.tenant, str(project_id))
    return replace(wanted, project_id=project_id)
