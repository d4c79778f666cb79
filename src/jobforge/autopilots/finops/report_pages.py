"""Reports as Markdown, as one self-contained HTML page with charts, and tables as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from xml.sax.saxutils import quoteattr

from jobforge.contract.manifest import ArtifactOutput
from jobforge.core.context import JobContext

MAX_ROWS = 200
"""A page shows so many rows of a table; the CSV has all of them."""
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;"
    "color:#1c2430}table{border-collapse:collapse;width:100%;margin:1rem 0;font-size:13px}"
    "th,td{border-bottom:1px solid #d8dee6;padding:.35rem .5rem;text-align:left;"
    "vertical-align:top}th{background:#f2f5f8}svg{width:100%;height:auto;margin:.5rem 0}"
    "text{font:11px system-ui,sans-serif;fill:#4a5666}"
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its heading; cells are shown as they are."""

    heading: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Bars:
    """A bar chart of named values; bars below zero point the other way."""

    heading: str
    values: Sequence[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """A line chart of one series; `marks` are positions to point at."""

    heading: str
    values: Sequence[float]
    first: str
    last: str
    marks: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One report: facts first, then charts and tables."""

    title: str
    facts: Sequence[tuple[str, object]]
    parts: Sequence[Table | Bars | Line]


def to_markdown(page: Page) -> str:
    """The page for a terminal or a pull request; charts are left to the HTML page."""
    lines = [f"# {page.title}", ""]
    lines += [f"- **{name}:** {_cell(value)}" for name, value in page.facts]
    for part in page.parts:
        if isinstance(part, Table):
            lines += ["", f"## {part.heading}", "", *_markdown_table(part)]
    return "\n".join(lines) + "\n"


def _markdown_table(table: Table) -> list[str]:
    if not table.rows:
        return ["Nothing found."]
    lines = [
        "| " + " | ".join(table.columns) + " |",
        "|" + " --- |" * len(table.columns),
        *("| " + " | ".join(map(_cell, row)) + " |" for row in table.rows[:MAX_ROWS]),
    ]
    hidden = len(table.rows) - MAX_ROWS
    return [*lines, "", f"{hidden} more rows are in the CSV file."] if hidden > 0 else lines


def _cell(value: object) -> str:
    return str("" if value is None else value).replace("|", "\\|").replace("\n", " ")


def to_html(page: Page) -> str:
    """The page as one file without a script and without anything to load."""
    facts = "".join(
        f"<li><b>{escape(name)}:</b> {escape(str(value))}</li>" for name, value in page.facts
    )
    parts = "".join(f"<h2>{escape(part.heading)}</h2>{_html_part(part)}" for part in page.parts)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(page.title)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(page.title)}</h1><ul>{facts}</ul>{parts}</body></html>\n"
    )


def _html_part(part: Table | Bars | Line) -> str:
    match part:
        case Table():
            return _html_table(part)
        case Bars():
            return _svg_bars(part)
        case Line():
            return _svg_line(part)


def _html_table(table: Table) -> str:
    if not table.rows:
        return "<p>Nothing found.</p>"
    head = "".join(f"<th>{escape(name)}</th>" for name in table.columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(_shown(value))}</td>" for value in row) + "</tr>"
        for row in table.rows[:MAX_ROWS]
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _shown(value: object) -> str:
    return "" if value is None else str(value)


def _svg_bars(chart: Bars) -> str:
    largest = max((abs(value) for _, value in chart.values), default=0.0) or 1.0
    height = 22 * len(chart.values) + 6
    bars = "".join(
        f'<text x="0" y="{22 * n + 16}">{escape(name[:34])}</text>'
        f'<rect x="230" y="{22 * n + 4}" width="{abs(value) / largest * 380:.1f}" height="15" '
        f'fill="{"#2f7d5b" if value >= 0 else "#b3443a"}"/>'
        f'<text x="{236 + abs(value) / largest * 380:.1f}" y="{22 * n + 16}">{value:,.2f}</text>'
        for n, (name, value) in enumerate(chart.values)
    )
    label = quoteattr(chart.heading)
    return f'<svg viewBox="0 0 720 {height}" role="img" aria-label={label}>{bars}</svg>'


def _svg_line(chart: Line) -> str:
    if len(chart.values) < 2:  # noqa: PLR2004 (a line has two ends)
        return "<p>Too few points for a line.</p>"
    low, high = min(*chart.values, 0.0), max(chart.values)
    span = (high - low) or 1.0
    step = 700 / (len(chart.values) - 1)
    points = [(10 + step * n, 170 - (v - low) / span * 150) for n, v in enumerate(chart.values)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    marks = "".join(
        f'<circle cx="{points[n][0]:.1f}" cy="{points[n][1]:.1f}" r="4" fill="#b3443a"/>'
        for n in chart.marks
        if 0 <= n < len(points)
    )
    return (
        f'<svg viewBox="0 0 720 200" role="img" aria-label={quoteattr(chart.heading)}>'
        f'<polyline points="{line}" fill="none" stroke="#2b5fa8" stroke-width="1.5"/>{marks}'
        f'<text x="10" y="192">{escape(chart.first)}</text>'
        f'<text x="710" y="192" text-anchor="end">{escape(chart.last)}</text>'
        f'<text x="10" y="14">{high:,.2f}</text></svg>'
    )


def to_csv(table: Table) -> str:
    """All rows; a text that a spreadsheet would run as a formula is quoted with an apostrophe.

    Source: OWASP, CSV Injection.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([_harmless(value) for value in row] for row in table.rows)
    return out.getvalue()


def _harmless(value: object) -> object:
    if not isinstance(value, str):
        return value
    # A bare carriage return ends a row for spreadsheets, and it may stand unquoted.
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    return "'" + text if value.startswith(_FORMULA_STARTS) else text


async def store_pages(
    context: JobContext, name: str, kind: str, page: Page
) -> list[ArtifactOutput]:
    """Store the Markdown summary, the HTML page and every table as CSV.

    The first table is the report's own, `NAME-JOB.csv`; the others have their heading in the name.
    """
    stem = f"{name}-{context.job.job_id}"
    summary = to_markdown(page).encode()
    put = context.artifacts.put
    return [
        await put(f"{stem}.md", summary, kind=f"{kind}_summary", mime_type="text/markdown"),
        await put(
            f"{stem}.html", to_html(page).encode(), kind=f"{kind}_page", mime_type="text/html"
        ),
        *[
            await put(
                f"{stem}{_suffix(table, at)}.csv",
                to_csv(table).encode(),
                kind=f"{kind}_table",
                mime_type="text/csv",
            )
            for at, table in enumerate(p for p in page.parts if isinstance(p, Table))
        ],
    ]


def _suffix(table: Table, at: int) -> str:
    return "" if at == 0 else "-" + "-".join(table.heading.casefold().split())
