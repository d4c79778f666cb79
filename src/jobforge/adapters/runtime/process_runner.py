"""`HandlerRunner` with processes of their own for handlers that compute.

A process is spawned, never forked; it has no secret, no database and no file of the worker's. It
serves one tenant until it is recycled. The time limit kills it, the memory limit holds, and a
crash costs the one attempt that ran in it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from jobforge.adapters.runtime.hardening import overwrite_environment
from jobforge.adapters.runtime.inline_runner import InlineRunner
from jobforge.adapters.runtime.remote_context import METHODS
from jobforge.adapters.runtime.wire import Channel, decode, decode_error, encode, encode_error
from jobforge.adapters.telemetry.tracing import current_traceparent
from jobforge.core.catalog import AnyJobType
from jobforge.core.context import JobContext
from jobforge.core.effects import PlannedEffect, dump_effects
from jobforge.core.errors import HandlerFailed, TimeLimit
from jobforge.core.model import Model

START_SECONDS = 60.0
MEMORY_MEGABYTES = 4096
JOBS_PER_PROCESS = 100

# Enough to find programs and to read text; one thread each, so that slots don't fight for cores.
_ENVIRONMENT = {
    "PATH": os.defpath,
    "LC_ALL": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


@dataclass(eq=False, slots=True)
class _Child:
    """One process and the tenant it serves."""

    tenant_id: UUID
    process: subprocess.Popen[bytes]
    channel: Channel
    jobs: int = 0
    answering: set[asyncio.Task[None]] = field(default_factory=set)

    def kill(self) -> None:
        """End it at once, and let nothing of it stay."""
        for task in self.answering:
            task.cancel()
        self.channel.close()
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()


class ProcessRunner:
    """Runs handlers in a warm pool of processes; those declared inline run in this one."""

    def __init__(
        self,
        catalog_name: str,
        *,
        slots: int | None = None,
        memory_megabytes: int = MEMORY_MEGABYTES,
        jobs_per_process: int = JOBS_PER_PROCESS,
        secret_variables: Sequence[str] = (),
    ) -> None:
        self._catalog_name = catalog_name
        self._secret_variables = secret_variables
        self._memory_megabytes = memory_megabytes
        self._jobs_per_process = jobs_per_process
        self._limit = slots or os.cpu_count() or 1
        self._slots = asyncio.Semaphore(self._limit)
        self._idle: list[_Child] = []
        self._busy: set[_Child] = set()
        self._inline = InlineRunner()

    async def run(
        self,
        job_type: AnyJobType,
        payload: Model,
        effects: tuple[PlannedEffect, ...],
        context: JobContext,
    ) -> Model:
        """Run the handler where its type wants it to run.

        Raises:
            TimeLimit: it took too long; its process is gone.
            HandlerFailed: its process died.
            JobForgeError: what the handler raised.
        """
        if job_type.isolation == "inline":
            return await self._inline.run(job_type, payload, effects, context)
        async with self._slots:
            child = await self._take(context.job.tenant_id)
            is_reusable = False
            try:
                result = await self._run_in(child, job_type, payload, effects, context)
                is_reusable = True
            finally:
                self._give_back(child, is_reusable=is_reusable)
        if "error" in result:
            raise decode_error(result["error"])
        model: Model = job_type.result.model_validate_json(result["result"])
        return model

    def close(self) -> None:
        """End every process."""
        for child in (*self._idle, *self._busy):
            child.kill()
        self._idle.clear()
        self._busy.clear()

    async def _run_in(
        self,
        child: _Child,
        job_type: AnyJobType,
        payload: Model,
        effects: tuple[PlannedEffect, ...],
        context: JobContext,
    ) -> Mapping[str, Any]:
        seconds = job_type.timeout.total_seconds()
        job = {
            "type": job_type.name,
            "payload": payload.model_dump_json(),
            "effects": dump_effects(effects),
            "identity": encode(context.job),
            "seed": context.seed,
            "traceparent": current_traceparent(),
        }
        try:
            async with asyncio.timeout(seconds):
                await child.channel.send({"job": job})
                return await _converse(child, context)
        except TimeoutError:
            raise TimeLimit(f"stopped after {seconds:g} seconds, its time limit") from None
        except ConnectionError:
            raise HandlerFailed(await _obituary(child)) from None

    async def _take(self, tenant_id: UUID) -> _Child:
        """A warm process of this tenant, or a new one in the place of another's."""
        for child in self._idle:
            if child.tenant_id == tenant_id and child.process.poll() is None:
                self._idle.remove(child)
                self._busy.add(child)
                return child
        if len(self._idle) + len(self._busy) >= self._limit and self._idle:
            self._idle.pop(0).kill()
        child = await self._spawn(tenant_id)
        self._busy.add(child)
        return child

    def _give_back(self, child: _Child, *, is_reusable: bool) -> None:
        self._busy.discard(child)
        child.jobs += 1
        if is_reusable and not child.answering and child.jobs < self._jobs_per_process:
            self._idle.append(child)
        else:
            child.kill()

    async def _spawn(self, tenant_id: UUID) -> _Child:
        overwrite_environment(self._secret_variables)
        ours, theirs = socket.socketpair()
        with theirs:
            # It returns once the program runs; there is no shell, and the program is our own.
            process = subprocess.Popen(  # noqa: ASYNC220, S603
                self._command(theirs.fileno()),
                env=_ENVIRONMENT,
                cwd="/",
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        ours.setblocking(False)
        child = _Child(tenant_id, process, Channel(*await asyncio.open_connection(sock=ours)))
        try:
            await _await_ready(child)
        except BaseException:
            child.kill()
            raise
        return child

    def _command(self, descriptor: int) -> list[str]:
        module = "jobforge.adapters.runtime.child"
        words = [str(descriptor), self._catalog_name, str(self._memory_megabytes)]
        return [sys.executable, "-I", "-m", module, *words]


async def _await_ready(child: _Child) -> None:
    try:
        async with asyncio.timeout(START_SECONDS):
            greeting = await child.channel.receive()
    except TimeoutError:
        raise HandlerFailed("a process for the handler did not start in time") from None
    if greeting is None:
        raise HandlerFailed(await _obituary(child))


async def _converse(child: _Child, context: JobContext) -> Mapping[str, Any]:
    """Answer what the handler asks, until it says how it ended."""
    while (message := await child.channel.receive()) is not None:
        if "ask" not in message:
            return message
        task = asyncio.create_task(_answer(child, message, context))
        child.answering.add(task)
        task.add_done_callback(child.answering.discard)
    raise HandlerFailed(await _obituary(child))


async def _answer(child: _Child, message: Mapping[str, Any], context: JobContext) -> None:
    try:
        value = await _call(str(message["method"]), message, context)
        answer: dict[str, Any] = {"value": encode(value)}
    except Exception as error:  # noqa: BLE001 (it is the handler that has to hear of it)
        answer = {"error": encode_error(error)}
    with suppress(ConnectionError):
        await child.channel.send({"answer": message["ask"], **answer})


async def _call(method: str, message: Mapping[str, Any], context: JobContext) -> object:
    if method not in METHODS:
        raise HandlerFailed(f"a handler may not ask for {method}")
    args, named = decode(message["args"]), decode(message["named"])
    if method == "log":
        context.log(args[0], **args[1])
        return None
    target: Any = context
    for part in method.split("."):
        target = getattr(target, part)
    return await target(*args, **named)


async def _obituary(child: _Child) -> str:
    """How a process ended that hung up; it may take a moment to be gone."""
    with suppress(subprocess.TimeoutExpired):
        await asyncio.to_thread(child.process.wait, 1)
    code = child.process.poll()
    if code is not None and code < 0:
        return f"its process was killed by {signal.Signals(-code).name}"
    if code is None:
        return "its process ended before it had a result"
    return f"its process exited with {code}"
