"""Bundles for many tenants, submitted while faults strike, each until it has an answer."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
from tests.chaos.job_types import APPEND_TYPE, FIRST_LINE, NOTE_TYPE

from jobforge.bootstrap import Application
from jobforge.contract.dialects import read_bundle
from jobforge.contract.errors import JobForgeError
from jobforge.contract.results import BundleResult
from jobforge.core.actor import Actor
from jobforge.ports.records import TenantRecord
from jobforge.steps.intake import Submission
from jobforge.use_cases.issue_token import TokenWish

OPERATOR = Actor.local("chaos")
ACTION_EVERY = 3
_RETRY_SECONDS = 0.3


@dataclass
class Load:
    """Submits, and remembers what was accepted."""

    app: Application
    tenants: list[TenantRecord]
    accepted: dict[UUID, TenantRecord] = field(default_factory=dict)
    repeated: int = 0
    unexpected: list[str] = field(default_factory=list)

    async def submit(self, number: int, size: int) -> None:
        """Submit bundle `number` until there is an answer."""
        tenant = self.tenants[number % len(self.tenants)]
        raw = make_bundle(tenant, number, size, self.app.data_root / tenant.slug)
        result = await self._until_answered(raw, tenant)
        for child in result.child_runs:
            if child.job_id is None:
                self.unexpected.append(f"{child.request_id}: {child.code} {child.reason}")
            else:
                self.accepted[child.job_id] = tenant

    async def _until_answered(self, raw: bytes, tenant: TenantRecord) -> BundleResult:
        while True:
            try:
                token = await self._token(raw, tenant)
                return await self.app.submit_bundle(
                    raw, Submission(tenant, OPERATOR, "execute"), policy_token=token
                )
            except (JobForgeError, asyncpg.PostgresError):
                # Whether it was done is not known: the keys make a repetition harmless.
                self.repeated += 1
                await asyncio.sleep(_RETRY_SECONDS)

    async def _token(self, raw: bytes, tenant: TenantRecord) -> str:
        wish = TokenWish(jti=self.app.ids.uuid(), actor="ada", lifetime=timedelta(minutes=10))
        submission = Submission(tenant, OPERATOR, "dry_run")
        return (await self.app.issue_token(read_bundle(raw), submission, wish)).token


def make_bundle(tenant: TenantRecord, number: int, size: int, folder: Path) -> bytes:
    """A third of its requests add a line to a file of their own, which is made here."""
    requests = []
    for index in range(size):
        name = f"{number}-{index}"
        is_action = index % ACTION_EVERY == 0
        if is_action and not (folder / name).exists():
            (folder / name).write_bytes(FIRST_LINE)
        requests.append(
            {
                "id": name,
                "tenant_id": str(tenant.tenant_id),
                "job_type": APPEND_TYPE if is_action else NOTE_TYPE,
                "payload": {"path": name, "line": f"line of {name}"},
                "idempotency_key": name,
            }
        )
    document = {
        "schema_version": "1.0.0",
        "bundle_id": f"chaos-{number}",
        "tenant_id": str(tenant.tenant_id),
        "trace_id": f"trace-{number}",
        "requests": requests,
        "metadata": {"source": "chaos", "triggered_at": "2026-03-01T08:00:00Z"},
    }
    return json.dumps(document).encode()
