"""Rendering: templates that escape everything, and headers that let a page do little."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from jobforge.core.authorization import Command
from jobforge.core.controls import INSTALLATION
from jobforge.entrypoints.http.access import Caller, application_of
from jobforge.entrypoints.http.console import words
from jobforge.entrypoints.http.console.access import may

ROOT: Final = "/console"
_STATIC: Final = ("console.css", "console.js")
SEE_OTHER: Final = 303

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'nonce-{nonce}'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types htmx",
    )
)


async def render(
    request: Request,
    caller: Caller,
    template: str,
    *,
    status: int = 200,
    **context: Any,  # noqa: ANN401 (what a template shows)
) -> HTMLResponse:
    """A page for somebody who is signed in, with what every page shows."""
    return to_page(request, template, {**await _chrome(request, caller), **context}, status=status)


def to_page(
    request: Request, template: str, context: Mapping[str, Any], *, status: int = 200
) -> HTMLResponse:
    """A page from a template; nothing of it is kept by anybody on the way."""
    nonce = secrets.token_urlsafe(16)
    text = (
        _environment()
        .get_template(template)
        .render(
            {
                "nonce": nonce,
                "csrf": request.scope["csrftoken"](),
                "path": request.url.path,
                "static": static_url,
                "root": ROOT,
                "caller": None,
                "switches": (),
                "waiting": 0,
                "title": None,
                "may": lambda _: False,
                "now": application_of(request).clock.now(),
                **context,
            }
        )
    )
    return HTMLResponse(text, status_code=status, headers=headers_for(nonce))


def fragment(template: str, block: str, context: Mapping[str, Any]) -> str:
    """One block of a template, as a live page exchanges it. It holds nothing that acts."""
    loaded = _environment().get_template(template)
    return "".join(loaded.blocks[block](loaded.new_context(dict(context))))


def headers_for(nonce: str) -> dict[str, str]:
    """What a page may do: run our scripts, talk to us, and be shown in no frame."""
    return {
        "Content-Security-Policy": _POLICY.format(nonce=nonce),
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "X-Frame-Options": "DENY",
    }


def go_to(path: str) -> Response:
    """After a form was taken: look at this page."""
    return RedirectResponse(f"{ROOT}{path}", status_code=SEE_OTHER)


@lru_cache(maxsize=32)
def static_url(name: str) -> str:
    """The address of a static file; it changes with its content: the file may be kept."""
    content = files(__package__ or "").joinpath("static", name).read_bytes()
    return f"{ROOT}/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"


async def _chrome(request: Request, caller: Caller) -> dict[str, Any]:
    """What every page shows: who is signed in, what is switched off, how much waits for people."""
    app = application_of(request)
    here = {INSTALLATION, caller.tenant.tenant_id}
    switches = [s for s in await app.switches.all() if s.tenant_id in here]
    waiting = await app.show_plan.waiting(caller.tenant, caller.narrow(), words.MANY)
    return {
        "caller": caller,
        "switches": switches,
        "waiting": sum(1 for review in waiting if review.grant_jti is None),
        "may": lambda name: may(caller, Command(name)),
    }


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__ or "", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(words.FILTERS)
    environment.tests["instant"] = lambda value: isinstance(value, datetime)
    return environment
