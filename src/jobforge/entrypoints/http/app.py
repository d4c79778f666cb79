"""The API as a whole: every router is listed here once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from jobforge.bootstrap import Application
from jobforge.contract.errors import JobForgeError
from jobforge.entrypoints.http import (
    artifacts,
    audit,
    bundles,
    connections,
    datasets,
    errors,
    events,
    health,
    job_changes,
    jobs,
    keys,
    limits,
    metrics,
    modules,
    plans,
    projects,
    reports,
    runs,
    schedules,
    switches,
    tenants,
    tokens,
    triggers,
    types,
    webhooks,
    windows,
)
from jobforge.entrypoints.http.guards import BodyGuard
from jobforge.entrypoints.http.openapi import describe
from jobforge.entrypoints.http.problems import (
    from_http,
    from_validation,
    problem_of,
    respond,
    to_response,
)
from jobforge.entrypoints.http.rate_limits import RateLimiter

ROUTERS = (
    bundles.router,
    plans.router,
    tokens.router,
    runs.router,
    jobs.router,
    job_changes.router,
    schedules.router,
    events.router,
    triggers.router,
    modules.router,
    artifacts.router,
    reports.router,
    datasets.router,
    datasets.streams,
    connections.router,
    switches.router,
    windows.router,
    limits.router,
    webhooks.router,
    tenants.router,
    projects.router,
    types.router,
    audit.router,
    keys.router,
    metrics.router,
    errors.router,
    health.router,
)


def create_app(
    application: Application, *, monotonic: Callable[[], float] = time.monotonic
) -> FastAPI:
    """The API over an open application."""
    app = FastAPI(
        title="JobForge",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    app.state.application = application
    app.state.rate_limiter = RateLimiter(application.settings.http_requests_per_minute, monotonic)
    for router in ROUTERS:
        app.include_router(router)
    _handle_errors(app)
    app.add_middleware(BodyGuard, unlimited=(datasets.UPLOADS,))
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # as FastAPI documents it
    return app


def _handle_errors(app: FastAPI) -> None:
    """What is raised outside any route of ours: by routing itself, or by a fault of ours."""

    async def known(_: Request, error: Any) -> Response:  # noqa: ANN401 (one of those below)
        match error:
            case JobForgeError():
                return to_response(error)
            case RequestValidationError():
                return to_response(from_validation(error))
            case HTTPException():
                return to_response(from_http(error))
            case _:
                return respond(problem_of(500, "INTERNAL", "Something went wrong."))

    for kind in (JobForgeError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, known)
