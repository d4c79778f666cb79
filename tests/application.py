"""The whole application on a private database, and job types that do as a test wants."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import asyncpg
from pydantic import SecretStr

from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.bootstrap import Application, open_application
from jobforge.config import Settings
from jobforge.contract.dialects import read_bundle
from jobforge.contract.results import BundleResult, ChildRun
from jobforge.core.actor import Actor
from jobforge.core.admission import OnPolicyFailure, Switches
from jobforge.core.catalog import AnyJobType
from jobforge.core.context import JobContext
from jobforge.core.job_type import JobType
from jobforge.core.model import Model
from jobforge.ports.jobs import JobRecord
from jobforge.ports.records import TenantRecord
from jobforge.ports.system import Clock
from jobforge.steps.intake import Submission
from jobforge.testing.admission import ACTION, ACTION_TYPE, READ_ONLY, READ_TYPE
from jobforge.use_cases.issue_token import IssuedToken, TokenWish

Json = dict[str, Any]

ALL_ON = Switches(autopilot_jobs=True, action_jobs=True)
SECRET = "a secret for tests that has more than 32 bytes"  # noqa: S105 (signs test tokens only)
OPERATOR = Actor.local("tester")
_FORCED = """
    SELECT oid::regclass::text FROM pg_class
    WHERE relnamespace = 'jobforge'::regnamespace AND relforcerowsecurity
"""
_TRIES = 5
_IDS = UUID("5c6e7c0f-2f1b-4c55-9a57-0d8a7f3b1e10")


class Text(Model):
    """What the job types of tests take and give."""

    text: str = ""


Handle = Callable[[Text, JobContext], Awaitable[Any]]


def make_type(name: str, handle: Handle, **changes: Any) -> AnyJobType:  # noqa: ANN401 (any field)
    """A read-only job type `autopilot.ops.<name>` that does what `handle` does."""
    fields: Json = {
        "name": f"autopilot.ops.{name}",
        "title": name,
        "domain": "ops",
        "payload": Text,
        "result": Text,
        "scopes": frozenset({"ops:read"}),
        "timeout": timedelta(seconds=20),
        "handle": handle,
        "isolation": "inline",
    }
    return JobType(**fields | changes)


async def echo(payload: Text, context: JobContext) -> Text:
    """Give the text back, as a result and as an artifact."""
    await context.artifacts.put(
        "echo.txt", payload.text.encode(), kind="echo", mime_type="text/plain; charset=utf-8"
    )
    return payload


ECHO = make_type("echo", echo)
ECHO_TYPE = ECHO.name


def look(number: int = 1, **changes: Any) -> Json:  # noqa: ANN401 (any field)
    """Read-only request `number`, with the given fields changed."""
    return {
        "id": f"look-{number}",
        "job_type": READ_TYPE,
        "payload": {"ticket_id": f"T-{number}"},
        "idempotency_key": f"look-key-{number}",
    } | changes


def say(number: int = 1, text: str = "hello", **changes: Any) -> Json:  # noqa: ANN401 (any field)
    """Request `number` of a type that takes a text, `echo` unless changed."""
    return {
        "id": f"say-{number}",
        "job_type": ECHO_TYPE,
        "payload": {"text": text},
        "idempotency_key": f"say-key-{number}",
    } | changes


def change(number: int = 1, **changes: Any) -> Json:  # noqa: ANN401 (any field)
    """Action request `number`: it writes a file of the tenant's folder."""
    return {
        "id": f"change-{number}",
        "job_type": ACTION_TYPE,
        "payload": {"target": f"file-{number}.txt", "value": "new"},
        "idempotency_key": f"change-key-{number}",
    } | changes


@dataclass(frozen=True)
class Harness:
    """An open application with one tenant, and short ways to use it."""

    app: Application
    access: DatabaseAccess
    tenant: TenantRecord
    switches: list[Switches] = field(default_factory=lambda: [ALL_ON])

    @property
    def folder(self) -> Path:
        """The tenant's folder."""
        return self.app.data_root / self.tenant.slug

    def switch(self, **values: bool) -> None:
        """Turn switches on or off from now on."""
        self.switches[0] = Switches(**values)

    async def new_tenant(self, slug: str) -> TenantRecord:
        """Another tenant; its id depends on the slug alone."""
        (self.app.data_root / slug).mkdir(parents=True, exist_ok=True)
        return await self.app.create_tenant(slug, OPERATOR, slug=slug, tenant_id=uuid5(_IDS, slug))

    def bundle(self, *requests: Json, tenant: TenantRecord | None = None, **changes: Any) -> bytes:  # noqa: ANN401 (any field)
        """A canonical bundle of the tenant."""
        tenant_id = str((tenant or self.tenant).tenant_id)
        document = {
            "schema_version": "1.0.0",
            "bundle_id": "bundle-1",
            "tenant_id": tenant_id,
            "trace_id": "trace-1",
            "requests": [{"tenant_id": tenant_id, **request} for request in requests],
            "metadata": {"source": "tests", "triggered_at": "2026-03-01T08:00:00Z"},
        }
        return json.dumps(document | changes).encode()

    async def plan(
        self, raw: bytes, *, tenant: TenantRecord | None = None, token: str | None = None
    ) -> BundleResult:
        """Plan a bundle."""
        submission = Submission(tenant or self.tenant, OPERATOR, "dry_run")
        return await self.app.submit_bundle(raw, submission, policy_token=token)

    async def execute(
        self,
        raw: bytes,
        *,
        tenant: TenantRecord | None = None,
        token: str | None = None,
        on_policy_failure: OnPolicyFailure = "deny_all",
    ) -> BundleResult:
        """Execute a bundle."""
        submission = Submission(
            tenant or self.tenant, OPERATOR, "execute", on_policy_failure=on_policy_failure
        )
        return await self.app.submit_bundle(raw, submission, policy_token=token)

    async def issue(
        self, raw: bytes, *, tenant: TenantRecord | None = None, lifetime_seconds: int = 600
    ) -> IssuedToken:
        """Issue a token for the bundle."""
        wish = TokenWish(
            jti=self.app.ids.uuid(), actor="ada", lifetime=timedelta(seconds=lifetime_seconds)
        )
        submission = Submission(tenant or self.tenant, OPERATOR, "dry_run")
        return await self.app.issue_token(read_bundle(raw), submission, wish)

    async def work(self) -> None:
        """Work until nothing is queued any more."""
        await self.app.make_worker(50).run(drain=True)

    async def show(self, result: BundleResult, tenant: TenantRecord | None = None) -> BundleResult:
        """The run as it stands now."""
        assert result.bundle_run_id is not None
        return await self.app.show_run(result.bundle_run_id, tenant or self.tenant)

    async def run(self, *requests: Json, token: str | None = None) -> BundleResult:
        """Execute a bundle and work it to its end."""
        result = await self.execute(self.bundle(*requests), token=token)
        await self.work()
        return await self.show(result)

    async def job_of(self, child: ChildRun) -> JobRecord:
        """The job of a child run."""
        assert child.job_id is not None
        return await self.app.show_job(child.job_id, self.tenant)

    @asynccontextmanager
    async def owner(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """A transaction of the database's owner, past every guard.

        He owns the tables, so that he can lift what walls tenants off even from him; it is back
        when the transaction ends.
        """
        connection = await asyncpg.connect(self.access.owner_dsn)
        try:
            async with connection.transaction():
                tables = await connection.fetch(_FORCED)
                await _lift(connection, [table[0] for table in tables])
                yield connection
                for table in tables:
                    await connection.execute(f"ALTER TABLE {table[0]} FORCE ROW LEVEL SECURITY")
        finally:
            await connection.close()

    async def rows(self, query: str, *values: object) -> list[asyncpg.Record]:
        """Ask as the owner."""
        async with self.owner() as connection:
            return list(await connection.fetch(query, *values))

    async def alter(self, *statements: str) -> None:
        """Change rows as the owner does, past every guard of the application."""
        async with self.owner() as connection:
            for statement in statements:
                await connection.execute(statement)

    async def events(self, tenant: TenantRecord | None = None) -> list[str]:
        """The events of the tenant's audit log, in order."""
        entries = await self.app.read_audit.newest(tenant or self.tenant, 10_000)
        return [entry.event for entry in reversed(entries)]

    async def count(self, table: str) -> int:
        """How many rows a table has, of all tenants."""
        (row,) = await self.rows(f"SELECT count(*) FROM jobforge.{table}")  # noqa: S608 (a test's own name)
        return int(row[0])


async def _lift(connection: asyncpg.Connection[asyncpg.Record], tables: Sequence[str]) -> None:
    """Lift the walls of all tables, beside a worker that may hold some of them."""
    for _ in range(_TRIES):
        try:
            async with connection.transaction():
                for table in tables:
                    await connection.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        except asyncpg.DeadlockDetectedError:
            continue
        return
    raise AssertionError("the worker never let go of all tables")


def settings_for(access: DatabaseAccess, home: Path, **changes: Any) -> Settings:  # noqa: ANN401 (any field)
    """Settings of an application that lives in `home`."""
    fields: Json = {
        "home": home,
        "database_url": SecretStr(access.owner_dsn),
        "policy_token_secret": SecretStr(SECRET),
    }
    return Settings(**fields | changes)


@asynccontextmanager
async def open_harness(
    access: DatabaseAccess,
    home: Path,
    *,
    job_types: Iterable[AnyJobType] = (),
    clock: Clock | None = None,
    **changes: Any,  # noqa: ANN401 (any setting)
) -> AsyncIterator[Harness]:
    """The application with the tenant `acme`, test job types, and every switch on."""
    switches = [ALL_ON]
    # They live in this process only, so that no other one could run them.
    inline = [replace(job_type, isolation="inline") for job_type in (READ_ONLY, ACTION)]
    types: list[AnyJobType] = [*inline, ECHO, *job_types]
    async with open_application(
        settings_for(access, home, **changes),
        extra_job_types=types,
        switches=lambda: switches[0],
        clock=clock,
    ) as app:
        (app.data_root / "acme").mkdir(parents=True, exist_ok=True)
        tenant = await app.create_tenant(
            "Acme", OPERATOR, slug="acme", tenant_id=uuid5(_IDS, "acme")
        )
        yield Harness(app, access, tenant, switches)
