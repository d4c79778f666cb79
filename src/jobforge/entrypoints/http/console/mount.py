"""Mounts the console on the API's server: its pages, its files, what guards its forms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qs, quote

from asgi_csrf import asgi_csrf
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import override

from jobforge.bootstrap import Application
from jobforge.contract.errors import JobForgeError
from jobforge.core.errors import Unauthenticated
from jobforge.entrypoints.http.console import (
    artifacts,
    audit,
    bundles,
    controls,
    inbox,
    jobs,
    overview,
    people,
    plans,
    results,
    runs,
    sign_in,
    starting,
)
from jobforge.entrypoints.http.console.pages import ROOT, SEE_OTHER, to_page
from jobforge.entrypoints.http.problems import (
    Problem,
    from_http,
    from_validation,
    problem_of,
    to_problem,
)

ROUTERS: Final = (
    sign_in.router,
    overview.router,
    inbox.router,
    plans.router,
    runs.router,
    artifacts.router,
    jobs.router,
    bundles.router,
    results.router,
    controls.router,
    starting.router,
    people.router,
    audit.router,
)
FORMS_COOKIE: Final = "__Host-jobforge-forms"
_YEAR_SECONDS: Final = 31_536_000


def mount_console(api: FastAPI, application: Application) -> None:
    """Serve the console under `/console`, beside the API; `/` leads there."""
    console = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    console.state.application = application
    console.state.rate_limiter = api.state.rate_limiter
    for router in ROUTERS:
        console.include_router(router)
    _handle_errors(console)
    console.mount("/static", _Static(packages=[(__package__ or "", "static")]))
    api.mount(ROOT, FormsGuard(console, application.forms_key.secret.hex()))
    api.add_api_route("/", _lead_in, include_in_schema=False)


class FormsGuard:
    """Takes no form that this console did not hand out (a signed double-submit cookie).

    What cannot even be read as a form is refused the same way.
    """

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self._guarded: Callable[[Scope, Receive, Send], Awaitable[None]] = asgi_csrf(
            app,
            cookie_name=FORMS_COOKIE,
            signing_secret=secret,
            always_protect={f"{ROOT}/sign-in"},
            cookie_secure=True,
            send_csrf_failed=_refuse_form,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, if its form is ours."""
        is_answered = False

        async def note(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            await send(message)

        try:
            # A form guarded by nothing but a key is the API's business, not the console's.
            await self._guarded(_with_token(_without_bearer(scope)), receive, note)
        except (ValueError, IndexError, TypeError, AssertionError):
            if is_answered:
                raise
            await _refuse_form(scope, send, None)


class _Static(StaticFiles):
    """Our own files; their addresses change with their content."""

    @override
    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = f"public, max-age={_YEAR_SECONDS}, immutable"
        return response


def _without_bearer(scope: Scope) -> Scope:
    """The request without `Authorization`: pages know sessions alone."""
    headers = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
    return {**scope, "headers": headers}


def _with_token(scope: Scope) -> Scope:
    """A form with a file carries its token in its address: the guard reads it as a header.

    asgi-csrf 0.11 cannot read it from a multipart body: python-multipart changed under it.
    """
    headers = Headers(scope=scope)
    if not headers.get("content-type", "").startswith("multipart/form-data"):
        return scope
    token = parse_qs(scope["query_string"].decode("latin-1")).get("csrftoken", [""])[0]
    return {**scope, "headers": [*scope["headers"], (b"x-csrftoken", token.encode("latin-1"))]}


async def _refuse_form(scope: Scope, send: Send, _: object) -> None:
    response = PlainTextResponse(
        "This form is not one that this console handed out to this browser. Go back, load the "
        "page again, and send it anew.\n",
        status_code=403,
    )
    await response(scope, _no_body, send)


async def _no_body() -> Message:
    return {"type": "http.disconnect"}


async def _lead_in() -> Response:
    return RedirectResponse(f"{ROOT}/", status_code=SEE_OTHER)


def _handle_errors(console: FastAPI) -> None:
    """Errors are pages, too; who is not signed in is asked to."""

    async def known(request: Request, error: Any) -> Response:  # noqa: ANN401 (one of those below)
        match error:
            case Unauthenticated():
                return _to_sign_in(request)
            case JobForgeError():
                problem = to_problem(error)
            case RequestValidationError():
                problem = to_problem(from_validation(error))
            case HTTPException():
                problem = to_problem(from_http(error))
            case _:
                problem = problem_of(500, "INTERNAL", "Something went wrong.")
        return _to_page(request, problem)

    for kind in (JobForgeError, RequestValidationError, HTTPException, Exception):
        console.add_exception_handler(kind, known)


def _to_page(request: Request, problem: Problem) -> Response:
    return to_page(request, "problem.html", {"problem": problem}, status=problem.status)


def _to_sign_in(request: Request) -> Response:
    path = request.url.path.removeprefix(ROOT) or "/"
    address = f"{ROOT}/sign-in?next={quote(path)}" if request.method == "GET" else f"{ROOT}/sign-in"
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"HX-Redirect": address})
    return RedirectResponse(address, status_code=SEE_OTHER)
