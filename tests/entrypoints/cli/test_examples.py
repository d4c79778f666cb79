"""The examples, and what the modules really write, on the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.entrypoints.cli.conftest import CommandLine

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
GENUINE = ROOT.parent / "shared" / "bundles"
MODULES = ("ops", "support", "growth", "finops")


def prepare(cli: CommandLine, name: str) -> tuple[str, dict[str, Any]]:
    """The example of that name, with its tenant, project and files."""
    path = EXAMPLES / f"{name}.json"
    bundle = json.loads(path.read_text())
    cli("tenant", "create", "Shop Inc", "--slug", "shop-inc", "--id", bundle["tenant_id"])
    cli("project", "create", "Shop", "--tenant", "shop-inc", "--id", bundle["project_id"])
    shutil.copytree(EXAMPLES / "workspace", cli.folder / "home" / "data" / "shop-inc")
    return str(path), bundle


def test_the_example_with_an_action_runs_once_with_its_token(cli: CommandLine) -> None:
    path, bundle = prepare(cli, "autopilot-request-bundle-with-action")
    of_shop = ("--tenant", "shop-inc", "--json")
    file = cli.folder / "home" / "data" / "shop-inc" / "config" / "worker.yaml"
    before = file.read_text()

    planned = cli("bundle", "plan", path, *of_shop)
    blocked = cli("bundle", "execute", path, *of_shop)
    unchanged = file.read_text()
    token = cli("token", "issue", "--bundle", path, "--actor", "ada", *of_shop).json["token"]
    done = cli("bundle", "execute", path, *of_shop, "--wait", "--policy-token", token)

    assert [c["code"] for c in planned.json["child_runs"]] == [
        "DENIED_WITH_BUNDLE",
        "POLICY_TOKEN_REQUIRED",
    ]
    assert blocked.code == 3
    assert unchanged == before
    assert (done.code, done.json["summary"]["executed"]) == (0, len(bundle["requests"]))
    assert "memory_mb: 512" in file.read_text()
    assert cli("audit", "verify").code == 0


def test_the_example_of_four_domains_is_accepted_as_a_whole(cli: CommandLine) -> None:
    path, bundle = prepare(cli, "autopilot-request-bundle")

    planned = cli("bundle", "plan", path, "--tenant", "shop-inc", "--json")

    assert planned.code == 0
    assert planned.json["summary"]["accepted"] == len(bundle["requests"]) == 4


@pytest.mark.skipif(not GENUINE.exists(), reason="the modules' own bundles are not here")
@pytest.mark.parametrize("module", MODULES)
def test_a_genuine_bundle_is_verified_planned_and_executed(cli: CommandLine, module: str) -> None:
    path = GENUINE / f"{module}-autopilot" / "request-bundle.json"
    bundle = json.loads(path.read_text())
    cli("tenant", "create", "Owner", "--alias", bundle["tenant_id"])
    cli("project", "create", "Thing", "--tenant", "owner", "--alias", bundle["project_id"])
    of_owner = ("--tenant", "owner", "--json", "--on-policy-failure", "deny_actions")

    planned = cli("bundle", "plan", str(path), *of_owner).json
    executed = cli("bundle", "execute", str(path), *of_owner).json

    requests = bundle.get("requests") or bundle["jobs"]
    assert planned["producer_hash"] == executed["producer_hash"] == "verified"
    assert len(planned["child_runs"]) == len(requests) > 0
    assert planned["plan_digest"] == executed["plan_digest"]
    for plan, run in zip(planned["child_runs"], executed["child_runs"], strict=True):
        wanted = {"accepted": "queued", "denied": "denied"}
        assert run["status"] == wanted[plan["status"]]
        assert plan["code"] in {None, "POLICY_TOKEN_REQUIRED", "UNKNOWN_JOB_TYPE"}


@pytest.mark.skipif(not GENUINE.exists(), reason="the modules' own bundles are not here")
def test_the_genuine_growth_bundle_runs_as_a_whole(cli: CommandLine) -> None:
    path = GENUINE / "growth-autopilot" / "request-bundle.json"
    bundle = json.loads(path.read_text())
    folder = cli.folder / "home" / "data" / "owner"
    (folder / "examples" / "site-export").mkdir(parents=True)
    (folder / "examples" / "site-export" / "index.html").write_text("<title>Home</title>Hello")
    (folder / "profiles").mkdir()
    (folder / "profiles" / "jobforge.yaml").write_text("name: jobforge")
    cli("tenant", "create", "Owner", "--alias", bundle["tenant_id"])
    cli("project", "create", "Thing", "--tenant", "owner", "--alias", bundle["project_id"])
    rows = "step,users,days\nvisit,90000,30\nsignup,9000,30\n"
    (cli.folder / "funnel.csv").write_text(rows)
    cli("data", "add", "funnel-1", str(cli.folder / "funnel.csv"), "--tenant", "owner")

    done = cli("bundle", "execute", str(path), "--tenant", "owner", "--json", "--wait")

    assert (done.code, done.json["dialect"], done.json["producer_hash"]) == (
        0, "growth", "verified",
    )  # fmt: skip
    assert done.json["summary"]["executed"] == len(bundle["requests"]) == 3


@pytest.mark.skipif(not GENUINE.exists(), reason="the modules' own bundles are not here")
@pytest.mark.parametrize("module", MODULES)
def test_a_genuine_report_is_checked_and_one_changed_byte_is_refused(
    cli: CommandLine, module: str
) -> None:
    path = GENUINE / f"{module}-autopilot" / "report.json"
    report = json.loads(path.read_text())
    report["trace_id"] += "x"

    sound = cli("report", "check", str(path), "--json")
    changed = cli("report", "check", cli.write("changed.json", report), "--json")

    assert (sound.code, sound.json["producer_hash"]) == (0, "verified")
    assert (changed.code, changed.json["error"]["code"]) == (2, "PRODUCER_HASH_MISMATCH")
