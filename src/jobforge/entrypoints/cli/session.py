"""How every command runs: open the application, do one thing, say it, end with the right code."""

from __future__ import annotations

import asyncio
import getpass
import json
import sys
import unicodedata
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, NoReturn, Self

import typer
from pydantic import ValidationError
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text
from typing_extensions import override

from jobforge.bootstrap import Application, open_application
from jobforge.contract.errors import ContractViolation, JobForgeError
from jobforge.core.actor import Actor
from jobforge.core.errors import (
    Conflict,
    Denied,
    HandlerSignal,
    InvalidInput,
    Missing,
    SettingInvalid,
    Unavailable,
)
from jobforge.core.failure import code_of

EXIT_CODES: dict[type[JobForgeError], int] = {
    ContractViolation: 2,
    InvalidInput: 2,
    Missing: 2,
    Denied: 3,
    Conflict: 3,
    HandlerSignal: 4,
    Unavailable: 5,
}
"""The first class of this table that an error is of decides; anything else is 1."""

PIPE_WIDTH = 200
"""Columns where nobody looks: wide enough that no id is broken."""


def printable(text: str) -> str:
    """The text with what steers a terminal or reverses a line escaped; line breaks stay.

    A bundle's words reach the operator's terminal, and must not be able to drive it.
    """
    return text if text.isprintable() else "".join(map(_printable_character, text))


def _printable_character(char: str) -> str:
    steers = char not in "\n\t" and unicodedata.category(char) in {"Cc", "Cf", "Cs"}
    return ascii(char)[1:-1] if steers else char


class PlainConsole(Console):
    """A console whose texts cannot drive the terminal; only its styles do."""

    @override
    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(printable(text), **how)


errors = PlainConsole(
    stderr=True, highlight=False, width=None if sys.stderr.isatty() else PIPE_WIDTH
)
out = PlainConsole(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)

Command = Callable[[Application], Awaitable[int]]


class Session:
    """One open application for several commands of one process, as the demo runs them."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._app: Application | None = None

    def __enter__(self) -> Self:
        _sessions.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _sessions.remove(self)
        with self._runner:
            self._runner.run(self._stack.aclose())

    def run(self, command: Command) -> int:
        """Run one command; the first one opens the application."""
        return self._runner.run(self._run(command))

    async def _run(self, command: Command) -> int:
        if self._app is None:
            self._app = await self._stack.enter_async_context(open_application())
        return await command(self._app)


_sessions: list[Session] = []


def run(command: Command, *, as_json: bool = False) -> NoReturn:
    """Run the command and leave with the exit code it returns."""
    try:
        code = _sessions[-1].run(command) if _sessions else asyncio.run(_run_alone(command))
    except JobForgeError as error:
        show_error(error, as_json=as_json)
        code = exit_code_of(error)
    except ValidationError as error:
        code = show_setting_error(error, as_json=as_json)
    except KeyboardInterrupt:
        code = 130
    raise typer.Exit(code)


async def _run_alone(command: Command) -> int:
    async with open_application() as app:
        return await command(app)


def local_actor() -> Actor:
    """Who sits at this command line."""
    try:
        return Actor.local(getpass.getuser())
    except (OSError, KeyError):
        return Actor.local("unknown")


def exit_code_of(error: JobForgeError) -> int:
    """The exit code for an error."""
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1)


def show_error(error: JobForgeError, *, as_json: bool) -> None:
    """Say what went wrong, where, and the way out."""
    if as_json:
        document = {
            "code": code_of(error),
            "message": error.message,
            "pointer": error.pointer,
            "hint": error.hint,
        }
        print_json({"error": document})
        return
    where = f" at {error.pointer}" if error.pointer else ""
    errors.print(f"[bold red]error[/] ({code_of(error)}){where}:", end=" ")
    errors.print(error.message, markup=False)
    if error.hint:
        errors.print("[bold]try[/]:", end=" ")
        errors.print(error.hint, markup=False)


def show_setting_error(error: ValidationError, *, as_json: bool) -> int:
    """Say which setting cannot be used; the exit code."""
    show_error(_to_setting_error(error), as_json=as_json)
    return EXIT_CODES[InvalidInput]


class PlainTable(Table):
    """A table that shows texts as they are: no markup, and nothing that drives the terminal."""

    @override
    def add_row(self, *cells: RenderableType | None, **how: Any) -> None:
        super().add_row(*map(_as_it_is, cells), **how)


def _as_it_is(cell: RenderableType | None) -> RenderableType | None:
    if isinstance(cell, Text):
        return Text(printable(cell.plain), style=cell.style)
    return Text(printable(cell)) if isinstance(cell, str) else cell


def new_table(*columns: str) -> PlainTable:
    """A plain table whose cells wrap and are never cut."""
    table = PlainTable(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def print_json(document: object) -> None:
    """Write exactly one JSON document to standard output."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _to_setting_error(error: ValidationError) -> JobForgeError:
    """A fault in the environment, named by its variable; the value is never shown."""
    first = error.errors(include_url=False, include_input=False)[0]
    name = "JOBFORGE_" + "_".join(str(part) for part in first["loc"]).upper()
    said = first["msg"].removeprefix("Value error, ")
    return SettingInvalid(f"{name}: {said}", hint="docs/reference/settings.md lists them all")
