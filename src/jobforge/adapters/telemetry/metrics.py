"""Prometheus metrics in a registry of their own. No label holds what a tenant may choose."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar, cast

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    start_http_server,
)

from jobforge.contract.results import ChildRun
from jobforge.core.errors import SettingInvalid
from jobforge.ports.telemetry import Backlog

_M = TypeVar("_M", Counter, Histogram)

LOOPBACK = "127.0.0.1"
OTHER = "other"
"""Stands for every job type that is not in the catalogue: a bundle may name any."""

_SECONDS = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 300.0)


class Metrics:
    """The counters, and what serves them."""

    def __init__(self, job_types: Collection[str]) -> None:
        self._job_types = frozenset(job_types)
        self._children: dict[tuple[object, tuple[str, ...]], object] = {}
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "jobforge_requests",
            "Requests of bundles by what was decided.",
            ["status", "code"],
            registry=self.registry,
        )
        self._attempts = Counter(
            "jobforge_attempts",
            "Attempts by how they ended; queued means that the job is tried again.",
            ["job_type", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "jobforge_attempt_seconds",
            "How long attempts took.",
            ["job_type"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._waited = Histogram(
            "jobforge_attempt_wait_seconds",
            "How long attempts could have been started before they were.",
            ["job_type"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._fenced = Counter(
            "jobforge_attempts_fenced",
            "Attempts that lost their job, so that their end was not accepted.",
            ["job_type"],
            registry=self.registry,
        )
        self._backlog = Gauge(
            "jobforge_backlog_jobs",
            "Jobs of all tenants that have not ended.",
            ["state"],
            registry=self.registry,
        )
        self._oldest = Gauge(
            "jobforge_backlog_oldest_seconds",
            "How long the oldest job that could run has been there.",
            registry=self.registry,
        )

    def decided(self, children: Sequence[ChildRun]) -> None:
        """Requests were decided."""
        for child in children:
            self._requests.labels(child.status, child.code or "").inc()

    def attempt_started(self, job_type: str, waited_seconds: float) -> None:
        """An attempt started, so long after it could have."""
        self._child(self._waited, self._known(job_type)).observe(waited_seconds)

    def attempt_ended(self, job_type: str, status: str, seconds: float) -> None:
        """An attempt ended."""
        known = self._known(job_type)
        self._child(self._attempts, known, status).inc()
        self._child(self._seconds, known).observe(seconds)

    def attempt_fenced(self, job_type: str) -> None:
        """An attempt lost its job, and its end was not accepted."""
        self._child(self._fenced, self._known(job_type)).inc()

    def backlog_is(self, backlog: Backlog) -> None:
        """So much is left to do."""
        for state in ("waiting", "released", "running", "stuck"):
            self._backlog.labels(state).set(getattr(backlog, state))
        self._oldest.set(backlog.oldest.total_seconds())

    def render(self) -> bytes:
        """All of it in Prometheus' text form."""
        return generate_latest(self.registry)

    def _known(self, job_type: str) -> str:
        return job_type if job_type in self._job_types else OTHER

    def _child(self, metric: _M, *labels: str) -> _M:
        """`metric.labels(*labels)`, which takes a lock and longer than what is done with it."""
        child = self._children.get((metric, labels))
        if child is None:
            child = self._children[metric, labels] = metric.labels(*labels)
        return cast("_M", child)

    @contextmanager
    def serve(self, port: int) -> Iterator[int]:
        """Serve it on loopback while the block runs; the port, which 0 leaves to the system.

        Raises:
            SettingInvalid: the port is taken.
        """
        try:
            server, thread = start_http_server(port, LOOPBACK, registry=self.registry)
        except OSError as error:
            raise SettingInvalid(
                f"metrics cannot be served on port {port}: {error.strerror}",
                hint="another --metrics-port",
            ) from error
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
