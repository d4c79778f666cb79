"""Makes database roles that can log in, for the way in by SQL. Only the database's owner can."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import asyncpg

from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.adapters.postgres.connecting import connect
from jobforge.core.errors import AlreadyExists, InvalidInput, SettingInvalid

_NAME = re.compile(r"(?!pg_|jobforge|postgres)[a-z_][a-z0-9_]{0,62}")
_PASSWORD_BYTES = 24
_CREATE = """
    SELECT format('CREATE ROLE %I LOGIN NOINHERIT PASSWORD %L', $1::text, $2::text)
"""


@dataclass(frozen=True, slots=True)
class MakeLogin:
    """Makes roles over the owner's way in."""

    access: DatabaseAccess

    async def __call__(self, name: str) -> str:
        """Make a role with a random password; the URL with which it connects.

        Raises:
            InvalidInput: that is no name for one.
            AlreadyExists: there is one of that name.
            SettingInvalid: the owner may not make roles.
        """
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                f"{name!r} is no name of a role",
                hint="a-z, 0-9 and _; not one that begins with pg_, postgres or jobforge",
            )
        password = secrets.token_hex(_PASSWORD_BYTES)
        try:
            async with connect(self.access.owner_dsn) as owner:
                await owner.execute(str(await owner.fetchval(_CREATE, name, password)))
        except asyncpg.DuplicateObjectError:
            raise AlreadyExists(
                f"there is a database role {name}", hint="without --create it is bound as it is"
            ) from None
        except asyncpg.InsufficientPrivilegeError:
            raise SettingInvalid(
                "the database's owner may not make roles",
                hint=f"As a superuser: CREATE ROLE {name} LOGIN; then without --create",
            ) from None
        return _url(self.access.owner_dsn, name, password)


def _url(owner_dsn: str, name: str, password: str) -> str:
    parts = urlsplit(owner_dsn)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{name}:{quote(password)}@{host}").geturl()
