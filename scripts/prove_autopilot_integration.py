#!/usr/bin/env python3
"""The whole promise: the gates, one permitted action, its undo, and an audit log that notices.

Runs on an embedded database of its own, through the public command line; needs no network and
leaves nothing behind. Exits with 1 if anything did not hold:
.venv/bin/python scripts/prove_autopilot_integration.py
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import asyncpg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.smoke_test_autopilot import check_gates
from scripts.trial import (
    PROJECT_ID,
    TENANT_ID,
    WITH_ACTION,
    Json,
    Trial,
    conclude,
    open_trial,
    read,
    say,
    statuses,
    with_keys,
)

from jobforge.adapters.embedded.server import EmbeddedServer


def check_token(trial: Trial) -> str:
    """A token permits one execution of one plan; the job that it permitted."""
    say("An action with a token")
    _, token = trial.command(*_issue("--bundle", str(WITH_ACTION)))
    given = ("--policy-token", token["token"])
    code, result = trial.bundle("execute", WITH_ACTION, "--wait", *given)
    ran: list[tuple[str, str | None]] = [("executed", None)] * 2
    trial.holds("the action ran", wanted=(0, ran), got=(code, statuses(result)))
    is_changed = b"memory_mb: 512" in trial.target.read_bytes()
    trial.holds("the file has the new value", wanted=True, got=is_changed)
    job_id = str(result["child_runs"][1]["job_id"])
    again = trial.write("again.json", _action("again", memory_mb=768))
    code, result = trial.bundle("execute", again, "--wait", *given)
    denied = [("denied", "DENIED_WITH_BUNDLE"), ("denied", "POLICY_TOKEN_USED")]
    trial.holds("the token does not work twice", wanted=(3, denied), got=(code, statuses(result)))
    return job_id


def check_other_plan(trial: Trial) -> None:
    """A token for one plan permits no other."""
    say("A token for another plan")
    some = trial.write("some.json", _action("bound", memory_mb=768))
    _, token = trial.command(*_issue("--bundle", str(some)))
    more = trial.write("more.json", _action("bound", memory_mb=4096))
    code, result = trial.bundle("execute", more, "--wait", "--policy-token", token["token"])
    denied = [("denied", "DENIED_WITH_BUNDLE"), ("denied", "POLICY_TOKEN_INVALID")]
    trial.holds("it is refused", wanted=(3, denied), got=(code, statuses(result)))


def check_undo(trial: Trial, job_id: str, before: bytes) -> None:
    """An action is taken back through the same gates, to the byte."""
    say("The undo")
    payload = str(trial.write("undo.json", {"job_id": job_id}))
    words = ("jobforge.undo", "--payload", payload, "--tenant", "acme", "--project", PROJECT_ID)
    code, answer = trial.command("job", "run", *words)
    seen = (code, answer["status"], answer["error"]["code"])
    trial.holds("it needs a token, too", wanted=(3, "denied", "POLICY_TOKEN_REQUIRED"), got=seen)
    _, token = trial.command(*_issue("--job", "jobforge.undo", "--payload", payload))
    code, answer = trial.command("job", "run", *words, "--policy-token", token["token"])
    trial.holds("it ran", wanted=(0, "executed"), got=(code, answer["status"]))
    code, answer = trial.command("job", "run", *words, "--policy-token", token["token"])
    refused = (code, answer["error"]["code"])
    trial.holds("it does not run twice", wanted=(3, "POLICY_TOKEN_USED"), got=refused)
    trial.holds(
        "the file is what it was, byte for byte", wanted=before, got=trial.target.read_bytes()
    )


_EDIT = "UPDATE jobforge.audit_events SET actor = actor || '!' WHERE tenant_id = $1 AND seq = 5"
_MEND = (
    "UPDATE jobforge.audit_events SET actor = rtrim(actor, '!') WHERE tenant_id = $1 AND seq = 5"
)
_CUT = (
    "DELETE FROM jobforge.audit_events WHERE tenant_id = $1 AND seq > 5",
    "UPDATE jobforge.audit_heads AS head SET seq = entry.seq, hash = entry.hash "
    "FROM jobforge.audit_events AS entry "
    "WHERE head.tenant_id = $1 AND entry.tenant_id = $1 AND entry.seq = 5",
)


def check_audit(trial: Trial) -> None:
    """The log verifies; an edit and a cut tail do not go unnoticed."""
    say("The audit log")
    trial.holds("it verifies", wanted=(0, None, None), got=_verify(trial))
    _as_owner(trial, _EDIT)
    trial.holds("an edited entry is named", wanted=(1, "changed", 5), got=_verify(trial))
    _as_owner(trial, _MEND)
    trial.holds("mended, it verifies again", wanted=(0, None, None), got=_verify(trial))
    _as_owner(trial, *_CUT)
    trial.holds("a cut tail is noticed", wanted=(1, "truncated", 6), got=_verify(trial))


def _action(mark: str, *, memory_mb: int) -> Json:
    """The example bundle as new work, with another value for the file."""
    bundle = with_keys(read(WITH_ACTION), mark)
    change = {"op": "replace", "path": "/worker/memory_mb", "value": memory_mb}
    bundle["requests"][1]["payload"]["change"]["patch"] = [change]
    return bundle


def _issue(*what: str) -> tuple[str, ...]:
    owner = ("--tenant", "acme", "--project", PROJECT_ID)
    return ("token", "issue", *what, *owner, "--actor", "prove")


def _verify(trial: Trial) -> tuple[int, str | None, int | None]:
    """The exit code, and what is wrong with acme's chain from which entry on."""
    code, verdict = trial.command("audit", "verify")
    chain = next(chain for chain in verdict["chains"] if chain["tenant_id"] == TENANT_ID)
    return code, chain["problem"], chain["first_bad"]


def _as_owner(trial: Trial, *statements: str) -> None:
    """Do to acme's log what only somebody with the database owner's password can."""

    async def execute() -> None:
        async with EmbeddedServer(trial.home).client() as client:
            connection = await asyncpg.connect(client.access.owner_dsn)
            try:
                # Row-level security holds for the owner, too, until he takes that from himself.
                for table in ("audit_events", "audit_heads"):
                    await connection.execute(
                        f"ALTER TABLE jobforge.{table} NO FORCE ROW LEVEL SECURITY"
                    )
                for statement in statements:
                    said = await connection.execute(statement, TENANT_ID)
                    assert not said.endswith(" 0"), "nothing was tampered with"
            finally:
                await connection.close()

    asyncio.run(execute())


def main() -> int:
    """Prove it on an installation of its own."""
    with open_trial() as trial:
        before = trial.target.read_bytes()
        check_gates(trial)
        job_id = check_token(trial)
        check_other_plan(trial)
        check_undo(trial, job_id, before)
        check_audit(trial)
    return conclude(trial)


if __name__ == "__main__":
    sys.exit(main())
