"""The client of programs that wait for each answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import TracebackType
from typing import Literal, Self, TypeVar
from uuid import UUID

import httpx
from typing_extensions import Unpack

from jobforge.contract.manifest import RunManifest
from jobforge.contract.results import BundleResult, JobAnswer, JobStatus
from jobforge.sdk import calls
from jobforge.sdk.calls import Bundle, Call, SubmitOptions
from jobforge.sdk.exchange import Retries, read_answer, to_request, to_unreachable, to_wait
from jobforge.sdk.models import Item, JobChanged, JobItem, Page, RunItem
from jobforge.sdk.waiting import TIMEOUT, Progress, StillOpen, is_open, to_pauses, to_progress

Answer = TypeVar("Answer")


class Client:
    """Talks to a JobForge server, as whoever the key belongs to.

    Writes carry an idempotency key, so that a retried one has one effect. Use it in a `with`
    block, or `close` it.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        retries: Retries | None = None,
        timeout: timedelta = TIMEOUT,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = httpx.Client(
            base_url=base_url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=timeout.total_seconds(),
            transport=transport,
        )
        self._retries = retries or Retries()
        self.sleep = sleep
        self.bundles = Bundles(self)
        self.runs = Runs(self)
        self.jobs = Jobs(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def send(self, call: Call[Answer]) -> Answer:
        """Make a call, again where another try can help.

        Raises:
            ApiError: the server answered with a problem.
            Unreachable: it did not answer.
        """
        request = to_request(call)
        for pause in self._retries.pauses():
            try:
                response = self._http.request(**request)
            except httpx.TransportError:
                self.sleep(pause)
                continue
            wait = to_wait(response, pause)
            if wait is None:
                return read_answer(call, response)
            self.sleep(wait)
        try:
            return read_answer(call, self._http.request(**request))
        except httpx.TransportError as error:
            raise to_unreachable(self._http.base_url.host, error) from None

    def pages(self, get: Callable[[str | None], Call[Page[Item]]]) -> Iterator[Item]:
        """Every item of a list, page after page as they are asked for."""
        cursor = None
        while True:
            page = self.send(get(cursor))
            yield from page.items
            cursor = page.next
            if cursor is None:
                return


class Run:
    """A bundle run; `result` is how it stood when it was last looked at."""

    def __init__(self, client: Client, result: BundleResult) -> None:
        self._client = client
        self.result = result

    @property
    def id(self) -> UUID | None:
        """Its id; None where the bundle was refused before there was a run."""
        return self.result.bundle_run_id

    def refresh(self) -> BundleResult:
        """Look at it anew."""
        if self.id is not None:
            self.result = self._client.runs.show(self.id)
        return self.result

    def wait(
        self,
        on_progress: Callable[[Progress], None] | None = None,
        *,
        timeout: timedelta | None = None,
    ) -> BundleResult:
        """Wait until every child run has ended.

        Raises:
            StillOpen: it took longer than `timeout`.
        """
        for pause in to_pauses(timeout):
            if on_progress is not None:
                on_progress(to_progress(self.result))
            if not is_open(self.result):
                return self.result
            self._client.sleep(pause)
            self.refresh()
        raise StillOpen(f"run {self.id} is still open")


class Bundles:
    """Plan and execute bundles."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def plan(self, bundle: Bundle, **how: Unpack[SubmitOptions]) -> Run:
        """Decide request by request what would run, and store the plan; nothing runs."""
        return Run(self._client, self._client.send(calls.submit("plan", bundle, how)))

    def execute(self, bundle: Bundle, **how: Unpack[SubmitOptions]) -> Run:
        """Queue what may run; the run can be waited for."""
        return Run(self._client, self._client.send(calls.submit("execute", bundle, how)))


class Runs:
    """Look at bundle runs."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(
        self,
        *,
        status: Literal["open", "closed", "refused"] | None = None,
        mode: Literal["dry_run", "execute"] | None = None,
        project: UUID | None = None,
    ) -> Iterator[RunItem]:
        """The runs, the newest first; pages are fetched as they are read."""
        filters = {"status": status, "mode": mode, "project": project}
        return self._client.pages(lambda cursor: calls.list_runs(cursor, filters))

    def show(self, run_id: UUID) -> BundleResult:
        """A run as it stands now."""
        return self._client.send(calls.show_run(run_id))

    def get(self, run_id: UUID) -> Run:
        """A run that can be waited for."""
        return Run(self._client, self.show(run_id))

    def manifest(self, run_id: UUID) -> RunManifest:
        """A run's manifest."""
        return self._client.send(calls.show_manifest(run_id))

    def summary(self, run_id: UUID) -> str:
        """A run's summary, Markdown."""
        return self._client.send(calls.show_summary(run_id))


class Jobs:
    """Look at jobs, cancel and retry them."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(
        self,
        *,
        status: JobStatus | None = None,
        job_type: str | None = None,
        run: UUID | None = None,
        project: UUID | None = None,
    ) -> Iterator[JobItem]:
        """The jobs, the newest first; pages are fetched as they are read."""
        filters = {"status": status, "type": job_type, "run": run, "project": project}
        return self._client.pages(lambda cursor: calls.list_jobs(cursor, filters))

    def show(self, job_id: UUID) -> JobAnswer:
        """A job with its result."""
        return self._client.send(calls.show_job(job_id))

    def cancel(self, job_id: UUID) -> JobChanged:
        """Cancel a job that has not ended."""
        return self._client.send(calls.change_job(job_id, "cancel"))

    def retry(self, job_id: UUID) -> JobChanged:
        """Queue a failed job anew."""
        return self._client.send(calls.change_job(job_id, "retry"))
