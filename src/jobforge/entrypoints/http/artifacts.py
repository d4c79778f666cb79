"""`/v1/artifacts`: what jobs produced, whole or in part, as a download and nothing else."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Response

from jobforge.core.authorization import Command
from jobforge.entrypoints.http.access import App, Caller, permit
from jobforge.entrypoints.http.openapi import READ_PART, Responses
from jobforge.entrypoints.http.problems import HttpFault, to_response
from jobforge.entrypoints.http.route import ApiRoute
from jobforge.ports.records import ArtifactRecord

router = APIRouter(prefix="/v1/artifacts", tags=["artifacts"], route_class=ApiRoute)

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+(?:; ?charset=[a-z0-9-]+)?")
_ANY_BYTES: Final = {"application/octet-stream": {"schema": {"type": "string"}}}
_ANSWERS: Final[Responses] = {
    200: {"description": "The whole artifact.", "content": _ANY_BYTES},
    206: {"description": "The part that was asked for.", "content": _ANY_BYTES},
    304: {"description": "The caller has it."},
}


@router.get(
    "/{checksum}", responses={**READ_PART, **_ANSWERS}, response_class=Response,
    operation_id="get_artifact",
)  # fmt: skip
async def get(
    app: App,
    caller: Annotated[Caller, permit(Command.ARTIFACT_READ)],
    checksum: Annotated[str, Path(max_length=100, description="sha256:…")],
    wanted: Annotated[str | None, Header(alias="Range", max_length=200)] = None,
) -> Response:
    """Download an artifact, or the part of it that `Range` names."""
    # Which project made it is not known of a content: it is the whole tenant's.
    caller.check(None)
    record = await app.read_artifact.describe(checksum, caller.tenant)
    headers = _headers(record)
    part = part_of(wanted, record.size)
    if part is None:
        headers["Content-Range"] = f"bytes */{record.size}"
        response = to_response(HttpFault(416, "REQUEST_INVALID", "there is no such part"))
        response.headers.update({"Content-Range": headers["Content-Range"]})
        return response
    start, end = part
    content = await app.read_artifact.part(checksum, start, end, caller.tenant)
    is_part = (start, end) != (0, record.size)
    if is_part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{record.size}"
    return Response(content, 206 if is_part else 200, headers)


def part_of(wanted: str | None, size: int) -> tuple[int, int] | None:
    """The bytes that a Range header asks for, its end exclusive; None where there are none such.

    What is not understood, or asks for several parts, is as good as no header.

    Source: RFC 9110 section 14.2.
    """
    match = None if wanted is None else _RANGE.fullmatch(wanted)
    if match is None or match[0] == "bytes=-":
        return 0, size
    first, last = match[1], match[2]
    if not first:
        return (max(0, size - int(last)), size) if int(last) > 0 and size > 0 else None
    start, end = int(first), int(last) + 1 if last else size
    if end <= start and last:
        return 0, size
    return (start, min(end, size)) if start < size else None


def _headers(record: ArtifactRecord) -> dict[str, str]:
    """What a browser must not run, it downloads."""
    lowered = record.mime_type.lower()
    is_known = _MEDIA_TYPE.fullmatch(lowered) is not None
    name = record.checksum.removeprefix("sha256:")[:16]
    return {
        "Content-Type": lowered if is_known else "application/octet-stream",
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Accept-Ranges": "bytes",
        "ETag": f'"{record.checksum}"',
    }
