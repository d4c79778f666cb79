"""`autopilot.growth.publish_content` (action): put an approved draft where it belongs."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Self

from pydantic import Field, model_validator

from jobforge.autopilots.growth.publishing.document_change import (
    Place,
    apply_document,
    is_url,
    place_for,
    plan_document,
    undo_document,
    verify_document,
)
from jobforge.core.context import JobContext
from jobforge.core.effects import PlannedEffect
from jobforge.core.job_type import ActionSteps, JobType
from jobforge.core.model import Model


class PublishContentPayload(Model):
    """A draft and its place: a file of the tenant's folder, or a URL that takes PUT.

    Where the URL wants a login, `connection` names it; no credential stands in a payload.
    `seo_metadata` becomes the front matter of a Markdown file, and stands beside the content in
    JSON elsewhere.
    """

    draft_id: str = Field(min_length=1, max_length=256)
    content_type: str = Field(min_length=1, max_length=100)
    destination: str = Field(min_length=1, max_length=2000)
    content: str = Field(min_length=1)
    seo_metadata: dict[str, Any] = Field(default_factory=dict)
    connection: str | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="The tenant's http connection that logs in at a URL.",
    )
    policy_token: str | None = Field(default=None, min_length=1, repr=False)

    @model_validator(mode="after")
    def _logs_in_at_a_url(self) -> Self:
        if self.connection is not None and not is_url(self.destination):
            raise ValueError("a connection is for a destination that is a URL")
        return self


class PublishContentResult(Model):
    """Where the draft is now; `published` is False where it was there already."""

    draft_id: str
    destination: str
    published: bool
    size_bytes: int


def document_of(payload: PublishContentPayload) -> tuple[bytes, str]:
    """The bytes to publish, and their content type."""
    path = payload.destination.partition("?")[0].lower()
    meta = json.dumps(payload.seo_metadata, ensure_ascii=False, indent=2, sort_keys=True)
    if path.endswith((".md", ".markdown")):
        head = f"---\n{meta}\n---\n\n" if payload.seo_metadata else ""
        return f"{head}{payload.content.rstrip()}\n".encode(), "text/markdown; charset=utf-8"
    if path.endswith((".html", ".htm", ".txt")) and not payload.seo_metadata:
        kind = "text/plain" if path.endswith(".txt") else "text/html"
        return f"{payload.content.rstrip()}\n".encode(), f"{kind}; charset=utf-8"
    whole = {
        "draft_id": payload.draft_id,
        "content_type": payload.content_type,
        "content": payload.content,
        "seo_metadata": payload.seo_metadata,
    }
    text = json.dumps(whole, ensure_ascii=False, indent=2, sort_keys=True)
    return f"{text}\n".encode(), "application/json"


async def plan(payload: PublishContentPayload, context: JobContext) -> tuple[PlannedEffect, ...]:
    """What publishing would write.

    Raises:
        PathDenied: the destination leaves the tenant's folder.
        EgressDenied: the URL may not be reached.
    """
    content, _ = document_of(payload)
    return await plan_document(_place(payload), content, context)


def _place(payload: PublishContentPayload) -> Place:
    _, kind = document_of(payload)
    return place_for(payload.destination, kind, payload.connection)


async def apply(
    payload: PublishContentPayload, effects: tuple[PlannedEffect, ...], context: JobContext
) -> PublishContentResult:
    """Write the draft."""
    content, _ = document_of(payload)
    place = _place(payload)
    published = await apply_document(place, content, effects, context)
    result = PublishContentResult(
        draft_id=payload.draft_id,
        destination=place.name,
        published=published,
        size_bytes=len(content),
    )
    await context.artifacts.put(
        f"growth-publish-{context.job.job_id}.json",
        result.model_dump_json(indent=1).encode(),
        kind="publish_report",
        mime_type="application/json",
    )
    return result


async def verify(
    payload: PublishContentPayload, effects: tuple[PlannedEffect, ...], context: JobContext
) -> None:
    """Read the draft again."""
    await verify_document(_place(payload), effects, context)


async def undo(
    payload: PublishContentPayload, effects: tuple[PlannedEffect, ...], context: JobContext
) -> None:
    """Put back what was there before."""
    content, _ = document_of(payload)
    await undo_document(_place(payload), content, effects, context)


PUBLISH_CONTENT = JobType(
    name="autopilot.growth.publish_content",
    title="Publish a draft",
    domain="growth",
    payload=PublishContentPayload,
    result=PublishContentResult,
    action=ActionSteps(plan=plan, apply=apply, verify=verify, undo=undo),
    scopes=frozenset({"growth:write"}),
    timeout=timedelta(minutes=2),
    examples=(
        {
            "draft_id": "draft-7",
            "content_type": "blog_post",
            "destination": "site/posts/roses.md",
            "content": "# Roses\n\nHow to grow them.",
            "seo_metadata": {"title": "Roses", "description": "How to grow roses."},
        },
    ),
)
