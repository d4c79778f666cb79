"""What every route does around its handler: bodies, repeated writes, ETags, problems."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from typing_extensions import override

from jobforge.contract.errors import JobForgeError
from jobforge.entrypoints.http.access import application_of, identify
from jobforge.entrypoints.http.problems import HttpFault, from_http, from_validation, to_response
from jobforge.use_cases.answer_once import OnceKey

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
BODY_SECONDS: Final = 30.0
"""How long a body may take to come in."""

_MAX_KEY: Final = 255
_KEPT_HEADERS: Final = ("content-type", "location", "etag")
_REPEATABLE: Final = frozenset({401, 408, 413, 429})
"""Answers that say nothing about the request itself: they are not kept."""


class ApiRoute(APIRoute):
    """A route whose body is read within time, answered once a key, and given an ETag."""

    @override
    def get_route_handler(self) -> Any:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            return _finish(request, await _answer(request, handle))

        return answer


class StreamRoute(APIRoute):
    """A route that reads its body itself, bit by bit. What it does may be repeated safely."""

    @override
    def get_route_handler(self) -> Any:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            return _finish(request, await _translated(request, handle))

        return answer


async def _answer(request: Request, handle: Handler) -> Response:
    async def read_then_handle(request: Request) -> Response:
        await _read_body(request)
        key = request.headers.get("idempotency-key")
        if request.method not in WRITES or key is None:
            return await handle(request)
        return await _answer_once(request, key, handle)

    return await _translated(request, read_then_handle)


async def _translated(request: Request, handle: Handler) -> Response:
    """The handler's answer, or its error as a problem."""
    try:
        return await handle(request)
    except JobForgeError as error:
        return to_response(error)
    except RequestValidationError as error:
        return to_response(from_validation(error))
    except HTTPException as error:
        return to_response(from_http(error))
    except ClientDisconnect:
        return to_response(HttpFault(400, "REQUEST_INVALID", "the body broke off"))


async def _read_body(request: Request) -> None:
    """Read the body whole; it stays with the request."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            await request.body()
    except TimeoutError:
        message = f"the body did not arrive within {BODY_SECONDS:.0f} seconds"
        raise HttpFault(408, "BODY_TOO_SLOW", message) from None


async def _answer_once(request: Request, key: str, handle: Handler) -> Response:
    once = await _once_key(request, key)
    answers = application_of(request).answer_once
    kept = await answers.begin(once)
    if kept is not None:
        return _from_kept(kept)
    try:
        response = await _translated(request, handle)
    except BaseException:
        await answers.forget(once)
        raise
    if response.status_code in _REPEATABLE or response.status_code >= 500:  # noqa: PLR2004 (5xx)
        await answers.forget(once)
    else:
        await answers.keep(once, _to_kept(response))
    return response


async def _once_key(request: Request, key: str) -> OnceKey:
    if not 1 <= len(key) <= _MAX_KEY or not key.isprintable():
        message = f"an Idempotency-Key has 1 to {_MAX_KEY} printable characters"
        raise HttpFault(422, "REQUEST_INVALID", message)
    actor, tenant = await identify(request)
    head = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    digest = hashlib.sha256(head + await request.body()).digest()
    return OnceKey(tenant.tenant_id, actor.person, key, digest)


def _to_kept(response: Response) -> dict[str, Any]:
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    body = base64.b64encode(bytes(response.body)).decode()
    return {"status": response.status_code, "headers": headers, "body": body}


def _from_kept(kept: dict[str, Any]) -> Response:
    headers = {**kept["headers"], "Idempotency-Replayed": "true"}
    return Response(base64.b64decode(kept["body"]), kept["status"], headers)


def _finish(request: Request, response: Response) -> Response:
    """Add what every answer has: the rate, and an ETag where it can be compared."""
    rate = getattr(request.state, "rate", None)
    if rate is not None:
        response.headers.update(rate.to_headers())
    response.headers.setdefault("Cache-Control", "private, no-cache")
    is_read = request.method in {"GET", "HEAD"} and response.status_code == 200  # noqa: PLR2004 (OK)
    return _tagged(request, response) if is_read else response


def _tagged(request: Request, response: Response) -> Response:
    if "etag" not in response.headers:
        body = getattr(response, "body", None)
        if body is None:  # a stream
            return response
        digest = hashlib.sha256(bytes(body)).hexdigest()[:32]
        response.headers["ETag"] = f'"{digest}"'
    if not _is_known(request.headers.get("if-none-match", ""), response.headers["etag"]):
        return response
    kept = {
        name: value
        for name, value in response.headers.items()
        if name not in {"content-length", "content-type"}
    }
    return Response(status_code=304, headers=kept)


def _is_known(asked: str, etag: str) -> bool:
    """Source: RFC 9110 section 13.1.2, weak comparison."""
    tags = {tag.strip().removeprefix("W/") for tag in asked.split(",")}
    return "*" in tags or etag in tags
