"""`autopilot.growth.experiment_run` (action): start an experiment by writing its definition."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from jobforge.autopilots.growth.experiments.running import FOLDER, definitions_in
from jobforge.autopilots.growth.publishing.document_change import (
    Place,
    apply_document,
    is_url,
    place_for,
    plan_document,
    undo_document,
    verify_document,
)
from jobforge.core.context import JobContext
from jobforge.core.effects import PlannedEffect
from jobforge.core.errors import Conflict
from jobforge.core.job_type import ActionSteps, JobType
from jobforge.core.model import Model

BUCKETS = 10_000
_SAFE = re.compile(r"[^A-Za-z0-9._-]+")


class RunVariant(Model):
    """One variant and its share of the experiment's traffic."""

    name: str = Field(min_length=1, max_length=100)
    weight: float = Field(default=1.0, gt=0)
    description: str = ""


class ExperimentRunPayload(Model):
    """An experiment to start, or with `status` "ended" to end.

    `destination` is a file of the workspace, or a URL that takes PUT.
    """

    proposal_id: str = Field(min_length=1, max_length=256)
    experiment_title: str = Field(min_length=1, max_length=500)
    hypothesis: str = Field(min_length=1)
    target_step: str = Field(min_length=1, max_length=256)
    variants: tuple[RunVariant, ...] = Field(min_length=2, max_length=10)
    duration_days: int = Field(default=14, ge=1, le=90)
    status: Literal["running", "ended"] = "running"
    traffic_allocation: float = Field(default=0.5, gt=0, le=1)
    success_metric: str = Field(min_length=1)
    minimum_detectable_effect: float = Field(gt=0, le=1)
    destination: str | None = Field(default=None, max_length=2000)
    connection: str | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="The tenant's http connection that logs in at a URL.",
    )
    policy_token: str | None = Field(default=None, min_length=1, repr=False)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if len({variant.name for variant in self.variants}) < len(self.variants):
            raise ValueError("each variant has a name of its own")
        if self.connection is not None and not is_url(self.destination or ""):
            raise ValueError("a connection is for a destination that is a URL")
        return self


class ExperimentRunResult(Model):
    """The definition that is in force; `started` is False where it was there already."""

    proposal_id: str
    destination: str
    started: bool
    definition: dict[str, Any]


def define(payload: ExperimentRunPayload) -> dict[str, Any]:
    """The definition that a splitter reads; the same payload gives the same text."""
    total = sum(variant.weight for variant in payload.variants)
    return {
        "experiment_id": payload.proposal_id,
        "title": payload.experiment_title,
        "hypothesis": payload.hypothesis,
        "target_step": payload.target_step,
        "status": payload.status,
        "salt": sha256(payload.proposal_id.encode()).hexdigest()[:16],
        "buckets": BUCKETS,
        "traffic_allocation": payload.traffic_allocation,
        "variants": [
            {"name": v.name, "share": v.weight / total, "description": v.description}
            for v in payload.variants
        ],
        "duration_days": payload.duration_days,
        "success_metric": payload.success_metric,
        "minimum_detectable_effect": payload.minimum_detectable_effect,
    }


def assign(user_id: str, definition: Mapping[str, Any]) -> str | None:
    """The variant of a user, always the same one; None outside its traffic, and when it ended."""
    if definition.get("status", "running") != "running":
        return None
    traffic, split = (_share(definition["salt"], part, user_id) for part in ("traffic", "split"))
    if traffic >= definition["traffic_allocation"]:
        return None
    variants: Sequence[Mapping[str, Any]] = definition["variants"]
    upper = 0.0
    for variant in variants:
        upper += variant["share"]
        if split < upper:
            return str(variant["name"])
    return str(variants[-1]["name"])


def _share(salt: str, part: str, user_id: str) -> float:
    """A number in [0, 1) that depends on the user evenly."""
    digest = sha256(f"{salt}:{part}:{user_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _content(payload: ExperimentRunPayload) -> bytes:
    return (json.dumps(define(payload), indent=2, ensure_ascii=False) + "\n").encode()


def _destination(payload: ExperimentRunPayload) -> str:
    name = _SAFE.sub("-", payload.proposal_id).strip("-.") or "experiment"
    return payload.destination or f"{FOLDER}/{name}.json"


def _place(payload: ExperimentRunPayload) -> Place:
    return place_for(_destination(payload), "application/json", payload.connection)


async def plan(payload: ExperimentRunPayload, context: JobContext) -> tuple[PlannedEffect, ...]:
    """What starting would write.

    Raises:
        Conflict: another running experiment has the same step.
        PathDenied: the destination leaves the tenant's folder.
    """
    await _check_conflicts(payload, context)
    return await plan_document(_place(payload), _content(payload), context)


async def _check_conflicts(payload: ExperimentRunPayload, context: JobContext) -> None:
    own = _destination(payload)
    if payload.status != "running":
        return
    for path, other in await definitions_in(context):
        is_same = path == own or other.get("experiment_id") == payload.proposal_id
        is_running = other.get("status") == "running"
        if not is_same and is_running and other.get("target_step") == payload.target_step:
            raise Conflict(f"{path} runs on the same step, {payload.target_step}")


async def apply(
    payload: ExperimentRunPayload, effects: tuple[PlannedEffect, ...], context: JobContext
) -> ExperimentRunResult:
    """Write the definition."""
    place = _place(payload)
    started = await apply_document(place, _content(payload), effects, context)
    result = ExperimentRunResult(
        proposal_id=payload.proposal_id,
        destination=place.name,
        started=started,
        definition=define(payload),
    )
    await context.artifacts.put(
        f"growth-experiment-run-{context.job.job_id}.json",
        result.model_dump_json(indent=1).encode(),
        kind="experiment_run_report",
        mime_type="application/json",
    )
    return result


async def verify(
    payload: ExperimentRunPayload, effects: tuple[PlannedEffect, ...], context: JobContext
) -> None:
    """Read the definition again."""
    await verify_document(_place(payload), effects, context)


async def undo(
    payload: ExperimentRunPayload, effects: tuple[PlannedEffect, ...], context: JobContext
) -> None:
    """Put back what was there before."""
    await undo_document(_place(payload), _content(payload), effects, context)


EXPERIMENT_RUN = JobType(
    name="autopilot.growth.experiment_run",
    title="Start an experiment",
    domain="growth",
    payload=ExperimentRunPayload,
    result=ExperimentRunResult,
    action=ActionSteps(plan=plan, apply=apply, verify=verify, undo=undo),
    scopes=frozenset({"growth:write"}),
    timeout=timedelta(minutes=2),
    examples=(
        {
            "proposal_id": "shorter-form",
            "experiment_title": "Ask for less",
            "hypothesis": "Fewer fields bring more sign-ups.",
            "target_step": "signup",
            "variants": [{"name": "control"}, {"name": "shorter"}],
            "success_metric": "share of visitors who sign up",
            "minimum_detectable_effect": 0.08,
        },
    ),
)
