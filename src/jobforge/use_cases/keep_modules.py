"""Register a module command, list them, forget one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from jobforge.core.actor import Actor
from jobforge.core.audit import AuditEntry
from jobforge.core.errors import Denied, InvalidInput, Missing
from jobforge.core.names import check_name
from jobforge.core.redaction import mask_text
from jobforge.ports.records import TenantRecord
from jobforge.ports.starting import ModuleCommand
from jobforge.ports.storage import Storage
from jobforge.ports.system import Clock

MAX_SECONDS, MAX_OUTPUT = 3_600, 104_857_600
OWN_VARIABLES = "JOBFORGE_"

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


@dataclass(frozen=True, slots=True)
class ModuleWish:
    """A command to register.

    Its words may hold {inputs}, {output}, {tenant}, {tenant_id}, {project} and {trace_id}.
    """

    name: str
    words: Sequence[str]
    variables: Sequence[str] = ()
    timeout_seconds: int = 300
    max_output_bytes: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Modules:
    """Keeps the register of module commands. Adding one is an operator's act at this machine."""

    storage: Storage
    clock: Clock
    is_program: Callable[[str], bool]

    async def add(self, command: ModuleWish, tenant: TenantRecord, actor: Actor) -> ModuleCommand:
        """Register a command for the tenant.

        Raises:
            Denied: the actor is not the local operator.
            InvalidInput: the command, a variable or a limit is not valid.
            AlreadyExists: the name is taken.
        """
        if not actor.is_local:
            raise Denied("module commands are registered by the operator of this machine")
        self._check(command)
        record = ModuleCommand(
            name=command.name,
            words=tuple(command.words),
            variables=tuple(sorted(set(command.variables))),
            timeout_seconds=command.timeout_seconds,
            max_output_bytes=command.max_output_bytes,
            created_by=actor.name,
            created_at=self.clock.now(),
        )
        details = {
            "words": list(record.words),
            "variables": list(record.variables),
            "timeout_seconds": record.timeout_seconds,
            "max_output_bytes": record.max_output_bytes,
        }
        async with self.storage.transaction(tenant.tenant_id) as unit:
            await unit.modules.insert(record)
            entry = self._entry("module.added", command.name, tenant, actor, details)
            await unit.audit.append([entry])
        return record

    async def all(self, tenant: TenantRecord) -> tuple[ModuleCommand, ...]:
        """The tenant's commands, by name."""
        async with self.storage.transaction(tenant.tenant_id) as unit:
            return await unit.modules.all()

    async def find(self, name: str, tenant: TenantRecord) -> ModuleCommand:
        """The command of this name.

        Raises:
            Missing: there is none.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            command = await unit.modules.find(name)
        if command is None:
            raise _missing(name, tenant)
        return command

    async def remove(self, name: str, tenant: TenantRecord, actor: Actor) -> None:
        """Forget the command; jobs that name it fail from now on.

        Raises:
            Missing: there is none of that name.
        """
        async with self.storage.transaction(tenant.tenant_id) as unit:
            if not await unit.modules.remove(name):
                raise _missing(name, tenant)
            await unit.audit.append([self._entry("module.removed", name, tenant, actor, {})])

    def _check(self, command: ModuleWish) -> None:
        check_name(command.name, "command's name")
        program = command.words[0] if command.words else ""
        if not PurePath(program).is_absolute() or not self.is_program(program):
            raise InvalidInput(
                f"{program or 'nothing'} is no program",
                hint="give its absolute path: the module gets no PATH to search",
            )
        if any(mask_text(word) != word or "\0" in word for word in command.words):
            raise InvalidInput("a word holds what looks like a secret; words are stored and shown")
        for name in command.variables:
            if not _VARIABLE.fullmatch(name) or name.upper().startswith(OWN_VARIABLES):
                raise InvalidInput(f"{name} may not be handed to a module")
        if not 1 <= command.timeout_seconds <= MAX_SECONDS:
            raise InvalidInput(f"a time limit is between 1 and {MAX_SECONDS} seconds")
        if not 1 <= command.max_output_bytes <= MAX_OUTPUT:
            raise InvalidInput(f"an output limit is between 1 and {MAX_OUTPUT} bytes")

    def _entry(
        self,
        event: str,
        name: str,
        tenant: TenantRecord,
        actor: Actor,
        details: dict[str, object],
    ) -> AuditEntry:
        return AuditEntry(
            tenant_id=tenant.tenant_id,
            at=self.clock.now(),
            actor=actor.name,
            event=event,
            subject=f"module:{name}",
            details=details,
        )


def _missing(name: str, tenant: TenantRecord) -> Missing:
    hint = f"jobforge module list --tenant {tenant.slug}"
    return Missing(f"there is no module command {name}", hint=hint)
