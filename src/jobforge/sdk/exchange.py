"""What both clients do with a call, without a connection: its request, its answer, its retries."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx

from jobforge.sdk.calls import Call
from jobforge.sdk.errors import Unreachable, to_error

Answer = TypeVar("Answer")

RETRIED_STATUSES: Final = frozenset({429, 502, 503, 504})
IN_FLIGHT: Final = "IDEMPOTENCY_KEY_IN_FLIGHT"
"""The first try of this very request is still being answered."""
_FIRST_BAD_STATUS = 400


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request is sent again, and how long before.

    The pause doubles from `first_seconds` to `longest_seconds`, and lies anywhere between nothing
    and that, so that clients that failed together do not come back together.

    Source: M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog (2015), full jitter.
    """

    at_most: int = 4
    first_seconds: float = 0.5
    longest_seconds: float = 20.0

    def pauses(self) -> Iterator[float]:
        """The seconds before each retry."""
        chance = secrets.SystemRandom()
        for number in range(self.at_most):
            yield chance.uniform(0, min(self.longest_seconds, self.first_seconds * 2**number))


def to_request(call: Call[Any]) -> dict[str, Any]:
    """What httpx is to send; each try of one write carries the same key."""
    key = {"Idempotency-Key": secrets.token_urlsafe(24)} if call.is_write else {}
    return {
        "method": call.method,
        "url": call.path,
        "params": dict(call.params),
        "headers": {**key, **call.headers},
        "content": call.body,
    }


def to_wait(response: httpx.Response, pause: float) -> float | None:
    """The seconds before this is tried again; None where another try would get the same answer."""
    is_in_flight = response.status_code == httpx.codes.CONFLICT and IN_FLIGHT in response.text
    if response.status_code not in RETRIED_STATUSES and not is_in_flight:
        return None
    asked = response.headers.get("Retry-After", "")
    return max(pause, float(asked)) if asked.isdecimal() else pause


def read_answer(call: Call[Answer], response: httpx.Response) -> Answer:
    """The answer of a call.

    Raises:
        ApiError: the server answered with a problem.
        Unreachable: what answered is no JobForge.
    """
    if response.status_code >= _FIRST_BAD_STATUS:
        raise to_error(response.status_code, _document(response))
    try:
        return call.read(response.content)
    except ValueError:
        raise Unreachable(
            f"{response.url.host} answered, but not as JobForge does",
            hint="Is the address that of `jobforge serve`?",
        ) from None


def to_unreachable(host: str, error: httpx.TransportError) -> Unreachable:
    """No answer, and why."""
    return Unreachable(f"{host} did not answer: {error}", hint="Does `jobforge serve` run there?")


def _document(response: httpx.Response) -> Mapping[str, Any]:
    try:
        document = json.loads(response.content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
