"""A throw-away installation that is used through the public command line, and what it proves."""

from __future__ import annotations

import asyncio
import io
import json
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.main import get_command

from jobforge.adapters.embedded.server import EmbeddedServer
from jobforge.config import set_for_this_process
from jobforge.entrypoints.cli.app import app
from jobforge.entrypoints.cli.session import Session

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
READ_ONLY = EXAMPLES / "autopilot-request-bundle.json"
WITH_ACTION = EXAMPLES / "autopilot-request-bundle-with-action.json"

TENANT_ID = "7c0f5c6e-2f1b-4c55-9a57-0d8a7f3b1e10"
PROJECT_ID = "b1d1f0c2-6a57-4f0e-8c11-5f4e2a9d7c33"
"""Whose the example bundles are."""

Json = dict[str, Any]


@dataclass
class Trial:
    """Runs commands in one temporary home, and keeps count of what did not hold."""

    folder: Path
    failures: list[str] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """Where this installation's database and keys are."""
        return self.folder / "home"

    @property
    def workspace(self) -> Path:
        """The folder of tenant acme."""
        return self.folder / "workspaces" / "acme"

    @property
    def target(self) -> Path:
        """The file that the example's action changes."""
        return self.workspace / "config" / "worker.yaml"

    def switch(self, *, autopilot_jobs: bool, action_jobs: bool) -> None:
        """Turn the two switches on or off, for this process."""
        set_for_this_process(
            JOBFORGE_AUTOPILOT_JOBS_ENABLED=str(int(autopilot_jobs)),
            JOBFORGE_ACTION_JOBS_ENABLED=str(int(action_jobs)),
        )

    def command(self, *words: str) -> tuple[int, Any]:
        """Run `jobforge WORDS --json`; its exit code and its one JSON document."""
        printed = io.StringIO()
        with redirect_stdout(printed):
            code = get_command(app).main([*words, "--json"], standalone_mode=False)
        return int(code), json.loads(printed.getvalue())

    def bundle(self, verb: str, path: Path, *words: str, tenant: str = "acme") -> tuple[int, Any]:
        """Plan or execute a bundle."""
        return self.command("bundle", verb, str(path), "--tenant", tenant, *words)

    def write(self, name: str, document: Json) -> Path:
        """Write a bundle or a payload to a file."""
        path = self.folder / name
        path.write_text(json.dumps(document))
        return path

    def holds(self, promise: str, *, wanted: object, got: object) -> None:
        """Print whether a promise was kept; what was seen instead, where it was not."""
        if got == wanted:
            say(f"  ok    {promise}")
            return
        self.failures.append(promise)
        say(f"  FAIL  {promise}\n        wanted {wanted!r}\n        got    {got!r}")


@contextmanager
def open_trial() -> Iterator[Trial]:
    """A fresh home with tenants acme and globex; all of it is gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="jobforge-trial-"))
    trial = Trial(folder)
    set_for_this_process(
        JOBFORGE_HOME=str(trial.home),
        JOBFORGE_DATA_ROOT=str(trial.workspace.parent),
        JOBFORGE_POLICY_TOKEN_SECRET=secrets.token_hex(32),
    )
    trial.switch(autopilot_jobs=False, action_jobs=False)
    shutil.copytree(EXAMPLES / "workspace", trial.workspace)
    try:
        with Session():
            trial.command("tenant", "create", "acme", "--id", TENANT_ID)
            trial.command("project", "create", "shop", "--tenant", "acme", "--id", PROJECT_ID)
            trial.command("tenant", "create", "globex")
            yield trial
    finally:
        asyncio.run(EmbeddedServer(trial.home).wait_until_stopped())
        shutil.rmtree(folder)


def statuses(result: Json) -> list[tuple[str, str | None]]:
    """Status and code of each child run, in the bundle's order."""
    return [(child["status"], child["code"]) for child in result["child_runs"]]


def read(path: Path) -> Json:
    """A bundle as it lies there."""
    document: Json = json.loads(path.read_text())
    return document


def with_keys(bundle: Json, mark: str) -> Json:
    """The same bundle as new work: another id, other keys."""
    requests = [
        {**request, "idempotency_key": f"{request['idempotency_key']}-{mark}"}
        for request in bundle["requests"]
    ]
    return {**bundle, "bundle_id": f"{bundle['bundle_id']}-{mark}", "requests": requests}


def say(text: str) -> None:
    """Print a line at once, so that a reader sees how far it is."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def conclude(trial: Trial) -> int:
    """Sum up; the exit code."""
    if trial.failures:
        say(f"\n{len(trial.failures)} did not hold.")
        return 1
    say("\nAll of it holds.")
    return 0
