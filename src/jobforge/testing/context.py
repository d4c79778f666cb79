"""A `JobContext` in memory: give it rows, pages and files, run a handler, look at what it did."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from uuid import UUID
from weakref import finalize

from jobforge.contract.canonical import checksum_of
from jobforge.contract.manifest import ArtifactOutput
from jobforge.contract.results import BundleResult
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
from jobforge.core.errors import (
    ConnectionMissing,
    DatasetMissing,
    Denied,
    Missing,
    TargetUnavailable,
)
from jobforge.core.starting import BundleOrder, ModuleOrder, ModuleRun
from jobforge.core.targets import (
    Databases,
    Journal,
    Repositories,
)
from jobforge.testing.targets import (
    MemoryDatabases,
    MemoryEndpoints,
    MemoryJournal,
    MemoryWorkspace,
    NoRepositories,
)

_IDENTITY = JobIdentity(
    tenant_id=UUID("11111111-1111-4111-8111-111111111111"),
    tenant_slug="acme",
    project_id=None,
    job_id=UUID("22222222-2222-4222-8222-222222222222"),
    trace_id="trace-test",
)

Answer = Callable[[HttpRequest], HttpResponse]


@dataclass
class MemoryData:
    """Rows by dataset name or file path, and local files by name."""

    datasets: dict[str, list[Row]] = field(default_factory=dict)
    files: dict[str, DatasetFile] = field(default_factory=dict)

    async def check(self, source: DataSource) -> None:
        """Nothing, if rows or a file were given for this name."""
        name = getattr(source, "name", None) or getattr(source, "path", None)
        if name is not None and name not in self.datasets and name not in self.files:
            raise DatasetMissing(f"no dataset {name}", hint=f"jobforge data add {name} PATH")

    async def rows(self, source: DataSource) -> list[Row]:
        """The rows given for this name, or carried inline."""
        if isinstance(source, InlineRows):
            return [dict(row) for row in source.rows]
        name = source.path if isinstance(source, FileSource) else source.name
        if name not in self.datasets:
            raise DatasetMissing(f"no dataset {name}", hint=f"jobforge data add {name} PATH")
        return [dict(row) for row in self.datasets[name]]

    async def file(self, source: DataSource) -> DatasetFile:
        """The local file given for this name."""
        name = getattr(source, "name", None) or getattr(source, "path", "")
        if name not in self.files:
            raise DatasetMissing(f"no dataset {name}", hint=f"jobforge data add {name} PATH")
        return self.files[name]


@dataclass
class MemoryHttp:
    """Answers by URL; anything else is unreachable. `requests` keeps what was asked."""

    answers: dict[str, HttpResponse | Answer] = field(default_factory=dict)
    requests: list[HttpRequest] = field(default_factory=list)

    async def fetch(self, request: HttpRequest) -> HttpResponse:
        """The answer given for this URL."""
        self.requests.append(request)
        answer = self.answers.get(request.url)
        if answer is None:
            raise TargetUnavailable(f"nobody answers at {request.url}")
        return answer(request) if callable(answer) else answer

    def add(
        self,
        url: str,
        body: str | bytes,
        *,
        status: int = 200,
        headers: Sequence[tuple[str, str]] = (("content-type", "text/html; charset=utf-8"),),
    ) -> None:
        """Answer `url` with `body`."""
        content = body.encode() if isinstance(body, str) else body
        self.answers[url] = HttpResponse(
            url=url,
            status=status,
            headers=tuple(headers),
            body=content,
            elapsed=timedelta(milliseconds=5),
        )


@dataclass
class MemoryProbes:
    """Facts by target; a target without facts is unreachable."""

    tls_facts: dict[tuple[str, int], TlsFacts] = field(default_factory=dict)
    dns: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    host_facts: HostFacts | None = None
    tables: dict[str, dict[str, list[Row]]] = field(default_factory=dict)

    async def tls(self, host: str, port: int, *, timeout: timedelta) -> TlsFacts:
        """The handshake given for this host and port."""
        if (host, port) not in self.tls_facts:
            raise TargetUnavailable(f"no TLS at {host}:{port} within {timeout}")
        return self.tls_facts[host, port]

    async def resolve(self, host: str, *, timeout: timedelta) -> dict[str, list[str]]:
        """The records given for this name."""
        if host not in self.dns:
            raise TargetUnavailable(f"{host} does not resolve within {timeout}")
        return self.dns[host]

    async def host(self) -> HostFacts:
        """The given machine."""
        if self.host_facts is None:
            raise TargetUnavailable("this host was not described")
        return self.host_facts

    async def postgres(
        self, connection: str, queries: Mapping[str, str], *, timeout: timedelta
    ) -> dict[str, list[Row]]:
        """The tables given for this connection, by query name."""
        if connection not in self.tables:
            raise ConnectionMissing(f"no connection {connection} (waited {timeout})")
        return {name: self.tables[connection].get(name, []) for name in queries}


@dataclass
class MemoryArtifacts:
    """Keeps what was stored, by name."""

    stored: dict[str, bytes] = field(default_factory=dict)

    async def put(self, name: str, content: bytes, *, kind: str, mime_type: str) -> ArtifactOutput:
        """Keep `content` under `name`."""
        self.stored[name] = content
        checksum = checksum_of(content)
        return ArtifactOutput(
            name=name,
            type=kind,
            ref=f"artifact:{checksum}",
            size=len(content),
            checksum=checksum,
            mime_type=mime_type,
        )


@dataclass
class MemoryStarts:
    """Answers every bundle with the given result, or refuses where none was given."""

    result: BundleResult | None = None
    runs: dict[str, ModuleRun] = field(default_factory=dict)
    orders: list[BundleOrder] = field(default_factory=list)

    async def bundle(self, order: BundleOrder) -> BundleResult:
        """Keep the order."""
        self.orders.append(order)
        if self.result is None:
            raise Denied("no further work can be started from here")
        return self.result

    async def module(self, order: ModuleOrder) -> ModuleRun:
        """The run given for this command."""
        if order.command not in self.runs:
            raise Missing(f"there is no module command {order.command}")
        return self.runs[order.command]


@dataclass
class MemoryHistory:
    """Earlier jobs by id."""

    jobs: dict[UUID, PastJob] = field(default_factory=dict)

    async def find(self, job_id: UUID) -> PastJob | None:
        """The job given for this id."""
        return self.jobs.get(job_id)


@dataclass
class MemoryContext:
    """Everything a handler can reach, in memory."""

    job: JobIdentity = _IDENTITY
    seed: int = 0
    time: datetime = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
    data: MemoryData = field(default_factory=MemoryData)
    http: MemoryHttp = field(default_factory=MemoryHttp)
    probes: MemoryProbes = field(default_factory=MemoryProbes)
    artifacts: MemoryArtifacts = field(default_factory=MemoryArtifacts)
    workspace: MemoryWorkspace = field(default_factory=MemoryWorkspace)
    history: MemoryHistory = field(default_factory=MemoryHistory)
    starts: MemoryStarts = field(default_factory=MemoryStarts)
    repositories: Repositories = field(default_factory=NoRepositories)
    databases: Databases = field(default_factory=MemoryDatabases)
    endpoints: MemoryEndpoints = field(default_factory=MemoryEndpoints)
    journal: Journal = field(default_factory=MemoryJournal)
    reported: list[tuple[float, str]] = field(default_factory=list)
    logged: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    scratch: Path | None = None

    async def scratch_folder(self) -> Path:
        """The folder given as `scratch`, or a new one that goes with this context."""
        if self.scratch is None:
            self.scratch = Path(mkdtemp(prefix="jobforge-"))
            finalize(self, shutil.rmtree, self.scratch, ignore_errors=True)
        return self.scratch

    def now(self) -> datetime:
        """The fixed time."""
        return self.time

    async def progress(self, fraction: float, message: str) -> None:
        """Keep the report."""
        self.reported.append((fraction, message))

    def log(self, event: str, **fields: object) -> None:
        """Keep the line."""
        self.logged.append((event, fields))
