"""What a bundle or a report of any dialect becomes: one form, verified, payloads untouched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import SecretStr  # noqa: TC002 (stored bundles are read back by these types)

from jobforge.contract.results import Dialect

ProducerHash = Literal["verified", "absent"]
Priority = Literal["low", "normal", "high", "critical"]
Origin = Literal["bundle", "single_job", "module_run"]
"""How it came: as a document, as one job made into a bundle, or from a module that we ran."""


@dataclass(frozen=True, slots=True)
class Hints:
    """What the producer wished for. Never a permission: the catalogue's own limits hold.

    Times are the producer's own text (RFC 3339); costs are US dollars.
    """

    priority: Priority | None = None
    max_cost_usd: float | None = None
    max_duration_seconds: float | None = None
    max_retries: int | None = None
    requires_approval: bool = False
    not_before: str | None = None
    expires_at: str | None = None


@dataclass(frozen=True, slots=True)
class TranslatedRequest:
    """One request. `payload` is the producer's own form, without `policy_token`.

    `tenant` and `project` are as the producer named them; `pointer` is the request's place in the
    document. `is_flagged` says the producer asked for a policy token: it can only make the
    decision stricter. `metadata` is what else the producer said about the request.
    """

    request_id: str
    job_type: str
    tenant: str
    project: str | None
    payload: Mapping[str, Any]
    idempotency_key: str
    required_scopes: tuple[str, ...]
    is_flagged: bool
    hints: Hints
    pointer: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TranslatedBundle:
    """A bundle whose form, producer hash and idempotency keys have been checked.

    `policy_token` is the one that payloads carried, for use only where no other is given. It is
    in no payload any more, and in no `repr`. `origin` is never read from a document.
    """

    dialect: Dialect
    bundle_id: str
    tenant: str
    project: str | None
    trace_id: str
    producer_hash: ProducerHash
    source_module: str
    requests: tuple[TranslatedRequest, ...]
    metadata: Mapping[str, Any]
    policy_token: SecretStr | None = field(default=None, repr=False)
    origin: Origin = "bundle"


@dataclass(frozen=True, slots=True)
class CheckedReport:
    """A report whose form and producer hash have been checked.

    `created_at` is the producer's own text; None where its dialect has none. `findings` and
    `recommendations` count what the report lists. `content` is the whole report as it came.
    """

    dialect: Dialect
    report_id: str
    report_type: str
    tenant: str
    project: str | None
    trace_id: str
    producer_hash: ProducerHash
    source_module: str
    created_at: str | None
    findings: int
    recommendations: int
    requested_job_types: tuple[str, ...]
    content: Mapping[str, Any]
