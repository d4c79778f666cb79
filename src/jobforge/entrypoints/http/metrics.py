"""`/v1/metrics`: the tenant's own figures in Prometheus' text form."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from jobforge.core.authorization import Command
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.openapi import READ
from jobforge.entrypoints.http.route import ApiRoute
from jobforge.use_cases.measure_tenant import TenantFigures

router = APIRouter(prefix="/v1/metrics", tags=["metrics"], route_class=ApiRoute)

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}}
}


@router.get("", responses={**READ, **_TEXT}, response_class=Response, operation_id="show_metrics")
async def show(app: App, caller: Annotated[Caller, permit(Command.METRICS_READ)]) -> Response:
    """Show the tenant's figures as Prometheus reads them: its open jobs, limits and switches."""
    figures = await app.measure_tenant(caller.tenant)
    return Response(render(figures), headers={"Content-Type": MEDIA_TYPE})


def render(figures: TenantFigures) -> bytes:
    """The figures in Prometheus' text form."""
    registry = CollectorRegistry()
    jobs = Gauge(
        "jobforge_tenant_open_jobs",
        "The tenant's jobs that have not ended.",
        ["state"],
        registry=registry,
    )
    for state, count in asdict(figures.open_jobs).items():
        jobs.labels(state).set(count)
    plain = (
        ("jobforge_tenant_waiting_plans", "Plans that wait for people.", figures.waiting_plans),
        ("jobforge_tenant_running_cap", "Jobs that may be open at a time.", figures.running_cap),
        ("jobforge_tenant_switches", "Switches that hold for the tenant.", figures.switches),
    )
    for name, meaning, value in plain:
        Gauge(name, meaning, registry=registry).set(value)
    return generate_latest(registry)
