"""Both clients against a server that misbehaves: what is tried again, what an answer becomes."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from dataclasses import dataclass, field
from uuid import UUID

import httpx
import pytest

from jobforge import sdk
from jobforge.entrypoints.http.problems import STATUSES
from jobforge.sdk import async_client, client
from jobforge.sdk.errors import to_error

JOB = UUID(int=7)
CHANGED = {"id": str(JOB), "status": "canceled", "since": "a newer server"}
Step = httpx.Response | Exception


@dataclass
class Server:
    """Answers in this order, and remembers what it was asked and how long the client slept."""

    steps: list[Step]
    asked: list[httpx.Request] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def cancel(self) -> sdk.JobChanged:
        transport = httpx.MockTransport(self)
        with sdk.Client("http://api", "k", transport=transport, sleep=self.slept.append) as one:
            return one.jobs.cancel(JOB)

    async def cancel_async(self) -> sdk.JobChanged:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        transport = httpx.MockTransport(self)
        async with sdk.AsyncClient("http://api", "k", transport=transport, sleep=sleep) as one:
            return await one.jobs.cancel(JOB)


def problem(status: int, code: str, **more: str) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "detail": "because", **more})


def faults() -> list[Step]:
    return [
        problem(503, "UNAVAILABLE"),
        httpx.ConnectError("refused"),
        problem(409, "IDEMPOTENCY_KEY_IN_FLIGHT"),
        problem(429, "RATE_LIMITED"),
        httpx.Response(200, json=CHANGED),
    ]


async def test_what_another_try_can_mend_is_tried_again_under_the_same_key() -> None:
    server, other = Server(faults()), Server(faults())

    answers = (server.cancel(), await other.cancel_async())

    for one in (server, other):
        keys = {request.headers["Idempotency-Key"] for request in one.asked}
        assert (len(one.asked), len(keys), len(one.slept)) == (5, 1, 4)
        assert {request.headers["Authorization"] for request in one.asked} == {"Bearer k"}
    assert [answer.status for answer in answers] == ["canceled", "canceled"]
    assert server.asked[0].headers["Idempotency-Key"] != other.asked[0].headers["Idempotency-Key"]


def test_a_server_that_says_when_is_not_asked_before() -> None:
    later = httpx.Response(429, json={"code": "RATE_LIMITED"}, headers={"Retry-After": "7"})
    server = Server([later, httpx.Response(200, json=CHANGED)])

    server.cancel()

    assert server.slept == [7.0]


async def test_what_no_other_try_can_mend_is_an_error_at_once() -> None:
    for status, kind in ((404, sdk.NotFound), (403, sdk.NotPermitted), (422, sdk.Invalid)):
        server = Server([problem(status, "SOME_CODE", hint="do that", pointer="/a")])

        with pytest.raises(kind) as raised:
            await server.cancel_async()

        assert raised.value.problem_code == "SOME_CODE"
        assert str(raised.value) == "SOME_CODE at /a: because (try: do that)"
        assert server.slept == []


def test_patience_ends_with_the_last_answer_or_with_none() -> None:
    silent = Server([httpx.ConnectError("refused") for _ in range(5)])
    failing = Server([problem(503, "UNAVAILABLE") for _ in range(5)])

    with pytest.raises(sdk.Unreachable, match="api did not answer"):
        silent.cancel()
    with pytest.raises(sdk.ServerFault, match="UNAVAILABLE"):
        failing.cancel()

    assert (len(silent.asked), len(failing.asked)) == (5, 5)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"\xff", b"[]"])
def test_an_answer_of_something_else_is_no_answer(body: bytes) -> None:
    with pytest.raises(sdk.Unreachable, match="not as JobForge does"):
        Server([httpx.Response(200, content=body)]).cancel()
    with pytest.raises(sdk.Invalid, match="the server answered 400"):
        Server([httpx.Response(400, content=body)]).cancel()


def test_every_status_of_the_server_has_a_class_of_its_own() -> None:
    for status in STATUSES.values():
        assert type(to_error(status, {})) is not sdk.ApiError
    assert type(to_error(409, {"code": "PLAN_STALE"})) is sdk.PlanStale
    assert type(to_error(403, {"code": "FOUR_EYES"})) is sdk.FourEyes


def test_a_list_is_read_page_by_page_as_it_is_asked_for() -> None:
    item = json.loads(_JOB_ITEM)
    pages = [{"items": [item, item], "next": "c1"}, {"items": [item], "next": None}]
    server = Server([httpx.Response(200, json=page) for page in pages])

    with sdk.Client("http://api", "k", transport=httpx.MockTransport(server)) as one:
        jobs = one.jobs.list(job_type="a.b", status="error")
        assert next(jobs).id == JOB
        assert len(server.asked) == 1
        assert len(list(jobs)) == 2

    assert dict(server.asked[0].url.params) == {"type": "a.b", "status": "error"}
    assert server.asked[1].url.params["cursor"] == "c1"
    assert "Idempotency-Key" not in server.asked[0].headers


def test_both_clients_offer_the_same() -> None:
    def offered(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(method).parameters)
            for name, method in vars(kind).items()
            if callable(method) and not name.startswith("_")
        }

    for name in ("Client", "Run", "Bundles", "Runs", "Jobs"):
        assert offered(getattr(client, name)) == offered(getattr(async_client, f"Async{name}"))


def test_it_needs_no_more_than_httpx_and_pydantic() -> None:
    script = "import jobforge.sdk, sys; print(*sorted({n.partition('.')[0] for n in sys.modules}))"
    said = subprocess.run(  # noqa: S603 (this very interpreter)
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()

    foreign = {name for name in said if not name.startswith("_")} - set(sys.stdlib_module_names)
    assert foreign <= _ALLOWED | {"jobforge"}


_ALLOWED = {
    *("httpx", "httpcore", "h11", "h2", "hpack", "hyperframe", "anyio", "certifi", "idna"),
    *("sniffio", "pydantic", "pydantic_core", "annotated_types", "typing_extensions"),
    *("typing_inspection", "zstandard", "brotli", "socksio", "click", "rich", "pygments"),
    *("sitecustomize", "usercustomize", "distutils", "setuptools"),
}
"""The two and what they bring along, or take where it is there."""

_JOB_ITEM = json.dumps(
    {
        "id": str(JOB), "project_id": None, "run_id": str(JOB), "request_id": "r",
        "job_type": "a.b",
        "status": "error", "attempt": 1, "max_attempts": 3, "actor": "ada", "progress": 0,
        "created_at": "2026-03-01T08:00:00Z", "started_at": None, "finished_at": None,
        "error": {"code": "X"},
    }
)  # fmt: skip
