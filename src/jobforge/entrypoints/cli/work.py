"""The options that say what a schedule or a trigger rule starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobforge.core.admission import OnPolicyFailure
from jobforge.entrypoints.cli.bundles import read_input
from jobforge.entrypoints.cli.jobs import read_payload
from jobforge.steps.prepare_work import WorkWish

Bundle = Annotated[
    Path | None, typer.Option("--bundle", metavar="FILE", help="Start this request bundle.")
]
Module = Annotated[
    str | None,
    typer.Option("--module", metavar="COMMAND", help="Start this registered module command."),
]
JobType = Annotated[
    str | None, typer.Option("--job", metavar="TYPE", help="Start one job of this type.")
]
Payload = Annotated[
    Path | None,
    typer.Option("--payload", metavar="FILE", help="The payload of --job, or more for --module."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Plan the bundle, or the module's, and no more.")
]

Sources = tuple[Path | None, str | None, str | None, Path | None]


def read_wish(
    sources: Sources,
    *,
    dry_run: bool,
    on_policy_failure: OnPolicyFailure,
    policy_token: str | None = None,
) -> WorkWish:
    """What these options ask for: bundle, module, job type and payload, in this order.

    Raises:
        InvalidInput: a file cannot be read.
        ContractViolation: the payload is not valid JSON.
    """
    bundle, module, job_type, payload = sources
    return WorkWish(
        bundle=None if bundle is None else read_input(bundle),
        module=module,
        job_type=job_type,
        payload={} if payload is None else read_payload(payload),
        mode="dry_run" if dry_run else "execute",
        on_policy_failure=on_policy_failure,
        policy_token=policy_token,
    )
