"""Repeated writes, ETags, rates and limits: what holds for every route."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator

from tests.application import look, say
from tests.entrypoints.http.api import Api, body_of

from jobforge.core.actor import Role
from jobforge.entrypoints.http.app import create_app
from jobforge.entrypoints.http.guards import MAX_BODY_BYTES
from jobforge.entrypoints.http.rate_limits import RateLimiter

ONCE = {"Idempotency-Key": "once"}


async def test_the_same_key_and_body_get_the_same_answer_and_one_effect(api: Api) -> None:
    client = await api.as_(Role.operator)
    raw = api.harness.bundle(look())

    first = await client.post("/v1/bundles/plan", content=raw, headers=ONCE)
    second = await client.post("/v1/bundles/plan", content=raw, headers=ONCE)

    assert second.content == first.content
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["location"] == first.headers["location"]
    assert await api.harness.count("bundle_runs") == 1


async def test_a_key_used_for_something_else_is_422(api: Api) -> None:
    client = await api.as_(Role.operator)
    await client.post("/v1/bundles/plan", content=api.harness.bundle(look(1)), headers=ONCE)

    other = await client.post("/v1/bundles/plan", content=api.harness.bundle(look(2)), headers=ONCE)
    elsewhere = await client.post(
        "/v1/bundles/execute", content=api.harness.bundle(look(1)), headers=ONCE
    )

    assert (other.status_code, body_of(other)["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert elsewhere.status_code == 422


async def test_keys_are_each_persons_and_each_tenants_own(api: Api) -> None:
    raw = api.harness.bundle(look())
    ada = await api.as_(Role.operator, owner="ada")
    bob = await api.as_(Role.operator, owner="bob")

    first = await ada.post("/v1/bundles/plan", content=raw, headers=ONCE)
    second = await bob.post("/v1/bundles/plan", content=raw, headers=ONCE)

    assert first.status_code == second.status_code == 200
    assert "idempotency-replayed" not in second.headers


async def test_two_at_once_have_one_effect_and_the_other_is_409_or_the_same(api: Api) -> None:
    client = await api.as_(Role.operator)
    raw = api.harness.bundle(say())

    answers = await asyncio.gather(
        *(client.post("/v1/bundles/execute", content=raw, headers=ONCE) for _ in range(8))
    )

    assert {answer.status_code for answer in answers} <= {202, 409}
    assert await api.harness.count("bundle_runs") == 1
    assert len({a.content for a in answers if a.status_code == 202}) == 1


async def test_the_answer_is_kept_sealed(api: Api) -> None:
    client = await api.as_(Role.operator)
    answer = await client.post("/v1/bundles/plan", content=api.harness.bundle(look()), headers=ONCE)

    (row,) = await api.harness.rows("SELECT answer FROM jobforge.http_answers")

    assert body_of(answer)["plan_digest"].encode() not in bytes(row["answer"])


async def test_an_unchanged_run_is_304(api: Api) -> None:
    client = await api.as_(Role.operator)
    planned = await client.post("/v1/bundles/execute", content=api.harness.bundle(say()))
    path = planned.headers["location"]

    first = await client.get(path)
    same = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
    await api.harness.work()
    later = await client.get(path, headers={"If-None-Match": first.headers["etag"]})

    assert (same.status_code, same.content) == (304, b"")
    assert later.status_code == 200
    assert later.headers["etag"] != first.headers["etag"]


async def test_whoever_asks_too_often_is_told_when_to_come_again(api: Api) -> None:
    clock = [0.0]
    api.app.state.rate_limiter = RateLimiter(2, lambda: clock[0])
    ada, bob = await api.as_(Role.viewer), await api.as_(Role.viewer, owner="bob")

    answers = [await ada.get("/v1/jobs") for _ in range(3)]
    others = await bob.get("/v1/jobs")
    clock[0] = 31.0
    later = await ada.get("/v1/jobs")

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["ratelimit"] == '"person";r=1;t=0'
    assert answers[2].headers["retry-after"] == "30"
    assert body_of(answers[2])["code"] == "RATE_LIMITED"
    assert (others.status_code, later.status_code) == (200, 200)


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(api: Api) -> None:
    client = await api.as_(Role.operator)
    pulled = []

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 1_000_000 + 3):
            pulled.append(1)
            yield b" " * 1_000_000

    announced = await client.post("/v1/bundles/plan", content=b" " * (MAX_BODY_BYTES + 1))
    streamed = await client.post("/v1/bundles/plan", content=endless())

    assert (announced.status_code, body_of(announced)["code"]) == (413, "TOO_LARGE")
    assert (streamed.status_code, body_of(streamed)["code"]) == (413, "TOO_LARGE")
    assert await api.harness.count("bundle_runs") == 0


async def test_an_encoded_body_is_never_decoded(api: Api) -> None:
    client = await api.as_(Role.operator)
    bomb = gzip.compress(b" " * 50_000_000)

    for encoding in ("gzip", "deflate", "br", "GZIP"):
        answer = await client.post(
            "/v1/bundles/plan", content=bomb, headers={"Content-Encoding": encoding}
        )
        assert (answer.status_code, body_of(answer)["code"]) == (415, "ENCODING_UNSUPPORTED")


async def test_every_answer_says_nosniff(api: Api) -> None:
    client = await api.as_(Role.viewer)

    for path in ("/v1/jobs", "/v1/nowhere", "/v1/health", "/openapi.json"):
        answer = await client.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff", path


async def test_what_no_route_knows_is_a_problem_too(api: Api) -> None:
    client = await api.as_(Role.viewer)

    nowhere = await client.get("/v1/nowhere")
    wrong = await client.delete("/v1/runs")

    assert (nowhere.status_code, body_of(nowhere)["code"]) == (404, "NOT_FOUND")
    assert (wrong.status_code, body_of(wrong)["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert nowhere.headers["content-type"] == "application/problem+json"


async def test_each_app_counts_for_itself(api: Api) -> None:
    assert create_app(api.harness.app).state.rate_limiter is not api.app.state.rate_limiter
