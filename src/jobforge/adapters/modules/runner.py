"""Runs module commands: no shell, no environment but a list, a folder and limits of their own."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from jobforge.contract.limits import MAX_DOCUMENT_BYTES
from jobforge.core.errors import SourceMalformed
from jobforge.core.starting import ModuleRun
from jobforge.ports.starting import ModuleCommand

LAUNCHER = str(Path(__file__).with_name("launch.py"))
INPUTS, OUTPUT = "inputs.json", "output"
REPORT, BUNDLE = "report.json", "request-bundle.json"
_CHUNK = 65_536
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Stopped = Literal["time", "output"]


class CommandRunner:
    """Runs commands, as many at a time as there are processors."""

    def __init__(self, take_variables: Callable[[Sequence[str]], dict[str, str]]) -> None:
        self._take_variables = take_variables
        self._places = asyncio.Semaphore(os.cpu_count() or 1)

    async def run(
        self, command: ModuleCommand, inputs: bytes, names: Mapping[str, str]
    ) -> ModuleRun:
        """Run it in a folder of its own, which is gone afterwards.

        `names` are what its words may ask for in braces, besides {inputs} and {output}.

        Raises:
            SourceMalformed: what it wrote is no plain file, or too large.
        """
        async with self._places:
            folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="jobforge-module-"))
            try:
                await asyncio.to_thread(_furnish, folder, inputs)
                return await self._run_in(folder, command, names)
            finally:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _run_in(
        self, folder: Path, command: ModuleCommand, names: Mapping[str, str]
    ) -> ModuleRun:
        places = {**names, "inputs": str(folder / INPUTS), "output": str(folder / OUTPUT)}
        words = [_filled(word, places) for word in command.words]
        limits = [str(max(command.max_output_bytes, MAX_DOCUMENT_BYTES))]
        limits += [str(command.timeout_seconds), ",".join(command.variables)]
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", LAUNCHER, *limits, *words),
            env=self._take_variables(command.variables),
            cwd=folder,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
        )
        try:
            said, stopped = await _listen(process, command)
        finally:
            await _end(process)
        return ModuleRun(
            exit_code=None if stopped else process.returncode,
            stopped=stopped,
            duration_ms=int((time.monotonic() - began) * 1000),
            output=said.decode("utf-8", "replace"),
            report=await asyncio.to_thread(_read, folder / OUTPUT / REPORT),
            bundle=await asyncio.to_thread(_read, folder / OUTPUT / BUNDLE),
        )


def is_program(path: str) -> bool:
    """Whether it is a file that can be started."""
    return Path(path).is_file() and os.access(path, os.X_OK)


def _furnish(folder: Path, inputs: bytes) -> None:
    (folder / OUTPUT).mkdir()
    (folder / INPUTS).write_bytes(inputs)


def _filled(word: str, places: Mapping[str, str]) -> str:
    for name, value in places.items():
        word = word.replace("{" + name + "}", value)
    return word


async def _listen(process: Process, command: ModuleCommand) -> tuple[bytes, Stopped | None]:
    """What it says, until it ends or has to be stopped."""
    assert process.stdout is not None  # noqa: S101 (it is a pipe)
    said = bytearray()
    try:
        async with asyncio.timeout(command.timeout_seconds):
            while chunk := await process.stdout.read(_CHUNK):
                said += chunk
                if len(said) > command.max_output_bytes:
                    return bytes(said[: command.max_output_bytes]), "output"
            await process.wait()
    except TimeoutError:
        return bytes(said), "time"
    return bytes(said), None


async def _end(process: Process) -> None:
    """Leave nothing of it behind: whatever it started is in its process group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _read(path: Path) -> bytes | None:
    """The file's bytes, following no link; None where there is none."""
    try:
        descriptor = os.open(path, _FILE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SourceMalformed(f"{path.name} cannot be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_DOCUMENT_BYTES:
            raise SourceMalformed(f"{path.name} is no file of at most {MAX_DOCUMENT_BYTES:,} bytes")
        return file.read(MAX_DOCUMENT_BYTES)
