"""`/console/artifacts`: what jobs produced, shown where people would rather look than read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from jobforge.contract.manifest import ArtifactOutput, RunManifest
from jobforge.core.authorization import Command
from jobforge.core.errors import Missing
from jobforge.entrypoints.http.access import App, Caller
from jobforge.entrypoints.http.console import words
from jobforge.entrypoints.http.console.access import look
from jobforge.entrypoints.http.console.pages import render

router = APIRouter(prefix="/jobs/{job_id}/artifacts")

Reader = Annotated[Caller, look(Command.ARTIFACT_READ)]
Number = Annotated[int, Path(ge=0, le=10_000)]
Kind = Literal["page", "markdown", "json", "image", "text", "other"]

_MAX_SHOWN_BYTES: Final = 2 * 1024 * 1024
_MAX_ROWS: Final = 500
_KINDS: Final[Mapping[str, Kind]] = {
    "text/html": "page",
    "text/markdown": "markdown",
    "application/json": "json",
    "image/png": "image",
    "image/svg+xml": "page",
    "text/csv": "text",
    "text/plain": "text",
    "text/x-diff": "text",
}

# What a report may do in its frame: be read. It runs nothing, loads nothing, sends nothing, and
# its origin is nobody's.
_REPORT_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class Shown:
    """An output, and how it is shown."""

    output: ArtifactOutput
    kind: Kind


@dataclass(frozen=True, slots=True)
class Table:
    """A list of like objects, as a table: at most so many rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    left_out: int


def to_shown(output: ArtifactOutput) -> Shown:
    """How an output is shown; what is too large is only downloaded."""
    plain = output.mime_type.partition(";")[0].strip().lower()
    kind = _KINDS.get(plain, "other") if output.size <= _MAX_SHOWN_BYTES else "other"
    return Shown(output, kind)


@router.get("/{number}", name="artifact")
async def show(
    request: Request, app: App, caller: Reader, job_id: UUID, number: Number
) -> Response:
    """One output: a table, a text, a sandboxed report."""
    shown = to_shown(await _find(app, caller, job_id, number))
    text = None
    if shown.kind in {"markdown", "json", "text"}:
        content = await _read(app, caller, shown.output)
        text = content.decode("utf-8", "replace")
    tables = to_tables(text) if shown.kind == "json" and text is not None else {}
    return await render(
        request, caller, "artifact.html", job_id=job_id, number=number, shown=shown, text=text,
        tables=tables,
    )  # fmt: skip


@router.get("/{number}/raw", name="artifact_raw")
async def raw(app: App, caller: Reader, job_id: UUID, number: Number) -> Response:
    """An HTML report or a picture, for its frame: sandboxed by its own headers, too."""
    shown = to_shown(await _find(app, caller, job_id, number))
    if shown.kind not in {"page", "image"}:
        raise Missing("there is nothing to look at: download it")
    content = await _read(app, caller, shown.output)
    headers = {
        "Content-Security-Policy": _REPORT_POLICY,
        "Content-Type": shown.output.mime_type.partition(";")[0].strip().lower()
        + ("; charset=utf-8" if shown.kind == "page" else ""),
        "Cache-Control": "no-store",
    }
    return Response(content, headers=headers)


@router.get("/{number}/download", name="artifact_download")
async def download(app: App, caller: Reader, job_id: UUID, number: Number) -> Response:
    """The output as a file."""
    output = await _find(app, caller, job_id, number)
    content = await _read(app, caller, output)
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in output.name)
    headers = {
        "Content-Disposition": f'attachment; filename="{name[:100]}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Type": "application/octet-stream",
        "Cache-Control": "no-store",
    }
    return Response(content, headers=headers)


def to_tables(text: str) -> dict[str, Table]:
    """The lists of objects in a JSON document, each as a table, by their places."""
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return dict(islice(_tables(document, ""), 20))


def _tables(value: Any, place: str) -> Any:  # noqa: ANN401 (any JSON; a generator of tables)
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        yield place or "all", _to_table(value)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _tables(part, f"{place}.{name}" if place else name)


def _to_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    shown = rows[:_MAX_ROWS]
    columns = tuple(islice(dict.fromkeys(name for row in shown for name in row), 12))
    cells = tuple(tuple(_to_cell(row.get(column)) for column in columns) for row in shown)
    return Table(columns, cells, len(rows) - len(shown))


def _to_cell(value: Any) -> Any:  # noqa: ANN401 (any JSON)
    if isinstance(value, dict | list):
        return words.to_pretty(value) if value else ""
    return "" if value is None else value


async def _find(app: App, caller: Caller, job_id: UUID, number: int) -> ArtifactOutput:
    job = await app.show_job(job_id, caller.tenant)
    caller.check(job.project_id)
    outputs = () if job.manifest is None else RunManifest.model_validate_json(job.manifest).outputs
    if number >= len(outputs):
        raise Missing("the job has no such output")
    return outputs[number]


async def _read(app: App, caller: Caller, output: ArtifactOutput) -> bytes:
    return await app.read_artifact.part(output.checksum, 0, output.size, caller.tenant)
