"""The two roles every database needs, and the proof that they cannot do more than they should.

`jobforge_app` is what everything but migrations runs as: it owns nothing, and row-level security
holds for it. `jobforge_dispatch` cannot log in; it owns the few functions that look across tenants.
"""

from __future__ import annotations

import asyncio

import asyncpg

from jobforge.adapters.postgres.access import APP_ROLE
from jobforge.adapters.postgres.connecting import Connection
from jobforge.core.errors import SettingInvalid

DISPATCH_ROLE = "jobforge_dispatch"

_SET_OPTION_SINCE = 160000
_ATTEMPTS = 10
_PAUSE_SECONDS = 0.05

_CREATE = {
    APP_ROLE: "CREATE ROLE jobforge_app NOLOGIN NOINHERIT",
    DISPATCH_ROLE: "CREATE ROLE jobforge_dispatch NOLOGIN NOINHERIT",
}
_EXISTS = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)"

# The owner becomes the application's role, and keeps administering what the other one owns.
_GRANT_SINCE_16 = {
    APP_ROLE: "GRANT jobforge_app TO CURRENT_USER WITH INHERIT FALSE, SET TRUE",
    DISPATCH_ROLE: "GRANT jobforge_dispatch TO CURRENT_USER WITH INHERIT TRUE, SET TRUE",
}
_GRANT_BEFORE_16 = {
    APP_ROLE: "GRANT jobforge_app TO CURRENT_USER",
    DISPATCH_ROLE: "GRANT jobforge_dispatch TO CURRENT_USER",
}
_HAS_SINCE_16 = {
    APP_ROLE: "SELECT pg_has_role('jobforge_app', 'SET')",
    DISPATCH_ROLE: "SELECT pg_has_role('jobforge_dispatch', 'SET') "
    "AND pg_has_role('jobforge_dispatch', 'USAGE')",
}
_HAS_BEFORE_16 = {
    APP_ROLE: "SELECT pg_has_role('jobforge_app', 'MEMBER')",
    DISPATCH_ROLE: "SELECT pg_has_role('jobforge_dispatch', 'USAGE')",
}

# What would let a role step over row-level security, by itself or by becoming another one.
_TOO_MIGHTY = """
    SELECT role.rolname
    FROM pg_roles AS role
    WHERE role.rolname = ANY ($1::text[])
        AND (role.rolsuper OR role.rolbypassrls OR role.rolcreaterole OR role.rolreplication
             OR (role.rolcanlogin AND role.rolname = 'jobforge_dispatch')
             OR EXISTS (SELECT FROM pg_auth_members AS granted WHERE granted.member = role.oid))
    ORDER BY role.rolname
"""


async def ensure_roles(owner: Connection) -> None:
    """Create the roles where they are missing, and let the owner act as them.

    Roles belong to the whole server: another database's migration may be doing the same.

    Raises:
        SettingInvalid: the owner may not do this, or a role has rights it must not have.
    """
    for attempt in range(_ATTEMPTS):
        try:
            await _ensure_once(owner)
            break
        except (
            asyncpg.DuplicateObjectError,
            asyncpg.UniqueViolationError,
            asyncpg.InternalServerError,  # "tuple concurrently updated"
        ):
            if attempt == _ATTEMPTS - 1:
                raise
            await asyncio.sleep(_PAUSE_SECONDS)
    await check_roles(owner)


async def check_roles(connection: Connection) -> None:
    """Make sure that neither role can step over row-level security.

    Raises:
        SettingInvalid: one could.
    """
    mighty = await connection.fetch(_TOO_MIGHTY, [APP_ROLE, DISPATCH_ROLE])
    if mighty:
        raise SettingInvalid(
            f"the role {mighty[0]['rolname']} has rights beyond its own: tenants would not be "
            "walled off",
            hint="Take SUPERUSER, BYPASSRLS, CREATEROLE, REPLICATION and memberships from it.",
        )


async def _ensure_once(owner: Connection) -> None:
    version: int = await owner.fetchval("SELECT current_setting('server_version_num')::integer")
    is_since_16 = version >= _SET_OPTION_SINCE
    has = _HAS_SINCE_16 if is_since_16 else _HAS_BEFORE_16
    grant = _GRANT_SINCE_16 if is_since_16 else _GRANT_BEFORE_16
    for role in (APP_ROLE, DISPATCH_ROLE):
        try:
            if not await owner.fetchval(_EXISTS, role):
                await owner.execute(_CREATE[role])
            if not await owner.fetchval(has[role]):
                await owner.execute(grant[role])
        except asyncpg.InsufficientPrivilegeError as error:
            user = await owner.fetchval("SELECT current_user")
            raise SettingInvalid(
                f"{user} may not create or use the role {role}",
                hint=f"As a superuser: ALTER ROLE {user} CREATEROLE; or, if the roles exist: "
                f"GRANT {APP_ROLE}, {DISPATCH_ROLE} TO {user};",
            ) from error
