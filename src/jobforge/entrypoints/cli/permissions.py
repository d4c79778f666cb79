"""What each command of the command line asks permission for, at the same place as everybody else.

The local operator may everything that stands in the matrix, and the audit log names him. A command
that is not listed here is his alone: no other way in can lead to it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import typer

from jobforge.contract.errors import JobForgeError
from jobforge.core.authorization import Command, Target, authorize
from jobforge.entrypoints.cli.session import exit_code_of, local_actor, show_error

COMMANDS: Final[dict[str, Command]] = {
    "bundle plan": Command.BUNDLE_PLAN,
    "bundle execute": Command.BUNDLE_EXECUTE,
    "bundle queue": Command.BUNDLE_EXECUTE,
    "run list": Command.RUN_READ,
    "run show": Command.RUN_READ,
    "run manifest": Command.RUN_READ,
    "run summary": Command.RUN_READ,
    "replay": Command.RUN_READ,
    "job run": Command.BUNDLE_EXECUTE,
    "job list": Command.JOB_READ,
    "job show": Command.JOB_READ,
    "job cancel": Command.JOB_CANCEL,
    "job retry": Command.JOB_RETRY,
    "schedule add": Command.SCHEDULE_CHANGE,
    "schedule list": Command.SCHEDULE_READ,
    "schedule show": Command.SCHEDULE_READ,
    "schedule next": Command.SCHEDULE_READ,
    "schedule enable": Command.SCHEDULE_CHANGE,
    "schedule disable": Command.SCHEDULE_CHANGE,
    "schedule remove": Command.SCHEDULE_CHANGE,
    "token issue": Command.TOKEN_ISSUE,
    "token inspect": Command.TOKEN_INSPECT,
    "token revoke": Command.TOKEN_REVOKE,
    "data add": Command.DATASET_CHANGE,
    "data list": Command.DATASET_READ,
    "data remove": Command.DATASET_CHANGE,
    "connection add": Command.CONNECTION_CHANGE,
    "connection list": Command.CONNECTION_READ,
    "connection test": Command.CONNECTION_TEST,
    "connection remove": Command.CONNECTION_CHANGE,
    "audit list": Command.AUDIT_READ,
    "audit verify": Command.AUDIT_VERIFY,
    "audit export": Command.AUDIT_READ,
    "artifact get": Command.ARTIFACT_READ,
    "report check": Command.REPORT_CHECK,
    "types list": Command.TYPE_READ,
    "types show": Command.TYPE_READ,
    "project create": Command.PROJECT_CREATE,
    "project list": Command.PROJECT_READ,
    "tenant create": Command.TENANT_CREATE,
    "key create": Command.KEY_CHANGE,
    "key list": Command.KEY_READ,
    "key rotate": Command.KEY_CHANGE,
    "key revoke": Command.KEY_CHANGE,
    "webhook add": Command.WEBHOOK_CHANGE,
    "webhook list": Command.WEBHOOK_READ,
    "webhook show": Command.WEBHOOK_READ,
    "webhook rotate": Command.WEBHOOK_CHANGE,
    "webhook remove": Command.WEBHOOK_CHANGE,
    "webhook deliveries": Command.WEBHOOK_READ,
    "webhook replay": Command.WEBHOOK_CHANGE,
    "switch on": Command.SWITCH_ENGAGE,
    "switch off": Command.SWITCH_RELEASE,
    "switch list": Command.SWITCH_READ,
    "pause": Command.SWITCH_ENGAGE,
    "resume": Command.SWITCH_RELEASE,
    "window add": Command.WINDOW_CHANGE,
    "window list": Command.WINDOW_READ,
    "window remove": Command.WINDOW_CHANGE,
    "limits show": Command.LIMIT_READ,
    "limits set": Command.LIMIT_CHANGE,
}

_ANY_TENANT: Final = UUID(int=0)
"""The local operator is of no tenant; the command itself says which one he means."""


def ask_first(app: typer.Typer, *names: str) -> None:
    """Let every command below `app` ask permission before it does anything."""
    for info in app.registered_commands:
        if info.callback is not None:
            own = info.name or info.callback.__name__.replace("_", "-")
            info.callback = _asking(" ".join((*names, own)), info.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            ask_first(group.typer_instance, *names, str(group.name))


def command_of(name: str) -> Command:
    """What the command of this full name asks permission for."""
    return COMMANDS.get(name, Command.INSTALLATION_OPERATE)


def _asking(name: str, run: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(run)
    def ask(*given: Any, **options: Any) -> Any:  # noqa: ANN401 (whatever the command takes and gives)
        try:
            authorize(local_actor(), command_of(name), Target(_ANY_TENANT))
        except JobForgeError as error:
            show_error(error, as_json=bool(options.get("as_json")))
            raise typer.Exit(exit_code_of(error)) from None
        return run(*given, **options)

    return ask
