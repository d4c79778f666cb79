"""`JobContext` in a handler's process: every member asks the worker over the line."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from jobforge.adapters.datasets.rows import read_rows
from jobforge.adapters.datasets.source import ReadLimits
from jobforge.adapters.runtime.remote_targets import (
    RemoteDatabases,
    RemoteEndpoints,
    RemoteJournal,
    RemoteRepositories,
)
from jobforge.adapters.runtime.starting import NoStarts
from jobforge.adapters.runtime.wire import Channel, decode, decode_error, encode
from jobforge.adapters.system import SystemClock
from jobforge.contract.manifest import ArtifactOutput
from jobforge.core.context import (
    DatasetFile,
    HostFacts,
    HttpRequest,
    HttpResponse,
    JobIdentity,
    PastJob,
    Row,
    TlsFacts,
)
from jobforge.core.data_source import DataSource, FileSource, InlineRows

METHODS = frozenset(
    {
        "artifacts.put",
        "databases.execute",
        "endpoints.call",
        "endpoints.check",
        "journal.entries",
        "journal.write",
        "repositories.commit",
        "repositories.describe",
        "repositories.find",
        "repositories.find_remote",
        "repositories.move",
        "repositories.push",
        "repositories.read",
        "repositories.tree_with",
        "data.check",
        "data.file",
        "history.find",
        "http.fetch",
        "log",
        "probes.host",
        "probes.postgres",
        "probes.resolve",
        "probes.tls",
        "progress",
        "scratch_folder",
        "workspace.check",
        "workspace.list",
        "workspace.read",
        "workspace.remove",
        "workspace.render_chart",
        "workspace.replace",
    }
)
"""All that a handler's process may ask for."""


class Line:
    """Asks and waits for the answer; any number of questions may be open at a time."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._numbers = itertools.count()
        self._open: dict[int, asyncio.Future[Any]] = {}
        self._told: set[asyncio.Future[Any]] = set()

    async def ask(self, method: str, *args: object, **named: object) -> Any:  # noqa: ANN401 (the method's own)
        """Call a method of the worker's context.

        Raises:
            JobForgeError: what the method raised.
        """
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._open[number] = answer
        message = {"ask": number, "method": method, "args": encode(list(args))}
        await self._channel.send({**message, "named": encode(dict(named))})
        return await answer

    def tell(self, method: str, event: str, fields: dict[str, Any]) -> None:
        """Call a method whose answer nobody waits for."""
        task = asyncio.ensure_future(self.ask(method, event, fields))
        self._told.add(task)
        task.add_done_callback(self._told.discard)

    def settle(self, message: dict[str, Any]) -> None:
        """Hand an answer to who asked."""
        answer = self._open.pop(message["answer"])
        if "error" in message:
            answer.set_exception(decode_error(message["error"]))
        else:
            answer.set_result(decode(message["value"]))


@dataclass(frozen=True, slots=True)
class RemoteData:
    """Rows are read here, from a file that the worker opened for this job."""

    line: Line

    async def check(self, source: DataSource) -> None:
        """Look whether it is there."""
        await self.line.ask("data.check", source)

    async def file(self, source: DataSource) -> DatasetFile:
        """The rows as a local file."""
        return cast("DatasetFile", await self.line.ask("data.file", source))

    async def rows(self, source: DataSource) -> list[Row]:
        """All rows."""
        if isinstance(source, InlineRows):
            return [_exact(row) for row in source.rows]
        name = source.path if isinstance(source, FileSource) else source.name
        return await asyncio.to_thread(_read, await self.file(source), name)


def _read(file: DatasetFile, name: str) -> list[Row]:
    with file.path.open("rb") as raw:
        return read_rows(raw, name, file.format, ReadLimits(), file.path.parent)


def _exact(value: Any) -> Any:  # noqa: ANN401 (any JSON value)
    """Fractions as Decimal, as they come from files."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {key: _exact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(item) for item in value]
    return value


@dataclass(frozen=True, slots=True)
class RemoteHttp:
    """The one way out, through the worker."""

    line: Line

    async def fetch(self, request: HttpRequest) -> HttpResponse:
        """Send one request."""
        return cast("HttpResponse", await self.line.ask("http.fetch", request))


@dataclass(frozen=True, slots=True)
class RemoteProbes:
    """Looks at live systems, through the worker."""

    line: Line

    async def tls(self, host: str, port: int, *, timeout: timedelta) -> TlsFacts:
        """Shake hands and describe."""
        return cast("TlsFacts", await self.line.ask("probes.tls", host, port, timeout=timeout))

    async def resolve(self, host: str, *, timeout: timedelta) -> dict[str, list[str]]:
        """DNS records by type."""
        found = await self.line.ask("probes.resolve", host, timeout=timeout)
        return cast("dict[str, list[str]]", found)

    async def host(self) -> HostFacts:
        """This machine."""
        return cast("HostFacts", await self.line.ask("probes.host"))

    async def postgres(
        self, connection: str, queries: Mapping[str, str], *, timeout: timedelta
    ) -> dict[str, list[Row]]:
        """Run read-only queries on a named connection."""
        ask = partial(self.line.ask, "probes.postgres", connection, dict(queries))
        return cast("dict[str, list[Row]]", await ask(timeout=timeout))


@dataclass(frozen=True, slots=True)
class RemoteArtifacts:
    """Stores outputs, through the worker."""

    line: Line

    async def put(self, name: str, content: bytes, *, kind: str, mime_type: str) -> ArtifactOutput:
        """Store `content`."""
        ask = partial(self.line.ask, "artifacts.put", name, content)
        return cast("ArtifactOutput", await ask(kind=kind, mime_type=mime_type))


@dataclass(frozen=True, slots=True)
class RemoteHistory:
    """The tenant's earlier jobs, through the worker."""

    line: Line

    async def find(self, job_id: UUID) -> PastJob | None:
        """The job of this id."""
        return cast("PastJob | None", await self.line.ask("history.find", job_id))


@dataclass(frozen=True, slots=True)
class RemoteWorkspace:
    """The tenant's folder, through the worker, which keeps it confined."""

    line: Line

    async def check(self, path: str) -> None:
        """Look whether there is such a file or folder."""
        await self.line.ask("workspace.check", path)

    async def read(self, path: str) -> bytes:
        """The file's bytes."""
        return cast("bytes", await self.line.ask("workspace.read", path))

    async def list(self, path: str, *, suffixes: Sequence[str] = ()) -> tuple[str, ...]:
        """Relative paths below `path`."""
        found = await self.line.ask("workspace.list", path, suffixes=tuple(suffixes))
        return cast("tuple[str, ...]", found)

    async def render_chart(self, path: str) -> str | None:
        """A Helm chart's manifests; None where helm is not installed."""
        return cast("str | None", await self.line.ask("workspace.render_chart", path))

    async def replace(self, path: str, content: bytes, *, expected_checksum: str | None) -> None:
        """Write atomically."""
        ask = partial(self.line.ask, "workspace.replace", path, content)
        await ask(expected_checksum=expected_checksum)

    async def remove(self, path: str, *, expected_checksum: str) -> None:
        """Delete the file."""
        await self.line.ask("workspace.remove", path, expected_checksum=expected_checksum)


@dataclass(frozen=True, slots=True)
class RemoteContext:
    """Everything a handler can reach, over one line."""

    job: JobIdentity
    seed: int
    line: Line

    @property
    def data(self) -> RemoteData:
        """The tenant's rows."""
        return RemoteData(self.line)

    @property
    def http(self) -> RemoteHttp:
        """The one way out."""
        return RemoteHttp(self.line)

    @property
    def probes(self) -> RemoteProbes:
        """Looks at live systems."""
        return RemoteProbes(self.line)

    @property
    def artifacts(self) -> RemoteArtifacts:
        """Where outputs go."""
        return RemoteArtifacts(self.line)

    @property
    def history(self) -> RemoteHistory:
        """The tenant's earlier jobs."""
        return RemoteHistory(self.line)

    @property
    def workspace(self) -> RemoteWorkspace:
        """The tenant's folder."""
        return RemoteWorkspace(self.line)

    @property
    def repositories(self) -> RemoteRepositories:
        """Git repositories in the tenant's folder."""
        return RemoteRepositories(self.line.ask)

    @property
    def databases(self) -> RemoteDatabases:
        """PostgreSQL servers, to change them."""
        return RemoteDatabases(self.line.ask)

    @property
    def endpoints(self) -> RemoteEndpoints:
        """HTTP endpoints, to call them."""
        return RemoteEndpoints(self.line.ask)

    @property
    def journal(self) -> RemoteJournal:
        """What this job began and did."""
        return RemoteJournal(self.line.ask)

    async def scratch_folder(self) -> Path:
        """A folder of this job's own, kept from one attempt to the next."""
        return cast("Path", await self.line.ask("scratch_folder"))

    @property
    def starts(self) -> NoStarts:
        """Nothing: what is not ours may not start further work."""
        return NoStarts()

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return SystemClock().now()

    async def progress(self, fraction: float, message: str) -> None:
        """Report how far the work is."""
        await self.line.ask("progress", fraction, message)

    def log(self, event: str, **fields: object) -> None:
        """Write one structured log line; what does not travel is written as text."""
        plain = {name: value if _is_plain(value) else str(value) for name, value in fields.items()}
        self.line.tell("log", event, plain)


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool)
