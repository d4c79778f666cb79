"""Every call to the server, described without being made; both clients send these."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypedDict, TypeVar
from uuid import UUID

from pydantic import BaseModel

from jobforge.contract.bundle import JobRequestBundle
from jobforge.contract.manifest import RunManifest
from jobforge.contract.results import BundleResult, JobAnswer
from jobforge.sdk.models import Item, JobChanged, JobItem, Page, RunItem

Answer = TypeVar("Answer")
Model = TypeVar("Model", bound=BaseModel)
Bundle = JobRequestBundle | Mapping[str, Any] | str | bytes
"""A bundle that was built, a module's document, or its JSON as it came."""
Verb = Literal["plan", "execute"]


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """One request: `read` makes the answer of a response's body."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    read: Callable[[bytes], Answer]
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    @property
    def is_write(self) -> bool:
        """Whether a repeated request needs a key, so that it has one effect."""
        return self.method != "GET"


class SubmitOptions(TypedDict, total=False):
    """How a bundle is submitted.

    Without a valid `policy_token` for its actions, `on_policy_failure` denies everything
    (`deny_all`, the default) or the actions (`deny_actions`).
    """

    project: UUID | None
    policy_token: str | None
    on_policy_failure: Literal["deny_all", "deny_actions"]


def submit(verb: Verb, bundle: Bundle, how: SubmitOptions) -> Call[BundleResult]:
    """Plan or execute a bundle."""
    return Call(
        "POST",
        f"/v1/bundles/{verb}",
        _reader(BundleResult),
        params=_known(project=how.get("project"), on_policy_failure=how.get("on_policy_failure")),
        headers=_known(
            **{"Policy-Token": how.get("policy_token"), "Content-Type": "application/json"}
        ),
        body=to_json(bundle),
    )


def show_run(run_id: UUID) -> Call[BundleResult]:
    """A run as it stands now."""
    return Call("GET", f"/v1/runs/{run_id}", _reader(BundleResult))


def show_manifest(run_id: UUID) -> Call[RunManifest]:
    """A run's manifest."""
    return Call("GET", f"/v1/runs/{run_id}/manifest", _reader(RunManifest))


def show_summary(run_id: UUID) -> Call[str]:
    """A run's summary, Markdown."""
    return Call("GET", f"/v1/runs/{run_id}/summary", bytes.decode)


def list_runs(cursor: str | None, filters: Mapping[str, object]) -> Call[Page[RunItem]]:
    """A page of runs, the newest first."""
    return _page("/v1/runs", Page[RunItem], cursor, filters)


def list_jobs(cursor: str | None, filters: Mapping[str, object]) -> Call[Page[JobItem]]:
    """A page of jobs, the newest first."""
    return _page("/v1/jobs", Page[JobItem], cursor, filters)


def show_job(job_id: UUID) -> Call[JobAnswer]:
    """A job with its result."""
    return Call("GET", f"/v1/jobs/{job_id}", _reader(JobAnswer))


def change_job(job_id: UUID, verb: Literal["cancel", "retry"]) -> Call[JobChanged]:
    """Cancel a job, or queue it anew."""
    return Call("POST", f"/v1/jobs/{job_id}/{verb}", _reader(JobChanged))


def to_json(bundle: Bundle) -> bytes:
    """The bundle's bytes; those of a module's own file are never written anew."""
    if isinstance(bundle, bytes):
        return bundle
    if isinstance(bundle, str):
        return bundle.encode()
    if isinstance(bundle, JobRequestBundle):
        return bundle.model_dump_json(exclude_none=True).encode()
    return json.dumps(bundle, ensure_ascii=False, allow_nan=False).encode()


def _page(
    path: str, kind: type[Page[Item]], cursor: str | None, filters: Mapping[str, object]
) -> Call[Page[Item]]:
    return Call("GET", path, _reader(kind), params=_known(**{**filters, "cursor": cursor}))


def _known(**values: object) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value is not None}


def _reader(kind: type[Model]) -> Callable[[bytes], Model]:
    def read(body: bytes) -> Model:
        return kind.model_validate_json(body, extra="ignore")

    return read
