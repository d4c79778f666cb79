"""`/v1/projects`: a tenant's projects."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from jobforge.core.authorization import Command
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.model import Body
from jobforge.entrypoints.http.openapi import READ, WRITE
from jobforge.entrypoints.http.route import ApiRoute
from jobforge.ports.records import ProjectRecord

router = APIRouter(prefix="/v1/projects", tags=["projects"], route_class=ApiRoute)

Name = Annotated[str, Field(min_length=1, max_length=256)]


class ProjectView(BaseModel):
    """A project."""

    id: UUID
    slug: str
    name: str
    aliases: list[str]
    created_at: datetime


class Projects(BaseModel):
    """Every project the caller may see, by slug."""

    items: list[ProjectView]


class ProjectBody(Body):
    """A new project."""

    name: Name
    slug: Annotated[str, Field(max_length=63)] | None = None
    aliases: Annotated[list[Name], Field(max_length=50)] = Field(default_factory=list)


@router.get("", responses=READ, operation_id="list_projects")
async def list_projects(
    app: App, caller: Annotated[Caller, permit(Command.PROJECT_READ)]
) -> Projects:
    """List the projects."""
    own = caller.actor.project_id
    found = await app.list_projects(caller.tenant)
    return Projects(items=[_to_view(p) for p in found if own in {None, p.project_id}])


@router.post("", status_code=201, responses=WRITE, operation_id="create_project")
async def create(
    app: App, caller: Annotated[Caller, permit(Command.PROJECT_CREATE)], body: ProjectBody
) -> ProjectView:
    """Create a project."""
    return _to_view(
        await app.create_project(
            body.name, caller.tenant, caller.actor, slug=body.slug, aliases=body.aliases
        )
    )


def _to_view(project: ProjectRecord) -> ProjectView:
    return ProjectView(
        id=project.project_id,
        slug=project.slug,
        name=project.name,
        aliases=list(project.aliases),
        created_at=project.created_at,
    )
