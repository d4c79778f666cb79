"""What `autopilot.ops.apply` is asked: changes, when and how fast, and whether they can go back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from jobforge.autopilots.ops.change.error_budget import ErrorBudget
from jobforge.autopilots.ops.change.file_change import FileChange
from jobforge.autopilots.ops.change.git_change import GitChange
from jobforge.autopilots.ops.change.http_change import HttpChange
from jobforge.autopilots.ops.change.postgres_change import PostgresChange
from jobforge.core.model import Model

MAX_CHANGES = 1000
DEFAULT_MAX_TARGETS = 20
Strategy = Literal["immediate", "gradual", "scheduled"]
Change = Annotated[
    FileChange | GitChange | PostgresChange | HttpChange, Field(discriminator="adapter")
]


class RollbackPlan(Model):
    """Whether the change can be taken back."""

    enabled: bool = Field(default=True, description="Keep the pre-image where undo finds it.")
    backup_state: bool = Field(
        default=True, description="Keep what was before as an artifact: checksums and masked diffs."
    )


class Schedule(Model):
    """When a scheduled change may start; both ends are instants."""

    not_before: datetime
    not_after: datetime | None = None

    @model_validator(mode="after")
    def _is_a_window(self) -> Schedule:
        ends = [self.not_before, *([self.not_after] if self.not_after else [])]
        if any(end.tzinfo is None for end in ends):
            raise ValueError("a schedule's instants need a time zone, like 2026-01-15T22:00:00Z")
        if self.not_after is not None and self.not_after <= self.not_before:
            raise ValueError("not_after lies after not_before")
        return self


class ApplyPayload(Model):
    """What to change; without a change there is nothing to do, and the result says so."""

    recommendation_id: str = Field(min_length=1, max_length=256, pattern=r"^[^\r\n]*$")
    apply_strategy: Strategy = Field(
        default="immediate",
        description="gradual: one target first, then twice as many each time, verified in between; "
        "scheduled: waits for its `schedule`.",
    )
    schedule: Schedule | None = Field(default=None, description="Needed by scheduled.")
    error_budget: ErrorBudget | None = Field(
        default=None, description="Judged after each wave; spent, all is taken back."
    )
    rollback_plan: RollbackPlan = RollbackPlan()
    change: Change | None = None
    changes: tuple[Change, ...] = Field(
        default=(), max_length=MAX_CHANGES, description="Further changes; all or none are applied."
    )
    max_targets: int = Field(
        default=DEFAULT_MAX_TARGETS, ge=1, le=MAX_CHANGES,
        description="A plan with more targets is shown and never applied.",
    )  # fmt: skip
    policy_token: str | None = Field(
        default=None, min_length=1, repr=False, description="Taken out before anything is stored."
    )

    @model_validator(mode="after")
    def _holds_together(self) -> ApplyPayload:
        if not self.rollback_plan.enabled and len(self.all_changes) > 1:
            raise ValueError("several changes need rollback_plan.enabled: all or none are applied")
        if not self.rollback_plan.enabled and self.error_budget is not None:
            raise ValueError("an error budget needs rollback_plan.enabled: spent, all is put back")
        if (self.schedule is not None) != (self.apply_strategy == "scheduled"):
            raise ValueError("apply_strategy scheduled goes with a schedule")
        return self

    @property
    def all_changes(self) -> tuple[Change, ...]:
        """The change and the further ones, in order."""
        return (*([self.change] if self.change is not None else []), *self.changes)


EXAMPLES: tuple[Mapping[str, Any], ...] = (
    {
        "recommendation_id": "rec-2026-014",
        "change": {
            "adapter": "file",
            "path": "deploy/web.yaml",
            "patch": [{"op": "replace", "path": "/spec/replicas", "value": 3}],
        },
    },
    {
        "recommendation_id": "rec-2026-015",
        "apply_strategy": "gradual",
        "changes": [
            {
                "adapter": "kubernetes",
                "path": "deploy/shop.yaml",
                "resource": {"kind": "Deployment", "name": "web"},
                "patch": [{"op": "replace", "path": "/spec/replicas", "value": 3}],
            },
            {
                "adapter": "file",
                "path": "infra/main.tf",
                "patch": [
                    {
                        "op": "replace",
                        "path": "/resource/aws_ebs_volume/data/encrypted",
                        "value": True,
                    }
                ],
            },
        ],
    },
    {
        "recommendation_id": "rec-2026-016",
        "changes": [
            {
                "adapter": "git",
                "repository": "repos/shop",
                "branch": "jobforge/rec-2026-016",
                "message": "Scale web to three",
                "files": [
                    {
                        "path": "deploy/web.yaml",
                        "patch": [{"op": "replace", "path": "/spec/replicas", "value": 3}],
                    }
                ],
                "push": "shop-origin",
            },
            {
                "adapter": "postgres",
                "connection": "shop",
                "operation": {
                    "kind": "create_index",
                    "name": "orders_customer",
                    "table": "orders",
                    "columns": ["customer"],
                },
            },
            {
                "adapter": "http",
                "connection": "pager",
                "path": "/restart/web",
                "check": {"path": "/state/web", "pointer": "/restarted", "value": True},
            },
        ],
    },
)
