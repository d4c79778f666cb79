"""A readout for people: as Markdown, as a picture of the effects, and as one HTML file."""

from __future__ import annotations

from math import inf

from jobforge.autopilots.growth.charts import interval_chart
from jobforge.autopilots.growth.experiments.readout_result import Effect, ExperimentReadoutResult
from jobforge.autopilots.growth.html_page import html_page, html_table, text

_HEAD = ("variant", "metric", "effect", "interval", "p, adjusted", "chance to win", "verdict")


def to_markdown(result: ExperimentReadoutResult) -> str:
    """The effects as a table, then the decisions."""
    lines = [f"# Readout of {result.experiment}", "", _split(result), ""]
    lines += [f"| {' | '.join(_HEAD)} |", "|---|---|---:|---|---:|---:|---|"]
    lines += [f"| {' | '.join(_row(effect))} |" for effect in result.effects]
    lines.append("")
    for d in result.decisions:
        lines.append(f"- **{d.variant}: {_words(d.decision)}**: {'; '.join(d.reasons)}")
    if result.power_now is not None:
        lines += ["", f"Power now: {result.power_now:.0%}."]
    return "\n".join([*lines, ""])


def to_html(result: ExperimentReadoutResult) -> str:
    """The decisions, the picture, the table."""
    decisions = "".join(
        f"<p><b>{text(d.variant)}: {_words(d.decision)}</b>: {text('; '.join(d.reasons))}</p>"
        for d in result.decisions
    )
    power = "" if result.power_now is None else f"<p>Power now: {result.power_now:.0%}.</p>"
    body = [
        f"<h1>Readout of {text(result.experiment)}</h1><p>{text(_split(result))}</p>",
        decisions,
        effect_chart(result),
        html_table(_HEAD, map(_row, result.effects)),
        power,
    ]
    return html_page(f"Readout of {result.experiment}", body)


def effect_chart(result: ExperimentReadoutResult) -> str:
    """Each effect with its interval; those that were not judged are left out."""
    rows = [
        (f"{e.variant}, {e.metric}", _end(e.low, -inf), e.uplift, _end(e.high, inf))
        for e in result.effects if e.verdict != "not_judged"
    ]  # fmt: skip
    return interval_chart("Effect against the control", rows, x_format="{:+.1%}".format)


def _end(value: float | None, unbounded: float) -> float:
    return unbounded if value is None else value


def _split(result: ExperimentReadoutResult) -> str:
    split = "BROKEN" if result.is_split_broken else "as planned"
    return f"{result.users:,} users; split {split} (p = {result.srm_p_value:.4g})."


def _row(e: Effect) -> tuple[str, ...]:
    p = "n/a" if e.adjusted_p_value is None else f"{e.adjusted_p_value:.4f}"
    win = "n/a" if e.chance_to_win is None else f"{e.chance_to_win:.1%}"
    interval = f"{_percent(e.low)} to {_percent(e.high)}"
    name = f"{e.metric} ({e.role})"
    return (e.variant, name, f"{e.uplift:+.2%}", interval, p, win, _words(e.verdict))


def _words(verdict: str) -> str:
    return verdict.replace("_", " ")


def _percent(value: float | None) -> str:
    return "unbounded" if value is None else f"{value:+.2%}"
