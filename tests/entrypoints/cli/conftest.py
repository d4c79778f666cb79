"""The command line, run in this process on a private database."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.application import SECRET

from jobforge.adapters.postgres.access import DatabaseAccess
from jobforge.entrypoints.cli.app import app
from jobforge.entrypoints.cli.session import Session


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 (any JSON document)
        """Its output, if that is one JSON document and nothing else."""
        return json.loads(self.out)


@dataclass(frozen=True)
class CommandLine:
    """Runs commands as a shell would."""

    capture: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    folder: Path

    def __call__(self, *words: str, given: str = "") -> Said:
        self.capture.readouterr()
        self.monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        code = app(list(words), standalone_mode=False)
        said = self.capture.readouterr()
        return Said(code or 0, said.out, said.err)

    @property
    def tenant_id(self) -> str:
        """The id of the tenant acme."""
        listed: list[dict[str, str]] = self("tenant", "list", "--json").json
        return next(tenant["id"] for tenant in listed if tenant["slug"] == "acme")

    @property
    def workspace(self) -> Path:
        """The folder of the tenant acme."""
        return self.folder / "home" / "data" / "acme"

    def execute(self, path: str, *words: str) -> Said:
        """Execute a bundle for acme and wait for it."""
        words = ("--tenant", "acme", "--wait", "--json", *words)
        return self("bundle", "execute", path, *words)

    def issue(self, path: str) -> str:
        """A token for a bundle of acme."""
        words = ("--tenant", "acme", "--actor", "ada", "--json")
        return str(self("token", "issue", "--bundle", path, *words).json["token"])

    def setenv(self, **values: str) -> None:
        """Set variables JOBFORGE_…"""
        for name, value in values.items():
            self.monkeypatch.setenv(f"JOBFORGE_{name}", value)

    def write(self, name: str, document: object) -> str:
        """A JSON file; its path."""
        path = self.folder / name
        path.write_text(json.dumps(document))
        return str(path)


@pytest.fixture
def bare_cli(
    database_access: DatabaseAccess,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    clean_environment: None,  # noqa: ARG001 (asked for its effect)
) -> CommandLine:
    """The command line on an empty database, everything off."""
    monkeypatch.setenv("JOBFORGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JOBFORGE_DATABASE_URL", database_access.owner_dsn)
    return CommandLine(capsys, monkeypatch, tmp_path)


@pytest.fixture
def cli(bare_cli: CommandLine) -> Iterator[CommandLine]:
    """The command line with a tenant acme and every switch on; its database stays open."""
    bare_cli.setenv(AUTOPILOT_JOBS_ENABLED="1", ACTION_JOBS_ENABLED="1", POLICY_TOKEN_SECRET=SECRET)
    with Session():
        assert bare_cli("tenant", "create", "Acme").code == 0
        (bare_cli.folder / "home" / "data" / "acme").mkdir(parents=True)
        yield bare_cli
