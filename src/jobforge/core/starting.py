"""Work that starts other work: what the handlers of JobForge's own job types may ask for."""

from __future__ import annotations

from typing import Any, Literal, Protocol
from uuid import UUID, uuid5

from pydantic import Field, model_validator

from jobforge.contract.results import BundleResult, Mode
from jobforge.core.model import Model

EXECUTOR = "jobforge.autopilot.execute_request_bundle"
MODULE_RUNNER = "jobforge.autopilot.run_module_cli"


def run_started_by(job_id: UUID) -> UUID:
    """The bundle run that a job of these types starts: the same for each of its attempts."""
    return uuid5(job_id, "bundle-run")


class BundleOrder(Model):
    """A bundle to be planned or executed: stored under a digest, or carried along.

    `occurrence` makes its keys those of this time; `grant_id` is a permission put aside for it.
    """

    bundle_digest: str | None = Field(
        default=None,
        pattern=r"^sha256:[0-9a-f]{64}$",
        description="A bundle stored by `jobforge bundle queue` or a schedule.",
    )
    bundle: dict[str, Any] | None = Field(
        default=None, description="A verified bundle; made from `request_bundle`, never given."
    )
    mode: Mode = Field(default="dry_run", description="Whether to plan or to execute.")
    on_policy_failure: Literal["deny_all", "deny_actions"] = Field(
        default="deny_all", description="What to do with the rest where an action has no grant."
    )
    occurrence: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._:+-]{1,128}$",
        description="Added to each idempotency key, so that recurring work is new work.",
    )
    grant_id: UUID | None = Field(
        default=None, description="The number of a grant put aside for this bundle; no token."
    )

    @model_validator(mode="after")
    def _has_one_bundle(self) -> BundleOrder:
        if (self.bundle is None) == (self.bundle_digest is None):
            raise ValueError("give either request_bundle or bundle_digest")
        return self


class ModuleOrder(Model):
    """A registered module command to be run on these inputs."""

    command: str
    inputs: dict[str, Any]


class ModuleRun(Model):
    """How a module's command ended; `report` and `bundle` are what it wrote, None where nothing.

    `exit_code` is None where it was stopped; `output` is what it printed.
    """

    exit_code: int | None
    stopped: Literal["time", "output"] | None
    duration_ms: int
    output: str = Field(repr=False)
    report: bytes | None = Field(repr=False)
    bundle: bytes | None = Field(repr=False)
    program: str = ""


class Starts(Protocol):
    """Starts further work as the actor of the job that asks, through the same gates as anyone."""

    async def bundle(self, order: BundleOrder) -> BundleResult:
        """Plan or execute a bundle; asked again by the same job, it answers with the same run.

        Raises:
            Missing: there is no such stored bundle.
        """
        ...

    async def module(self, order: ModuleOrder) -> ModuleRun:
        """Run a module command that an operator registered for the tenant.

        Raises:
            Missing: there is none of that name.
            SourceMalformed: what it wrote is no plain file, or too large.
        """
        ...
