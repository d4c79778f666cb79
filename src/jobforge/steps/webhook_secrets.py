"""The secrets of an endpoint: several while one takes the place of another, sealed at rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from jobforge.ports.data import SecretsBox

GRACE: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class KeptSecret:
    """A secret, and when it ends; None for the one that counts."""

    secret: str = field(repr=False)
    ends_at: datetime | None

    def ending_by(self, at: datetime) -> KeptSecret:
        """The same, ending then unless it ends before."""
        return replace(self, ends_at=at if self.ends_at is None else min(self.ends_at, at))


def seal_secrets(
    box: SecretsBox, tenant_id: UUID, webhook_id: UUID, secrets: Sequence[KeptSecret]
) -> bytes:
    """Seal them for this tenant and endpoint."""
    document = {
        "secrets": [
            {
                "secret": kept.secret,
                "ends_at": None if kept.ends_at is None else kept.ends_at.isoformat(),
            }
            for kept in secrets
        ]
    }
    return box.seal(document, tenant_id=tenant_id, name=_name(webhook_id))


def open_secrets(
    box: SecretsBox, tenant_id: UUID, webhook_id: UUID, sealed: bytes, now: datetime
) -> list[KeptSecret]:
    """Those that have not ended, the newest first.

    Raises:
        SettingInvalid: they are not sealed for this tenant and endpoint with our key.
    """
    document = box.open(sealed, tenant_id=tenant_id, name=_name(webhook_id))
    kept = [
        KeptSecret(
            item["secret"],
            None if item["ends_at"] is None else datetime.fromisoformat(item["ends_at"]),
        )
        for item in document["secrets"]
    ]
    return [one for one in kept if one.ends_at is None or one.ends_at > now]


def _name(webhook_id: UUID) -> str:
    return f"webhook:{webhook_id}"
