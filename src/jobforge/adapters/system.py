"""The real clock and the real ids."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return datetime.now(UTC)


class RandomIds:
    """Random UUIDs (RFC 9562 version 4)."""

    def uuid(self) -> uuid.UUID:
        """A new id."""
        return uuid.uuid4()


class RandomSecrets:
    """Secrets from the operating system."""

    def chance(self) -> float:
        """A number in [0, 1)."""
        return secrets.SystemRandom().random()

    def secret(self, size: int) -> bytes:
        """So many bytes that nobody can guess."""
        return secrets.token_bytes(size)
