#!/usr/bin/env python3
"""Does the gate hold? Off by default, planned, executed, skipped, blocked, walled off.

Runs on an embedded database of its own, through the public command line; needs no network and
leaves nothing behind. Exits with 1 if anything did not hold:
.venv/bin/python scripts/smoke_test_autopilot.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.trial import (
    READ_ONLY,
    WITH_ACTION,
    Trial,
    conclude,
    open_trial,
    read,
    say,
    statuses,
    with_keys,
)


def check_gates(trial: Trial) -> None:
    """Each rule that stands between a bundle and the world, in the order a user meets them."""
    check_disabled(trial)
    check_dry_run(trial)
    check_execution(trial)
    check_duplicates(trial)
    check_action_without_token(trial)
    check_foreign_tenant(trial)


def check_disabled(trial: Trial) -> None:
    """With every switch off, the answer is well-formed and nothing is queued."""
    say("Switched off")
    code, result = trial.bundle("execute", READ_ONLY)
    trial.holds("a disabled call ends with exit code 3", wanted=3, got=code)
    seen = (result["success"], result["manifest"]["error"]["code"], result["child_runs"])
    trial.holds("it says so", wanted=(False, "FEATURE_FLAG_DISABLED", []), got=seen)
    trial.holds("no job was made", wanted=[], got=_jobs(trial))
    trial.switch(autopilot_jobs=True, action_jobs=False)


def check_dry_run(trial: Trial) -> None:
    """A plan accepts what may run, and runs nothing."""
    say("Dry run")
    code, result = trial.bundle("plan", READ_ONLY)
    trial.holds("every request is accepted", wanted=[("accepted", None)] * 4, got=statuses(result))
    trial.holds("the exit code is 0", wanted=0, got=code)
    trial.holds("no job was made", wanted=[], got=_jobs(trial))


def check_execution(trial: Trial) -> None:
    """What was planned runs, one job a request."""
    say("Execution")
    code, result = trial.bundle("execute", READ_ONLY, "--wait")
    trial.holds("every request ran", wanted=[("executed", None)] * 4, got=statuses(result))
    trial.holds("the exit code is 0", wanted=0, got=code)
    trial.holds("four jobs were executed", wanted=["executed"] * 4, got=_jobs(trial))


def check_duplicates(trial: Trial) -> None:
    """The same work is not done twice: not from another bundle, not within one."""
    say("Duplicates")
    code, result = trial.bundle("execute", READ_ONLY, "--wait")
    wanted: list[tuple[str, str | None]] = [("skipped", "ALREADY_SUBMITTED")] * 4
    trial.holds("the same bundle is skipped", wanted=wanted, got=statuses(result))
    trial.holds("that is no failure", wanted=(0, True), got=(code, result["success"]))
    bundle = with_keys(read(READ_ONLY), "twice")
    scan, triage, *_ = bundle["requests"]
    same_key = {**scan, "id": "scan-again"}
    same_id = {**triage, "id": scan["id"]}
    path = trial.write("twice.json", {**bundle, "requests": [scan, same_key, same_id]})
    _, result = trial.bundle("plan", path)
    wanted = [
        ("accepted", None),
        ("skipped", "DUPLICATE_IDEMPOTENCY_KEY"),
        ("skipped", "DUPLICATE_REQUEST_ID"),
    ]
    trial.holds("within a bundle, the first one counts", wanted=wanted, got=statuses(result))


def check_action_without_token(trial: Trial) -> None:
    """An action without a policy token changes nothing, and takes its bundle with it."""
    say("An action without a token")
    trial.switch(autopilot_jobs=True, action_jobs=True)
    before = trial.target.read_bytes()
    code, result = trial.bundle("execute", WITH_ACTION, "--wait")
    wanted = [("denied", "DENIED_WITH_BUNDLE"), ("denied", "POLICY_TOKEN_REQUIRED")]
    trial.holds("the bundle is denied", wanted=wanted, got=statuses(result))
    trial.holds("the exit code is 3", wanted=3, got=code)
    blocked = result["summary"]["action_jobs_blocked"]
    trial.holds("one action is counted as blocked", wanted=1, got=blocked)
    bundle = read(WITH_ACTION)
    disguised = [{**request, "is_action_job": False} for request in bundle["requests"]]
    path = trial.write("disguised.json", {**bundle, "requests": disguised})
    _, result = trial.bundle("execute", path, "--wait")
    trial.holds("calling it no action frees nobody", wanted=wanted, got=statuses(result))
    trial.holds("the file is as it was", wanted=before, got=trial.target.read_bytes())


def check_foreign_tenant(trial: Trial) -> None:
    """Nobody gets anything from a bundle of another tenant."""
    say("A foreign tenant")
    code, result = trial.bundle("execute", READ_ONLY, "--wait", tenant="globex")
    wanted = [("denied", "TENANT_MISMATCH")] * 4
    trial.holds("every request is denied", wanted=wanted, got=statuses(result))
    trial.holds("the exit code is 3", wanted=3, got=code)
    trial.holds("globex has no job", wanted=[], got=_jobs(trial, "globex"))


def _jobs(trial: Trial, tenant: str = "acme") -> list[str]:
    _, jobs = trial.command("job", "list", "--tenant", tenant)
    return [job["status"] for job in jobs]


def main() -> int:
    """Check the gates on an installation of its own."""
    with open_trial() as trial:
        check_gates(trial)
    return conclude(trial)


if __name__ == "__main__":
    sys.exit(main())
