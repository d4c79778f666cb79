"""Put one document in one place, so that it can be planned, verified and taken back."""

from __future__ import annotations

import difflib
from http import HTTPStatus
from typing import Protocol

from jobforge.contract.canonical import checksum_of
from jobforge.core.context import HttpRequest, HttpResponse, JobContext
from jobforge.core.effects import PlannedEffect
from jobforge.core.errors import DatasetMissing, HandlerFailed, PlanStale, TargetUnavailable

PRE_IMAGES = ".jobforge/pre-images"
_MAX_DIFF = 20_000
_NOT_FOUND = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)

Headers = tuple[tuple[str, str], ...]


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
    """A resource that answers to GET, PUT and DELETE.

    Its credentials are a connection of the tenant; they are added on the way out and not known
    here. Changes are conditional (RFC 9110 section 13.1), where the server gives a strong ETag.
    """

    def __init__(self, url: str, content_type: str, connection: str | None = None) -> None:
        self.name = url
        self._content_type = content_type
        self._connection = connection

    async def read(self, context: JobContext) -> bytes | None:
        """What GET answers; None for 404 and 410."""
        found = await self._get(context)
        return None if found is None else found.body

    async def write(self, content: bytes, before: bytes | None, context: JobContext) -> None:
        """PUT, after looking once more at what is there."""
        condition = await self._expect(before, context)
        headers = (("content-type", self._content_type), *condition)
        await self._send("PUT", context, headers, content)

    async def remove(self, content: bytes, context: JobContext) -> None:
        """DELETE, after looking once more at what is there."""
        condition = await self._expect(content, context)
        await self._send("DELETE", context, condition, None)

    async def _get(self, context: JobContext) -> HttpResponse | None:
        response = await context.http.fetch(
            HttpRequest(url=self.name, connection=self._connection, follow_redirects=False)
        )
        if response.status in _NOT_FOUND:
            return None
        if not _is_success(response.status):
            raise TargetUnavailable(f"{self.name} answers with {response.status}")
        return response

    async def _expect(self, content: bytes | None, context: JobContext) -> Headers:
        """The condition under which what was found just now may be replaced."""
        found = await self._get(context)
        body = None if found is None else found.body
        if body != content:
            raise PlanStale(f"{self.name} changed: {_sum(content)} -> {_sum(body)}")
        if found is None:
            return (("if-none-match", "*"),)
        tag = found.header("etag") or ""
        return () if not tag or tag.startswith("W/") else (("if-match", tag),)

    async def _send(
        self,
        method: str,
        context: JobContext,
        headers: Headers,
        body: bytes | None,
    ) -> None:
        request = HttpRequest(
            url=self.name,
            connection=self._connection,
            method=method,
            headers=headers,
            body=body,
            follow_redirects=False,
        )
        response = await context.http.fetch(request)
        if response.status == HTTPStatus.PRECONDITION_FAILED:
            raise PlanStale(f"{self.name} was changed by somebody else a moment ago")
        if not _is_success(response.status):
            raise HandlerFailed(f"{method} {self.name} answers with {response.status}")


def _is_success(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def is_url(destination: str) -> bool:
    """Whether a destination is a resource elsewhere, not a file of the tenant's folder."""
    return destination.lower().startswith(("http://", "https://"))


def place_for(destination: str, content_type: str, connection: str | None = None) -> Place:
    """A resource for an http or https URL, else a file of the tenant's folder."""
    if is_url(destination):
        return HttpPlace(destination, content_type, connection)
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
