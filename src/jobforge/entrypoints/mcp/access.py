"""Who asks: whoever the key belongs to, that of the process or of the request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from jobforge.bootstrap import Application
from jobforge.core.actor import Actor
from jobforge.core.authorization import Command, Target, authorize
from jobforge.core.errors import Unauthenticated
from jobforge.ports.records import TenantRecord

_SCHEME = "bearer"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, for which tenant. No argument of a tool has a say in either."""

    actor: Actor
    tenant: TenantRecord
    command: Command

    def check(self, project_id: UUID | None) -> None:
        """Make sure that an object of this project is his to see.

        Raises:
            Missing: it is another project's.
        """
        target = Target(self.tenant.tenant_id, project_id, is_one_object=True)
        authorize(self.actor, self.command, target)


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets in whoever may do a command. With `own_key`, the process speaks for one key alone."""

    application: Application
    own_key: str | None = field(default=None, repr=False)

    async def enter(self, command: Command, headers: Mapping[str, str] | None) -> Caller:
        """The caller.

        Raises:
            Unauthenticated: there is no valid key.
            NotPermitted: none of its roles may do this.
        """
        actor, tenant = await self.application.authenticate(self._key(headers))
        authorize(actor, command, Target(tenant.tenant_id))
        return Caller(actor, tenant, command)

    def _key(self, headers: Mapping[str, str] | None) -> str:
        if headers is None:
            if self.own_key is None:
                raise Unauthenticated("there is no key", hint="set JOBFORGE_MCP_KEY")
            return self.own_key
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != _SCHEME or not key:
            raise Unauthenticated("send an API key: Authorization: Bearer KEY")
        return key.strip()
