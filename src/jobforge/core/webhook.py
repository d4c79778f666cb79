"""What endpoints are told, and when it is tried again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from jobforge.contract.canonical import canonical_bytes
from jobforge.core.errors import InvalidInput
from jobforge.core.redaction import mask_text

EVENTS: Final = (
    "approval.requested",
    "approval.decided",
    "break_glass.used",
    "run.finished",
    "switch.turned",
)
"""All that endpoints can be told of."""

OF_AUDIT: Final[Mapping[str, str]] = {
    "approval.requested": "approval.requested",
    "approval.granted": "approval.decided",
    "approval.denied": "approval.decided",
    "approval.withdrawn": "approval.decided",
    "break_glass.granted": "break_glass.used",
    "switch.on": "switch.turned",
    "switch.off": "switch.turned",
    "work.paused": "switch.turned",
    "work.resumed": "switch.turned",
}
"""The events of the audit log that are told, and as what."""

PAUSES: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 36_000)
)
"""Before each further attempt; after the last one it is parked.

Source: Standard Webhooks specification 1.0, "Deliverability and reliability", recommended
schedule.
"""

GONE: Final = 410
_FIRST_GOOD, _FIRST_OTHER = 200, 300
_MAX_URL = 2_048


def pause_after(attempts: int, chance: float) -> timedelta | None:
    """How long to wait after so many failed attempts, None for no more.

    `chance` in [0, 1) makes it up to a tenth longer, so that what failed together does not come
    back together.
    """
    if attempts > len(PAUSES):
        return None
    return PAUSES[attempts - 1] * (1 + chance / 10)


def is_taken(status: int) -> bool:
    """Whether the endpoint took it."""
    return _FIRST_GOOD <= status < _FIRST_OTHER


def to_cloud_event(
    *,
    delivery_id: UUID,
    tenant_id: UUID,
    event: str,
    subject: str,
    happened_at: datetime,
    content: str,
) -> bytes:
    """The body: a CloudEvent in structured JSON.

    Source: CloudEvents specification 1.0.2, JSON event format.
    """
    document: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(delivery_id),
        "source": f"/jobforge/tenants/{tenant_id}",
        "type": f"jobforge.{event}",
        "subject": subject,
        "time": happened_at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": json.loads(content),
    }
    return canonical_bytes(document)


def check_endpoint(url: str, events: tuple[str, ...]) -> None:
    """Make sure that somebody can be told there, and of what.

    Raises:
        InvalidInput: the URL is none, or holds credentials; or there is no such event.
    """
    where = _place(url)
    if where is None or len(url) > _MAX_URL or not url.isprintable() or " " in url:
        raise InvalidInput("that is no URL of an endpoint", hint="https://HOST/PATH")
    if "@" in where or mask_text(url) != url:
        raise InvalidInput("the URL holds what looks like a secret; URLs are stored and shown")
    unknown = sorted(set(events) - set(EVENTS))
    if unknown:
        raise InvalidInput(f"there is no event {unknown[0]}", hint=f"one of {', '.join(EVENTS)}")


def _place(url: str) -> str | None:
    """The host with all that stands beside it; None where it is no URL of the web."""
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return None
    return parts.netloc if is_url else None
