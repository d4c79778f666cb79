"""`/v1/errors`: what the codes of problems mean. Anybody may ask."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Annotated, Final

from fastapi import APIRouter, Path
from pydantic import BaseModel

from jobforge.contract.codes import BundleCode
from jobforge.contract.errors import JobForgeError
from jobforge.core.errors import Missing
from jobforge.entrypoints.http.openapi import READ_ONE
from jobforge.entrypoints.http.problems import DOCS
from jobforge.entrypoints.http.route import ApiRoute

router = APIRouter(prefix="/v1/errors", tags=["errors"], route_class=ApiRoute)

OWN_CODES: Final = {
    "REQUEST_INVALID": "The request does not have the form that this route takes.",
    "METHOD_NOT_ALLOWED": "The resource does not take this method.",
    "BODY_TOO_SLOW": "The body did not arrive in time.",
    "ENCODING_UNSUPPORTED": "The body is encoded; send it as it is.",
    "POLICY_TOKEN_INVALID": "The policy token is not valid for this.",
}
"""The codes that only this way in has."""


class Explained(BaseModel):
    """A code and what it means."""

    code: str
    meaning: str
    docs: str


def codes() -> dict[str, str]:
    """Every code that a problem can have, with its meaning."""
    of_bundles = {str(code): "The whole bundle was refused." for code in BundleCode}
    of_errors = {kind.code: inspect.getdoc(kind) or "" for kind in _kinds(JobForgeError)}
    return {**of_bundles, **of_errors, **OWN_CODES}


def _kinds(kind: type[JobForgeError]) -> Iterator[type[JobForgeError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__.startswith("jobforge.c"):  # contract and core
            yield from _kinds(child)


@router.get(
    "/{code}", responses={404: READ_ONE[404], 422: READ_ONE[422]}, operation_id="explain_error"
)
async def explain(code: Annotated[str, Path(max_length=100)]) -> Explained:
    """Say what a code means."""
    meaning = codes().get(code)
    if meaning is None:
        raise Missing
    return Explained(code=code, meaning=meaning, docs=f"{DOCS}#{code.lower()}")
