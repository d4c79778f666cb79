"""Metrics, traces and log lines tell what happened, of which job, and no tenant's words."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import structlog
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families
from tests.application import OPERATOR, Harness, Text, look, make_type, open_harness, say
from typing_extensions import override

from jobforge.adapters.logging import configure_logging
from jobforge.adapters.telemetry.metrics import OTHER, Metrics
from jobforge.adapters.telemetry.tracing import Tracing, current_traceparent
from jobforge.contract.results import ChildRun
from jobforge.core.errors import SettingInvalid
from jobforge.ports.telemetry import Backlog
from jobforge.steps.intake import Submission

if TYPE_CHECKING:
    from jobforge.adapters.postgres.access import DatabaseAccess
    from jobforge.core.context import JobContext

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT_ID = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    families = text_string_to_metric_families(metrics.render().decode())
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in families
        for sample in family.samples
    }


async def test_what_is_decided_and_done_is_counted(app: Harness) -> None:
    await app.run(look(1), look(2), look(3, job_type="autopilot.ops.invented"))

    counted = samples(app.app.metrics)
    assert counted["jobforge_requests_total", "", "queued"] == 2
    assert counted["jobforge_requests_total", "UNKNOWN_JOB_TYPE", "denied"] == 1
    assert counted["jobforge_attempts_total", "autopilot.support.look", "executed"] == 2
    assert counted["jobforge_attempt_seconds_count", "autopilot.support.look"] == 2
    assert counted["jobforge_attempt_wait_seconds_count", "autopilot.support.look"] == 2
    assert ("jobforge_attempts_fenced_total", "autopilot.support.look") not in counted


async def test_how_long_a_job_waited_is_measured_from_when_it_could_run(app: Harness) -> None:
    await app.execute(app.bundle(look(1), look(2)))
    await app.alter(
        "UPDATE jobforge.jobs SET created_at = created_at - interval '1 hour',"
        " available_at = available_at - interval '1 minute'"
    )

    await app.work()

    waited = samples(app.app.metrics)["jobforge_attempt_wait_seconds_sum", "autopilot.support.look"]
    assert 120 <= waited < 240


async def test_an_attempt_that_lost_its_job_is_counted(
    database_access: DatabaseAccess, tmp_path: Path
) -> None:
    opened: list[Harness] = []

    async def lose(payload: Text, _: JobContext) -> Text:
        await opened[0].alter("UPDATE jobforge.jobs SET attempt = attempt + 1")
        return payload

    loses = make_type("lose", lose)
    async with open_harness(database_access, tmp_path, job_types=[loses]) as app:
        opened.append(app)
        await app.run(say(1, job_type=loses.name))

        counted = samples(app.app.metrics)
    assert counted["jobforge_attempts_fenced_total", loses.name] == 1


async def test_the_backlog_is_counted_by_what_it_waits_for(app: Harness) -> None:
    await app.execute(app.bundle(look(1), look(2)))

    before = await app.app.measure_backlog()
    await app.work()
    after = await app.app.measure_backlog()

    assert (before.waiting, before.released, before.running, before.stuck) == (0, 2, 0, 0)
    assert before.oldest.total_seconds() > 0
    assert (after.released, after.oldest.total_seconds()) == (0, 0)
    assert samples(app.app.metrics)["jobforge_backlog_jobs", "released"] == 0


async def test_a_job_that_a_worker_took_and_left_is_stuck(app: Harness) -> None:
    await app.execute(app.bundle(look(1)))
    await app.alter(
        "UPDATE pgqueuer.pgqueuer SET status = 'picked', heartbeat = now() - interval '2 minutes'"
    )

    assert (await app.app.measure_backlog()).stuck == 1


def test_a_name_that_a_bundle_made_up_is_no_label() -> None:
    metrics = Metrics(["autopilot.ops.scan"])
    for number in range(1000):
        metrics.attempt_started(f"autopilot.ops.made-up-{number}", 0.1)
        metrics.attempt_ended(f"autopilot.ops.made-up-{number}", "error", 0.1)
        metrics.attempt_fenced(f"autopilot.ops.made-up-{number}")

    counted = samples(metrics)
    assert {key[1] for key in counted if key[0] == "jobforge_attempts_total"} == {OTHER}
    assert counted["jobforge_attempt_wait_seconds_count", OTHER] == 1000
    assert counted["jobforge_attempts_fenced_total", OTHER] == 1000


def test_the_page_of_metrics_lists_each_with_its_labels() -> None:
    lines = REFERENCE.read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    listed = {row[0].strip("`"): set(re.findall(r"\w+", row[1])) for row in rows if len(row) == 3}
    metrics = Metrics([])
    metrics.attempt_started("any", 0.1)
    metrics.attempt_ended("any", "executed", 0.1)
    metrics.attempt_fenced("any")
    metrics.backlog_is(Backlog(waiting=0, released=0, running=0, stuck=0, oldest=timedelta(0)))
    metrics.decided([ChildRun(request_id="r", job_type="any", status="queued", reason="")])

    known = {
        family.name + ("_total" if family.type == "counter" else ""): {
            label for sample in family.samples for label in sample.labels if label != "le"
        }
        for family in text_string_to_metric_families(metrics.render().decode())
        if not family.name.endswith("_created")
    }
    assert {name: labels for name, labels in listed.items() if name in known} == known
    assert {name for name in listed if name.startswith("jobforge_")} == known.keys()


def test_metrics_are_served_on_loopback_only() -> None:
    metrics = Metrics([])
    with metrics.serve(0) as port:
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics")
        with pytest.raises(SettingInvalid, match="cannot be served"), metrics.serve(port):
            pass

    assert answer.status_code == 200
    assert "jobforge_backlog_oldest_seconds" in answer.text


def test_without_a_provider_a_span_passes_on_what_it_was_given() -> None:
    with Tracing().span("job.run", TRACEPARENT, {}) as inside:
        assert inside == current_traceparent() == TRACEPARENT

    assert current_traceparent() is None


@contextmanager
def collector() -> Iterator[tuple[str, list[Any]]]:
    """A collector of traces on loopback: its URL, and the spans it was sent."""
    spans: list[Any] = []

    class Collect(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            import gzip

            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            request = ExportTraceServiceRequest.FromString(body)
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    spans.extend(scope.spans)
            self.send_response(200)
            self.end_headers()

        @override
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collect)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", spans
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def look_around(_: Text, context: JobContext) -> Text:
    context.log("looked around")
    structlog.get_logger("anybody").warning("something of a library")
    return Text(text=current_traceparent() or "")


LOOK_AROUND = make_type("look_around", look_around)


@pytest.mark.usefixtures("clean_environment")
async def test_one_trace_leads_from_the_bundle_to_the_handler(
    database_access: DatabaseAccess, tmp_path: Path
) -> None:
    with collector() as (url, spans):
        async with open_harness(
            database_access, tmp_path, job_types=[LOOK_AROUND], otlp_endpoint=url
        ) as app:
            submission = Submission(app.tenant, OPERATOR, "execute", traceparent=TRACEPARENT)
            result = await app.app.submit_bundle(
                app.bundle(say(1, job_type=LOOK_AROUND.name)), submission
            )
            await app.work()
            job = await app.job_of((await app.show(result)).child_runs[0])
            (run,) = await app.rows("SELECT traceparent FROM jobforge.bundle_runs")

    by_name = {span.name: span for span in spans}
    submitted, ran = by_name["bundle.execute"], by_name["job.run"]
    assert {span.trace_id.hex() for span in spans} == {TRACE_ID}
    assert submitted.parent_span_id.hex() == PARENT_ID
    assert ran.parent_span_id == submitted.span_id
    assert run["traceparent"] == f"00-{TRACE_ID}-{submitted.span_id.hex()}-01"
    assert json.loads(job.result or "")["text"] == f"00-{TRACE_ID}-{ran.span_id.hex()}-01"


async def test_a_run_has_a_trace_of_its_own_where_nobody_gave_one(app: Harness) -> None:
    result = await app.execute(app.bundle(look(1)))

    (run,) = await app.rows("SELECT traceparent FROM jobforge.bundle_runs")
    assert result.bundle_run_id is not None
    assert run["traceparent"].startswith(f"00-{result.bundle_run_id.hex}-")


@pytest.mark.usefixtures("clean_environment")
async def test_every_line_while_a_job_runs_names_trace_tenant_and_job(
    database_access: DatabaseAccess, tmp_path: Path
) -> None:
    async with open_harness(database_access, tmp_path, job_types=[LOOK_AROUND]) as app:
        stream = StringIO()
        configure_logging(stream=stream, as_json=True)
        result = await app.run(say(1, job_type=LOOK_AROUND.name))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]

    told = [line for line in lines if line["event"] in ("looked around", "something of a library")]
    assert len(told) == 2
    for line in told:
        assert (line["trace_id"], line["tenant_id"], line["job_id"]) == (
            "trace-1",
            str(app.tenant.tenant_id),
            str(result.child_runs[0].job_id),
        )
