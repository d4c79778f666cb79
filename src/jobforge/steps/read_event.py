"""An event as it is stored: form checked, secrets masked, what its producer wants hidden gone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from jobforge.contract.canonical import canonical_bytes, checksum_of
from jobforge.contract.codes import ChildCode
from jobforge.contract.errors import ContractViolation
from jobforge.contract.event import EventEnvelope
from jobforge.contract.parsing import parse_json
from jobforge.contract.validation import validate
from jobforge.core.redaction import mask_secrets
from jobforge.core.secret_patterns import MASK
from jobforge.core.triggers import facts_of
from jobforge.ports.events import EventRecord

MAX_EVENT_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class ReadEvent:
    """An event that was read: its model, and its masked document."""

    envelope: EventEnvelope
    document: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """The same for the very same event, and for no other."""
        return checksum_of(canonical_bytes(self.document))

    def to_record(self, event_id: UUID, received_at: datetime) -> EventRecord:
        """The row of it."""
        facts = facts_of(self.envelope)
        return EventRecord(
            event_id=event_id,
            digest=self.digest,
            envelope=canonical_bytes(self.document).decode(),
            event_type=facts.event_type,
            source_module=facts.source_module,
            severity=facts.severity,
            priority=facts.priority,
            trace_id=self.envelope.trace_id,
            occurred_at=datetime.fromisoformat(self.envelope.occurred_at).astimezone(UTC),
            received_at=received_at,
        )


def read_event(raw: bytes, tenant_id: UUID) -> ReadEvent:
    """Read an event of this tenant.

    Raises:
        ContractViolation: it is no event, a name in it holds a secret, or it is another tenant's.
    """
    document = parse_json(raw, max_bytes=MAX_EVENT_BYTES)
    envelope = validate(EventEnvelope, document)
    if envelope.tenant_id.lower() != str(tenant_id):
        raise ContractViolation(
            str(ChildCode.TENANT_MISMATCH),
            f"expected {tenant_id}, got {envelope.tenant_id}",
            pointer="/tenant_id",
        )
    masked, _ = mask_secrets(document)
    if envelope.redaction_hints is not None:
        hints = envelope.redaction_hints
        hidden = {*(hints.redact_fields or ()), *(hints.encrypt_fields or ())}
        masked = {**masked, "payload": _hide(masked["payload"], hidden)}
    _refuse_secret_names(document, masked)
    return ReadEvent(validate(EventEnvelope, masked), masked)


def _hide(value: Any, names: set[str]) -> Any:  # noqa: ANN401 (any JSON value)
    """The value without what its producer wants hidden, wherever it stands."""
    if isinstance(value, Mapping):
        return {k: MASK if k in names else _hide(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [_hide(item, names) for item in value]
    return value


def _refuse_secret_names(document: Any, masked: Any) -> None:  # noqa: ANN401 (JSON objects)
    """What events are found and matched by is stored as it is, so it may not hold a secret."""
    for name in ("event_type", "trace_id", "source_app", "source_module"):
        if json.dumps(document.get(name)) != json.dumps(masked.get(name)):
            raise ContractViolation(
                "BUNDLE_INVALID", "a name holds what looks like a secret", pointer=f"/{name}"
            )
