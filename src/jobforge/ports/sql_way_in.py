"""What the way in by SQL needs of storage: who is let in, and what was handed in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from jobforge.contract.results import Mode


@dataclass(frozen=True, slots=True)
class SqlGrant:
    """A database role that is bound to the tenant, and to one of its projects where that is set."""

    role_name: str
    project_id: UUID | None
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class IntakeRecord:
    """A bundle that came by SQL and waits; `bundle` is its text, as it came."""

    intake_id: UUID
    role_name: str
    project_id: UUID | None
    mode: Mode
    bundle: str = field(repr=False)
    submitted_at: datetime


@dataclass(frozen=True, slots=True)
class NewIntake:
    """Where a bundle waits; whoever looks across tenants learns no more."""

    tenant_id: UUID
    intake_id: UUID


class SqlGrantTable(Protocol):
    """The database roles that are bound to the current tenant."""

    async def insert(self, grant: SqlGrant) -> None:
        """Bind a role, and let it in.

        Raises:
            AlreadyExists: it is bound to a tenant already.
            InvalidInput: there is no such role, or it is too mighty.
        """
        ...

    async def all(self) -> tuple[SqlGrant, ...]:
        """Every role that is bound, by name."""
        ...

    async def remove(self, role_name: str) -> bool:
        """Bind it no more, and keep it out; False where it was not bound to this tenant."""
        ...


class IntakeTable(Protocol):
    """Bundles of the current tenant that came by SQL."""

    async def find(self, intake_id: UUID) -> IntakeRecord | None:
        """The bundle of this number."""
        ...

    async def claim(self, intake_id: UUID) -> bool:
        """Take it off the queue, and forget it; False where somebody did."""
        ...


class SqlUnit(Protocol):
    """The tables of the way in by SQL, in one transaction of one tenant."""

    @property
    def sql_grants(self) -> SqlGrantTable:
        """Who is let in."""
        ...

    @property
    def intake(self) -> IntakeTable:
        """What was handed in."""
        ...


class IntakeStorage(Protocol):
    """What is looked for across tenants: where a bundle waits."""

    async def find_new_intakes(self, limit: int) -> tuple[NewIntake, ...]:
        """Bundles that wait to be admitted, the longest waiting first."""
        ...
