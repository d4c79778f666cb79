"""A job's life as a line of moments."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from jobforge.ports.jobs import JobRecord

Tone = Literal["good", "bad", "now", "plain"]
_TONES: dict[str, Tone] = {"executed": "good", "error": "bad", "denied": "bad"}


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened, or that is so now; `at` is unknown for what was only counted."""

    at: datetime | None
    what: str
    tone: Tone = "plain"
    detail: str | None = None


def timeline_of(job: JobRecord) -> list[Moment]:
    """From its submission on: every attempt, its error, and how the job stands."""
    moments = [Moment(job.created_at, f"asked for by {job.actor}")]
    for error in json.loads(job.attempt_errors):
        moments.append(
            Moment(
                _to_moment(error.get("at")),
                f"attempt {error.get('attempt', '?')} failed",
                "bad",
                _to_words(error.get("error", error)),
            )
        )
    if job.started_at is not None:
        moments.append(Moment(job.started_at, f"attempt {job.attempt} of {job.max_attempts} began"))
    if job.status == "running":
        percent = f"{job.progress:.0%}"
        moments.append(Moment(None, f"runs: {percent}", "now", job.progress_message))
    elif job.status == "queued":
        moments.append(Moment(job.available_at, "waits; not before then", "now"))
    else:
        what = {"error": "failed"}.get(job.status, job.status)
        detail = None if job.error is None else _to_words(json.loads(job.error))
        moments.append(Moment(job.finished_at, what, _TONES.get(job.status, "plain"), detail))
    return moments


def _to_moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _to_words(error: object) -> str:
    if isinstance(error, dict) and "message" in error:
        return f"{error.get('code', 'error')}: {error['message']}"
    return str(error)
