"""Small SVG pictures, self-contained: bars and lines."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_WIDTH, _LEFT, _ROW, _TOP = 640, 160, 28, 36
_HEIGHT = 320
_FONT = 'font-family="sans-serif" font-size="12"'
_COLORS = ("#2563eb", "#dc2626", "#059669", "#9333ea", "#d97706")


def bar_chart(title: str, bars: Sequence[tuple[str, float]]) -> str:
    """Horizontal bars, longest at full width; values are written beside them."""
    height = _TOP + _ROW * len(bars) + 10
    top = max((value for _, value in bars), default=0) or 1
    parts = [_open(height), _title(title)]
    for index, (name, value) in enumerate(bars):
        y = _TOP + _ROW * index
        width = (_WIDTH - _LEFT - 90) * value / top
        label = escape(name[:24])
        parts.append(
            f'<text x="{_LEFT - 8}" y="{y + 15}" text-anchor="end" {_FONT}>{label}</text>'
            f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="20" fill="{_COLORS[0]}"/>'
            f'<text x="{_LEFT + width + 6:.1f}" y="{y + 15}" {_FONT}>{value:,.6g}</text>'
        )
    return "".join([*parts, "</svg>"])


def line_chart(
    title: str,
    lines: Sequence[tuple[str, Sequence[tuple[float, float]]]],
    *,
    x_label: str,
    y_range: tuple[float, float] = (0.0, 1.0),
) -> str:
    """Lines over a common axis from the smallest to the largest x."""
    xs = [x for _, points in lines for x, _ in points]
    low, high = min(xs, default=0.0), max(xs, default=1.0)
    span = (high - low) or 1.0
    bottom, top = y_range
    right, base = _WIDTH - 20, _HEIGHT - 40

    def place(x: float, y: float) -> tuple[float, float]:
        share = min(max((y - bottom) / (top - bottom), 0.0), 1.0)
        return 60 + (right - 60) * (x - low) / span, base - (base - _TOP) * share

    parts = [_open(_HEIGHT), _title(title)]
    for step in range(5):
        value = bottom + (top - bottom) * step / 4
        _, y = place(low, value)
        parts.append(
            f'<line x1="60" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
            f'<text x="54" y="{y + 4:.1f}" text-anchor="end" {_FONT}>{value:.2g}</text>'
        )
    for index, (name, points) in enumerate(lines):
        color = _COLORS[index % len(_COLORS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>'
            f'<text x="66" y="{_TOP + 14 + 16 * index}" fill="{color}" {_FONT}>'
            f"{escape(name)}</text>"
        )
    parts.append(f'<text x="60" y="{_HEIGHT - 10}" {_FONT}>{low:,.6g}</text>')
    parts.append(
        f'<text x="{right}" y="{_HEIGHT - 10}" text-anchor="end" {_FONT}>'
        f"{high:,.6g} {escape(x_label)}</text>"
    )
    return "".join([*parts, "</svg>"])


def _open(height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img">'
        '<rect width="100%" height="100%" fill="#fff"/>'
    )


def _title(text: str) -> str:
    return f'<text x="12" y="22" font-family="sans-serif" font-size="15">{escape(text)}</text>'
