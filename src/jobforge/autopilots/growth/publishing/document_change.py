"""Put one document in one place, so that it can be planned, verified and taken back."""

from __future__ import annotations

import difflib
from typing import Protocol

from jobforge.contract.canonical import checksum_of
from jobforge.core.context import HttpRequest, JobContext
from jobforge.core.effects import PlannedEffect
from jobforge.core.errors import DatasetMissing, HandlerFailed, PlanStale, TargetUnavailable

PRE_IMAGES = ".jobforge/pre-images"
_MAX_DIFF = 20_000
_NOT_FOUND = (404, 410)
_ERROR = 400


class Place(Protocol):
    """Where a document lies. `read` gives None where there is none yet."""

    @property
    def name(self) -> str:
        """What effects call it."""
        ...

    async def read(self, context: JobContext) -> bytes | None:
        """What is there now."""
        ...

    async def write(self, content: bytes, before: bytes | None, context: JobContext) -> None:
        """Put `content` there, if `before` is still what is there."""
        ...

    async def remove(self, content: bytes, context: JobContext) -> None:
        """Take it away, if `content` is still what is there."""
        ...


class FilePlace:
    """A file of the tenant's folder."""

    def __init__(self, path: str) -> None:
        self.name = path

    async def read(self, context: JobContext) -> bytes | None:
        """The file's bytes, or None."""
        try:
            return await context.workspace.read(self.name)
        except DatasetMissing:
            return None

    async def write(self, content: bytes, before: bytes | None, context: JobContext) -> None:
        """Write atomically."""
        expected = None if before is None else checksum_of(before)
        await context.workspace.replace(self.name, content, expected_checksum=expected)

    async def remove(self, content: bytes, context: JobContext) -> None:
        """Delete the file."""
        await context.workspace.remove(self.name, expected_checksum=checksum_of(content))


class HttpPlace:
    """A resource that answers to GET, PUT and DELETE, without credentials."""

    def __init__(self, url: str, content_type: str) -> None:
        self.name = url
        self._content_type = content_type

    async def read(self, context: JobContext) -> bytes | None:
        """What GET answers; None for 404 and 410."""
        response = await context.http.fetch(HttpRequest(url=self.name, follow_redirects=False))
        if response.status in _NOT_FOUND:
            return None
        if response.status >= _ERROR:
            raise TargetUnavailable(f"{self.name} answers with {response.status}")
        return response.body

    async def write(self, content: bytes, before: bytes | None, context: JobContext) -> None:
        """PUT, after looking once more at what is there."""
        await self._expect(before, context)
        headers = (("content-type", self._content_type),)
        await self._send("PUT", context, headers, content)

    async def remove(self, content: bytes, context: JobContext) -> None:
        """DELETE, after looking once more at what is there."""
        await self._expect(content, context)
        await self._send("DELETE", context, (), None)

    async def _expect(self, content: bytes | None, context: JobContext) -> None:
        found = await self.read(context)
        if found != content:
            raise PlanStale(f"{self.name} changed: {_sum(content)} -> {_sum(found)}")

    async def _send(
        self,
        method: str,
        context: JobContext,
        headers: tuple[tuple[str, str], ...],
        body: bytes | None,
    ) -> None:
        request = HttpRequest(
            url=self.name, method=method, headers=headers, body=body, follow_redirects=False
        )
        response = await context.http.fetch(request)
        if not 200 <= response.status < 300:  # noqa: PLR2004 - the statuses of success
            raise HandlerFailed(f"{method} {self.name} answers with {response.status}")


def place_for(destination: str, content_type: str) -> Place:
    """A resource for an http or https URL, else a file of the tenant's folder."""
    if destination.startswith(("http://", "https://")):
        return HttpPlace(destination, content_type)
    return FilePlace(destination)


async def plan_document(
    place: Place, content: bytes, context: JobContext
) -> tuple[PlannedEffect, ...]:
    """What writing would change; nothing where the document is there already."""
    before = await place.read(context)
    if before == content:
        return ()
    return (
        PlannedEffect(
            target=place.name,
            change="create" if before is None else "update",
            before=None if before is None else checksum_of(before),
            after=checksum_of(content),
            diff=_diff(place.name, before or b"", content),
        ),
    )


async def apply_document(
    place: Place, content: bytes, effects: tuple[PlannedEffect, ...], context: JobContext
) -> bool:
    """Write what was planned; a repetition finds it written and goes on.

    A plan without effects says that the document is there already; the answer is then False.

    Raises:
        PlanStale: what is there is no longer what the plan saw.
    """
    if not effects and await place.read(context) != content:
        raise PlanStale(f"nothing was planned, but {place.name} is not as wanted")
    for effect in effects:
        before = await place.read(context)
        if before == content:
            continue
        if _sum(before) != effect.before or checksum_of(content) != effect.after:
            raise PlanStale(f"{place.name} changed: {effect.before} -> {_sum(before)}")
        if before is not None:
            await _keep(before, context)
        await place.write(content, before, context)
    return bool(effects)


async def verify_document(
    place: Place, effects: tuple[PlannedEffect, ...], context: JobContext
) -> None:
    """Read the document again.

    Raises:
        HandlerFailed: it is not as planned.
    """
    for effect in effects:
        found = _sum(await place.read(context))
        if found != effect.after:
            raise HandlerFailed(f"{place.name} is {found}, planned was {effect.after}")


async def undo_document(
    place: Place, content: bytes, effects: tuple[PlannedEffect, ...], context: JobContext
) -> None:
    """Put back what was there before; done already where that is so.

    Raises:
        PlanStale: the document changed since.
        DatasetMissing: the pre-image is gone.
    """
    for effect in effects:
        found = await place.read(context)
        if _sum(found) == effect.before:
            continue
        if found is None or _sum(found) != effect.after:
            raise PlanStale(f"{place.name} changed since: {effect.after} -> {_sum(found)}")
        if effect.before is None:
            await place.remove(content, context)
        else:
            before = await context.workspace.read(pre_image_path(effect.before))
            await place.write(before, found, context)


async def _keep(content: bytes, context: JobContext) -> None:
    path = pre_image_path(checksum_of(content))
    try:
        await context.workspace.read(path)
    except DatasetMissing:
        await context.workspace.replace(path, content, expected_checksum=None)


def pre_image_path(checksum: str) -> str:
    """Where a pre-image lies, by its checksum."""
    return f"{PRE_IMAGES}/{checksum.removeprefix('sha256:')}"


def _sum(content: bytes | None) -> str | None:
    return None if content is None else checksum_of(content)


def _diff(name: str, before: bytes, after: bytes) -> str:
    old, new = (part.decode("utf-8", errors="replace").splitlines() for part in (before, after))
    text = "\n".join(difflib.unified_diff(old, new, f"a/{name}", f"b/{name}", lineterm=""))
    return text if len(text) <= _MAX_DIFF else text[:_MAX_DIFF] + "\n… (cut)"
