"""Errors as problem details (RFC 9457): a status, a stable code, the place, the way out."""

from __future__ import annotations

from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from jobforge.contract.errors import ContractViolation, JobForgeError
from jobforge.core.errors import (
    Conflict,
    Denied,
    HandlerSignal,
    InvalidInput,
    Missing,
    RateLimited,
    SettingInvalid,
    Unauthenticated,
    Unavailable,
)
from jobforge.core.failure import code_of, to_failure

PROBLEM_TYPE: Final = "application/problem+json"
DOCS: Final = "docs/reference/http-api.md"

STATUSES: Final[dict[type[JobForgeError], int]] = {
    SettingInvalid: 503,
    ContractViolation: 422,
    InvalidInput: 422,
    Unauthenticated: 401,
    Denied: 403,
    Missing: 404,
    Conflict: 409,
    RateLimited: 429,
    HandlerSignal: 422,
    Unavailable: 503,
}
"""The first class of this table that an error is of decides; anything else is 500."""


class Problem(BaseModel):
    """Why a request was not answered as asked."""

    type: str = Field(description="Where this code is explained, relative to the server.")
    title: str
    status: int
    detail: str = Field(description="For people; it may change.")
    code: str = Field(description="For programs; it never changes its meaning.")
    pointer: str | None = Field(default=None, description="The place, as a JSON pointer.")
    hint: str | None = Field(default=None, description="The way out.")
    docs: str


class HttpFault(InvalidInput):
    """The request is not one that this server takes."""

    code = "REQUEST_INVALID"

    def __init__(self, status: int, code: str, message: str, *, pointer: str | None = None) -> None:
        super().__init__(message, pointer=pointer)
        self.status = status
        self.refusal_code = code


def status_of(error: JobForgeError) -> int:
    """The HTTP status of an error."""
    if isinstance(error, HttpFault):
        return error.status
    return next((status for kind, status in STATUSES.items() if isinstance(error, kind)), 500)


def to_problem(error: JobForgeError) -> Problem:
    """The error as its problem details, without secrets."""
    code = code_of(error)
    failure = to_failure(error)
    return problem_of(status_of(error), code, failure["message"], failure)


def problem_of(status: int, code: str, detail: str, more: dict[str, Any] | None = None) -> Problem:
    """Problem details from their parts; `more` may have `pointer` and `hint`."""
    found = more or {}
    return Problem(
        type=f"/v1/errors/{code}",
        title=code.replace("_", " ").capitalize(),
        status=status,
        detail=detail,
        code=code,
        pointer=found.get("pointer"),
        hint=found.get("hint"),
        docs=f"{DOCS}#{code.lower()}",
    )


def to_response(error: JobForgeError, **extensions: Any) -> JSONResponse:  # noqa: ANN401 (any JSON)
    """The error as an answer; `extensions` are further members of the document."""
    return respond(to_problem(error), **extensions)


def respond(problem: Problem, **extensions: Any) -> JSONResponse:  # noqa: ANN401 (any JSON)
    """A problem as an answer."""
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}  # noqa: PLR2004 (RFC 6750)
    return JSONResponse(
        {**extensions, **problem.model_dump(mode="json")},
        status_code=problem.status,
        headers=headers,
        media_type=PROBLEM_TYPE,
    )


def from_validation(error: RequestValidationError) -> HttpFault:
    """What FastAPI found wrong with a request, by the place of the first fault."""
    first = error.errors()[0]
    where, *path = (str(part) for part in first["loc"])
    is_body = where == "body"
    pointer = "".join(f"/{_escaped(part)}" for part in path) if is_body else None
    name = "" if is_body else f"{where} {'.'.join(path)}: "
    return HttpFault(422, "REQUEST_INVALID", f"{name}{first['msg']}", pointer=pointer)


def from_http(error: HTTPException) -> HttpFault:
    """What Starlette refuses by itself: no such route, no such method, a body it cannot read."""
    code, message = _OF_STATUS.get(error.status_code, ("REQUEST_INVALID", str(error.detail)))
    return HttpFault(error.status_code, code, message)


_OF_STATUS: Final = {
    404: ("NOT_FOUND", "There is no such thing."),
    405: ("METHOD_NOT_ALLOWED", "This resource does not take that method."),
}


def _escaped(part: str) -> str:
    """Source: RFC 6901 section 3."""
    return part.replace("~", "~0").replace("/", "~1")
