"""The audit entries of a decided bundle: one for the bundle, one for each request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from jobforge.contract.dialects import TranslatedBundle
from jobforge.contract.results import ChildRun, Mode
from jobforge.core.audit import AuditEntry
from jobforge.core.plan import Plan
from jobforge.core.policy_token import TokenVerdict


@dataclass(frozen=True, slots=True)
class DecisionLog:
    """Writes entries of one run, by one actor, at one moment."""

    tenant_id: UUID
    run_id: UUID
    actor: str
    mode: Mode
    at: datetime

    def refused(self, error: Mapping[str, Any]) -> list[AuditEntry]:
        """The bundle as a whole was refused."""
        return [self._entry("bundle.refused", f"run:{self.run_id}", {"error": error})]

    def decided(
        self,
        bundle: TranslatedBundle,
        plan: Plan,
        token: TokenVerdict,
        children: Sequence[ChildRun],
    ) -> list[AuditEntry]:
        """The bundle was decided request by request; `children` are in the plan's order."""
        details = {
            "mode": self.mode,
            "bundle_id": bundle.bundle_id,
            "dialect": bundle.dialect,
            "trace_id": bundle.trace_id,
            "plan_digest": plan.digest,
            "effects_digest": plan.effects_digest,
            "token": None if token.claims is None else str(token.claims.jti),
            "token_verdict": "accepted" if token.code is None else str(token.code),
        }
        return [
            self._entry("bundle.decided", f"run:{self.run_id}", details),
            *(
                self._child(child, request.payload_digest)
                for child, request in zip(children, plan.requests, strict=True)
            ),
        ]

    def _child(self, child: ChildRun, payload_digest: str) -> AuditEntry:
        return self._entry(
            f"request.{child.status}",
            f"run:{self.run_id}/request:{child.request_id}",
            {
                "job_type": child.job_type,
                "code": child.code,
                "job_id": None if child.job_id is None else str(child.job_id),
                "payload_digest": payload_digest,
            },
        )

    def _entry(self, event: str, subject: str, details: dict[str, Any]) -> AuditEntry:
        return AuditEntry(
            tenant_id=self.tenant_id,
            at=self.at,
            actor=self.actor,
            event=event,
            subject=subject,
            details=details,
        )
