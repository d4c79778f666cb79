"""Brings a database up to this version: roles, PgQueuer's schema, then our own migrations.

Forward only, as the owner, under an advisory lock; each migration in a transaction of its own. What
was applied is recorded with its checksum, so a migration that was edited afterwards is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, cast

import asyncpg
from pgqueuer.db import AsyncpgDriver

from jobforge.adapters.postgres.connecting import Connection, connect
from jobforge.adapters.postgres.queue import queries_on
from jobforge.adapters.postgres.roles import check_roles, ensure_roles
from jobforge.core.errors import Conflict, SettingInvalid

if TYPE_CHECKING:
    from pgqueuer.queries import Queries

MIGRATIONS = files("jobforge.adapters.postgres").joinpath("migrations")
ENGINE = "pgqueuer"
MIN_SERVER_VERSION = 140000

_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_LOCK_KEY = int.from_bytes(sha256(b"jobforge migrations").digest()[:8], signed=True)
_LOCK = "SELECT pg_advisory_lock($1)"

_IS_PREPARED = "SELECT to_regclass('jobforge.schema_migrations') IS NOT NULL"
_APPLIED = "SELECT name, checksum FROM jobforge.schema_migrations"
_PREPARE = """
    CREATE SCHEMA IF NOT EXISTS jobforge;
    REVOKE ALL ON SCHEMA jobforge FROM PUBLIC;
    GRANT USAGE ON SCHEMA jobforge TO jobforge_app, jobforge_dispatch;
    CREATE TABLE IF NOT EXISTS jobforge.schema_migrations (
        name        text PRIMARY KEY,
        checksum    text NOT NULL,
        applied_at  timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    REVOKE ALL ON jobforge.schema_migrations FROM PUBLIC;
"""
_RECORD = """
    INSERT INTO jobforge.schema_migrations (name, checksum) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE
        SET checksum = excluded.checksum, applied_at = excluded.applied_at
"""

# A function can only be given to a role that may create in its schema: for these moments it may.
_LET_DISPATCH_OWN = "GRANT CREATE ON SCHEMA jobforge TO jobforge_dispatch"
_LET_DISPATCH_OWN_NO_MORE = "REVOKE CREATE ON SCHEMA jobforge FROM jobforge_dispatch"

# Functions are everybody's unless one says otherwise. Here they are nobody's unless one does.
_OPEN_TO_PUBLIC = """
    SELECT 'REVOKE ALL ON ROUTINE ' || routine.oid::regprocedure || ' FROM PUBLIC' AS statement
    FROM pg_proc AS routine JOIN pg_namespace AS schema ON schema.oid = routine.pronamespace
    WHERE schema.nspname = $1
        AND EXISTS (
            SELECT FROM aclexplode(coalesce(routine.proacl, acldefault('f', routine.proowner)))
            WHERE grantee = 0
        )
"""

# The application works the queue and cannot change its shape.
_GRANT_ENGINE = """
    REVOKE ALL ON SCHEMA pgqueuer FROM PUBLIC;
    GRANT USAGE ON SCHEMA pgqueuer TO jobforge_app;
    GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA pgqueuer
        TO jobforge_app;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA pgqueuer TO jobforge_app;
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of SQL."""

    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Of its text; line ends don't count."""
        return sha256(self.text.encode()).hexdigest()


def read_migrations(folder: Traversable = MIGRATIONS) -> tuple[Migration, ...]:
    """Read `NNNN_name.sql`, in order.

    Raises:
        ValueError: a name is not of that form, or the numbers are not 1, 2, 3, …
    """
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    for number, name in enumerate(names, start=1):
        match = _FILE_NAME.fullmatch(name)
        if match is None or int(match[1]) != number:
            raise ValueError(f"{name}: migration {number:04} should be here")
    return tuple(
        Migration(
            name.removesuffix(".sql"),
            folder.joinpath(name).read_text(encoding="utf-8"),
        )
        for name in names
    )


async def migrate(owner_dsn: str, migrations: Traversable = MIGRATIONS) -> tuple[str, ...]:
    """Bring the database up to date; the names of what was done now, in order.

    Any number of processes may call this at once. On a database that is up to date it only reads.

    Raises:
        Conflict: an applied migration was edited, or the database is of a later version.
        SettingInvalid: the owner lacks rights, or the server is older than PostgreSQL 14.
        Unavailable: the server does not answer.
    """
    wanted = read_migrations(migrations)
    async with connect(owner_dsn) as owner:
        try:
            return await _bring_up_to_date(owner, wanted)
        except asyncpg.InsufficientPrivilegeError as error:
            raise SettingInvalid(
                f"the owner of the database may not migrate it: {error}",
                hint="It must own the database and its schemas jobforge and pgqueuer.",
            ) from error


async def _bring_up_to_date(owner: Connection, wanted: tuple[Migration, ...]) -> tuple[str, ...]:
    if await _is_current(owner, wanted):
        await check_roles(owner)
        return ()
    await _check_server(owner)
    # Of the session, so it ends with the connection at the latest.
    await owner.execute(_LOCK, _LOCK_KEY)
    return await _bring_up(owner, wanted)


async def _is_current(owner: Connection, wanted: tuple[Migration, ...]) -> bool:
    applied = await _applied(owner)
    pending = _pending(applied, wanted)
    return not pending and applied.get(ENGINE) == _engine_checksum(_engine(owner))


async def _check_server(owner: Connection) -> None:
    version: int = await owner.fetchval("SELECT current_setting('server_version_num')::integer")
    if version < MIN_SERVER_VERSION:
        raise SettingInvalid(f"PostgreSQL {version // 10000} is too old; it takes 14 or later")


async def _bring_up(owner: Connection, wanted: tuple[Migration, ...]) -> tuple[str, ...]:
    await ensure_roles(owner)
    async with owner.transaction():
        await owner.execute(_PREPARE)
    applied = await _applied(owner)
    done = [ENGINE] if await _install_engine(owner, applied.get(ENGINE)) else []
    for migration in _pending(applied, wanted):
        await _apply(owner, migration)
        done.append(migration.name)
    return tuple(done)


async def _applied(owner: Connection) -> dict[str, str]:
    if not await owner.fetchval(_IS_PREPARED):
        return {}
    return {row["name"]: row["checksum"] for row in await owner.fetch(_APPLIED)}


def _pending(applied: Mapping[str, str], wanted: tuple[Migration, ...]) -> tuple[Migration, ...]:
    known = {migration.name: migration.checksum for migration in wanted}
    for name, checksum in sorted(applied.items()):
        if name == ENGINE:
            continue
        if name not in known:
            raise Conflict(
                f"the database was migrated by a later version ({name})",
                hint="upgrade JobForge here too",
            )
        if known[name] != checksum:
            raise Conflict(
                f"migration {name} was changed after it was applied",
                hint="install the version of JobForge that made this database, or use another one",
            )
    pending = tuple(migration for migration in wanted if migration.name not in applied)
    if pending and pending != wanted[len(wanted) - len(pending) :]:
        raise Conflict(f"migration {pending[0].name} was left out when later ones were applied")
    return pending


async def _apply(owner: Connection, migration: Migration) -> None:
    async with owner.transaction():
        await owner.execute(_LET_DISPATCH_OWN)
        await owner.execute(migration.text)
        await owner.execute(_LET_DISPATCH_OWN_NO_MORE)
        await _close_to_public(owner, "jobforge")
        await owner.execute(_RECORD, migration.name, migration.checksum)


async def _close_to_public(owner: Connection, schema: str) -> None:
    for row in await owner.fetch(_OPEN_TO_PUBLIC, schema):
        await owner.execute(row["statement"])


async def _install_engine(owner: Connection, recorded: str | None) -> bool:
    """Install PgQueuer's schema, or bring it to the installed release; whether that was needed."""
    engine = _engine(owner)
    checksum = _engine_checksum(engine)
    if recorded == checksum:
        return False
    if recorded is None:
        async with owner.transaction():
            if await engine.schema_is_installed():
                raise Conflict("the schema pgqueuer is in use by something else")
            await engine.install()
            await engine.optimize_autovacuum()
            await _grant_engine(owner, checksum)
        return True
    # Statement by statement: PgQueuer's upgrades cannot all share a transaction.
    await engine.upgrade()
    async with owner.transaction():
        await _grant_engine(owner, checksum)
    return True


async def _grant_engine(owner: Connection, checksum: str) -> None:
    await owner.execute(_GRANT_ENGINE)
    await _close_to_public(owner, "pgqueuer")
    await owner.execute(_RECORD, ENGINE, checksum)


def _engine(owner: Connection) -> Queries:
    return queries_on(AsyncpgDriver(cast("asyncpg.Connection[asyncpg.Record]", owner)))


def _engine_checksum(engine: Queries) -> str:
    return sha256(engine.qbe.build_install_query().encode()).hexdigest()
