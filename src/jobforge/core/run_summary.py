"""A bundle run as Markdown, for people."""

from __future__ import annotations

import re

from jobforge.contract.results import BundleResult, ChildRun
from jobforge.core.effects import PlannedEffect
from jobforge.core.plan import Effects

_ESCAPED = str.maketrans({sign: "\\" + sign for sign in "\\|`*_<>[]"})
_SIGN = {
    "accepted": "would run",
    "queued": "queued",
    "executed": "executed",
    "skipped": "skipped",
    "denied": "**denied**",
    "error": "**failed**",
}


def render_summary(result: BundleResult, effects: Effects) -> str:
    """What was asked, what was decided, and what it changes.

    `effects` are those of the run's plan: what its actions said they would do.
    """
    lines = [
        f"# Bundle run {result.bundle_run_id}",
        "",
        _headline(result),
        "",
        f"- Mode: {'dry run, nothing was queued' if result.dry_run else 'execute'}",
        f"- Dialect: {result.dialect}, producer hash {result.producer_hash}",
        f"- Trace: `{result.trace_id}`",
        f"- Plan: `{result.plan_digest}`",
    ]
    if result.summary.action_jobs_blocked:
        lines.append(
            f"- Blocked without a valid policy token: {result.summary.action_jobs_blocked}"
        )
    lines += ["", *_table(result.child_runs)]
    warnings = [(c, w) for c in result.child_runs for w in c.warnings]
    if warnings:
        lines += ["", "## Warnings", ""]
        lines += [f"- `{child.request_id}`: {_cell(str(w['message']))}" for child, w in warnings]
    if effects:
        lines += ["", "## Planned changes"]
    for request_id, planned in effects.items():
        lines += [line for effect in planned for line in _change(request_id, effect)]
    return "\n".join(lines) + "\n"


def _change(request_id: str, effect: PlannedEffect) -> list[str]:
    diff = effect.diff.rstrip("\n")
    runs = re.findall("`{3,}", diff)
    # No diff ends its own block: the fence is longer than any that it holds.
    fence = "`" * (max(map(len, runs), default=2) + 1)
    title = f"### {effect.change} {_cell(effect.target)} (`{_cell(request_id)}`)"
    return ["", title, "", f"{fence}diff", diff, fence]


def _headline(result: BundleResult) -> str:
    summary = result.summary
    counts = [
        (summary.accepted, "would run"),
        (summary.queued, "queued"),
        (summary.executed, "executed"),
        (summary.skipped, "skipped"),
        (summary.denied, "denied"),
        (summary.errors, "failed"),
    ]
    said = ", ".join(f"{count} {word}" for count, word in counts if count)
    noun = "request" if summary.total == 1 else "requests"
    return f"{summary.total} {noun}: {said or 'nothing to do'}."


def _table(children: tuple[ChildRun, ...]) -> list[str]:
    if not children:
        return ["The bundle holds no request."]
    return [
        "| request | job type | outcome | why |",
        "| --- | --- | --- | --- |",
        *(
            f"| `{_cell(c.request_id)}` | {_cell(c.job_type)} | {_SIGN[c.status]} "
            f"| {_cell(c.reason)}{f' (`{c.code}`)' if c.code else ''} |"
            for c in children
        ),
    ]


def _cell(text: str) -> str:
    """Text from outside stays text: no table, no markup, no line break of its own."""
    flat = " ".join(text.split())
    return flat.translate(_ESCAPED)
