"""Tests of the HCL parser and its values."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobforge.autopilots.ops.iac.hcl_parser import parse_hcl
from jobforge.autopilots.ops.iac.hcl_scanner import MalformedHcl
from jobforge.autopilots.ops.iac.hcl_values import Partial, Scope, Unknown, body_values


def value_of(expression: str, **variables: object) -> object:
    body = parse_hcl(f"x = {expression}\n")
    return body_values(body, Scope(variables=variables), 1)["x"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("-1", -1),
        ("1.5e1", 15.0),
        ('"a\\"b\\n"', 'a"b\n'),
        ('"$${x}"', "${x}"),
        ('"a-${1 + 1}"', "a-2"),
        ("[1, 2,\n 3,]", [1, 2, 3]),
        ('{a = 1, "b": 2\n c = 3}', {"a": 1, "b": 2, "c": 3}),
        ("true && !false", True),
        ('1 < 2 ? "y" : "n"', "y"),
        ('jsonencode({a = ["b"]})', {"a": ["b"]}),
        ('concat(["a"], ["b"])[1]', "b"),
        ('{a = {b = 1}}.a["b"]', 1),
        ("(\n1\n+ 2\n)", 3),
        ("<<EOT\nline\nEOT", "line\n"),
        ("<<-EOT\n    a\n      b\n    EOT", "a\n  b\n"),
        ("null", None),
    ],
)
def test_a_known_expression_is_worked_out(expression: str, expected: object) -> None:
    assert value_of(expression) == expected


@pytest.mark.parametrize(
    "expression",
    ["aws_x.y.arn", "var.missing", "file(\"x\")", "[for s in var.l : s]", "1 / 0", "aws_x.y[*].id",
     "aws_x.y.0.id", "length(var.missing)"],
)  # fmt: skip
def test_what_only_an_apply_can_tell_is_unknown(expression: str) -> None:
    assert isinstance(value_of(expression), Unknown)


def test_a_string_with_an_unknown_part_keeps_the_rest() -> None:
    value = value_of('"arn:${aws_x.y.id}:z"')

    assert isinstance(value, Partial)
    assert value == "arn:${aws_x.y.id}:z"


def test_blocks_know_their_lines_and_labels() -> None:
    body = parse_hcl('# head\n\nresource "a" "b" {\n  x = 1\n  y {\n  }\n}\n')

    (block,) = body.blocks
    assert (block.type, block.labels, block.line, block.end_line) == ("resource", ("a", "b"), 3, 7)
    values = body_values(block.body, Scope(), block.line)
    assert values.key_lines == {"x": 4, "y": 5}


def test_a_dynamic_block_becomes_its_content() -> None:
    text = 'dynamic "rule" {\n for_each = ["a", "b"]\n content {\n name = rule.value\n }\n}'

    values = body_values(parse_hcl(text), Scope(), 1)

    assert [dict(rule) for rule in values["rule"]] == [{"name": "a"}, {"name": "b"}]


def test_locals_in_a_circle_end_as_unknown() -> None:
    body = parse_hcl("a = local.b\nb = local.a\n")
    scope = Scope(local_expressions={name: e for name, (e, _) in body.attributes.items()})

    assert isinstance(body_values(body, scope, 1)["a"], Unknown)


@pytest.mark.parametrize(
    "text",
    ["a = ", "a {", 'a = "x', "a = [1 2]", "a = <<EOT\nx", "a = (1", "= 1", "a b = 1", "a = {x 1}",
     "a = " + "(" * 10_000, "a {" * 10_000, 'a = "${" '],
)  # fmt: skip
def test_what_is_no_hcl_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(MalformedHcl, match="line "):
        parse_hcl(text)


@example('x = "${"')
@example("x = 1 ?")
@example('"')
@given(st.text(alphabet='abx={}[]()"$%<>-.,:?!\n #/*\\1', max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        body_values(parse_hcl(text), Scope(), 1)
    except MalformedHcl:
        return
