"""Time and ids, so that nothing takes them by itself."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...


class IdSource(Protocol):
    """Makes ids."""

    def uuid(self) -> UUID:
        """A new id that nothing else has."""
        ...


class SecretSource(Protocol):
    """Makes secrets."""

    def secret(self, size: int) -> bytes:
        """So many bytes that nobody can guess."""
        ...
