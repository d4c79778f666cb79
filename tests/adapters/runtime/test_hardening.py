from __future__ import annotations

import os
import subprocess
import sys

import pytest

from jobforge.config import Flags, Settings, forget_secrets, read_flags

SECRETS = (
    "POLICY_TOKEN_SECRET",
    "POLICY_TOKEN_PREVIOUS_SECRETS",
    "DATABASE_URL",
    "DATABASE_APP_URL",
    "MASTER_KEY",
    "MCP_KEY",
)
IS_DUMPABLE = """
import ctypes
from jobforge.adapters.runtime.hardening import hide_from_own_children
get = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
before = get()
hide_from_own_children()
print(before, get())
"""


def test_secrets_leave_the_environment_and_switches_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(f"JOBFORGE_{name}", "x" * 40)
    monkeypatch.setenv("JOBFORGE_AUTOPILOT_JOBS_ENABLED", "1")

    forget_secrets()

    left = set(os.environ)  # noqa: TID251 (what is left in it is the question)
    assert left.isdisjoint(f"JOBFORGE_{name}" for name in SECRETS)
    assert read_flags() == Flags(autopilot_jobs_enabled=True)


def test_every_setting_that_is_a_secret_is_forgotten() -> None:
    kinds = {name: str(field.annotation) for name, field in Settings.model_fields.items()}

    assert {name.upper() for name, kind in kinds.items() if "Secret" in kind} == set(SECRETS)


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_hardened_process_cannot_be_read_by_others_of_its_user() -> None:
    done = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", IS_DUMPABLE], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["1", "0"]


SPY = """
import asyncio
from jobforge.adapters.runtime.process_runner import ProcessRunner
from jobforge.config import Settings, secret_variables
from jobforge.testing import MemoryContext
from jobforge.testing.misbehaving import MisbehavingPayload, load_catalog

async def main():
    settings = Settings()
    catalog = "jobforge.testing.misbehaving:load_catalog"
    runner = ProcessRunner(catalog, slots=1, secret_variables=secret_variables())
    job_type = load_catalog().find("jobforge.testing.misbehave")
    seen = await runner.run(job_type, MisbehavingPayload(deed="spy"), (), MemoryContext())
    runner.close()
    print(settings.policy_token_secret.get_secret_value()[:6], repr(seen.seen["parent"]))

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_handler_finds_no_secret_in_its_parents_environment_either() -> None:
    secrets = {f"JOBFORGE_{name}": f"canary-{name}-{'x' * 40}" for name in SECRETS}
    given = {"HARMLESS": "harmless", **secrets, "LAST": "last"}

    done = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", SPY], capture_output=True, text=True, check=True, env=given
    )

    started, _, seen = done.stdout.partition(" ")
    assert started == "canary", "it has the secret itself"
    assert "HARMLESS=harmless" in seen
    assert "LAST=last" in seen
    assert "JOBFORGE_POLICY_TOKEN_SECRET=xxx" in seen
    assert "canary" not in seen
