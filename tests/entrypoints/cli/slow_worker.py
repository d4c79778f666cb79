"""`jobforge worker` with one more job type, which says when it begins and then takes its time."""

from __future__ import annotations

import asyncio
import functools
import sys

from tests.application import Text, make_type

from jobforge.bootstrap import open_application
from jobforge.core.context import JobContext
from jobforge.entrypoints.cli import session
from jobforge.entrypoints.cli.app import app


async def linger(payload: Text, context: JobContext) -> Text:
    """Say so, wait for the seconds of the payload, give it back."""
    sys.stdout.write(f"begun {context.job.attempt}\n")
    sys.stdout.flush()
    await asyncio.sleep(float(payload.text))
    return payload


LINGER = make_type("linger", linger)

if __name__ == "__main__":
    session.open_application = functools.partial(open_application, extra_job_types=[LINGER])  # type: ignore[attr-defined]  # what the command line opens
    app(["worker"])
