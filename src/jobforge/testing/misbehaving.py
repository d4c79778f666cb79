"""Handlers that misbehave, for tests of whatever has to stand them."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from jobforge.core.catalog import JobCatalog
from jobforge.core.context import HttpRequest, JobContext
from jobforge.core.data_source import InlineRows, NamedDataset
from jobforge.core.job_type import JobType
from jobforge.core.model import Model

Deed = Literal[
    "spin", "hog", "crash", "raise", "spy", "ask", "ask_many", "lie", "count", "sleep", "trace"
]


class MisbehavingPayload(Model):
    """What to do."""

    deed: Deed
    text: str = ""


class MisbehavingResult(Model):
    """What was found out."""

    seen: dict[str, Any]


async def handle(payload: MisbehavingPayload, context: JobContext) -> MisbehavingResult:
    """Do it."""
    return MisbehavingResult(seen=await _DEEDS[payload.deed](payload.text, context))


async def _spin(_text: str, _context: JobContext) -> dict[str, Any]:
    while True:
        time.sleep(0.01)  # noqa: ASYNC251 (it blocks on purpose)


async def _hog(_text: str, _context: JobContext) -> dict[str, Any]:
    return {"bytes": len(bytearray(64 * 2**30))}


async def _crash(_text: str, _context: JobContext) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}


async def _raise(text: str, _context: JobContext) -> dict[str, Any]:
    raise RuntimeError(text)


async def _sleep(text: str, _context: JobContext) -> dict[str, Any]:
    await asyncio.sleep(float(text))
    return {}


async def _lie(_text: str, context: JobContext) -> dict[str, Any]:
    inner: Any = context.http
    await inner.line.ask("storage.transaction", "of somebody else")
    return {}


async def _count(_text: str, _context: JobContext) -> dict[str, Any]:
    return {"pid": os.getpid()}


async def _trace(_text: str, _context: JobContext) -> dict[str, Any]:
    """The trace it runs in, as it would tell whomever it calls."""
    carrier: dict[str, Any] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier


async def _spy(_text: str, _context: JobContext) -> dict[str, Any]:
    """Look at everything a handler can find around itself."""
    own = Path("/proc/self")
    return {
        "environment": _read(own / "environ"),
        "arguments": _read(own / "cmdline"),
        "parent": [_read(Path(f"/proc/{os.getppid()}/{name}")) for name in ("environ", "cmdline")],
        "files": sorted(_target(link) for link in (own / "fd").iterdir()),
    }


def _target(link: Path) -> str:
    """Where a descriptor leads; the one that listed them is closed by now."""
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError as error:
        return type(error).__name__


async def _ask(_text: str, context: JobContext) -> dict[str, Any]:
    """Use every part of the context once."""
    await context.progress(0.5, "half")
    context.log("asked", number=1, path=Path("x"))
    stored = await context.artifacts.put("a.bin", b"\x00\xff", kind="k", mime_type="m")
    answer = await context.http.fetch(HttpRequest(url="http://site.example/"))
    rows = await context.data.rows(InlineRows(rows=({"n": 1.5},)))
    named = await context.data.rows(NamedDataset(name="numbers"))
    await context.workspace.replace("f.txt", b"new", expected_checksum=None)
    folder = await context.scratch_folder()
    (folder / "note").write_text("kept")
    return {
        "ref": stored.ref,
        "body": answer.body.decode(),
        "inline": str(rows[0]["n"]),
        "named": [str(row["n"]) for row in named],
        "file": (await context.workspace.read("f.txt")).decode(),
        "files": list(await context.workspace.list(".")),
        "earlier": await context.history.find(context.job.job_id) is None,
        "seed": context.seed,
        "tenant": context.job.tenant_slug,
    }


async def _ask_many(_text: str, context: JobContext) -> dict[str, Any]:
    """Hold many questions open at a time."""
    request = HttpRequest(url="http://site.example/")
    answers = await asyncio.gather(*(context.http.fetch(request) for _ in range(50)))
    return {"answers": len(answers)}


_DEEDS: dict[Deed, Callable[[str, JobContext], Awaitable[dict[str, Any]]]] = {
    "spin": _spin,
    "hog": _hog,
    "crash": _crash,
    "raise": _raise,
    "sleep": _sleep,
    "spy": _spy,
    "ask": _ask,
    "ask_many": _ask_many,
    "lie": _lie,
    "count": _count,
    "trace": _trace,
}


def load_catalog() -> JobCatalog:
    """The catalogue of misbehaviour."""
    return JobCatalog(
        [
            JobType(
                name="jobforge.testing.misbehave",
                title="Misbehave",
                domain="jobforge",
                payload=MisbehavingPayload,
                result=MisbehavingResult,
                scopes=frozenset({"jobforge:read"}),
                timeout=timedelta(seconds=2),
                handle=handle,
                isolation="process",
            )
        ]
    )
