"""Makes bundles that are valid before they are sent."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ValidationError

from jobforge.contract.bundle import (
    SCHEMA_VERSION,
    BundleMetadata,
    JobRequest,
    JobRequestBundle,
)
from jobforge.contract.errors import ContractViolation
from jobforge.contract.limits import MAX_REQUESTS


@dataclass(slots=True)
class BundleBuilder:
    """Gathers requests of one tenant; `build` gives the bundle.

    `triggered_at` carries its offset. The same `bundle_id` and requests sent again are recognised
    by their idempotency keys; without an id of its own a bundle gets a random one.
    """

    tenant_id: UUID | str
    source: str
    triggered_at: datetime
    project_id: UUID | str | None = None
    bundle_id: str = field(default_factory=lambda: f"bundle-{secrets.token_hex(8)}")
    trace_id: str | None = None
    _requests: list[JobRequest] = field(init=False, default_factory=list)

    def add(
        self,
        job_type: str,
        payload: Mapping[str, Any] | BaseModel,
        *,
        request_id: str | None = None,
        idempotency_key: str | None = None,
        scopes: Iterable[str] = (),
    ) -> Self:
        """Ask for one job.

        Without a key of its own, the job runs once for each bundle id and request id.

        Raises:
            ContractViolation: the request does not fit the contract; the pointer names its place.
        """
        number = len(self._requests)
        name = request_id or f"request-{number + 1}"
        document = {
            "id": name,
            "job_type": job_type,
            "tenant_id": str(self.tenant_id),
            "project_id": _text(self.project_id),
            "payload": _plain(payload),
            "idempotency_key": idempotency_key or f"{self.bundle_id}:{name}",
            "required_scopes": tuple(scopes),
        }
        if name in {request.id for request in self._requests}:
            raise ContractViolation(
                "BUNDLE_INVALID",
                f"there is a request {name} already",
                pointer=f"/requests/{number}/id",
            )
        try:
            self._requests.append(JobRequest.model_validate(document))
        except ValidationError as error:
            raise _violation(error, f"/requests/{number}") from None
        return self

    def build(self) -> JobRequestBundle:
        """The bundle.

        Raises:
            ContractViolation: there is no request or too many, or a name does not fit.
        """
        if not 0 < len(self._requests) <= MAX_REQUESTS:
            said = f"a bundle has 1 to {MAX_REQUESTS} requests, not {len(self._requests)}"
            raise ContractViolation("BUNDLE_INVALID", said, pointer="/requests")
        try:
            return JobRequestBundle(
                schema_version=SCHEMA_VERSION,
                bundle_id=self.bundle_id,
                tenant_id=str(self.tenant_id),
                project_id=_text(self.project_id),
                trace_id=self.trace_id or self.bundle_id,
                requests=tuple(self._requests),
                metadata=BundleMetadata(
                    source=self.source, triggered_at=self.triggered_at.isoformat()
                ),
            )
        except ValidationError as error:
            raise _violation(error, "") from None


def _violation(error: ValidationError, place: str) -> ContractViolation:
    first = error.errors(include_url=False, include_input=False)[0]
    pointer = place + "".join(f"/{part}" for part in first["loc"])
    return ContractViolation("BUNDLE_INVALID", first["msg"], pointer=pointer)


def _plain(payload: Mapping[str, Any] | BaseModel) -> dict[str, Any]:
    if isinstance(payload, BaseModel):
        return payload.model_dump(mode="json")
    return dict(payload)


def _text(name: UUID | str | None) -> str | None:
    return None if name is None else str(name)
