"""Resolve a reference from a manifest or an answer to its bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from jobforge.core.errors import Missing
from jobforge.ports.records import TenantRecord
from jobforge.ports.storage import Storage, TenantUnit
from jobforge.steps.read_run import read_run

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_REF = re.compile(
    r"artifact:(?P<artifact>sha256:[0-9a-f]{64})"
    rf"|job:(?P<job>{_UUID})/(?P<part>inputs|manifest|result)"
    rf"|run:(?P<run>{_UUID})/(?P<run_part>inputs|manifest)"
)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a reference leads to."""

    content: bytes
    mime_type: str


@dataclass(frozen=True, slots=True)
class ResolveRef:
    """Follows `artifact:…`, `job:ID/inputs|manifest|result` and `run:ID/inputs|manifest`."""

    storage: Storage

    async def __call__(self, ref: str, tenant: TenantRecord) -> Resolved:
        """The bytes behind the reference.

        Raises:
            Missing: it is no reference, or the tenant has nothing there.
        """
        match = _REF.fullmatch(ref)
        found = None
        if match is not None:
            async with self.storage.transaction(tenant.tenant_id) as unit:
                found = await _follow(match, unit)
        if found is None:
            raise Missing(f"nothing lies behind {ref}")
        return found


async def _follow(match: re.Match[str], unit: TenantUnit) -> Resolved | None:
    if match["artifact"]:
        record = await unit.artifacts.find(match["artifact"])
        content = await unit.artifacts.content(match["artifact"])
        return Resolved(content, record.mime_type) if record and content is not None else None
    text = await _stored_text(match, unit)
    return None if text is None else Resolved(text.encode(), "application/json")


async def _stored_text(match: re.Match[str], unit: TenantUnit) -> str | None:
    if match["run"]:
        return await _text_of_run(UUID(match["run"]), match["run_part"], unit)
    job = await unit.jobs.find(UUID(match["job"]))
    if job is None:
        return None
    return {"inputs": job.payload, "manifest": job.manifest, "result": job.result}[match["part"]]


async def _text_of_run(run_id: UUID, part: str, unit: TenantUnit) -> str | None:
    if part == "manifest":
        result = await read_run(unit, run_id)
        return None if result is None else result.manifest.model_dump_json(indent=2)
    run = await unit.runs.find(run_id)
    if run is None or run.plan_digest is None or run.effects_digest is None:
        return None
    plan = await unit.plans.find(run.plan_digest, run.effects_digest)
    return None if plan is None else plan.requests
