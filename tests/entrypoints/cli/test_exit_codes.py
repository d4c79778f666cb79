"""Exit codes: 0 well, 2 invalid, 3 denied or disabled, 4 a child failed, 5 unavailable, 1 else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.entrypoints.cli.bundles import RECONCILE, apply, bundle, reconcile

from jobforge.contract.errors import ContractViolation, JobForgeError
from jobforge.core import errors
from jobforge.entrypoints.cli.session import EXIT_CODES, exit_code_of

if TYPE_CHECKING:
    from tests.entrypoints.cli.conftest import CommandLine

NOBODY = "00000000-0000-4000-8000-000000000000"


def is_raised_here(module: str) -> bool:
    # The client library's own are raised in programs of others.
    return module.startswith("jobforge.") and not module.startswith("jobforge.sdk")


def all_errors(kind: type[JobForgeError] = JobForgeError) -> set[type[JobForgeError]]:
    children = {c for c in kind.__subclasses__() if is_raised_here(c.__module__)}
    return children.union(*(all_errors(child) for child in children))


def test_every_error_class_has_its_exit_code() -> None:
    kinds = all_errors() - {JobForgeError}

    assert {kind for kind in kinds if not issubclass(kind, tuple(EXIT_CODES))} == set()
    assert errors.PlanStale in kinds
    assert len(kinds) >= 20


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ContractViolation("TOO_DEEP", "m"), 2),
        (errors.TenantUnknown(), 2),
        (errors.EgressDenied(), 3),
        (errors.PlanStale(), 3),
        (errors.TimeLimit(), 4),
        (errors.TargetUnavailable(), 5),
        (JobForgeError(), 1),
    ],
)
def test_the_class_of_an_error_decides(error: JobForgeError, code: int) -> None:
    assert exit_code_of(error) == code


def test_bundles_end_with_the_code_of_their_worst_child(cli: CommandLine) -> None:
    owner = cli.tenant_id
    well = cli.write("well.json", bundle(owner, reconcile()))
    failing = cli.write("failing.json", bundle(owner, reconcile(2, actual="nothing")))
    denied = cli.write(
        "denied.json",
        bundle(
            owner, reconcile(3), {**reconcile(4), "id": "r", "job_type": "autopilot.ops.invented"}
        ),
    )
    action = cli.write("action.json", bundle(owner, apply()))
    broken = cli.write("broken.json", {"schema_version": "1.0.0"})
    foreign = cli.write("foreign.json", bundle(NOBODY, reconcile(5)))

    assert cli.execute(well).code == 0
    assert cli.execute(well).json["summary"]["skipped"] == 1
    assert cli.execute(well).code == 0
    assert cli.execute(failing).code == 4
    assert cli.execute(denied).code == 3
    assert cli.execute(action).code == 3
    for refused in (broken, foreign):
        said = cli.execute(refused)
        assert said.code == 2
        assert (said.json["success"], said.json["summary"]["errors"]) == (False, 1)
        assert said.json["child_runs"] == []
    assert cli.execute(well, "--project", "nowhere").code == 2


def test_what_is_switched_off_ends_with_3_and_says_so(cli: CommandLine) -> None:
    path = cli.write("b.json", bundle(cli.tenant_id, reconcile()))
    payload = cli.write("p.json", reconcile()["payload"])
    cli.setenv(AUTOPILOT_JOBS_ENABLED="0")

    for verb in ("plan", "execute"):
        said = cli("bundle", verb, path, "--tenant", "acme", "--json")
        assert said.code == 3
        assert said.json["manifest"]["error"]["code"] == "FEATURE_FLAG_DISABLED"
        assert said.json["summary"]["executed"] == 0
    job = cli("job", "run", RECONCILE, "--payload", payload, "--tenant", "acme", "--json")

    assert job.code == 3
    assert job.json.keys() == {
        "success", "job_id", "job_type", "status", "data", "manifest", "artifact_ref", "error",
    }  # fmt: skip
    assert job.json["data"]["disabled"] is True
    assert job.json["success"] is False


def test_a_single_job_ends_with_its_own_code(cli: CommandLine) -> None:
    good = cli.write("good.json", reconcile()["payload"])
    bad = cli.write("bad.json", {"period_start": 1})
    failing = cli.write("failing.json", reconcile(actual="nothing")["payload"])
    run = ("job", "run", RECONCILE, "--tenant", "acme", "--json", "--payload")

    executed, invalid, failed = cli(*run, good), cli(*run, bad), cli(*run, failing)

    assert (executed.code, executed.json["success"]) == (0, True)
    assert executed.json["data"]["summary"]
    assert (invalid.code, invalid.json["error"]["code"]) == (3, "PAYLOAD_INVALID")
    assert (failed.code, failed.json["error"]["code"]) == (4, "DATASET_MISSING")


def test_a_single_job_that_cannot_even_be_decided_is_answered_in_the_same_shape(
    cli: CommandLine,
) -> None:
    good = cli.write("good.json", reconcile()["payload"])
    (cli.workspace / "half.json").write_text('{"period_start": ')
    half = str(cli.workspace / "half.json")
    run = ("job", "run", RECONCILE, "--json", "--payload")

    refused = {
        "TENANT_UNKNOWN": cli(*run, good, "--tenant", "nobody"),
        "PROJECT_UNKNOWN": cli(*run, good, "--tenant", "acme", "--project", "none"),
        "BUNDLE_INVALID": cli(*run, half, "--tenant", "acme"),
    }

    for code, said in refused.items():
        assert said.code == 2
        assert (said.json["success"], said.json["status"], said.json["job_id"]) == (
            False, "denied", None,
        )  # fmt: skip
        assert said.json["error"]["code"] == code
        assert said.json["job_type"] == RECONCILE


def test_waiting_includes_the_jobs_that_an_earlier_run_left_unfinished(cli: CommandLine) -> None:
    path = cli.write("b.json", bundle(cli.tenant_id, reconcile()))
    first = cli("bundle", "execute", path, "--tenant", "acme", "--json")
    job_id = first.json["child_runs"][0]["job_id"]

    again = cli.execute(path)

    assert again.json["child_runs"][0]["status"] == "skipped"
    assert again.json["child_runs"][0]["job_id"] == job_id
    assert cli("job", "show", job_id, "--tenant", "acme", "--json").json["status"] == "executed"


def test_a_single_action_works_once_with_its_token(cli: CommandLine) -> None:
    (cli.workspace / "settings.json").write_text('{"size": 1}')
    payload = cli.write("p.json", apply()["payload"])
    run = ("job", "run", "autopilot.ops.apply", "--payload", payload, "--tenant", "acme", "--json")
    without = cli(*run)
    issued = cli(
        "token", "issue", "--job", "autopilot.ops.apply", "--payload", payload,
        "--tenant", "acme", "--actor", "ada", "--json",
    )  # fmt: skip

    used = cli(*run, "--policy-token", issued.json["token"])
    again = cli(*run, "--policy-token", issued.json["token"])

    assert (without.code, without.json["error"]["code"]) == (3, "POLICY_TOKEN_REQUIRED")
    assert (used.code, used.json["status"]) == (0, "executed")
    assert json.loads((cli.workspace / "settings.json").read_text()) == {"size": 2}
    assert (again.code, again.json["error"]["code"]) == (3, "POLICY_TOKEN_USED")


def test_a_database_that_does_not_answer_ends_with_5(bare_cli: CommandLine) -> None:
    bare_cli.setenv(DATABASE_URL="postgresql://nobody:canary-word@127.0.0.1:1/nothing")

    said = bare_cli("tenant", "list", "--json")

    assert (said.code, said.json["error"]["code"]) == (5, "UNAVAILABLE")
    assert "canary-word" not in said.out + said.err


def test_what_belongs_to_another_tenant_answers_exactly_as_what_is_missing(
    cli: CommandLine,
) -> None:
    cli("tenant", "create", "Other")
    run = cli.execute(cli.write("b.json", bundle(cli.tenant_id, reconcile()))).json
    job = run["child_runs"][0]["job_id"]
    own = cli("job", "show", job, "--tenant", "acme", "--json").json
    csv = cli.folder / "rows.csv"
    csv.write_text("a\n1\n")
    cli("data", "add", "rows", str(csv), "--tenant", "acme")
    cli("connection", "add", "db", "--tenant", "acme", given="postgresql://x@example.com/y")
    asked: list[tuple[tuple[str, ...], str, str]] = [
        (("run", "show"), run["bundle_run_id"], NOBODY),
        (("run", "manifest"), run["bundle_run_id"], NOBODY),
        (("run", "summary"), run["bundle_run_id"], NOBODY),
        (("job", "show"), job, NOBODY),
        (("job", "cancel"), job, NOBODY),
        (("job", "retry"), job, NOBODY),
        (("artifact", "get"), own["artifact_ref"], f"artifact:sha256:{'0' * 64}"),
        (("artifact", "get"), f"job:{job}/inputs", f"job:{NOBODY}/inputs"),
        (("artifact", "get"), f"run:{run['bundle_run_id']}/inputs", f"run:{NOBODY}/inputs"),
        (("data", "remove"), "rows", "nothing"),
        (("connection", "remove"), "db", "nothing"),
        (("connection", "test"), "db", "nothing"),
    ]

    for words, theirs, missing in asked:
        as_json = ("--json",) if words[1] in {"show", "cancel", "retry", "remove", "test"} else ()
        foreign = cli(*words, theirs, "--tenant", "other", *as_json)
        absent = cli(*words, missing, "--tenant", "other", *as_json)
        assert foreign.code == absent.code == 2, words
        assert foreign.out.replace(theirs, "ID") == absent.out.replace(missing, "ID"), words
        assert foreign.err.replace(theirs, "ID") == absent.err.replace(missing, "ID"), words
    assert cli("data", "list", "--tenant", "other", "--json").json == []
    assert cli("job", "list", "--tenant", "other", "--json").json == []


@pytest.mark.parametrize(
    "ref", ["nonsense", f"job:{'-' * 36}/inputs", f"run:{'f' * 36}/inputs", "artifact:sha256:0"]
)
def test_what_is_no_reference_leads_nowhere(cli: CommandLine, ref: str) -> None:
    assert cli("artifact", "get", ref, "--tenant", "acme").code == 2


def test_every_reference_of_an_answer_leads_somewhere(cli: CommandLine) -> None:
    executed = cli.execute(cli.write("b.json", bundle(cli.tenant_id, reconcile()))).json
    refused = cli.execute(cli.write("x.json", bundle(NOBODY, reconcile()))).json
    job = cli("job", "show", executed["child_runs"][0]["job_id"], "--tenant", "acme", "--json").json
    refs = [
        ref
        for answer in (executed, refused, job)
        for ref in (
            answer.get("bundle_manifest_ref"),
            answer["artifact_ref"],
            answer["manifest"]["inputs_snapshot_ref"],
            *(output["ref"] for output in answer["manifest"]["outputs"]),
        )
        if ref is not None
    ]

    assert len(refs) >= 7
    for ref in refs:
        output = cli.folder / "output"
        said = cli("artifact", "get", ref, "--tenant", "acme", "-o", str(output))
        assert said.code == 0, (ref, said)
        assert output.stat().st_size > 0


def test_the_manifest_of_a_run_is_the_same_by_command_and_by_reference(cli: CommandLine) -> None:
    run = cli.execute(cli.write("b.json", bundle(cli.tenant_id, reconcile()))).json
    output = cli.folder / "manifest.json"

    shown = cli("run", "manifest", run["bundle_run_id"], "--tenant", "acme").json
    cli("artifact", "get", run["bundle_manifest_ref"], "--tenant", "acme", "-o", str(output))

    assert json.loads(output.read_text()) == shown == run["manifest"]


def test_the_summary_is_markdown_that_names_every_request(cli: CommandLine) -> None:
    run = cli.execute(cli.write("b.json", bundle(cli.tenant_id, reconcile()))).json

    said = cli("run", "summary", run["bundle_run_id"], "--tenant", "acme")

    assert said.out.startswith(f"# Bundle run {run['bundle_run_id']}\n")
    assert "| `reconcile-1` |" in said.out


def test_a_file_of_another_place_is_denied_in_plan_and_execution(cli: CommandLine) -> None:
    (cli.folder / "home" / "data" / "secret.csv").write_text("id,amount\n1,2\n")
    (cli.workspace / "link.csv").symlink_to(Path(os.sep) / "etc" / "hostname")
    for number, path in enumerate(["../secret.csv", "/etc/hostname", "link.csv", "a/../../x.csv"]):
        request = reconcile(number, actual={"type": "file", "path": path, "format": "csv"})
        file = cli.write("b.json", bundle(cli.tenant_id, request))

        for verb in ("plan", "execute"):
            said = cli("bundle", verb, file, "--tenant", "acme", "--json")
            assert said.code == 3, (path, said)
            assert said.json["child_runs"][0]["code"] == "PATH_DENIED"


def test_a_missing_dataset_is_a_warning_in_a_plan_and_names_the_command(cli: CommandLine) -> None:
    file = cli.write("b.json", bundle(cli.tenant_id, reconcile(actual="payments")))

    planned = cli("bundle", "plan", file, "--tenant", "acme", "--json")
    executed = cli.execute(file)

    (warning,) = planned.json["child_runs"][0]["warnings"]
    assert planned.code == 0
    assert warning["code"] == "DATASET_MISSING"
    assert "jobforge data add payments" in warning["hint"]
    assert executed.json["child_runs"][0]["code"] == "DATASET_MISSING"
