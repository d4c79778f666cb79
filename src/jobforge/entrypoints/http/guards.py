"""What stands before every route: bodies have a limit and no encoding, answers no surprises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jobforge.core.errors import InvalidInput
from jobforge.entrypoints.http.problems import HttpFault, to_response

MAX_BODY_BYTES: Final = 9 * 1024 * 1024
"""A bundle of 8 MiB, and what a client may wrap around it."""

_HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class BodyGuard:
    """Refuses what is too large before anybody parses it, and every encoded body.

    Nothing is ever decompressed here, so that a bomb of a few bytes stays a few bytes.
    """

    def __init__(self, app: ASGIApp, unlimited: tuple[str, ...] = ()) -> None:
        self._app = app
        self._unlimited = unlimited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with its body counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_headers(send)
        fault = self._fault(scope)
        if fault is not None:
            response = to_response(fault)
            # What of the body is still to come is not read: nothing else may follow it.
            response.headers["Connection"] = "close"
            await response(scope, receive, send)
            return
        guarded = receive if self._is_unlimited(scope) else _counted(receive)
        await self._app(scope, guarded, send)

    def _is_unlimited(self, scope: Scope) -> bool:
        return str(scope["path"]).startswith(self._unlimited) if self._unlimited else False

    def _fault(self, scope: Scope) -> InvalidInput | None:
        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            return HttpFault(422, "REQUEST_INVALID", "the address holds U+0000")
        headers = Headers(scope=scope)
        if "content-length" in headers and "transfer-encoding" in headers:
            # Two readers would see two different bodies. Source: RFC 9112 section 6.3.
            return HttpFault(400, "REQUEST_INVALID", "the body has two lengths")
        if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
            message = "send the body as it is, not encoded"
            return HttpFault(415, "ENCODING_UNSUPPORTED", message)
        length = headers.get("content-length", "")
        is_large = length.isdecimal() and int(length[:20]) > MAX_BODY_BYTES
        return _too_large() if is_large and not self._is_unlimited(scope) else None


def _counted(receive: Receive) -> Receive:
    received = 0

    async def count() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            raise _too_large()
        return message

    return count


def _too_large() -> HttpFault:
    message = f"the body is larger than {MAX_BODY_BYTES // 1024 // 1024} MiB"
    return HttpFault(413, "TOO_LARGE", message)


def _with_headers(send: Send) -> Send:
    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return add
