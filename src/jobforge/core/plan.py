"""The plan: what would run, for whom, and what it would change. It never changes once made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from uuid import UUID

from pydantic import TypeAdapter

from jobforge.contract.canonical import checksum_of, digest_of
from jobforge.core.effects import PlannedEffect

_Subject = tuple[Literal["precondition", "target"], str]

Effects = Mapping[str, tuple[PlannedEffect, ...]]
"""Predicted effects by request id; only requests that change something have an entry."""

NO_EFFECTS_DIGEST = digest_of({})


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One request as it is stored and run.

    `tenant` and `project` are the ids as text where the request's names resolve to the caller's,
    else the names themselves. `payload_text` is the
    canonical JSON of the translated, masked payload: what is digested, stored and run.
    """

    request_id: str
    job_type: str
    tenant: str
    project: str | None
    payload_text: str = field(repr=False)
    payload_digest: str
    idempotency_key: str
    required_scopes: tuple[str, ...]
    is_flagged: bool

    @property
    def payload(self) -> dict[str, Any]:
        """The payload as plain JSON."""
        return dict(json.loads(self.payload_text))

    def to_text(self) -> str:
        """The request as JSON, as a plan stores it; the payload stands in it as it is."""
        head = json.dumps(
            {
                "request_id": self.request_id,
                "job_type": self.job_type,
                "tenant": self.tenant,
                "project": self.project,
                "payload_digest": self.payload_digest,
                "idempotency_key": self.idempotency_key,
                "required_scopes": self.required_scopes,
                "is_flagged": self.is_flagged,
            }
        )
        return f'{head[:-1]}, "payload": {self.payload_text}}}'

    def to_digested(self, tenant: str, project: str | None) -> dict[str, Any]:
        """What the digest of a plan for this tenant and project covers of the request.

        The payload counts by its own digest; what is as usual is left out.
        """
        document: dict[str, Any] = {
            "id": self.request_id,
            "job_type": self.job_type,
            "payload": self.payload_digest,
            "idempotency_key": self.idempotency_key,
        }
        if self.tenant != tenant:
            document["tenant"] = self.tenant
        if self.project != project:
            document["project"] = self.project
        if self.required_scopes:
            document["required_scopes"] = sorted(self.required_scopes)
        if self.is_flagged:
            document["is_flagged"] = True
        return document


@dataclass(frozen=True, slots=True)
class Plan:
    """All requests of a bundle for one tenant, and what its actions would change.

    `digest` is over tenant, project and requests: what runs. It leaves out verdicts, effects,
    mode, run id and time. `effects_digest` is over the predicted effects with preconditions.
    """

    tenant_id: UUID
    project_id: UUID | None
    requests: tuple[PlannedRequest, ...]
    digest: str
    effects: Effects
    effects_digest: str

    @classmethod
    def of(
        cls, tenant_id: UUID, project_id: UUID | None, requests: tuple[PlannedRequest, ...]
    ) -> Plan:
        """The plan before its effects are known."""
        tenant, project = str(tenant_id), _text(project_id)
        document = {
            "tenant_id": tenant,
            "project_id": project,
            "requests": [request.to_digested(tenant, project) for request in requests],
        }
        return cls(tenant_id, project_id, requests, digest_of(document), {}, NO_EFFECTS_DIGEST)

    def with_effects(self, effects: Effects) -> Plan:
        """The same plan with these predicted effects."""
        return replace(self, effects=effects, effects_digest=effects_digest(effects))


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that is no longer as planned: `planned` → `current`; None means not there.

    `subject` is a precondition's source or a target; `order` means the same effects in another
    order.
    """

    request_id: str
    kind: Literal["precondition", "target", "order"]
    subject: str
    planned: str | None
    current: str | None


def effects_digest(effects: Effects) -> str:
    """The digest over predicted effects with their preconditions, by request."""
    return digest_of(effects_to_json(effects))


def effects_to_json(effects: Effects) -> dict[str, Any]:
    """The effects as plain JSON, as a plan stores them; requests without effects are left out."""
    return {
        request_id: [effect.model_dump(mode="json") for effect in planned]
        for request_id, planned in effects.items()
        if planned
    }


def effects_from_json(document: Mapping[str, Any]) -> Effects:
    """The effects that `effects_to_json` wrote.

    Raises:
        ValueError: the document is not of that form.
    """
    return {
        request_id: _EFFECTS.validate_python(effects, strict=False)
        for request_id, effects in document.items()
    }


def diff_effects(planned: Effects, current: Effects) -> tuple[Drift, ...]:
    """What changed between two predictions, one drift per precondition or target.

    In the order of request ids; per request the preconditions come first. It is empty exactly
    where the two have the same digest.
    """
    return tuple(
        drift
        for request_id in sorted(planned.keys() | current.keys())
        for drift in _drifts(request_id, planned.get(request_id, ()), current.get(request_id, ()))
    )


def _drifts(
    request_id: str, planned: tuple[PlannedEffect, ...], current: tuple[PlannedEffect, ...]
) -> list[Drift]:
    if planned == current:
        return []
    old, new = _facts_of(planned), _facts_of(current)
    drifts = [
        Drift(request_id, kind, subject, old.get((kind, subject)), new.get((kind, subject)))
        for kind, subject in dict.fromkeys((*old, *new))
        if old.get((kind, subject)) != new.get((kind, subject))
    ]
    return drifts or [Drift(request_id, "order", "effects", _order(planned), _order(current))]


def _facts_of(effects: tuple[PlannedEffect, ...]) -> dict[_Subject, str]:
    """One line per precondition and target; several lines of one subject are joined."""
    facts: dict[_Subject, list[str]] = {}
    for effect in effects:
        for condition in effect.preconditions:
            facts.setdefault(("precondition", condition.source), []).append(condition.expected)
    for effect in effects:
        facts.setdefault(("target", effect.target), []).append(_line(effect))
    return {subject: " | ".join(sorted(lines)) for subject, lines in facts.items()}


def _line(effect: PlannedEffect) -> str:
    diff = checksum_of(effect.diff.encode())
    return f"{effect.change} {effect.before} -> {effect.after} (diff {diff})"


def _order(effects: tuple[PlannedEffect, ...]) -> str:
    return ", ".join(effect.target for effect in effects)


_EFFECTS = TypeAdapter(tuple[PlannedEffect, ...])


def _text(project_id: UUID | None) -> str | None:
    return None if project_id is None else str(project_id)
