"""Modules: only what an operator registered runs, walled in, and what it asks for is gated."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.application import OPERATOR, Harness, change, look, say
from tests.autopilots.jobforge.module import SPLIT
from tests.promises.test_secrets import CANARY, dump

from jobforge.autopilots.jobforge import RUN_MODULE_CLI
from jobforge.contract.manifest import RunManifest
from jobforge.core.errors import AlreadyExists, Denied, InvalidInput, Missing
from jobforge.core.single_request import to_bundle
from jobforge.core.starting import MODULE_RUNNER
from jobforge.steps.intake import Submission
from jobforge.use_cases.keep_modules import ModuleWish

if TYPE_CHECKING:
    from jobforge.ports.jobs import JobRecord

SCRIPT = str(Path(__file__).with_name("module.py"))
WORDS = (sys.executable, "-I", SCRIPT, "{inputs}", "{output}")


async def register(app: Harness, *more: str, **changes: Any) -> None:  # noqa: ANN401 (any field)
    wish = ModuleWish("analyse", (*WORDS, *more))
    await app.app.modules.add(replace(wish, **changes), app.tenant, OPERATOR)


async def run(app: Harness, inputs: dict[str, Any], mode: str = "execute") -> JobRecord:
    """Run the module with these inputs, to its job's end."""
    payload = {"command": "analyse", "inputs": inputs, "mode": mode}
    key = f"run-{await app.count('jobs')}"
    bundle = to_bundle(MODULE_RUNNER, payload, tenant="acme", key=key)
    result = await app.app.submit_bundle.translated(
        bundle, Submission(app.tenant, OPERATOR, "execute")
    )
    assert result.child_runs, result.manifest.error
    await app.work()
    return await app.job_of(result.child_runs[0])


def files(bundle: bytes | None = None, report: dict[str, Any] | None = None) -> dict[str, Any]:
    found = {}
    if bundle is not None:
        found["request-bundle.json"] = bundle.decode()
    if report is not None:
        found["report.json"] = json.dumps(report)
    return {"files": found}


def report(app: Harness, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 (any field)
    return {
        "schema_version": "1.0.0",
        "report_id": "report-1",
        "tenant_id": str(app.tenant.tenant_id),
        "project_id": str(app.tenant.tenant_id),
        "trace_id": "trace-1",
        "module_id": "ops",
        "report_type": "ops.health_assessment",
        "created_at": "2026-03-01T08:00:00Z",
    } | changes


def result_of(job: JobRecord) -> dict[str, Any]:
    assert job.result is not None, job.error
    result: dict[str, Any] = json.loads(job.result)
    return result


def error_of(job: JobRecord) -> str:
    assert job.error is not None
    return str(json.loads(job.error)["message"])


async def pipeline_of(app: Harness, job: JobRecord) -> RunManifest:
    """The pipeline manifest that the job left."""
    assert job.manifest is not None
    outputs = RunManifest.model_validate_json(job.manifest).outputs
    (output,) = [o for o in outputs if o.name == "pipeline-manifest.json"]
    found = await app.app.resolve_ref(output.ref, app.tenant)
    return RunManifest.model_validate_json(found.content)


async def test_a_modules_bundle_and_report_come_in_by_the_normal_way(app: Harness) -> None:
    await register(app)

    job = await run(app, files(app.bundle(say(1)), report(app)))

    result = result_of(job)
    assert result["report"]["report_type"] == "ops.health_assessment"
    assert result["summary"]["queued"] == 1
    echoed = await app.rows("SELECT status FROM jobforge.jobs WHERE job_type LIKE '%echo'")
    assert [row["status"] for row in echoed] == ["executed"]
    pipeline = await pipeline_of(app, job)
    assert pipeline.status == "complete"
    assert [o.name for o in pipeline.outputs] == ["report.json", "request-bundle.json"]
    for ref in (pipeline.logs_ref, pipeline.inputs_snapshot_ref):
        assert ref is not None
        assert (await app.app.resolve_ref(ref, app.tenant)).content is not None
    for output in pipeline.outputs:
        found = await app.app.resolve_ref(output.ref, app.tenant)
        assert len(found.content) == output.size


async def test_a_dry_run_plans_the_modules_bundle_and_queues_nothing(app: Harness) -> None:
    await register(app)

    job = await run(app, files(app.bundle(say(1))), mode="dry_run")

    assert result_of(job)["summary"]["accepted"] == 1
    assert await app.count("jobs") == 1


async def test_the_same_analysis_twice_is_the_same_work_once(app: Harness) -> None:
    await register(app)

    await run(app, files(app.bundle(say(1))))
    again = await run(app, files(app.bundle(say(1))))

    assert result_of(again)["summary"]["skipped"] == 1


async def log_of(app: Harness, job: JobRecord) -> str:
    """What the module printed."""
    manifest = RunManifest.model_validate_json(job.manifest or "")
    (log,) = [o for o in manifest.outputs if o.name == "module-output.txt"]
    return (await app.app.resolve_ref(log.ref, app.tenant)).content.decode()


async def test_a_module_gets_no_shell_no_input_and_a_folder_that_is_gone_afterwards(
    app: Harness,
) -> None:
    await register(app, "$(id)", "a b; true", "{tenant}", "{trace_id}")

    job = await run(app, files(app.bundle(say(1))) | {"tell": True})

    said = json.loads(await log_of(app, job))
    assert said["words"] == ["$(id)", "a b; true", "acme", job.trace_id]
    assert said["stdin"] == ""
    assert await asyncio.to_thread(Path(said["folder"]).exists) is False


async def test_a_module_gets_the_listed_variables_and_not_one_more(
    app: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODULE_REGION", "eu")
    monkeypatch.setenv("MODULE_SECRET", "not for it")
    await register(app, words=("/usr/bin/env",), variables=("MODULE_REGION", "NOT_SET"))

    job = await run(app, {})

    assert await log_of(app, job) == "MODULE_REGION=eu\n"


@pytest.mark.parametrize(
    ("inputs", "changes", "message"),
    [
        ({"sleep": 60}, {"timeout_seconds": 1}, "time limit"),
        ({"chatter": 5_000, "sleep": 60}, {"max_output_bytes": 1_000}, "output limit"),
        ({"exit": 3, "say": "no such profile"}, {}, "ended with 3: no such profile"),
        ({}, {}, "neither a report nor a bundle"),
    ],
    ids=["time", "output", "exit code", "nothing"],
)
async def test_a_module_that_fails_is_stopped_and_says_why(
    app: Harness, inputs: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    await register(app, **changes)

    job = await run(app, inputs)

    assert job.status == "error"
    assert message in error_of(job)
    pipeline = await pipeline_of(app, job)
    assert pipeline.status == "failed"
    assert pipeline.error is not None


async def test_nothing_that_a_module_started_outlives_it(app: Harness, tmp_path: Path) -> None:
    await register(app, timeout_seconds=2)
    file = tmp_path / "pid"

    await run(app, {"child": str(file), "sleep": 60})

    pid = int(file.read_text())
    async with asyncio.timeout(10):
        while is_alive(pid):  # noqa: ASYNC110 (a process tells nobody that it is gone)
            await asyncio.sleep(0.05)


def is_alive(pid: int) -> bool:
    with suppress(ProcessLookupError, FileNotFoundError):
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return False


async def test_a_link_in_its_output_leads_nowhere(app: Harness, tmp_path: Path) -> None:
    await register(app)
    secret = tmp_path / "secret.json"
    secret.write_text(app.bundle(say(1)).decode())

    job = await run(app, {"links": {"request-bundle.json": str(secret)}})

    assert job.status == "error"
    assert await app.count("jobs") == 1


async def test_a_changed_bundle_or_report_is_refused(app: Harness) -> None:
    await register(app)
    broken = json.loads(app.bundle(say(1))) | {"schema_version": "9.9.9"}

    first = await run(app, files(json.dumps(broken).encode()))
    second = await run(app, files(None, report(app, created_at="yesterday")))

    assert "SCHEMA_VERSION_UNSUPPORTED" in error_of(first)
    assert "BUNDLE_INVALID" in error_of(second)
    assert (first.status, second.status) == ("error", "error")


async def test_what_a_module_asks_for_passes_every_gate(app: Harness) -> None:
    await register(app)
    other = await app.new_tenant("other")
    token = (await app.issue(app.bundle(change(1)))).token
    with_token = change(1, payload=change(1)["payload"] | {"policy_token": token})

    action = await run(app, files(app.bundle(with_token)))
    foreign = await run(app, files(app.bundle(say(2), tenant=other)))
    again = {"command": "analyse", "mode": "execute"}
    nested = await run(app, files(app.bundle(look(3, job_type=MODULE_RUNNER, payload=again))))

    codes = []
    for job in (action, foreign, nested):
        run_id = result_of(job)["bundle_run_id"]
        (row,) = await app.rows(
            "SELECT decisions::text AS d FROM jobforge.bundle_runs WHERE run_id = $1::uuid", run_id
        )
        codes += [child["code"] for child in json.loads(row["d"])]
    assert codes == ["POLICY_TOKEN_REQUIRED", "TENANT_MISMATCH", "EXECUTOR_NESTED"]
    assert token not in await dump(app)


async def test_a_secret_that_a_module_prints_or_reports_is_stored_nowhere(app: Harness) -> None:
    await register(app)
    # In two parts that the module joins: whole, it would be masked before the module sees it.
    parts = f"{CANARY[:4]}{SPLIT}{CANARY[4:]}"
    told = report(app, payload={"found": f"the key {parts}"})

    good = await run(app, files(app.bundle(say(1, text=parts)), told) | {"say": f"using {parts}"})
    bad = await run(app, {"exit": 1, "say": f"401 with {parts}"})

    assert (good.status, bad.status) == ("executed", "error")
    assert await log_of(app, good) == "using [masked]"
    assert CANARY not in await dump(app)


async def test_only_the_operator_of_this_machine_registers_a_command(app: Harness) -> None:
    remote = replace(OPERATOR, name="key:1", is_local=False)

    with pytest.raises(Denied):
        await app.app.modules.add(ModuleWish("analyse", WORDS), app.tenant, remote)

    assert await app.count("module_commands") == 0


@pytest.mark.parametrize(
    "wish",
    [
        ModuleWish("m", ()),
        ModuleWish("m", ("python3",)),
        ModuleWish("m", ("/no/such/program",)),
        ModuleWish("m", ("/tmp",)),  # noqa: S108 (a folder is no program)
        ModuleWish("", WORDS),
        ModuleWish("m", (*WORDS, CANARY)),
        ModuleWish("m", WORDS, ("JOBFORGE_POLICY_TOKEN_SECRET",)),
        ModuleWish("m", WORDS, ("NOT A NAME",)),
        ModuleWish("m", WORDS, timeout_seconds=0),
        ModuleWish("m", WORDS, timeout_seconds=3_601),
        ModuleWish("m", WORDS, max_output_bytes=0),
    ],
)
async def test_what_is_no_command_is_not_registered(app: Harness, wish: ModuleWish) -> None:
    with pytest.raises(InvalidInput):
        await app.app.modules.add(wish, app.tenant, OPERATOR)


async def test_commands_are_each_tenants_own(app: Harness) -> None:
    await register(app)
    other = await app.new_tenant("other")

    with pytest.raises(AlreadyExists):
        await register(app)
    with pytest.raises(Missing):
        await app.app.modules.remove("analyse", other, OPERATOR)
    bundle = to_bundle(MODULE_RUNNER, {"command": "analyse"}, tenant="other", key="k")
    result = await app.app.submit_bundle.translated(bundle, Submission(other, OPERATOR, "execute"))
    await app.work()

    shown = await app.show(result, other)
    assert [child.status for child in shown.child_runs] == ["error"]
    assert "no module command" in shown.child_runs[0].reason


async def test_a_payload_has_no_word_in_the_command_line(app: Harness) -> None:
    await register(app)
    for payload in (
        {"command": "analyse", "words": ["/bin/sh"]},
        {"command": "analyse", "env": {"A": "b"}},
        {"command": "/bin/sh"},
    ):
        key = f"key-{len(str(payload))}"
        bundle = to_bundle(MODULE_RUNNER, payload, tenant="acme", key=key)
        result = await app.app.submit_bundle.translated(
            bundle, Submission(app.tenant, OPERATOR, "execute")
        )
        await app.work()
        (child,) = (await app.show(result)).child_runs
        assert child.status in {"denied", "error"}


def test_the_examples_are_valid() -> None:
    for example in RUN_MODULE_CLI.examples:
        RUN_MODULE_CLI.parse_payload(example)
    for result in RUN_MODULE_CLI.result_examples:
        RUN_MODULE_CLI.result.model_validate_json(json.dumps(result))
