"""What a stranger tries: words that are wrong, texts that are hostile, files that cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.entrypoints.cli.bundles import apply, bundle, reconcile

from jobforge.entrypoints.cli.app import run_words
from jobforge.entrypoints.cli.session import printable

if TYPE_CHECKING:
    from tests.entrypoints.cli.conftest import CommandLine

SECRET = "sk-" + "jobforge-0123456789abcdefghij"
HOSTILE = "autopilot.ops.\x1b[31mred\u202e[bold]x"


@pytest.mark.parametrize(
    "words",
    [
        ("run", "show", "no-uuid", "--tenant", "acme"),
        ("job", "list", "--tenant", "acme", "--status", "sleeping"),
        ("job", "list"),
        ("bundle", "plan"),
        ("audit", "verify", "--no-such-option"),
        ("no-such-command",),
    ],
    ids=" ".join,
)
def test_wrong_words_with_json_are_one_document(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    code = run_words([*words, "--json"])

    said = capsys.readouterr()
    assert code == 2
    assert json.loads(said.out)["error"]["code"] == "INVALID_INPUT"
    assert json.loads(said.out)["error"]["message"]


def test_what_steers_a_terminal_is_escaped_and_the_rest_left() -> None:
    assert printable("a\x1b[31mb\u202ec\nd\u00a0é🎉") == "a\\x1b[31mb\\u202ec\nd\u00a0é🎉"


def test_the_words_of_a_bundle_cannot_drive_the_terminal(cli: CommandLine) -> None:
    path = cli.write("b.json", bundle(cli.tenant_id, {**reconcile(), "job_type": HOSTILE}))
    run_id = cli("bundle", "plan", path, "--tenant", "acme", "--json").json["bundle_run_id"]

    for words in (("bundle", "plan", path), ("run", "show", run_id), ("run", "summary", run_id)):
        said = cli(*words, "--tenant", "acme")
        assert "\\x1b" in said.out
        assert "\x1b" not in said.out
        assert "\u202e" not in said.out


def test_a_name_is_shown_as_it_is_and_not_as_markup(cli: CommandLine) -> None:
    assert cli("tenant", "create", "[red]Shop[/red]").code == 0

    assert "[red]Shop[/red]" in cli("tenant", "list").out


def test_a_file_that_cannot_be_written_is_a_fault_and_no_crash(cli: CommandLine) -> None:
    target = str(Path("no-such-folder") / "file")
    path = cli.write("b.json", bundle(cli.tenant_id, reconcile()))
    ref = cli.execute(path).json["artifact_ref"]

    for words in (("audit", "export"), ("artifact", "get", ref)):
        said = cli(*words, "--tenant", "acme", "-o", target)
        assert said.code == 2
        assert f"cannot write {target}" in said.err


def test_a_secret_in_an_unknown_key_is_neither_shown_nor_kept(cli: CommandLine) -> None:
    path = cli.write("b.json", {**bundle(cli.tenant_id, reconcile()), SECRET: 1})

    said = cli("bundle", "plan", path, "--tenant", "acme", "--json")

    assert said.code == 2
    assert said.json["manifest"]["error"]["pointer"] == "/[masked]"
    kept = cli("run", "show", said.json["bundle_run_id"], "--tenant", "acme", "--json")
    assert SECRET not in said.out + kept.out + cli("audit", "export", "--tenant", "acme").out


@pytest.mark.parametrize("url", ["", "not a url", "postgresql://", "a\nb", "ftp://example.com/x"])
@pytest.mark.parametrize("kind", ["postgres", "http"])
def test_what_is_no_url_becomes_no_connection(cli: CommandLine, kind: str, url: str) -> None:
    said = cli("connection", "add", "c", "--tenant", "acme", "--kind", kind, "--json", given=url)

    assert said.code == 2
    assert said.json["error"]["code"] == "INVALID_INPUT"
    assert said.json["error"]["hint"]
    assert cli("connection", "list", "--tenant", "acme", "--json").json == []


def test_a_setting_that_cannot_be_used_has_a_code_of_its_own(bare_cli: CommandLine) -> None:
    bare_cli.setenv(POLICY_TOKEN_SECRET="too short")  # noqa: S106 (a secret that must be refused)

    error = bare_cli("doctor", "--json").json["error"]

    assert error["code"] == "SETTING_INVALID"
    assert error["message"] == "JOBFORGE_POLICY_TOKEN_SECRET: needs at least 32 bytes"


def test_a_token_for_a_bundle_of_another_tenant_is_refused_for_that_reason(
    cli: CommandLine,
) -> None:
    cli("tenant", "create", "Other")
    path = cli.write("act.json", bundle(cli.tenant_id, apply()))

    words = ("--bundle", path, "--tenant", "other", "--actor", "ada", "--json")
    said = cli("token", "issue", *words)

    assert said.code == 2
    assert "Tenant mismatch" in said.json["error"]["message"]


def test_a_denial_tells_the_way_out_once(cli: CommandLine) -> None:
    (cli.workspace / "settings.json").write_text('{"size": 1}')
    requests = (apply(1), apply(2, size=3), {**reconcile(), "job_type": "autopilot.ops.invented"})
    path = cli.write("act.json", bundle(cli.tenant_id, *requests))

    said = cli("bundle", "plan", path, "--tenant", "acme")

    assert said.code == 3
    assert said.out.count("try: jobforge token issue --bundle FILE") == 1
    assert said.out.count("try: jobforge types list") == 1


@pytest.mark.parametrize("operation", ["replace", "test"])
def test_a_patch_that_does_not_fit_tells_nothing_of_the_file(
    cli: CommandLine, operation: str
) -> None:
    (cli.workspace / "settings.json").write_text('{"size": {"note": "nobody may read this"}}')
    action = apply()
    path = "/size/none/x" if operation == "replace" else "/size/note"
    action["payload"]["change"]["patch"] = [{"op": operation, "path": path, "value": 1}]
    file = cli.write("act.json", bundle(cli.tenant_id, action))

    said = cli("bundle", "plan", file, "--tenant", "acme", "--json")

    assert said.json["child_runs"][0]["code"] == "PAYLOAD_INVALID"
    assert f"{operation} {path}" in said.json["child_runs"][0]["reason"]
    assert "nobody may read this" not in said.out


@pytest.mark.parametrize("content", [None, "{"], ids=["missing", "malformed"])
def test_nobody_can_approve_an_action_whose_file_cannot_be_read(
    cli: CommandLine, content: str | None
) -> None:
    if content is not None:
        (cli.workspace / "settings.json").write_text(content)
    path = cli.write("act.json", bundle(cli.tenant_id, apply()))
    words = ("--bundle", path, "--tenant", "acme", "--actor", "ada", "--json")

    said = cli("token", "issue", *words)

    assert said.code == 2
    assert "what apply-1 would change cannot be told" in said.json["error"]["message"]
