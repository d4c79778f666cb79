"""A bundle run on the terminal."""

from __future__ import annotations

from rich.text import Text

from jobforge.contract.codes import ChildCode
from jobforge.contract.results import BundleResult, ChildRun
from jobforge.core.plan import Effects
from jobforge.entrypoints.cli.session import (
    PlainConsole,
    errors,
    new_table,
    out,
    print_json,
    printable,
)

_STYLE = {
    "accepted": "green",
    "queued": "cyan",
    "executed": "green",
    "skipped": "yellow",
    "denied": "red",
    "error": "red",
}

_DIFF_STYLE = {"+": "green", "-": "red", "@": "cyan"}


_ISSUE = "jobforge token issue --bundle FILE --tenant T --actor A"
_WAYS_OUT: dict[str, str] = {
    ChildCode.UNKNOWN_JOB_TYPE: "jobforge types list",
    ChildCode.PAYLOAD_INVALID: "jobforge types show TYPE",
    ChildCode.SCOPE_MISSING: "jobforge types show TYPE; write scopes come from a token",
    ChildCode.POLICY_TOKEN_REQUIRED: _ISSUE,
    ChildCode.POLICY_TOKEN_INVALID: _ISSUE,
    ChildCode.POLICY_TOKEN_EXPIRED: _ISSUE,
    ChildCode.POLICY_TOKEN_USED: _ISSUE,
    ChildCode.PLAN_STALE: "plan again, look at what changed, then " + _ISSUE,
    ChildCode.DENIED_WITH_BUNDLE: "--on-policy-failure deny_actions runs what needs no token",
    ChildCode.FEATURE_FLAG_DISABLED: "jobforge flags",
}
"""The way out of a denial, by its code."""


def show_run(result: BundleResult, effects: Effects, *, as_json: bool) -> None:
    """Print the result as JSON, or as a table, the planned changes and a line of counts."""
    if as_json:
        print_json(result.model_dump(mode="json"))
        return
    error = result.manifest.error
    if error is not None:
        _show_refusal(error)
        return
    if result.child_runs:
        table = new_table("request", "job type", "status", "why")
        for child in result.child_runs:
            why = child.reason if child.code is None else f"{child.reason} ({child.code})"
            table.add_row(
                Text(child.request_id),
                Text(child.job_type),
                Text(child.status, style=_STYLE[child.status]),
                Text(why),
            )
        out.print(table)
    for child in result.child_runs:
        for warning in child.warnings:
            _show_warning(child.request_id, warning)
    show_effects(effects)
    _show_ways_out(result)
    out.print(_counts(result))


def show_effects(effects: Effects, to: PlainConsole = out) -> None:
    """Print what the actions of a plan said they would change, as coloured diffs."""
    for request_id, planned in effects.items():
        for effect in planned:
            title = printable(f"{request_id}: {effect.change} {effect.target}")
            to.print(Text(title, style="bold"))
            for line in printable(effect.diff).splitlines():
                to.print(Text(f"  {line}", style=_DIFF_STYLE.get(line[:1], "")))


def exit_code_of_run(result: BundleResult) -> int:
    """2 refused (3 where switched off), 3 anything denied, 4 only failures, else 0."""
    error = result.manifest.error
    if error is not None:
        return 3 if error["code"] == "FEATURE_FLAG_DISABLED" else 2
    if result.summary.denied:
        return 3
    return 4 if result.summary.errors else 0


def _show_ways_out(result: BundleResult) -> None:
    for hint in dict.fromkeys(map(_hint_for, result.child_runs)):
        if hint:
            out.print("[bold]try[/]:", end=" ")
            out.print(hint, markup=False)


def _hint_for(child: ChildRun) -> str | None:
    """What the error itself says, or what helps with its code."""
    told = (child.error or {}).get("hint")
    return str(told) if told else _WAYS_OUT.get(child.code or "")


def _show_refusal(error: dict[str, object]) -> None:
    where = f" at {error['pointer']}" if error.get("pointer") else ""
    errors.print(f"[bold red]bundle refused[/] ({error['code']}){where}:", end=" ")
    errors.print(str(error["message"]), markup=False)
    if error.get("hint"):
        errors.print("[bold]try[/]:", end=" ")
        errors.print(str(error["hint"]), markup=False)


def _show_warning(request_id: str, warning: dict[str, object]) -> None:
    out.print("[yellow]warning[/]", end=" ")
    hint = f" ({warning['hint']})" if warning.get("hint") else ""
    out.print(f"{request_id}: {warning['message']}{hint}", markup=False)


def _counts(result: BundleResult) -> str:
    counts = result.summary.model_dump()
    said = ", ".join(f"{n} {word.replace('_', ' ')}" for word, n in counts.items() if n)
    return (
        f"Run {result.bundle_run_id} ({result.mode}, {result.dialect}): {said or 'nothing to do'}"
    )
