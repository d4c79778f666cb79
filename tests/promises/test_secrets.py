"""Promise 8: a secret that came in by any way is nowhere to be found afterwards."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.adapters.http.site import Site
from tests.application import OPERATOR, SECRET, Harness, Text, change, make_type, open_harness, say

from jobforge.adapters.logging import configure_logging
from jobforge.contract.errors import JobForgeError
from jobforge.core.context import HttpRequest
from jobforge.core.errors import HandlerFailed, InvalidInput

if TYPE_CHECKING:
    from jobforge.adapters.postgres.access import DatabaseAccess
    from jobforge.core.context import JobContext

CANARY = "sk-jobforge-canary4f9a1c77d2e8b0"
"""Of the form of a key that leaked into a genuine bundle."""

PASSWORD = "canary-word-7731"  # noqa: S105 (what must not be found)


async def betray(_: Text, context: JobContext) -> Text:
    context.log("job.speaks", key=CANARY, url=f"postgresql://app:{PASSWORD}@db.example.com/x")
    await context.progress(0.5, f"connecting with {CANARY}")
    raise HandlerFailed(
        f"cannot connect to postgresql://app:{PASSWORD}@db.example.com with {CANARY}"
    )


async def burst(_: Text, __: JobContext) -> Text:
    raise RuntimeError(f"401 for Authorization: Bearer {CANARY}")


async def log_in(payload: Text, context: JobContext) -> Text:
    await context.http.fetch(HttpRequest(url=payload.text, connection="cms"))
    return payload


_TYPES = [
    make_type("betray", betray, max_attempts=2),
    make_type("burst", burst, max_attempts=1),
    make_type("log-in", log_in, max_attempts=1),
]


@pytest.fixture
async def app(
    database_access: DatabaseAccess,
    tmp_path: Path,
    clean_environment: None,  # noqa: ARG001 (asked for its effect)
) -> AsyncIterator[Harness]:
    async with open_harness(
        database_access, tmp_path, job_types=_TYPES, egress_allow="127.0.0.1"
    ) as harness:
        yield harness


async def dump(app: Harness) -> str:
    """Every value of every table, bytes as text too."""
    found = []
    async with app.owner() as owner:
        for table in await owner.fetch(
            "SELECT schemaname || '.' || tablename AS name FROM pg_tables "
            "WHERE schemaname IN ('jobforge', 'pgqueuer')"
        ):
            for row in await owner.fetch(f"SELECT * FROM {table['name']}"):  # noqa: S608 (a name of the catalogue)
                for value in row.values():
                    is_bytes = isinstance(value, bytes)
                    found.append(value.decode("latin-1") if is_bytes else str(value))
    return "\n".join(found)


async def assert_nowhere(app: Harness, said: str) -> None:
    everything = await dump(app)
    assert len(everything) > 2_000
    files = [p for p in app.app.home.rglob("*") if p.is_file()]
    written = "\n".join(p.read_bytes().decode("latin-1") for p in files)
    for place, text in (("database", everything), ("files", written), ("output", said)):
        for secret in (CANARY, PASSWORD, SECRET):
            assert secret not in text, (place, text[max(0, text.find(secret) - 200) :][:400])


async def test_a_secret_in_a_payload_an_error_a_log_or_progress_is_nowhere(
    app: Harness,
) -> None:
    logged = io.StringIO()
    configure_logging(stream=logged)
    text = f"please use {CANARY} or postgresql://app:{PASSWORD}@db.example.com/x"

    result = await app.run(
        say(1, text),
        say(2, text, job_type="autopilot.ops.betray"),
        say(3, text, job_type="autopilot.ops.burst"),
        say(4, text, job_type="autopilot.ops.invented"),
        say(5, payload={"text": text, "password": PASSWORD}),
        say(6, payload={"text": 1, "api_key": CANARY}),
    )

    statuses = [child.status for child in result.child_runs]
    assert statuses == ["executed", "error", "error", "denied", "denied", "denied"]
    answers = ""
    for child in result.child_runs:
        if child.job_id is not None:
            answers += (await app.app.show_job.answer(child.job_id, app.tenant)).model_dump_json()
    assert "[masked]" in answers
    assert "job.speaks" in logged.getvalue()
    await assert_nowhere(app, result.model_dump_json() + answers + logged.getvalue())


@pytest.mark.parametrize(
    "changes",
    [
        {"id": CANARY},
        {"idempotency_key": f"key {CANARY}"},
        {"job_type": f"autopilot.{CANARY}"},
        {"required_scopes": [CANARY]},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_a_secret_in_a_name_of_a_request_refuses_the_bundle_and_is_nowhere(
    app: Harness, changes: dict[str, Any]
) -> None:
    logged = io.StringIO()
    configure_logging(stream=logged)

    result = await app.execute(app.bundle(say(1), say(2, **changes)))

    assert result.manifest.error is not None
    assert result.manifest.error["code"] == "BUNDLE_INVALID"
    assert result.manifest.error["pointer"].startswith("/requests/1")
    for text in (result.model_dump_json(), logged.getvalue(), await dump(app)):
        assert CANARY not in text


@pytest.mark.parametrize("name", ["bundle_id", "trace_id"])
async def test_a_secret_in_a_name_of_a_bundle_refuses_it_and_is_nowhere(
    app: Harness, name: str
) -> None:
    changes: dict[str, Any] = {name: CANARY}

    planned = await app.plan(app.bundle(say(1), **changes))

    assert planned.manifest.error is not None
    assert planned.manifest.error["pointer"] == f"/{name}"
    assert CANARY not in planned.model_dump_json() + await dump(app)


async def test_a_secret_in_the_name_of_a_thing_is_refused_and_not_repeated(app: Harness) -> None:
    csv = app.folder / "rows.csv"
    csv.write_text("a\n1\n")
    attempts = [
        app.app.datasets.add(CANARY, csv, app.tenant, None, OPERATOR),
        app.app.connections.add(CANARY, "http", {"url": "u"}, app.tenant, OPERATOR),
        app.app.create_tenant(CANARY, OPERATOR, slug="t"),
        app.app.create_tenant("T", OPERATOR, slug="t", aliases=[CANARY]),
        app.app.create_project(CANARY, app.tenant, OPERATOR, slug="p"),
    ]

    for attempt in attempts:
        with pytest.raises(InvalidInput) as refused:
            await attempt
        assert CANARY not in str(refused.value)
    assert CANARY not in await dump(app)


async def test_credentials_and_tokens_are_stored_sealed_or_as_hashes_only(app: Harness) -> None:
    logged = io.StringIO()
    configure_logging(stream=logged)
    url = f"postgresql://app:{PASSWORD}@127.0.0.1:1/{CANARY}"
    await app.app.connections.add("db", "postgres", {"url": url}, app.tenant, OPERATOR)
    with pytest.raises(JobForgeError) as refused:
        await app.app.connections.test("db", app.tenant, OPERATOR)
    raw = app.bundle(change(1))
    issued = await app.issue(raw)
    await app.execute(raw, token=issued.token)
    again = await app.execute(
        app.bundle(change(1, payload=change(1)["payload"] | {"policy_token": issued.token}))
    )
    await app.work()

    said = f"{refused.value}{again.model_dump_json()}{logged.getvalue()}"
    assert issued.token not in said + await dump(app)
    await assert_nowhere(app, said)


async def test_an_action_logs_in_by_its_connection_and_never_knows_how(app: Harness) -> None:
    logged = io.StringIO()
    configure_logging(stream=logged)
    async with Site().serving() as site:
        base = f"http://127.0.0.1:{site.port}/posts/"
        await app.app.connections.add(
            "cms", "http", {"url": base, "token": PASSWORD}, app.tenant, OPERATOR
        )
        content = '---\n{\n  "title": "Roses"\n}\n---\n\n# Roses\n'
        seen: list[str] = []

        def look_again() -> None:
            """What was put is there from now on; the server repeats what it was sent."""
            seen[:] = [r for r in site.requests if r.startswith("PUT")]
            site.answer("/posts/7.md", f"X-Echo: Bearer {PASSWORD}", body=content.encode())

        site.on_put = look_again
        request = say(
            1,
            job_type="autopilot.growth.publish_content",
            payload={
                "draft_id": "7",
                "content_type": "blog_post",
                "destination": f"{base}7.md",
                "content": "# Roses",
                "seo_metadata": {"title": "Roses"},
                "connection": "cms",
            },
        )
        issued = await app.issue(app.bundle(request))
        result = await app.run(request, token=issued.token)

    assert [child.status for child in result.child_runs] == ["executed"], result.child_runs[0]
    assert len(seen) == 1
    assert all(f"authorization: Bearer {PASSWORD}" in sent for sent in site.requests)
    assert seen[0].endswith(content)
    job_id = result.child_runs[0].job_id
    assert job_id is not None
    answer = await app.app.show_job.answer(job_id, app.tenant)
    await assert_nowhere(
        app, result.model_dump_json() + answer.model_dump_json() + logged.getvalue()
    )


async def test_trying_a_connection_logs_in_and_tells_the_status_alone(app: Harness) -> None:
    async with Site().serving() as site:
        site.answer("/api", status="403 Forbidden", body=PASSWORD.encode())
        url = f"http://127.0.0.1:{site.port}/api"
        settings = {"url": url, "headers": {"X-Key": PASSWORD}}
        await app.app.connections.add("cms", "http", settings, app.tenant, OPERATOR)

        said = await app.app.connections.test("cms", app.tenant, OPERATOR)

    assert said == f"{url} answers with 403"
    assert f"x-key: {PASSWORD}" in site.requests[0]


async def test_another_tenants_connection_is_not_there(app: Harness) -> None:
    other = await app.new_tenant("other")
    await app.app.connections.add(
        "cms", "http", {"url": "https://cms.example", "token": PASSWORD}, other, OPERATOR
    )

    result = await app.run(say(1, "https://cms.example/", job_type="autopilot.ops.log-in"))

    assert result.child_runs[0].error is not None
    assert result.child_runs[0].error["code"] == "CONNECTION_MISSING"


async def test_an_action_does_not_write_a_mask_into_the_world(app: Harness) -> None:
    raw = app.bundle(change(1, payload={"target": "f.txt", "value": f"key = {CANARY}"}))

    result = await app.plan(raw)

    assert [child.code for child in result.child_runs] == ["PAYLOAD_INVALID"]
    assert result.child_runs[0].error is not None
    assert result.child_runs[0].error["hint"] == "name a connection instead"
    assert CANARY not in result.model_dump_json() + await dump(app)
