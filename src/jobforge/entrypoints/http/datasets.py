"""`/v1/datasets` and `/v1/uploads`: registered rows, and how they come in bit by bit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel, Field

from jobforge.core.authorization import Command
from jobforge.entrypoints.http import route
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.model import Body
from jobforge.entrypoints.http.openapi import READ, READ_ONE, WRITE
from jobforge.entrypoints.http.problems import HttpFault
from jobforge.entrypoints.http.route import ApiRoute, StreamRoute
from jobforge.ports.records import DatasetRecord
from jobforge.ports.uploads import UploadRecord
from jobforge.use_cases.upload_dataset import MAX_BYTES, UploadWish

UPLOADS = "/v1/uploads/"
"""Below this, bodies are streamed to the disk and have their own limit."""

router = APIRouter(tags=["datasets"], route_class=ApiRoute)
streams = APIRouter(tags=["datasets"], route_class=StreamRoute)

Reader = Annotated[Caller, permit(Command.DATASET_READ)]
Writer = Annotated[Caller, permit(Command.DATASET_CHANGE)]
UploadId = Annotated[UUID, Path(description="The upload's id.")]
Project = Annotated[UUID | None, Query(description="The project it belongs to.")]


class DatasetView(BaseModel):
    """A registered dataset."""

    name: str
    project_id: UUID | None
    format: str
    size: int
    checksum: str
    row_count: int
    columns: list[str]
    created_at: datetime


class DatasetList(BaseModel):
    """The datasets, by name."""

    items: list[DatasetView]


class UploadBody(Body):
    """What shall be uploaded; the file's ending says its format."""

    name: str = Field(min_length=1, max_length=256)
    file_name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")
    size: int = Field(ge=1, le=MAX_BYTES)
    project_id: UUID | None = None


class UploadView(BaseModel):
    """An upload, and how far it is."""

    id: UUID
    name: str
    file_name: str
    size: int
    offset: int
    begun_at: datetime


@router.get("/v1/datasets", responses=READ, operation_id="list_datasets")
async def list_datasets(app: App, caller: Reader) -> DatasetList:
    """List the datasets."""
    own = caller.actor.project_id
    found = await app.datasets.all(caller.tenant)
    return DatasetList(items=[_to_view(d) for d in found if own in {None, d.project_id}])


@router.delete(
    "/v1/datasets/{name}", status_code=204, responses=WRITE, operation_id="remove_dataset"
)
async def remove(
    app: App, caller: Writer, name: Annotated[str, Path(max_length=256)], project: Project = None
) -> Response:
    """Forget a dataset. Results that were made from it stay."""
    await app.datasets.remove(name, caller.tenant, caller.narrow(project), caller.actor)
    return Response(status_code=204)


@router.post("/v1/uploads", status_code=201, responses=WRITE, operation_id="begin_upload")
async def begin(app: App, caller: Writer, body: UploadBody) -> UploadView:
    """Begin an upload. Send its bytes with PATCH, then finish it."""
    project_id = caller.narrow(body.project_id)
    if project_id is not None:
        await app.names.project(caller.tenant, str(project_id))
    wish = UploadWish(body.name, body.file_name, body.size, project_id)
    return _to_upload(await app.uploads.begin(wish, caller.tenant), 0)


@router.get("/v1/uploads/{upload_id}", responses=READ_ONE, operation_id="show_upload")
async def show(app: App, caller: Writer, upload_id: UploadId) -> UploadView:
    """Show how far an upload is."""
    return _to_upload(*await app.uploads.show(upload_id, caller.tenant, caller.actor))


@streams.patch(
    "/v1/uploads/{upload_id}",
    status_code=204,
    responses=WRITE,
    operation_id="append_to_upload",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def append(
    request: Request,
    app: App,
    caller: Writer,
    upload_id: UploadId,
    offset: Annotated[
        int, Header(alias="Upload-Offset", ge=0, le=MAX_BYTES, description="Where it goes on.")
    ],
) -> Response:
    """Append bytes at exactly this offset. What arrived before a break stays."""
    there = await app.uploads.append(
        upload_id, offset, _in_time(request), caller.tenant, caller.actor
    )
    return Response(status_code=204, headers={"Upload-Offset": str(there)})


@router.post(
    "/v1/uploads/{upload_id}/finish", status_code=201, responses=WRITE,
    operation_id="finish_upload",
)  # fmt: skip
async def finish(app: App, caller: Writer, upload_id: UploadId) -> DatasetView:
    """Check the whole file and register it as a dataset."""
    return _to_view(await app.uploads.finish(upload_id, caller.tenant, caller.actor))


@router.delete(
    "/v1/uploads/{upload_id}", status_code=204, responses=WRITE, operation_id="cancel_upload"
)
async def cancel(app: App, caller: Writer, upload_id: UploadId) -> Response:
    """Forget an upload that was not finished."""
    await app.uploads.cancel(upload_id, caller.tenant, caller.actor)
    return Response(status_code=204)


async def _in_time(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes; whoever sends nothing for too long is not waited for."""
    chunks = request.stream()
    while True:
        try:
            async with asyncio.timeout(route.BODY_SECONDS):
                chunk = await anext(chunks, None)
        except TimeoutError:
            message = f"nothing came for {route.BODY_SECONDS:.0f} seconds"
            raise HttpFault(408, "BODY_TOO_SLOW", message) from None
        if chunk is None:
            return
        if chunk:
            yield chunk


def _to_view(dataset: DatasetRecord) -> DatasetView:
    return DatasetView(
        name=dataset.name,
        project_id=dataset.project_id,
        format=dataset.format,
        size=dataset.size,
        checksum=dataset.checksum,
        row_count=dataset.row_count,
        columns=list(dataset.columns),
        created_at=dataset.created_at,
    )


def _to_upload(upload: UploadRecord, offset: int) -> UploadView:
    return UploadView(
        id=upload.upload_id,
        name=upload.name,
        file_name=upload.file_name,
        size=upload.size,
        offset=offset,
        begun_at=upload.begun_at,
    )
