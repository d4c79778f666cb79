"""What a server answers instead of what was asked for, as exceptions.

JobForgeError
└─ ApiError              a problem document: `code` is stable, `message` is for people
   ├─ Unauthenticated    401
   ├─ NotPermitted       403
   │  └─ FourEyes        it takes a second person
   ├─ NotFound           404
   ├─ Conflict           409
   │  └─ PlanStale       the world changed since the plan was made
   ├─ Invalid            any other 4xx
   ├─ RateLimited        429
   └─ ServerFault        5xx
Unreachable              no answer at all, after every retry
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from typing_extensions import override

from jobforge.contract.errors import JobForgeError


class ApiError(JobForgeError):
    """The server answered with a problem.

    `code` is the server's, `document` the whole problem: a refused bundle is in there, too.
    """

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        super().__init__(
            str(document.get("detail") or f"the server answered {status}"),
            pointer=document.get("pointer"),
            hint=document.get("hint"),
        )
        self.status = status
        self.problem_code = str(document.get("code") or "INTERNAL")
        self.document = dict(document)

    @override
    def __str__(self) -> str:
        where = f" at {self.pointer}" if self.pointer else ""
        way_out = f" (try: {self.hint})" if self.hint else ""
        return f"{self.problem_code}{where}: {self.message}{way_out}"


class Unauthenticated(ApiError):
    """It takes a valid API key."""


class NotPermitted(ApiError):
    """None of the key's roles may do this, or a rule forbids it."""


class FourEyes(NotPermitted):
    """It takes a second person."""


class NotFound(ApiError):
    """There is no such thing, for this key."""


class Conflict(ApiError):
    """This clashes with what is there already."""


class PlanStale(Conflict):
    """The world changed since the plan was made."""


class Invalid(ApiError):
    """What was sent is not valid."""


class RateLimited(ApiError):
    """There were too many requests, and waiting did not help."""


class ServerFault(ApiError):
    """The server failed, or a service that it needs does."""


class Unreachable(JobForgeError):
    """The server did not answer."""

    code = "UNREACHABLE"
    is_retryable = True


BY_CODE: Final[Mapping[str, type[ApiError]]] = {
    "FOUR_EYES": FourEyes,
    "PLAN_STALE": PlanStale,
}
BY_STATUS: Final[Mapping[int, type[ApiError]]] = {
    401: Unauthenticated,
    403: NotPermitted,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
}
_FIRST_SERVER_STATUS = 500


def to_error(status: int, document: Mapping[str, Any]) -> ApiError:
    """The exception for a problem document."""
    kind = BY_CODE.get(str(document.get("code"))) or BY_STATUS.get(status)
    if kind is None:
        kind = ServerFault if status >= _FIRST_SERVER_STATUS else Invalid
    return kind(status, document)
