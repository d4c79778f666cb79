"""What the OpenAPI document says of answers: every error a route can give, with an example."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from jobforge import __version__
from jobforge.entrypoints.http.problems import PROBLEM_TYPE, Problem, problem_of

Responses = dict[int | str, dict[str, Any]]

_RATE_HEADERS: Final = {
    "RateLimit": {"description": "What is left.", "schema": {"type": "string"}},
    "RateLimit-Policy": {"description": "What is allowed.", "schema": {"type": "string"}},
}
_ALWAYS: Final = {
    401: ("UNAUTHENTICATED", "It takes a valid API key or token."),
    403: ("NOT_PERMITTED", "None of the caller's roles may do this."),
    422: ("REQUEST_INVALID", "query limit: Input should be less than or equal to 200"),
    429: ("RATE_LIMITED", "There were too many requests; try again later."),
    503: ("UNAVAILABLE", "A service that is needed does not answer."),
}
_ON_OBJECTS: Final = {404: ("NOT_FOUND", "There is no such thing, or not for this caller.")}
_ON_WRITES: Final = {
    400: ("REQUEST_INVALID", "the body broke off"),
    408: ("BODY_TOO_SLOW", "the body did not arrive within 30 seconds"),
    409: ("CONFLICT", "This clashes with what is there already."),
    413: ("TOO_LARGE", "the body is larger than 9 MiB"),
    415: ("ENCODING_UNSUPPORTED", "send the body as it is, not encoded"),
}

IDEMPOTENCY_KEY: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same request gets the same answer for 24 hours; with "
    "another request 422, while the first is being answered 409.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


def problems(*extra: dict[int, tuple[str, str]]) -> Responses:
    """The problems of a route: those of every route and the further ones."""
    found = {status: said for table in (_ALWAYS, *extra) for status, said in table.items()}
    return {
        status: {
            "description": code.replace("_", " ").capitalize(),
            "content": {
                PROBLEM_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": problem_of(status, code, detail).model_dump(mode="json"),
                }
            },
        }
        for status, (code, detail) in sorted(found.items())
    }


_NO_SUCH_PART: Final = {416: ("REQUEST_INVALID", "there is no such part")}

READ: Final = problems()
READ_PART: Final = problems(_ON_OBJECTS, _NO_SUCH_PART)
READ_ONE: Final = problems(_ON_OBJECTS)
READ_STATE: Final = problems(_ON_OBJECTS, {409: _ON_WRITES[409]})
WRITE: Final = problems(_ON_OBJECTS, _ON_WRITES)


def describe(app: FastAPI) -> dict[str, Any]:
    """The whole document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title="JobForge",
            version=__version__,
            openapi_version="3.1.0",
            summary="Executes what autopilot modules recommend: planned, gated, proven.",
            description="Errors are problem details (RFC 9457); every code is explained at "
            "`/v1/errors/{code}`.",
            routes=app.routes,
            tags=app.openapi_tags,
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = Problem.model_json_schema()
        _complete(document)
        app.openapi_schema = document
    return app.openapi_schema


def _complete(document: dict[str, Any]) -> None:
    """Say of every write that it takes an Idempotency-Key, of every answer its rate."""
    for path in document["paths"].values():
        for method, operation in path.items():
            if method in {"post", "put", "patch", "delete"} and operation.get("security"):
                operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
            for response in operation["responses"].values() if operation.get("security") else ():
                response.setdefault("headers", {}).update(_RATE_HEADERS)
