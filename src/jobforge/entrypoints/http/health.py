"""`/v1/health`: whether this server can do its work. Anybody may ask."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from jobforge.core.errors import Unavailable
from jobforge.entrypoints.http.access import App
from jobforge.entrypoints.http.openapi import READ
from jobforge.entrypoints.http.route import ApiRoute

router = APIRouter(prefix="/v1/health", tags=["health"], route_class=ApiRoute)


class Health(BaseModel):
    """That it is well."""

    status: Literal["ok"] = "ok"


@router.get("/live", operation_id="is_live")
async def live() -> Health:
    """Whether the process answers at all."""
    return Health()


@router.get("", responses={503: READ[503]}, operation_id="is_ready")
async def ready(app: App) -> Health:
    """Whether its database answers, too."""
    checks = await app.examine.readiness()
    if not checks.is_well:
        raise Unavailable(checks.message, hint=checks.hint)
    return Health()
