"""A funnel for people: as Markdown, as a picture, and as one HTML file."""

from __future__ import annotations

from datetime import timedelta

from jobforge.autopilots.growth.charts import bar_chart
from jobforge.autopilots.growth.funnel.result import Funnel, FunnelAnalyzeResult, FunnelStep
from jobforge.autopilots.growth.html_page import html_page, html_table, text

_HEAD = ("step", "reached", "from previous", "95 % interval", "from start", "median time")


def to_markdown(result: FunnelAnalyzeResult) -> str:
    """The funnel as tables."""
    lines = [f"# Funnel {result.funnel_name}", "", _summary(result), ""]
    for funnel in (result.funnel, *result.segments):
        lines += [f"## {_name(funnel)}", "", f"| {' | '.join(_HEAD)} |"]
        lines += ["|---|---:|---:|---|---:|---:|"]
        lines += [f"| {' | '.join(_row(step))} |" for step in funnel.steps]
        lines += ["", f"Biggest loss before: {funnel.biggest_drop or 'nowhere'}.", ""]
    return "\n".join(lines)


def to_html(result: FunnelAnalyzeResult) -> str:
    """The funnel over everybody and each segment, with their pictures."""
    body = [f"<h1>Funnel {text(result.funnel_name)}</h1><p>{text(_summary(result))}</p>"]
    for funnel in (result.funnel, *result.segments):
        body += [
            f"<h2>{text(_name(funnel))}</h2>",
            funnel_chart(funnel, _name(funnel)),
            html_table(_HEAD, map(_row, funnel.steps)),
            f"<p>Biggest loss before: {text(funnel.biggest_drop or 'nowhere')}.</p>",
        ]
    if result.segments:
        body.insert(1, _comparison(result))
    return html_page(f"Funnel {result.funnel_name}", body)


def funnel_chart(funnel: Funnel, title: str) -> str:
    """Users who reach each step, with the share that comes from the step before."""
    bars = [(step.name, float(step.units)) for step in funnel.steps]
    notes = ["" if not n else f"{_share(step.from_previous)} of the step before"
             for n, step in enumerate(funnel.steps)]  # fmt: skip
    return bar_chart(title, bars, notes=notes)


def _comparison(result: FunnelAnalyzeResult) -> str:
    """Which segment gets furthest, side by side."""
    bars = [(_name(f), 100 * (f.overall_conversion or 0.0)) for f in result.segments]
    return bar_chart("Share that reaches the last step, %", [(n, round(v, 2)) for n, v in bars])


def _summary(result: FunnelAnalyzeResult) -> str:
    window = "any time" if result.window_hours is None else f"{result.window_hours:g} hours"
    skipped = f", {result.skipped_events:,} without user or time skipped"
    return (
        f"{result.events_used:,} events of {result.first_day} to {result.last_day}"
        f"{skipped if result.skipped_events else ''}; counted: {result.unit}s; window: {window}."
    )


def _name(funnel: Funnel) -> str:
    return funnel.segment or "Everybody"


def _row(step: FunnelStep) -> tuple[str, ...]:
    interval = f"{step.interval[0]:.1%} to {step.interval[1]:.1%}" if step.interval else "n/a"
    seconds = step.median_seconds
    median = "n/a" if seconds is None else str(timedelta(seconds=round(seconds)))
    reached = f"{step.units:,}"
    shares = (_share(step.from_previous), interval, _share(step.from_start))
    return (step.name, reached, *shares, median)


def _share(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.1%}"
