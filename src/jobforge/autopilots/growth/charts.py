"""Small SVG pictures, self-contained: bars, lines, intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from math import isfinite

_WIDTH, _LEFT, _ROW, _TOP = 640, 190, 28, 40
_PLOT_LEFT, _PLOT_RIGHT, _PLOT_HEIGHT = 56, 620, 240
_LEGEND_ROW = 18
_LABEL = 28
_COLORS = ("#2563eb", "#dc2626", "#059669", "#9333ea", "#d97706")
_QUIET, _STRONG = "#6b7280", "#111827"

Format = Callable[[float], str]
Interval = tuple[str, float, float, float]
"""Name, low, middle, high; low and high may be infinite."""


def plain_number(value: float) -> str:
    """With thousands marked, six digits at most."""
    return f"{value:,.6g}"


def percent(value: float) -> str:
    """As a share of a hundred."""
    return f"{value:.0%}"


def bar_chart(title: str, bars: Sequence[tuple[str, float]], *, notes: Sequence[str] = ()) -> str:
    """Horizontal bars, longest at full width; values, and a note for each, stand beside them."""
    top = max((value for _, value in bars), default=0) or 1
    room = _WIDTH - _LEFT - (190 if notes else 90)
    parts = [_title(title)]
    for index, (name, value) in enumerate(bars):
        y = _TOP + _ROW * index
        width = room * value / top
        said = plain_number(value) + (f", {notes[index]}" if notes and notes[index] else "")
        parts += [
            _text(_LEFT - 8, y + 15, _cut(name), anchor="end"),
            f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="20" fill="{_COLORS[0]}"/>',
            _text(_LEFT + width + 6, y + 15, said),
        ]
    return _picture(_TOP + _ROW * len(bars) + 10, title, parts)


def line_chart(
    title: str,
    lines: Sequence[tuple[str, Sequence[tuple[float, float]]]],
    *,
    x_label: str,
    y_format: Format = percent,
    marks: Sequence[tuple[str, float]] = (),
) -> str:
    """Lines from 0 to 1 over a common axis, their names below; marks are dashed levels."""
    xs = [x for _, points in lines for x, _ in points]
    low, high = min(xs, default=0.0), max(xs, default=1.0)
    span = (high - low) or 1.0
    base = _TOP + _PLOT_HEIGHT

    def place(x: float, y: float) -> tuple[float, float]:
        share = min(max(y, 0.0), 1.0)
        return (
            _PLOT_LEFT + (_PLOT_RIGHT - _PLOT_LEFT) * (x - low) / span,
            base - _PLOT_HEIGHT * share,
        )

    parts = [_title(title)]
    for step in range(5):
        level, x = step / 4, low + span * step / 4
        parts += [
            _rule(_PLOT_LEFT, place(low, level)[1], _PLOT_RIGHT, "#e5e7eb"),
            _text(_PLOT_LEFT - 8, place(low, level)[1] + 4, y_format(level), anchor="end"),
            _text(place(x, 0)[0], base + 18, plain_number(round(x, 1)), anchor="middle"),
        ]
    for name, level in marks:
        y = place(low, level)[1]
        parts += [
            _rule(_PLOT_LEFT, y, _PLOT_RIGHT, _QUIET, dash="4 4"),
            _text(_PLOT_RIGHT, y - 5, name, anchor="end", color=_QUIET),
        ]
    for index, (name, points) in enumerate(lines):
        color = _COLORS[index % len(_COLORS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
        y = base + 54 + _LEGEND_ROW * index
        parts += [
            f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>',
            f'<rect x="{_PLOT_LEFT}" y="{y - 9}" width="14" height="4" fill="{color}"/>',
            _text(_PLOT_LEFT + 22, y, name),
        ]
    middle = (_PLOT_LEFT + _PLOT_RIGHT) / 2
    parts.append(_text(middle, base + 34, x_label, anchor="middle", color=_QUIET))
    return _picture(base + 54 + _LEGEND_ROW * len(lines), title, parts)


def interval_chart(title: str, rows: Sequence[Interval], *, x_format: Format) -> str:
    """One interval a row, its middle as a dot; 0 is marked, and infinite ends run to the edge."""
    ends = [end for _, *interval in rows for end in interval if isfinite(end)]
    low, high = min([0.0, *ends]) * 1.1, max([0.0, *ends]) * 1.1
    span = (high - low) or 1.0
    room = _WIDTH - _LEFT - 40

    def place(value: float) -> float:
        return _LEFT + room * min(max((value - low) / span, 0.0), 1.0)

    bottom = _TOP + _ROW * len(rows)
    zero = place(0.0)
    parts = [
        _title(title),
        f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="{_TOP - 6}" y2="{bottom}" stroke="{_QUIET}"/>',
    ]
    for index, (name, start, middle, end) in enumerate(rows):
        y = _TOP + _ROW * index + 10
        color = _COLORS[0] if start > 0 or end < 0 else _QUIET
        parts += [
            _text(_LEFT - 8, y + 4, _cut(name), anchor="end"),
            _rule(place(start), y, place(end), color, width=3),
            f'<circle cx="{place(middle):.1f}" cy="{y}" r="5" fill="{color}"/>',
        ]
    for value in dict.fromkeys((low, 0.0, high)):
        parts.append(
            _text(place(value), bottom + 18, x_format(value), anchor="middle", color=_QUIET)
        )
    return _picture(bottom + 28, title, parts)


def _picture(height: float, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:g}" '
        f'width="{_WIDTH}" height="{height:g}" role="img" aria-label="{escape(title, quote=True)}" '
        'font-family="sans-serif" font-size="12">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>'
    )


def _title(text: str) -> str:
    return f'<text x="12" y="22" font-size="15" fill="{_STRONG}">{escape(text)}</text>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", color: str = _STRONG) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{escape(text)}</text>'
    )


def _rule(x: float, y: float, until: float, color: str, *, dash: str = "", width: int = 1) -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x:.1f}" x2="{until:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="{color}" '
        f'stroke-width="{width}"{dashes}/>'
    )


def _cut(name: str) -> str:
    return name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…"
