"""What work that starts by itself needs of storage: its rows, and the tables they lie in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """A bundle that work which starts later refers to; `content` is JSON text, secrets masked."""

    digest: str
    content: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ModuleCommand:
    """A registered module command: how a module is run, never what a payload says.

    `variables` are the names of environment variables that it gets; `words` is its argument list.
    """

    name: str
    words: tuple[str, ...]
    variables: tuple[str, ...]
    timeout_seconds: int
    max_output_bytes: int
    created_by: str
    created_at: datetime


class StoredBundleTable(Protocol):
    """Bundles that work which starts later refers to, by their digest; never changed."""

    async def insert(self, bundle: StoredBundle) -> None:
        """Store it, unless it is there already."""
        ...

    async def find(self, digest: str) -> StoredBundle | None:
        """The bundle of this digest."""
        ...


class ModuleTable(Protocol):
    """Registered module commands."""

    async def insert(self, command: ModuleCommand) -> None:
        """Register one; AlreadyExists where the name is taken."""
        ...

    async def find(self, name: str) -> ModuleCommand | None:
        """The command of this name."""
        ...

    async def all(self) -> tuple[ModuleCommand, ...]:
        """Every command, by name."""
        ...

    async def remove(self, name: str) -> bool:
        """Forget one; False where there is none."""
        ...


class StartingUnit(Protocol):
    """The tables of work that starts by itself, in one transaction of one tenant."""

    @property
    def bundles(self) -> StoredBundleTable:
        """Its stored bundles."""
        ...

    @property
    def modules(self) -> ModuleTable:
        """Its module commands."""
        ...
