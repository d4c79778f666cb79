"""With --json a command prints exactly one JSON document, whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import typer
from tests.entrypoints.cli.asking_calls import ASKING_FAILING, asking_calls
from tests.entrypoints.cli.bundles import RECONCILE, apply, bundle, reconcile
from tests.entrypoints.cli.started_calls import STARTED_FAILING, started_calls

from jobforge.entrypoints.cli.app import app

if TYPE_CHECKING:
    import click
    from tests.entrypoints.cli.conftest import CommandLine

NOBODY = "00000000-0000-4000-8000-000000000000"

_WITHOUT = {
    "demo",
    "worker",
    "serve",
    "mcp",
    "run manifest",
    "run summary",
    "audit export",
    "artifact get",
}
"""Commands that print no document of their own: they tell, copy bytes, or are JSON anyway."""


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command with its full name."""

    def walk(command: Any, names: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:  # noqa: ANN401 (typer carries its own copy of click)
        children = getattr(command, "commands", None)
        if children is None:
            yield " ".join(names), command
            return
        for name, child in children.items():
            yield from walk(child, (*names, name))

    yield from walk(typer.main.get_command(app), ())


def takes_json(command: click.Command) -> bool:
    return any("--json" in parameter.opts for parameter in command.params)


def test_every_command_takes_json_or_has_a_reason_not_to() -> None:
    assert {name for name, command in commands() if not takes_json(command)} == _WITHOUT


def test_every_command_has_help_and_says_what_it_does() -> None:
    for name, command in commands():
        assert (command.help or "").strip(), name
        for parameter in command.params:
            assert getattr(parameter, "help", None) or parameter.name == "help", (name, parameter)


def calls(cli: CommandLine) -> dict[str, tuple[str, ...]]:
    """One call of each command that succeeds, in an order in which all of them do."""
    (cli.workspace / "settings.json").write_text('{"size": 1}')
    csv = cli.folder / "rows.csv"
    csv.write_text("id,amount\n1,2\n")
    read = cli.write("read.json", bundle(cli.tenant_id, reconcile()))
    act = cli.write("act.json", bundle(cli.tenant_id, apply()))
    payload = cli.write("payload.json", reconcile()["payload"])
    report = cli.write("report.json", _REPORT)
    run = cli.execute(read).json
    child, run_id = run["child_runs"][0]["job_id"], run["bundle_run_id"]
    other = cli.write("other.json", bundle(cli.tenant_id, apply(2, size=5)))
    token = cli.issue(other)
    jti = cli("token", "inspect", token, "--json").json["jti"]
    failing = cli.write("failing.json", bundle(cli.tenant_id, reconcile(3, actual="not-there")))
    failed = cli.execute(failing).json["child_runs"][0]["job_id"]
    words = (act, "--tenant", "acme", "--policy-token", cli.issue(act), "--json")
    action = cli("bundle", "execute", *words).json["child_runs"][0]["job_id"]
    of_acme = ("--tenant", "acme")
    why = ("--reason", "tests")
    key = cli("key", "create", *of_acme, "--role", "viewer", "--owner", "eve", "--json").json["id"]
    return {
        "init": (),
        "doctor": (),
        "flags": (),
        "tenant create": ("Another",),
        "tenant list": (),
        "project create": ("Shop", *of_acme),
        "project list": of_acme,
        "bundle plan": (read, *of_acme),
        "bundle execute": (read, *of_acme),
        "run list": of_acme,
        "run show": (run_id, *of_acme),
        "impact": (run_id, *of_acme),
        "replay": (run_id, *of_acme),
        "job list": of_acme,
        "job show": (child, *of_acme),
        "job cancel": (action, *of_acme),
        "job run": (RECONCILE, "--payload", payload, *of_acme),
        "job retry": (failed, *of_acme),
        "job explain": (failed, *of_acme),
        "token issue": ("--bundle", other, *of_acme, "--actor", "ada"),
        "token inspect": (token,),
        "token revoke": (jti, *of_acme),
        "data add": ("rows", str(csv), *of_acme),
        "data list": of_acme,
        "data remove": ("rows", *of_acme),
        "connection add": ("db", *of_acme, "--kind", "http"),
        "connection list": of_acme,
        "connection remove": ("db", *of_acme),
        "audit list": of_acme,
        "audit verify": (),
        "report check": (report,),
        "types list": (),
        "types show": (RECONCILE,),
        "key create": (*of_acme, "--role", "operator", "--role", "approver", "--expires-in", "30d"),
        "key list": of_acme,
        "key rotate": (key, *of_acme),
        "key revoke": (key, *of_acme),
        **started_calls(cli, read),
        **asking_calls(cli),
        "switch on": (*of_acme, *why),
        "switch list": (),
        "switch off": (*of_acme, *why),
        "pause": ("--type", RECONCILE, *why),
        "resume": ("--type", RECONCILE, *why),
        "window add": ("xmas", "--kind", "closed", *_ONCE),
        "window list": (),
        "window remove": ("xmas",),
        "limits show": of_acme,
        "retention show": of_acme,
        "retention set": (*of_acme, "--kind", "runs", "--days", "90"),
        "retention run": of_acme,
        "limits set": (*of_acme, "--daily-jobs", "1000", "--targets-per-day", "none", *why),
    }


_REPORT = {
    "schema_version": "1.0.0",
    "report_id": "report-1",
    "tenant_id": NOBODY,
    "project_id": NOBODY,
    "trace_id": "trace-1",
    "module_id": "ops",
    "report_type": "ops.health_assessment",
    "created_at": "2026-03-01T08:00:00Z",
}
_ONCE = ("--from", "2030-12-24T00:00:00Z", "--until", "2030-12-25T00:00:00Z")
_NEEDS_A_SERVER = {"connection test"}


def test_what_succeeds_prints_one_document(cli: CommandLine) -> None:
    table = calls(cli)

    assert {n for n, c in commands() if takes_json(c)} == table.keys() | _NEEDS_A_SERVER
    for name, words in table.items():
        said = cli(*name.split(), *words, "--json", given="https://example.com")
        assert said.code == 0, (name, said)
        assert said.json is not None, name


_FAILING = {
    "tenant create": ("Acme",),
    "project create": ("Shop", "--tenant", "nobody"),
    "project list": ("--tenant", "nobody"),
    "bundle plan": ("no-such-file", "--tenant", "acme"),
    "bundle execute": ("-", "--tenant", "acme"),
    "run list": ("--tenant", "nobody"),
    "run show": (NOBODY, "--tenant", "acme"),
    "impact": (NOBODY, "--tenant", "acme"),
    "replay": (NOBODY, "--tenant", "acme"),
    "job run": (RECONCILE, "--payload", "-", "--tenant", "acme"),
    "job list": ("--tenant", "nobody"),
    "job show": (NOBODY, "--tenant", "acme"),
    "job cancel": (NOBODY, "--tenant", "acme"),
    "job retry": (NOBODY, "--tenant", "acme"),
    "job explain": (NOBODY, "--tenant", "acme"),
    "token issue": ("--tenant", "acme", "--actor", "ada"),
    "token inspect": ("no-token",),
    "token revoke": (NOBODY, "--tenant", "nobody"),
    "data add": ("rows", "no-such-file", "--tenant", "acme"),
    "data list": ("--tenant", "nobody"),
    "data remove": ("rows", "--tenant", "acme"),
    "connection add": ("db", "--tenant", "acme", "--kind", "magic"),
    "connection list": ("--tenant", "nobody"),
    "connection test": ("db", "--tenant", "acme"),
    "connection remove": ("db", "--tenant", "acme"),
    "audit list": ("--tenant", "nobody"),
    "audit verify": ("--tenant", "nobody"),
    "report check": ("no-such-file",),
    "types show": ("autopilot.ops.invented",),
    "key create": ("--tenant", "acme", "--role", "viewer", "--expires-in", "999d"),
    "key list": ("--tenant", "nobody"),
    "key rotate": ("000000000000", "--tenant", "acme"),
    "key revoke": ("000000000000", "--tenant", "acme"),
    **STARTED_FAILING,
    **ASKING_FAILING,
    "switch on": ("--reason", "tests"),
    "switch off": ("--all", "--reason", "tests"),
    "pause": ("--all", "--tenant", "acme", "--reason", "tests"),
    "resume": ("--tenant", "nobody", "--reason", "tests"),
    "window add": ("w", "--kind", "open", "--days", "noday", "--at", "01:00", "--for", "1h"),
    "window list": ("--tenant", "nobody"),
    "window remove": ("not-there",),
    "limits show": ("--tenant", "nobody"),
    "retention show": ("--tenant", "nobody"),
    "retention set": ("--tenant", "acme", "--kind", "runs", "--days", "many"),
    "retention run": ("--tenant", "nobody"),
    "limits set": ("--tenant", "acme", "--daily-jobs", "many", "--reason", "tests"),
}
_CANNOT_FAIL = {"init", "doctor", "flags", "tenant list", "types list", "switch list"}


def test_what_fails_prints_one_document_that_names_a_code(cli: CommandLine) -> None:
    assert {n for n, c in commands() if takes_json(c)} == _FAILING.keys() | _CANNOT_FAIL
    for name, words in _FAILING.items():
        said = cli(*name.split(), *words, "--json", given="[]")
        assert said.code in {2, 3}, (name, said)
        document = said.json
        error = document["error"] if "error" in document else document["manifest"]["error"]
        assert error["code"], name
        assert error["message"], name


@pytest.mark.parametrize("name", sorted(_CANNOT_FAIL - {"types list", "flags"}))
def test_a_setting_that_cannot_be_used_is_named_and_not_shown(
    bare_cli: CommandLine, name: str
) -> None:
    bare_cli.setenv(POLICY_TOKEN_SECRET="too short")  # noqa: S106 (a secret that must be refused)

    said = bare_cli(*name.split(), "--json")

    assert said.code == 2
    assert "JOBFORGE_POLICY_TOKEN_SECRET" in said.json["error"]["message"]
    assert "too short" not in said.out + said.err


def test_a_switch_that_is_neither_on_nor_off_is_named(bare_cli: CommandLine) -> None:
    bare_cli.setenv(AUTOPILOT_JOBS_ENABLED="perhaps")

    for name in ("flags", "doctor"):
        said = bare_cli(name, "--json")
        assert said.code == 2
        assert "JOBFORGE_AUTOPILOT_JOBS_ENABLED" in said.json["error"]["message"]
