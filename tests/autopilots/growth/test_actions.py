"""Tests of the growth actions: planned, applied, verified, taken back."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from typing_extensions import override

from jobforge.autopilots.growth import EXPERIMENT_RUN, PUBLISH_CONTENT
from jobforge.autopilots.growth.experiment_run import assign, define
from jobforge.core.catalog import AnyJobType
from jobforge.core.context import HttpRequest, HttpResponse
from jobforge.core.errors import (
    Conflict,
    DatasetMissing,
    HandlerFailed,
    PathDenied,
    PayloadInvalid,
    PlanStale,
)
from jobforge.core.job_type import ActionSteps
from jobforge.testing.context import MemoryContext
from jobforge.testing.targets import MemoryWorkspace

ACTIONS = [EXPERIMENT_RUN, PUBLISH_CONTENT]
RUN: dict[str, Any] = dict(EXPERIMENT_RUN.examples[0])
PUBLISH: dict[str, Any] = dict(PUBLISH_CONTENT.examples[0])


def steps(job_type: AnyJobType) -> ActionSteps[Any, Any]:
    assert job_type.action is not None
    return job_type.action


@pytest.mark.parametrize("job_type", ACTIONS)
async def test_a_plan_writes_nothing(job_type: AnyJobType) -> None:
    context = MemoryContext()
    payload = job_type.parse_payload(job_type.examples[0])

    effects = await steps(job_type).plan(payload, context)

    assert [effect.change for effect in effects] == ["create"]
    assert context.workspace.files == {}


@pytest.mark.parametrize("job_type", ACTIONS)
async def test_what_was_planned_is_applied_verified_and_undone(job_type: AnyJobType) -> None:
    context = MemoryContext()
    payload = job_type.parse_payload(job_type.examples[0])
    action = steps(job_type)
    effects = await action.plan(payload, context)

    await action.apply(payload, effects, context)
    await action.apply(payload, effects, context)
    await action.verify(payload, effects, context)

    assert effects[0].target in context.workspace.files
    assert action.undo is not None
    await action.undo(payload, effects, context)
    await action.undo(payload, effects, context)
    assert effects[0].target not in context.workspace.files


@pytest.mark.parametrize("job_type", ACTIONS)
async def test_a_plan_without_effects_never_passes_for_done(job_type: AnyJobType) -> None:
    payload = job_type.parse_payload(job_type.examples[0])

    with pytest.raises(PlanStale, match="nothing was planned"):
        await steps(job_type).apply(payload, (), MemoryContext())


async def test_the_first_experiment_needs_no_folder() -> None:
    context = MemoryContext()
    context.workspace = FolderlessWorkspace()
    payload = EXPERIMENT_RUN.parse_payload(RUN)

    effects = await steps(EXPERIMENT_RUN).plan(payload, context)

    assert [effect.change for effect in effects] == ["create"]


class FolderlessWorkspace(MemoryWorkspace):
    """A tenant's folder on disk answers for a folder that is not there as this does."""

    @override
    async def list(self, path: str, *, suffixes: Sequence[str] = ()) -> tuple[str, ...]:
        raise DatasetMissing(f"no folder {path}")


async def test_an_update_comes_back_from_its_pre_image() -> None:
    context = MemoryContext()
    context.workspace.files["site/posts/roses.md"] = b"old"
    payload = PUBLISH_CONTENT.parse_payload(PUBLISH)
    action = steps(PUBLISH_CONTENT)
    effects = await action.plan(payload, context)
    assert effects[0].change == "update"
    assert "-old" in effects[0].diff

    await action.apply(payload, effects, context)
    assert action.undo is not None
    await action.undo(payload, effects, context)

    assert context.workspace.files["site/posts/roses.md"] == b"old"


async def test_a_world_that_moved_on_stops_the_action() -> None:
    context = MemoryContext()
    payload = PUBLISH_CONTENT.parse_payload(PUBLISH)
    action = steps(PUBLISH_CONTENT)
    effects = await action.plan(payload, context)
    context.workspace.files["site/posts/roses.md"] = b"somebody else's"

    with pytest.raises(PlanStale):
        await action.apply(payload, effects, context)
    with pytest.raises(HandlerFailed):
        await action.verify(payload, effects, context)

    assert context.workspace.files["site/posts/roses.md"] == b"somebody else's"


@pytest.mark.parametrize("destination", ["../other/x.md", "/etc/x.md"])
async def test_a_destination_outside_the_folder_is_denied(destination: str) -> None:
    payload = PUBLISH_CONTENT.parse_payload({**PUBLISH, "destination": destination})

    with pytest.raises(PathDenied):
        await steps(PUBLISH_CONTENT).plan(payload, MemoryContext())


async def test_an_endpoint_is_put_to_read_again_and_deleted() -> None:
    url = "https://cms.example/posts/7"
    context = MemoryContext()
    stored: dict[str, bytes] = {}

    def answer(request: HttpRequest) -> HttpResponse:
        if request.method == "PUT":
            stored[url] = request.body or b""
        if request.method == "DELETE":
            del stored[url]
        status = 200 if url in stored or request.method == "DELETE" else 404
        context.http.add("https://template.example", stored.get(url, b""), status=status)
        template = context.http.answers["https://template.example"]
        assert isinstance(template, HttpResponse)
        return template

    context.http.answers[url] = answer
    payload = PUBLISH_CONTENT.parse_payload({**PUBLISH, "destination": url})
    action = steps(PUBLISH_CONTENT)
    effects = await action.plan(payload, context)
    assert stored == {}

    await action.apply(payload, effects, context)
    await action.verify(payload, effects, context)

    assert json.loads(stored[url])["draft_id"] == "draft-7"
    assert action.undo is not None
    await action.undo(payload, effects, context)
    assert stored == {}


class Resource:
    """An endpoint with one document, whose ETag is its revision."""

    def __init__(self, context: MemoryContext, url: str) -> None:
        self.requests: list[HttpRequest] = []
        self.body: bytes | None = None
        self.revision = 0
        self.before_change: Callable[[], None] = lambda: None
        context.http.answers[url] = self.answer

    def answer(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        status = 200 if self.body is not None else 404
        if request.method != "GET":
            self.before_change()
            status = 412 if not self.is_met(dict(request.headers)) else 200
            if status == 200:
                self.set(request.body if request.method == "PUT" else None)
        return HttpResponse(
            url=request.url,
            status=status,
            headers=(("ETag", f'"{self.revision}"'),),
            body=self.body or b"",
            elapsed=timedelta(),
        )

    def is_met(self, conditions: dict[str, str]) -> bool:
        if "if-none-match" in conditions:
            return self.body is None
        return conditions.get("if-match") in (None, f'"{self.revision}"')

    def set(self, body: bytes | None) -> None:
        self.body = body
        self.revision += 1


@pytest.mark.parametrize("job_type", ACTIONS)
async def test_every_request_of_an_action_names_its_connection(job_type: AnyJobType) -> None:
    context = MemoryContext()
    url = "https://cms.example/posts/7"
    resource = Resource(context, url)
    payload = job_type.parse_payload(
        {**job_type.examples[0], "destination": url, "connection": "cms"}
    )
    action = steps(job_type)
    effects = await action.plan(payload, context)

    await action.apply(payload, effects, context)
    await action.verify(payload, effects, context)
    assert action.undo is not None
    await action.undo(payload, effects, context)

    assert {request.connection for request in resource.requests} == {"cms"}
    assert [r.method for r in resource.requests if r.method != "GET"] == ["PUT", "DELETE"]
    assert resource.body is None


@pytest.mark.parametrize("before", [None, b"an older one"])
async def test_a_change_between_looking_and_writing_is_not_overwritten(
    before: bytes | None,
) -> None:
    context = MemoryContext()
    url = "https://cms.example/posts/7"
    resource = Resource(context, url)
    resource.set(before)
    payload = PUBLISH_CONTENT.parse_payload({**PUBLISH, "destination": url})
    action = steps(PUBLISH_CONTENT)
    effects = await action.plan(payload, context)
    resource.before_change = lambda: resource.set(b"somebody else's")

    with pytest.raises(PlanStale, match="a moment ago"):
        await action.apply(payload, effects, context)

    assert resource.body == b"somebody else's"


@pytest.mark.parametrize("job_type", ACTIONS)
def test_a_connection_is_for_a_url(job_type: AnyJobType) -> None:
    with pytest.raises(PayloadInvalid, match="destination that is a URL"):
        job_type.parse_payload({**job_type.examples[0], "connection": "cms"})


async def test_a_second_experiment_on_the_same_step_is_a_conflict() -> None:
    context = MemoryContext()
    action = steps(EXPERIMENT_RUN)
    first = EXPERIMENT_RUN.parse_payload(RUN)
    await action.apply(first, await action.plan(first, context), context)
    second = EXPERIMENT_RUN.parse_payload({**RUN, "proposal_id": "another"})

    with pytest.raises(Conflict, match="same step"):
        await action.plan(second, context)


async def test_an_experiment_that_ended_assigns_nobody_and_frees_its_step() -> None:
    context = MemoryContext()
    action = steps(EXPERIMENT_RUN)
    first = EXPERIMENT_RUN.parse_payload(RUN)
    await action.apply(first, await action.plan(first, context), context)
    ended = EXPERIMENT_RUN.parse_payload({**RUN, "status": "ended"})

    await action.apply(ended, await action.plan(ended, context), context)

    definition = json.loads(context.workspace.files["experiments/shorter-form.json"])
    assert {assign(f"user{n}", definition) for n in range(100)} == {None}
    second = EXPERIMENT_RUN.parse_payload({**RUN, "proposal_id": "another"})
    assert len(await action.plan(second, context)) == 1


async def test_what_runs_already_needs_nothing() -> None:
    context = MemoryContext()
    action = steps(EXPERIMENT_RUN)
    payload = EXPERIMENT_RUN.parse_payload(RUN)
    await action.apply(payload, await action.plan(payload, context), context)

    effects = await action.plan(payload, context)

    assert effects == ()
    assert (await action.apply(payload, effects, context)).started is False


def test_users_are_split_as_defined_and_stay_where_they_are() -> None:
    payload = EXPERIMENT_RUN.parse_payload({**RUN, "variants": [
        {"name": "control", "weight": 1}, {"name": "shorter", "weight": 3}]})  # fmt: skip
    definition = define(payload)

    found = [assign(f"user{n}", definition) for n in range(20_000)]

    assert found == [assign(f"user{n}", definition) for n in range(20_000)]
    assert found.count(None) / 20_000 == pytest.approx(0.5, abs=0.02)
    assert found.count("shorter") / found.count("control") == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize(
    "change",
    [{"variants": [{"name": "only"}]}, {"variants": [{"name": "a"}, {"name": "a"}]},
     {"traffic_allocation": 0}, {"hypothesis": ""}],
)  # fmt: skip
def test_one_variant_is_no_experiment(change: dict[str, Any]) -> None:
    with pytest.raises(PayloadInvalid):
        EXPERIMENT_RUN.parse_payload({**RUN, **change})


def test_a_policy_token_never_shows() -> None:
    payload = EXPERIMENT_RUN.parse_payload({**RUN, "policy_token": "secret-token"})

    assert "secret-token" not in repr(payload)
