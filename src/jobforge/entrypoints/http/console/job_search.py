"""The filter of the page of jobs: as people fill it in, and as it is searched by."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, get_args

from fastapi import Form, Query
from pydantic import BaseModel, ConfigDict, Field

from jobforge.contract.results import JobStatus
from jobforge.core.errors import InvalidInput
from jobforge.entrypoints.http.access import Caller
from jobforge.ports.jobs import JobFilter

STATUSES: tuple[str, ...] = get_args(JobStatus)


class JobSearch(BaseModel):
    """What was filled in; empty means any. Times are UTC where they name no zone."""

    model_config = ConfigDict(extra="ignore")

    status: str = Field(default="", max_length=20)
    type: str = Field(default="", max_length=255)
    trace: str = Field(default="", max_length=255)
    since: str = Field(default="", max_length=40)
    until: str = Field(default="", max_length=40)
    payload: str = Field(default="", max_length=1000)

    def to_filter(self, caller: Caller) -> JobFilter:
        """The filter, narrowed to what the caller may see.

        Raises:
            InvalidInput: a time or a payload field cannot be read.
        """
        if any("\x00" in value for value in self.given.values()):
            raise InvalidInput("a filter holds U+0000")
        if self.status and self.status not in STATUSES:
            raise InvalidInput(f"{self.status!r} is no status")
        return JobFilter(
            project_id=caller.narrow(),
            status=self.status or None,
            job_type=self.type.strip() or None,
            trace_id=self.trace.strip() or None,
            created_from=_to_moment(self.since),
            created_until=_to_moment(self.until),
            payload=_to_payload(self.payload.strip()),
        )

    @property
    def given(self) -> dict[str, str]:
        """What is not empty, for the address of the next page."""
        return {name: value for name, value in self.model_dump().items() if value}


Searched = Annotated[JobSearch, Query()]
SearchForm = Annotated[JobSearch, Form()]


def _to_moment(text: str) -> datetime | None:
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(f"{text!r} is no time", hint="as in 2026-03-01T08:00") from None
    return moment if moment.utcoffset() is not None else moment.replace(tzinfo=UTC)


def _to_payload(text: str) -> str | None:
    """`ticket.id: T-1` as the JSON object that such a payload contains.

    A value that reads as JSON is one, anything else is a text.
    """
    if not text:
        return None
    path, sign, value = text.partition(":")
    if not sign or not path.strip():
        raise InvalidInput(f"{text!r} is no field", hint="as in ticket_id: T-1")
    try:
        found = json.loads(value)
    except ValueError:
        found = value.strip()
    for name in reversed(path.strip().split(".")):
        found = {name: found}
    return json.dumps(found)
