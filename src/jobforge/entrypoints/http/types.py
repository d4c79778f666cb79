"""`/v1/types`: the catalogue of job types."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel

from jobforge.core.authorization import Command
from jobforge.core.catalog import AnyJobType
from jobforge.core.errors import Missing
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.openapi import READ, READ_ONE
from jobforge.entrypoints.http.route import ApiRoute

router = APIRouter(prefix="/v1/types", tags=["job types"], route_class=ApiRoute)

Reader = Annotated[Caller, permit(Command.TYPE_READ)]


class TypeItem(BaseModel):
    """A job type in the list."""

    name: str
    title: str
    domain: str
    scopes: list[str]
    is_action: bool
    timeout_seconds: float
    max_attempts: int


class TypeView(TypeItem):
    """A job type with the JSON Schemas of its payload and result."""

    payload: dict[str, Any]
    result: dict[str, Any]


class Types(BaseModel):
    """Every job type, by name."""

    items: list[TypeItem]


@router.get("", responses=READ, operation_id="list_types")
async def list_types(app: App, _: Reader) -> Types:
    """List every job type that can run here."""
    return Types(items=[TypeItem(**_facts(job_type)) for job_type in app.catalog])


@router.get("/{name}", responses=READ_ONE, operation_id="show_type")
async def show(app: App, _: Reader, name: Annotated[str, Path(max_length=255)]) -> TypeView:
    """Show a job type with the JSON Schemas of its payload and result."""
    found = app.catalog.find(name)
    if found is None:
        raise Missing
    return TypeView(
        **_facts(found),
        payload=_schema(found.payload, found.examples),
        result=_schema(found.result, found.result_examples),
    )


def _facts(job_type: AnyJobType) -> dict[str, Any]:
    return {
        "name": job_type.name,
        "title": job_type.title,
        "domain": job_type.domain,
        "scopes": sorted(job_type.scopes),
        "is_action": job_type.is_action,
        "timeout_seconds": job_type.timeout.total_seconds(),
        "max_attempts": job_type.max_attempts,
    }


def _schema(model: type[BaseModel], examples: tuple[Any, ...]) -> dict[str, Any]:
    return {**model.model_json_schema(), "examples": [dict(example) for example in examples]}
