"""Whoever approves a plan sees first what it would change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.entrypoints.cli.bundles import apply, bundle

from jobforge.core.answer import RunFacts, to_result
from jobforge.core.effects import PlannedEffect
from jobforge.core.run_summary import render_summary

if TYPE_CHECKING:
    from tests.entrypoints.cli.conftest import CommandLine


@pytest.fixture
def path(cli: CommandLine) -> str:
    cli.workspace.mkdir(parents=True, exist_ok=True)
    (cli.workspace / "settings.json").write_text('{"size": 1}\n')
    return cli.write("b.json", bundle(cli.tenant_id, apply()))


def test_a_plan_shows_what_its_actions_would_change(cli: CommandLine, path: str) -> None:
    planned = cli("bundle", "plan", path, "--tenant", "acme", "--json").json
    run = (planned["bundle_run_id"], "--tenant", "acme")

    for words in (("bundle", "plan", path, "--tenant", "acme"), ("run", "show", *run)):
        said = cli(*words).out
        assert "update settings.json" in said
        assert '-{"size": 1}' in said
    summary = cli("run", "summary", *run).out
    assert "### update settings.json" in summary
    assert "```diff" in summary


def test_issuing_a_token_shows_them_beside_the_token(cli: CommandLine, path: str) -> None:
    words = ("token", "issue", "--bundle", path, "--tenant", "acme", "--actor", "ada")

    said, document = cli(*words), cli(*words, "--json").json

    assert "update settings.json" in said.err
    assert said.out.count("\n") == 1
    effects = next(iter(document["effects"].values()))
    assert effects[0]["target"] == "settings.json"
    assert effects[0]["preconditions"]


def test_a_diff_cannot_end_its_block_in_a_summary() -> None:
    facts = RunFacts(None, None, None, "dry_run", datetime(2026, 1, 1, tzinfo=UTC))
    effect = PlannedEffect(
        target="a.md", change="create", before=None, after="x", diff="+```\n+# Approved\n+````\n"
    )

    lines = render_summary(to_result(facts, ()), {"one": (effect,)}).splitlines()

    assert lines[-5:] == ["`````diff", "+```", "+# Approved", "+````", "`````"]
