"""The graph of a run, drawn: nothing in a name gets out of its place."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from jobforge.core.impact import ImpactGraph, Node


def small(label: str = "look") -> ImpactGraph:
    graph = ImpactGraph()
    bundle = graph.add(Node("run:1", "bundle", label))
    job = graph.add(Node("job:1", "job", "look", "executed"), [bundle])
    graph.add(Node("artifact:1", "artifact", "page.html"), [job])
    graph.add(Node("artifact:1", "artifact", "page.html"), [job])
    return graph


def test_a_graph_is_a_flowchart() -> None:
    assert small().to_mermaid() == (
        "flowchart LR\n"
        '    n0["bundle: look"]\n'
        '    n1["job: look (executed)"]\n'
        '    n2["artifact: page.html"]\n'
        "    n0 --> n1\n"
        "    n1 --> n2\n"
    )


def test_a_graph_is_json() -> None:
    document = small().to_json()

    assert document["edges"] == [
        {"from": "run:1", "to": "job:1"},
        {"from": "job:1", "to": "artifact:1"},
    ]


def test_a_graph_without_nodes_is_an_empty_picture() -> None:
    assert ET.fromstring(ImpactGraph().to_svg()).tag.endswith("svg")  # noqa: S314 (our own text)


@given(st.text())
def test_whatever_a_label_says_it_stays_text(label: str) -> None:
    graph = small(label)

    root = ET.fromstring(graph.to_svg())  # noqa: S314 (our own text)
    flowchart = graph.to_mermaid().split("\n")

    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags == {"svg", "title", "style", "path", "g", "rect", "text"}
    assert len(flowchart) == 7
    assert flowchart[1].count('"') == 2
