"""What a handler may ask for. It gets nothing else: no database, no environment, no clock.

Each member is a small Protocol with plain values, so that the same handler runs in the worker's
own process or in an isolated one that asks over a socket.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from pydantic import Field

from jobforge.contract.manifest import ArtifactOutput
from jobforge.core.data_source import DataFormat, DataSource
from jobforge.core.model import Model
from jobforge.core.starting import Starts
from jobforge.core.targets import Databases, Endpoints, Journal, Repositories

Row = dict[str, Any]


class JobIdentity(Model):
    """Which job this is; for evidence and logs, never for access."""

    tenant_id: UUID
    tenant_slug: str
    project_id: UUID | None
    job_id: UUID
    trace_id: str
    attempt: int = 1
    max_attempts: int = 1

    @property
    def is_last_attempt(self) -> bool:
        """Whether nobody will try again after this one."""
        return self.attempt >= self.max_attempts


class DatasetFile(Model):
    """A dataset as a readable local file."""

    path: Path
    format: DataFormat
    checksum: str


class DataReader(Protocol):
    """Reads the tenant's rows.

    Raises:
        DatasetMissing: there is no such dataset or file; the message names the command to add it.
        PathDenied: a file path leaves the tenant's folder.
        SourceMalformed: the content is not of its format; the message names file and line.
    """

    async def check(self, source: DataSource) -> None:
        """Look whether it is there, without reading it; a file source may be a folder, too."""
        ...

    async def rows(self, source: DataSource) -> list[Row]:
        """All rows. CSV values stay text; JSON numbers with a fraction come as Decimal."""
        ...

    async def file(self, source: DataSource) -> DatasetFile:
        """The rows as a local file, for analyses that stream."""
        ...


class HttpRequest(Model):
    """One outgoing request.

    `connection` names a connection of the tenant, of kind `http`. Its credentials are added on the
    way out, to URLs below the connection's own only; such a request follows no redirect, and the
    handler never sees them.
    """

    url: str
    connection: str | None = None
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    timeout: timedelta = timedelta(seconds=10)
    max_bytes: int = Field(default=10_000_000, gt=0)
    follow_redirects: bool = True
    max_redirects: int = 10


class Redirect(Model):
    """One hop on the way to the answer."""

    url: str
    status: int
    location: str


class HttpResponse(Model):
    """The answer; `url` is where it finally came from.

    `elapsed` lasts until the last byte, `first_byte` until the answer's head was there, both from
    the first request on; None where it was not measured.
    """

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    elapsed: timedelta
    first_byte: timedelta | None = None
    redirects: tuple[Redirect, ...] = ()
    is_truncated: bool = False

    def header(self, name: str) -> str | None:
        """The first header of this name, whatever its case."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)


class HttpClient(Protocol):
    """The one way out. Addresses are checked at connect time and after each redirect.

    Raises:
        ConnectionMissing: the tenant has no connection of the named one's name and kind.
        EgressDenied: the address is not public and not allowed, or the URL is not below that of
            the named connection; never retried.
        TargetUnavailable: no connection, no answer in time, or a broken one.
    """

    async def fetch(self, request: HttpRequest) -> HttpResponse:
        """Send one request."""
        ...


class Certificate(Model):
    """What a TLS server showed."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    serial: str
    key: str
    signature: str


class TlsFacts(Model):
    """A TLS handshake, described; `verify_error` is None where the chain and name hold."""

    host: str
    port: int
    protocol: str
    cipher: str
    chain: tuple[Certificate, ...]
    verify_error: str | None
    elapsed: timedelta


class HostFacts(Model):
    """The machine the worker runs on; `unreadable` names what the system did not let it see."""

    hostname: str
    system: str
    kernel: str
    uptime: timedelta
    cpu_count: int
    load_average: tuple[float, float, float] | None
    memory_total_bytes: int
    memory_available_bytes: int
    swap_total_bytes: int
    swap_used_bytes: int
    filesystems: tuple[Filesystem, ...]
    listening: tuple[ListeningSocket, ...]
    is_root: bool
    unreadable: tuple[str, ...] = ()


class Filesystem(Model):
    """One mounted file system."""

    mount: str
    kind: str
    total_bytes: int
    used_bytes: int
    inodes_total: int | None = None
    inodes_used: int | None = None


class ListeningSocket(Model):
    """One listening TCP socket."""

    address: str
    port: int
    process: str | None


class Probes(Protocol):
    """Looks at live systems; every address goes through the same check as HTTP."""

    async def tls(self, host: str, port: int, *, timeout: timedelta) -> TlsFacts:
        """Shake hands and describe what the server showed, valid or not."""
        ...

    async def resolve(self, host: str, *, timeout: timedelta) -> dict[str, list[str]]:
        """DNS records by type (A, AAAA, CNAME, MX, NS, TXT, CAA)."""
        ...

    async def host(self) -> HostFacts:
        """This machine. Only for the local operator and tenants he allows."""
        ...

    async def postgres(
        self, connection: str, queries: Mapping[str, str], *, timeout: timedelta
    ) -> dict[str, list[Row]]:
        """Run read-only queries on a named connection; the answer has one list per query name."""
        ...


class ArtifactWriter(Protocol):
    """Stores what a job produced."""

    async def put(self, name: str, content: bytes, *, kind: str, mime_type: str) -> ArtifactOutput:
        """Store `content`; the manifest names it with size in bytes and SHA-256."""
        ...


class Workspace(Protocol):
    """The tenant's folder. Paths are relative; one that leaves the folder raises PathDenied."""

    async def read(self, path: str) -> bytes:
        """The file's bytes; DatasetMissing where there is none."""
        ...

    async def check(self, path: str) -> None:
        """Look whether there is such a file or folder; DatasetMissing where there is none."""
        ...

    async def list(self, path: str, *, suffixes: Sequence[str] = ()) -> tuple[str, ...]:
        """Relative paths of the regular files below `path`, sorted."""
        ...

    async def render_chart(self, path: str) -> str | None:
        """A Helm chart's manifests with its default values; None where helm is not installed."""
        ...

    async def replace(self, path: str, content: bytes, *, expected_checksum: str | None) -> None:
        """Write atomically if the file still has the checksum (None: does not exist yet)."""
        ...

    async def remove(self, path: str, *, expected_checksum: str) -> None:
        """Delete the file if it still has the checksum."""
        ...


class PastJob(Model):
    """An earlier job of the same tenant. `payload` and `effects` are JSON text, as it ran."""

    job_id: UUID
    job_type: str
    status: str
    payload: str
    effects: str


class JobHistory(Protocol):
    """The tenant's earlier jobs."""

    async def find(self, job_id: UUID) -> PastJob | None:
        """The job of this id; None where the tenant has none."""
        ...


class JobContext(Protocol):
    """Everything a handler can reach."""

    @property
    def job(self) -> JobIdentity:
        """Which job this is."""
        ...

    @property
    def seed(self) -> int:
        """The job's own seed: the same job gives the same numbers."""
        ...

    @property
    def data(self) -> DataReader:
        """The tenant's rows."""
        ...

    @property
    def http(self) -> HttpClient:
        """The one way out."""
        ...

    @property
    def probes(self) -> Probes:
        """Looks at live systems."""
        ...

    @property
    def artifacts(self) -> ArtifactWriter:
        """Where outputs go."""
        ...

    @property
    def history(self) -> JobHistory:
        """The tenant's earlier jobs."""
        ...

    @property
    def workspace(self) -> Workspace:
        """The tenant's folder."""
        ...

    @property
    def repositories(self) -> Repositories:
        """Git repositories in the tenant's folder."""
        ...

    @property
    def databases(self) -> Databases:
        """PostgreSQL servers, to change them."""
        ...

    @property
    def endpoints(self) -> Endpoints:
        """HTTP endpoints, to call them."""
        ...

    @property
    def journal(self) -> Journal:
        """What this job began and did."""
        ...

    async def scratch_folder(self) -> Path:
        """A folder of this job's own, kept from one attempt to the next and gone when it ends.

        It may save work and never be relied on: an attempt on another machine finds it empty, and
        what a killed attempt left may be torn, or still be held by it for a moment.

        Raises:
            Denied: this is a plan, which stores nothing.
        """

    @property
    def starts(self) -> Starts:
        """Starts further work; for JobForge's own job types, in the worker's process only."""
        ...

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...

    async def progress(self, fraction: float, message: str) -> None:
        """Report how far the work is, from 0 to 1."""
        ...

    def log(self, event: str, **fields: object) -> None:
        """Write one structured log line; secrets are masked."""
        ...


HostFacts.model_rebuild()
