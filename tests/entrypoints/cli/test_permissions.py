"""The command line asks at the same choke point as everybody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.entrypoints.cli.test_json import commands

from jobforge.core.actor import Actor
from jobforge.core.authorization import ROLES_OF, Command
from jobforge.entrypoints.cli import permissions
from jobforge.entrypoints.cli.permissions import COMMANDS, command_of

if TYPE_CHECKING:
    import pytest
    from tests.entrypoints.cli.conftest import CommandLine


def test_what_is_listed_exists_and_what_is_not_is_the_local_operators_alone() -> None:
    names = {name for name, _ in commands()}

    assert names >= COMMANDS.keys()
    for name in names - COMMANDS.keys():
        assert ROLES_OF[command_of(name)] == frozenset(), name


def test_every_command_asks_before_it_does_anything(
    bare_cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = Actor("key:0/eve", frozenset(), is_local=False)
    monkeypatch.setattr(permissions, "local_actor", lambda: stranger)

    for name in ("flags", "types list", "tenant list", "key list", "audit verify"):
        words = ("--tenant", "acme") if name == "key list" else ()
        said = bare_cli(*name.split(), *words, "--json")
        assert said.code in {2, 3}, name
        assert said.json["error"]["code"] in {"NOT_FOUND", "NOT_PERMITTED"}, name


def test_the_local_operator_may_everything_that_stands_in_the_matrix() -> None:
    assert {command_of(name) for name, _ in commands()} <= set(Command)
