"""What came of a bundle run, as a graph: from who asked to what was changed and stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal, get_args
from xml.sax.saxutils import escape

NodeKind = Literal["actor", "module", "bundle", "plan", "approval", "job", "effect", "artifact"]
_ORDER = {kind: place for place, kind in enumerate(get_args(NodeKind))}
_COLUMN = {
    "actor": 0, "module": 0, "bundle": 1, "plan": 2, "approval": 3, "job": 4, "effect": 5,
    "artifact": 5,
}  # fmt: skip
_SHOWN_CHARS = 34
_WIDTH, _HEIGHT, _COLUMN_GAP, _ROW_GAP, _MARGIN = 250, 30, 60, 12, 16
_STYLE = (
    "rect{fill:#f6f7f9;stroke:#5b6472}text{font:12px sans-serif;fill:#1c2733}"
    "path{fill:none;stroke:#5b6472}.bad{fill:#fbe3e1}"
)


@dataclass(frozen=True, slots=True)
class Node:
    """One thing. `state` is a job's status or an effect's change; empty for what has none."""

    node_id: str
    kind: NodeKind
    label: str
    state: str = ""


@dataclass
class ImpactGraph:
    """Nodes, and what led to what. A node that is added twice is one."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)

    def add(self, node: Node, causes: Iterable[str] = ()) -> str:
        """Add a node below its causes; its id."""
        self.nodes.setdefault(node.node_id, node)
        self.edges += [
            edge for cause in causes if (edge := (cause, node.node_id)) not in self.edges
        ]
        return node.node_id

    @property
    def sorted_nodes(self) -> list[Node]:
        """In the order of cause and effect; as they were added within a kind."""
        return sorted(self.nodes.values(), key=lambda node: _ORDER[node.kind])

    def to_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "nodes": [
                {"id": n.node_id, "kind": n.kind, "label": n.label, "state": n.state or None}
                for n in self.sorted_nodes
            ],
            "edges": [{"from": cause, "to": effect} for cause, effect in self.edges],
        }

    def to_mermaid(self) -> str:
        """A flowchart of Mermaid. Labels are quoted, and what could end the quotes is a code."""
        names = {node.node_id: f"n{number}" for number, node in enumerate(self.sorted_nodes)}
        lines = ["flowchart LR"]
        lines += [f'    {names[n.node_id]}["{_to_mermaid(_words(n))}"]' for n in self.sorted_nodes]
        lines += [f"    {names[cause]} --> {names[effect]}" for cause, effect in self.edges]
        return "\n".join(lines) + "\n"

    def to_svg(self, *, is_styled: bool = True) -> str:
        """A picture: one column a kind, in the order of cause and effect.

        Where the page around it brings the style, it needs none of its own.
        """
        places = self._places()
        width = _MARGIN + max((x for x, _ in places.values()), default=0) + _WIDTH
        height = _MARGIN + max((y for _, y in places.values()), default=0) + _HEIGHT
        paths = [_path(places[cause], places[effect]) for cause, effect in self.edges]
        boxes = [_box(node, places[node.node_id]) for node in self.sorted_nodes]
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
                f'viewBox="0 0 {width} {height}" role="img">',
                "<title>What came of the run</title>",
                *([f"<style>{_STYLE}</style>"] if is_styled else []),
                *paths,
                *boxes,
                "</svg>\n",
            ]
        )

    def _places(self) -> dict[str, tuple[int, int]]:
        """Left upper corners, in pixels."""
        nodes = sorted(self.sorted_nodes, key=lambda node: _COLUMN[node.kind])
        return {
            node.node_id: (
                _MARGIN + column * (_WIDTH + _COLUMN_GAP),
                _MARGIN + row * (_HEIGHT + _ROW_GAP),
            )
            for column, group in groupby(nodes, key=lambda node: _COLUMN[node.kind])
            for row, node in enumerate(group)
        }


def _words(node: Node) -> str:
    state = f" ({node.state})" if node.state else ""
    return f"{node.kind}: {node.label}{state}"


def _to_mermaid(text: str) -> str:
    """Everything but letters, digits, blanks and a few harmless signs as a character's number."""
    return "".join(
        char if char.isascii() and (char.isalnum() or char in " .,:()/_-") else f"#{ord(char)};"
        for char in text
    )


def _box(node: Node, place: tuple[int, int]) -> str:
    x, y = place
    words = _words(node)
    shown = words if len(words) <= _SHOWN_CHARS else words[: _SHOWN_CHARS - 1] + "…"
    style = ' class="bad"' if node.state in ("error", "denied", "canceled") else ""
    return (
        f'<g><title>{_to_xml(words)}</title><rect x="{x}" y="{y}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" rx="4"{style}/>'
        f'<text x="{x + 8}" y="{y + 20}">{_to_xml(shown)}</text></g>'
    )


def _path(cause: tuple[int, int], effect: tuple[int, int]) -> str:
    x1, y1 = cause[0] + _WIDTH, cause[1] + _HEIGHT // 2
    x2, y2 = effect[0], effect[1] + _HEIGHT // 2
    middle = (x1 + x2) // 2
    return f'<path d="M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}"/>'


def _to_xml(text: str) -> str:
    """Escaped, and without what XML cannot hold."""
    return escape("".join(char if char.isprintable() else "\ufffd" for char in text))
