"""Storing a job's report as an artifact named after the job."""

from __future__ import annotations

import json

from jobforge.contract.manifest import ArtifactOutput
from jobforge.core.context import JobContext
from jobforge.core.model import Model


async def store_json(context: JobContext, prefix: str, kind: str, result: Model) -> ArtifactOutput:
    """Store `result` as `<prefix>-<job>.json`."""
    text = json.dumps(result.model_dump(mode="json"), indent=2, ensure_ascii=False)
    return await context.artifacts.put(
        f"{prefix}-{context.job.job_id}.json",
        text.encode(),
        kind=kind,
        mime_type="application/json",
    )


async def store_text(
    context: JobContext, prefix: str, kind: str, text: str, *, suffix: str = "md"
) -> ArtifactOutput:
    """Store a text, Markdown unless the suffix says otherwise."""
    types = {"md": "text/markdown", "html": "text/html", "json": "application/json"}
    return await context.artifacts.put(
        f"{prefix}-{context.job.job_id}.{suffix}",
        text.encode(),
        kind=kind,
        mime_type=types.get(suffix, "application/json"),
    )
