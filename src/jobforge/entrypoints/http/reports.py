"""`/v1/reports`: check a module's report."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from jobforge.contract.dialects import read_report
from jobforge.core.authorization import Command
from jobforge.entrypoints.http.access import Caller, permit
from jobforge.entrypoints.http.openapi import WRITE
from jobforge.entrypoints.http.route import ApiRoute

router = APIRouter(prefix="/v1/reports", tags=["reports"], route_class=ApiRoute)

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A report of any of the modules.",
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "example": {
                    "schema_version": "1.0.0",
                    "report_id": "report-1",
                    "tenant_id": "00000000-0000-4000-8000-000000000000",
                    "project_id": "00000000-0000-4000-8000-000000000000",
                    "trace_id": "trace-1",
                    "module_id": "ops",
                    "report_type": "ops.health_assessment",
                    "created_at": "2026-03-01T08:00:00Z",
                },
            }
        },
    }
}


class Checked(BaseModel):
    """A report that is sound."""

    dialect: str
    report_id: str
    report_type: str
    tenant: str
    project: str | None
    trace_id: str
    producer_hash: str
    findings: int
    recommendations: int
    requested_job_types: list[str]


@router.post("/check", responses=WRITE, openapi_extra=_BODY, operation_id="check_report")
async def check(request: Request, _: Annotated[Caller, permit(Command.REPORT_CHECK)]) -> Checked:
    """Check a report's form and its producer's hash. A fault names its JSON pointer."""
    report = read_report(await request.body())
    return Checked(
        dialect=report.dialect,
        report_id=report.report_id,
        report_type=report.report_type,
        tenant=report.tenant,
        project=report.project,
        trace_id=report.trace_id,
        producer_hash=report.producer_hash,
        findings=report.findings,
        recommendations=report.recommendations,
        requested_job_types=list(report.requested_job_types),
    )
