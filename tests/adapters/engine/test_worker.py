"""The worker: what becomes of jobs that fail, hang, are fenced off, stranded or canceled."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from tests.application import OPERATOR, Harness, Text, make_type, open_harness, say

from jobforge.adapters.engine.engine import PostgresEngine
from jobforge.adapters.engine.worker import Worker
from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.contract.canonical import checksum_of
from jobforge.core.audit import AuditEntry
from jobforge.core.context import HttpRequest, JobContext
from jobforge.core.errors import HandlerFailed, InvalidInput
from jobforge.ports.engine import Attempt, Ending, JobRef, NotStarted
from jobforge.ports.jobs import JobRecord

calls: list[int] = []
"""The attempts that began, of the types that note them."""

gates: list[asyncio.Event] = []
"""What `wait` waits for."""


async def fail(payload: Text, _: JobContext) -> Text:
    raise HandlerFailed(payload.text)


async def crash(payload: Text, context: JobContext) -> Text:
    calls.append(context.job.attempt)
    raise ZeroDivisionError(payload.text)


async def refuse(payload: Text, context: JobContext) -> Text:
    calls.append(context.job.attempt)
    raise InvalidInput(payload.text)


async def recover(payload: Text, context: JobContext) -> Text:
    if context.job.attempt == 1:
        raise HandlerFailed("not yet")
    return payload


async def hang(payload: Text, _: JobContext) -> Text:
    await asyncio.sleep(60)
    return payload


async def time_out(payload: Text, _: JobContext) -> Text:
    raise TimeoutError(payload.text)


async def give_nothing(_: Text, __: JobContext) -> None:
    return None


async def give_another(_: Text, __: JobContext) -> Any:  # noqa: ANN401 (what it must not give)
    return make_type  # no model at all


async def give_unwritable(_: Text, __: JobContext) -> Text:
    return Text(text="\ud800")


async def reach_out(payload: Text, context: JobContext) -> Text:
    calls.append(context.job.attempt)
    await context.http.fetch(HttpRequest(url=payload.text))
    return payload


async def wait_for_release(payload: Text, context: JobContext) -> Text:
    calls.append(context.job.attempt)
    await gates[0].wait()
    return payload


_SHOUTS = {
    "NUL": "a\x00b",
    "half a pair": "\ud800",
    "escape": "\x1b[31mred",
    "long": "x" * 100_000,
}


async def shout(payload: Text, _: JobContext) -> Text:
    raise HandlerFailed(_SHOUTS[payload.text])


_ONCE = {"max_attempts": 1}
_TYPES = [
    make_type("fail", fail, max_attempts=2),
    make_type("crash", crash),
    make_type("refuse", refuse),
    make_type("recover", recover),
    make_type("hang", hang, timeout=timedelta(milliseconds=50), **_ONCE),
    make_type("time-out", time_out, **_ONCE),
    make_type("nothing", give_nothing, **_ONCE),
    make_type("another", give_another, **_ONCE),
    make_type("unwritable", give_unwritable, **_ONCE),
    make_type("fail-once", fail, **_ONCE),
    make_type("crash-once", crash, **_ONCE),
    make_type("shout", shout, **_ONCE),
    make_type("reach-out", reach_out),
    make_type("wait", wait_for_release),
]


def do(verb: str, number: int = 1, text: str = "hello") -> dict[str, Any]:
    return say(number, text, job_type=f"autopilot.ops.{verb}")


@pytest.fixture
async def app(
    database_access: DatabaseAccess,
    tmp_path: Path,
    clean_environment: None,  # noqa: ARG001 (asked for its effect)
) -> AsyncIterator[Harness]:
    calls.clear()
    gates[:] = [asyncio.Event()]
    async with open_harness(database_access, tmp_path, job_types=_TYPES) as harness:
        yield harness


async def ended(app: Harness, verb: str, text: str = "hello") -> JobRecord:
    """The job after a bundle of it alone was worked to its end."""
    result = await app.run(do(verb, text=text))
    return await app.job_of(result.child_runs[0])


def error_of(job: JobRecord) -> dict[str, Any]:
    assert job.error is not None
    error: dict[str, Any] = json.loads(job.error)
    return error


@pytest.mark.parametrize(
    ("verb", "code", "message"),
    [
        ("fail-once", "HANDLER_FAILED", "hello"),
        ("hang", "TIME_LIMIT", "stopped after 0.05 seconds, its time limit"),
        ("time-out", "HANDLER_FAILED", "TimeoutError: hello"),
        ("nothing", "HANDLER_FAILED", "gave NoneType, not a Text"),
        ("another", "HANDLER_FAILED", "gave function, not a Text"),
        ("unwritable", "HANDLER_FAILED", "surrogates"),
    ],
)
async def test_a_handler_that_does_not_give_its_result_ends_as_an_error_that_says_why(
    app: Harness, verb: str, code: str, message: str
) -> None:
    job = await ended(app, verb)

    assert (job.status, job.result, job.attempt) == ("error", None, 1)
    assert error_of(job)["code"] == code
    assert message in error_of(job)["message"]
    assert (await app.events())[-1] == "job.failed"
    (run,) = await app.app.show_run.newest(app.tenant, 1)
    assert run.status == "closed"


@pytest.mark.parametrize("text", _SHOUTS)
async def test_an_error_message_of_any_text_can_be_stored(app: Harness, text: str) -> None:
    job = await ended(app, "shout", text)

    assert (job.status, job.attempt) == ("error", 1)
    assert error_of(job)["code"] == "HANDLER_FAILED"
    assert len(error_of(job)["message"]) <= 2_000
    (verdict,) = await app.app.verify_audit(app.tenant)
    assert verdict.is_intact


async def test_what_failed_for_good_is_kept_without_a_stack_trace(app: Harness) -> None:
    job = await ended(app, "crash-once")

    (row,) = await app.rows(
        "SELECT to_jsonb(job)::text || to_jsonb(ended)::text "
        "FROM jobforge.jobs AS job JOIN jobforge.job_results AS ended USING (tenant_id, job_id)"
    )
    assert error_of(job)["message"] == "ZeroDivisionError: hello"
    assert "Traceback" not in row[0]
    assert "test_worker.py" not in row[0]


async def test_a_failure_is_tried_again_after_a_pause_and_every_attempts_error_is_kept(
    app: Harness,
) -> None:
    job = await ended(app, "fail")

    assert (job.status, job.attempt) == ("error", 2)
    errors = json.loads(job.attempt_errors)
    assert [error["attempt"] for error in errors] == [1, 2]
    assert {error["message"] for error in errors} == {"hello"}
    assert (await app.events())[-2:] == ["job.retried", "job.failed"]


async def test_what_recovers_is_executed_and_its_first_error_is_kept(app: Harness) -> None:
    job = await ended(app, "recover")

    assert (job.status, job.attempt, job.error) == ("executed", 2, None)
    assert [error["message"] for error in json.loads(job.attempt_errors)] == ["not yet"]
    assert (await app.events())[-2:] == ["job.retried", "job.executed"]


async def test_what_trying_again_cannot_help_is_not_tried_again(app: Harness) -> None:
    job = await ended(app, "refuse")

    assert (job.status, calls) == ("error", [1])
    assert error_of(job)["code"] == "SOURCE_MALFORMED"


async def test_an_address_that_may_not_be_reached_fails_the_job_at_once(app: Harness) -> None:
    job = await ended(app, "reach-out", "http://169.254.169.254/latest/meta-data")

    assert (job.status, calls) == ("error", [1])
    assert error_of(job)["code"] == "EGRESS_DENIED"


async def test_every_output_of_a_manifest_is_there_with_its_size_and_checksum(
    app: Harness,
) -> None:
    result = await app.run(say(1, text="grüße"))
    answer = await app.app.show_job.answer(known(result.child_runs[0].job_id), app.tenant)

    assert answer.manifest is not None
    (output,) = answer.manifest.outputs
    assert output.size == len("grüße".encode()) == 7
    assert answer.artifact_ref == output.ref
    found = await app.app.resolve_ref(output.ref, app.tenant)
    assert found.content == "grüße".encode()
    assert output.checksum == checksum_of(found.content)
    assert answer.manifest.metrics["attempt"] == 1
    for ref in (answer.manifest.inputs_snapshot_ref, f"job:{answer.job_id}/result"):
        assert json.loads((await app.app.resolve_ref(str(ref), app.tenant)).content)


def known(job_id: UUID | None) -> UUID:
    assert job_id is not None
    return job_id


def engine(app: Harness) -> PostgresEngine:
    return PostgresEngine(app.app.database, app.app.clock, app.app.checkpoints)


async def begin(app: Harness, job_id: UUID | None) -> Attempt:
    (started,) = await engine(app).begin([JobRef(app.tenant.tenant_id, known(job_id))])
    assert isinstance(started, Attempt)
    return started


def ending(attempt: Attempt, result: str) -> Ending:
    entry = AuditEntry(
        tenant_id=attempt.ref.tenant_id,
        at=datetime(2026, 3, 1, tzinfo=UTC),
        actor="worker",
        event="job.executed",
        subject=f"job:{attempt.ref.job_id}",
    )
    return Ending(attempt, "executed", entry, result=result, manifest="{}")


async def test_the_end_of_an_attempt_that_lost_its_job_is_refused(app: Harness) -> None:
    result = await app.execute(app.bundle(say(1)))
    job_id = result.child_runs[0].job_id
    zombie = await begin(app, job_id)
    holder = await begin(app, job_id)

    assert (zombie.number, holder.number) == (1, 2)
    late = await engine(app).settle([ending(zombie, '"zombie"')])
    accepted = await engine(app).settle([ending(holder, '"holder"')])
    again = await engine(app).settle([ending(holder, '"again"'), ending(zombie, '"zombie"')])

    assert (late, accepted, again) == ([False], [True], [False, False])
    assert (await app.app.show_job(known(job_id), app.tenant)).result == '"holder"'
    assert (await app.events()).count("job.executed") == 1
    assert (await app.show(result)).summary.executed == 1


async def test_one_batch_with_both_attempts_accepts_one(app: Harness) -> None:
    result = await app.execute(app.bundle(say(1)))
    zombie = await begin(app, result.child_runs[0].job_id)
    holder = await begin(app, result.child_runs[0].job_id)

    accepted = await engine(app).settle([ending(zombie, "1"), ending(holder, "2")])

    assert accepted == [False, True]
    assert (await app.events()).count("job.executed") == 1


async def test_a_job_that_has_ended_does_not_begin_again(app: Harness) -> None:
    result = await app.run(say(1))
    ref = JobRef(app.tenant.tenant_id, known(result.child_runs[0].job_id))
    stranger = JobRef(app.tenant.tenant_id, UUID(int=9))

    assert await engine(app).begin([ref, stranger]) == [NotStarted(None), NotStarted(None)]


async def test_a_job_whose_workers_keep_dying_is_given_up(app: Harness) -> None:
    result = await app.execute(app.bundle(do("wait")))
    for _ in range(3):
        await begin(app, result.child_runs[0].job_id)

    await app.work()

    job = await app.job_of(result.child_runs[0])
    assert (job.status, job.attempt, calls) == ("error", 4, [])
    assert "the workers that ran it were lost" in error_of(job)["message"]


async def test_a_batch_of_several_tenants_is_settled_even_where_one_of_them_fails(
    app: Harness,
) -> None:
    other = await app.new_tenant("other")
    mine = await app.execute(app.bundle(say(1)))
    theirs = await app.execute(app.bundle(say(1), tenant=other), tenant=other)
    first = await begin(app, mine.child_runs[0].job_id)
    (second,) = await engine(app).begin(
        [JobRef(other.tenant_id, known(theirs.child_runs[0].job_id))]
    )
    assert isinstance(second, Attempt)

    with pytest.raises(asyncpg.PostgresError):
        await engine(app).settle(
            sorted(
                [ending(first, '"fine"'), ending(second, "no JSON")],
                key=lambda e: e.attempt.ref.tenant_id != app.tenant.tenant_id,
            )
        )

    assert (await app.show(mine)).summary.executed == 1
    assert (await app.show(theirs, other)).summary.queued == 1


@asynccontextmanager
async def working(app: Harness) -> AsyncIterator[Worker]:
    """A worker in the background."""
    worker = app.app.make_worker(10)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        gates[0].set()
        worker.stop()
        await task


async def until_called() -> None:
    async with asyncio.timeout(10):
        while not calls:  # noqa: ASYNC110 (a handler in another task notes them in a plain list)
            await asyncio.sleep(0.01)


async def test_a_worker_that_is_told_to_stop_finishes_what_runs_and_takes_nothing_new(
    app: Harness,
) -> None:
    running = await app.execute(app.bundle(do("wait", 1)))
    async with working(app) as worker:
        await until_called()
        worker.stop()
        later = await app.execute(app.bundle(do("wait", 2)))
        gates[0].set()

    assert (await app.show(running)).summary.executed == 1
    assert (await app.show(later)).summary.queued == 1
    assert calls == [1]


async def test_the_result_of_a_job_canceled_while_it_ran_is_refused(app: Harness) -> None:
    result = await app.execute(app.bundle(say(1), say(2)))
    attempt = await begin(app, result.child_runs[0].job_id)
    await app.app.cancel_job(attempt.ref.job_id, app.tenant, OPERATOR)

    assert await engine(app).settle([ending(attempt, "1")]) == [False]

    job = await app.job_of(result.child_runs[0])
    assert (job.status, job.result) == ("canceled", None)
    assert (await app.events())[-1] == "job.canceled"
    shown = await app.show(result)
    states = [(child.status, child.code) for child in shown.child_runs]
    assert states == [("error", "CANCELED"), ("queued", None)]
    assert not shown.success


async def test_progress_reaches_the_job_of_the_attempt_that_holds_it(app: Harness) -> None:
    result = await app.execute(app.bundle(say(1)))
    zombie = await begin(app, result.child_runs[0].job_id)
    holder = await begin(app, result.child_runs[0].job_id)

    await engine(app).report_progress(holder, 0.5, "half")
    await engine(app).report_progress(zombie, 0.9, "nearly")

    job = await app.job_of(result.child_runs[0])
    assert (job.progress, job.progress_message) == (0.5, "half")
