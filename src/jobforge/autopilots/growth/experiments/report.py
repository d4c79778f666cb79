"""Proposals for people: as Markdown, as a power curve, and as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence

from jobforge.autopilots.growth.charts import interval_chart, line_chart, percent, plain_number
from jobforge.autopilots.growth.experiments.result import ExperimentProposeResult, Proposal
from jobforge.autopilots.growth.html_page import html_list, html_page, html_table, text
from jobforge.autopilots.growth.statistics.power import power_proportions

NOTHING = "Nothing is proposed: the data do not support a test."
_USUAL_POWER = 0.8


def to_markdown(result: ExperimentProposeResult) -> str:
    """The proposals in their order."""
    lines = [f"# Experiments for {result.funnel_name}", "", f"Goal: {result.goal_metric}.", ""]
    for p in result.proposed_experiments:
        lines += [
            f"## {p.rank}. {p.title}", "", p.hypothesis, "",
            *[f"- evidence: {fact}" for fact in p.evidence],
            *[f"- variant **{v.name}**: {v.change}" for v in p.variants],
            f"- metric: {p.primary_metric}",
            f"- guardrails: {'; '.join(p.guardrails)}",
            f"- users: {_size(p)}",
            f"- worth, if it works: {_worth(p)}",
            f"- stop rule: {p.stop_rule}",
            *[f"- **conflict**: {conflict}" for conflict in p.conflicts], "",
        ]  # fmt: skip
    if not result.proposed_experiments:
        lines += [NOTHING, ""]
    lines += [f"- no test for {entry.step}: {entry.reason}" for entry in result.not_proposed]
    assumptions = [f"- assumption: {assumption}" for assumption in result.assumptions]
    return "\n".join([*lines, "", *assumptions, ""])


def to_html(result: ExperimentProposeResult) -> str:
    """The same with pictures: what each test is worth, and its power day by day."""
    body = [
        f"<h1>Experiments for {text(result.funnel_name)}</h1>",
        f"<p>Goal: {result.goal_metric}. {result.daily_users:,.0f} users a day enter.</p>",
    ]
    if result.proposed_experiments:
        body += [power_chart(result.proposed_experiments), _worth_chart(result)]
    else:
        body.append(f"<p><b>{NOTHING}</b></p>")
    for proposal in result.proposed_experiments:
        body += _section(proposal)
    if result.not_proposed:
        rows = [(entry.step, entry.reason) for entry in result.not_proposed]
        body += ["<h2>No test for</h2>", html_table(("step", "why"), rows)]
    body += ["<h2>Assumptions</h2>", html_list(result.assumptions)]
    return html_page(f"Experiments for {result.funnel_name}", body)


def power_chart(proposals: Sequence[Proposal]) -> str:
    """Power against the days of the test, one line for each proposal, at its own level."""
    lines = []
    for proposal in proposals:
        mde, alpha = proposal.minimum_detectable_effect, proposal.significance_level
        points = [(0.0, alpha)]
        for day in range(1, proposal.duration_days + 1):
            users = proposal.users_per_variant * day / proposal.duration_days
            power = power_proportions(proposal.baseline_rate, mde, users, alpha=alpha)
            points.append((float(day), power))
        lines.append((f"{proposal.rank}. {proposal.step}: to see {mde:+.1%}", points))
    mark = (("80 %", _USUAL_POWER),)
    return line_chart("Power by day of the test", lines, x_label="days", marks=mark)


def _worth_chart(result: ExperimentProposeResult) -> str:
    rows = [
        (f"{p.rank}. {p.step}", p.expected_gain_interval[0], p.expected_gain_per_month,
         p.expected_gain_interval[1])
        for p in result.proposed_experiments
    ]  # fmt: skip
    title = "Worth per 30 days, if the change reaches what the test can see"
    return interval_chart(title, rows, x_format=lambda value: plain_number(round(value)))


def _section(p: Proposal) -> list[str]:
    facts = [
        ("metric", p.primary_metric),
        ("baseline", f"{p.baseline_rate:.1%}, {_between(p.baseline_interval)}"),
        ("guardrails", "; ".join(p.guardrails)),
        ("users", _size(p)),
        ("worth, if it works", _worth(p)),
        ("stop rule", p.stop_rule),
    ]
    variants = [(v.name, v.title, v.change, v.source or "") for v in p.variants]
    return [
        f"<h2>{p.rank}. {text(p.title)}</h2><p>{text(p.hypothesis)}</p>",
        *[f'<p class="high"><b>Conflict:</b> {text(conflict)}</p>' for conflict in p.conflicts],
        html_list(p.evidence),
        html_table(("variant", "", "change", "source"), variants),
        html_table(("", ""), facts),
    ]


def _between(interval: tuple[float, float]) -> str:
    return f"95 % interval {interval[0]:.1%} to {interval[1]:.1%}"


def _size(p: Proposal) -> str:
    return (
        f"{p.users_per_variant:,} per variant, {p.total_users:,} in all, {p.duration_days} days "
        f"at {percent(p.traffic_allocation)} of traffic, power {percent(p.power)}"
    )


def _worth(p: Proposal) -> str:
    low, high = p.expected_gain_interval
    return f"{p.expected_gain_per_month:,.0f} per 30 days ({low:,.0f} to {high:,.0f})"
