"""What admission answers: one decision a request, or the refusal of the whole bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from jobforge.contract.codes import BundleCode, ChildCode
from jobforge.contract.results import ChildRun, Mode
from jobforge.core.admission.prepared import PreparedRequest

DecisionStatus = Literal["accepted", "denied", "skipped"]


@dataclass(frozen=True, slots=True)
class Decision:
    """The fate of one request.

    `reason` is for people, `code` for callers. `detail` says more where the reason is a fixed
    text; `pointer` is the place in the payload, `hint` the way out. `earlier_job_id` is the job a
    skipped request was submitted as.
    """

    request: PreparedRequest
    status: DecisionStatus
    reason: str
    code: ChildCode | None = None
    detail: str | None = None
    pointer: str | None = None
    hint: str | None = None
    earlier_job_id: UUID | None = None
    warnings: tuple[Mapping[str, Any], ...] = ()

    def to_child_run(self, mode: Mode, job_id: UUID | None = None) -> ChildRun:
        """The answer for this request; `job_id` is the job it was queued as."""
        return ChildRun(
            request_id=self.request.source.request_id,
            job_type=self.request.source.job_type,
            status="queued" if self.status == "accepted" and mode == "execute" else self.status,
            reason=self.reason,
            code=self.code,
            job_id=job_id or self.earlier_job_id,
            error=self._error(),
            warnings=tuple(dict(warning) for warning in self.warnings),
        )

    def _error(self) -> dict[str, Any] | None:
        if self.status != "denied":
            return None
        places = {"pointer": self.pointer, "hint": self.hint}
        known = {name: text for name, text in places.items() if text is not None}
        return {"code": self.code, "message": self.detail or self.reason, **known}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the whole bundle was refused."""

    code: BundleCode
    message: str
    pointer: str = ""
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """All decisions on a bundle, in its order. A refused bundle has none."""

    decisions: tuple[Decision, ...]
    refusal: Refusal | None = None
    action_jobs_blocked: int = 0

    @property
    def accepted(self) -> tuple[Decision, ...]:
        """The requests that may run, in order."""
        return tuple(d for d in self.decisions if d.status == "accepted")
