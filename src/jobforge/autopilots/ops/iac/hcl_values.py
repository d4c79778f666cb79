"""What HCL expressions give, as far as it can be known without a cloud."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobforge.autopilots.ops.iac.hcl_syntax import (
    Attribute,
    Binary,
    Body,
    Call,
    Conditional,
    Expression,
    ForEach,
    Index,
    Literal,
    Name,
    Object,
    Splat,
    Template,
    Tuple,
    Unary,
)
from jobforge.autopilots.ops.iac.yaml_nodes import LinedDict

MAX_LOOKUPS = 50
"""Locals that refer to each other in a circle end here."""


class Unknown(str):
    """A value that only an apply can tell; its text is the expression."""

    __slots__ = ()


class Partial(str):
    """A string of which a part is unknown, written `${…}`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean: variables (defaults or a caller's values), locals, and `each`."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    local_expressions: Mapping[str, Expression] = field(default_factory=dict)
    names: Mapping[str, Any] = field(default_factory=dict)
    lookups: int = 0

    def deeper(self) -> Scope:
        """The same scope, one lookup further."""
        return Scope(self.variables, self.local_expressions, self.names, self.lookups + 1)

    def with_names(self, **names: object) -> Scope:
        """The same scope with further names."""
        return Scope(self.variables, self.local_expressions, {**self.names, **names}, self.lookups)


def evaluate(expression: Expression, scope: Scope) -> Any:  # noqa: ANN401 (any HCL value)
    """The expression's value; what cannot be known is an `Unknown`."""
    return _EVALUATORS[type(expression)](expression, scope)


def _template(expression: Template, scope: Scope) -> str:
    parts: list[str] = []
    is_known = True
    for part in expression.parts:
        value = part if isinstance(part, str) else evaluate(part, scope)
        if isinstance(value, Unknown):
            parts.append(f"${{{value}}}")
            is_known = False
        else:
            parts.append(_to_text(value))
    joined = "".join(parts)
    return joined if is_known else Partial(joined)


def _to_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _object(expression: Object, scope: Scope) -> dict[str, Any]:
    pairs = ((evaluate(key, scope), evaluate(value, scope)) for key, value in expression.items)
    return {_to_text(key): value for key, value in pairs}


def _name(expression: Name, scope: Scope) -> Any:  # noqa: ANN401 (any HCL value)
    return scope.names.get(expression.name, Unknown(expression.name))


def _attribute(expression: Attribute, scope: Scope) -> Any:  # noqa: ANN401 (any HCL value)
    if isinstance(expression.of, Name):
        known = _root(expression.of.name, expression.name, scope)
        if known is not None:
            return known[0]
    value = evaluate(expression.of, scope)
    if isinstance(value, dict) and expression.name in value:
        return value[expression.name]
    return Unknown(to_source(expression))


def _root(root: str, name: str, scope: Scope) -> tuple[Any] | None:
    if root == "var" and name in scope.variables:
        return (scope.variables[name],)
    if root == "local" and name in scope.local_expressions and scope.lookups < MAX_LOOKUPS:
        return (evaluate(scope.local_expressions[name], scope.deeper()),)
    return None


def _index(expression: Index, scope: Scope) -> Any:  # noqa: ANN401 (any HCL value)
    value, key = evaluate(expression.of, scope), evaluate(expression.key, scope)
    if isinstance(value, dict) and key in value:
        return value[key]
    if isinstance(value, list) and isinstance(key, int) and -1 < key < len(value):
        return value[key]
    return Unknown(to_source(expression))


def _unary(expression: Unary, scope: Scope) -> Any:  # noqa: ANN401 (any HCL value)
    value = evaluate(expression.operand, scope)
    if expression.operator == "!" and isinstance(value, bool):
        return not value
    if expression.operator == "-" and isinstance(value, int | float):
        return -value
    return Unknown(to_source(expression))


_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": lambda a, b: a % b,
    "&&": lambda a, b: a and b,
    "||": lambda a, b: a or b,
}


def _binary(expression: Binary, scope: Scope) -> Any:  # noqa: ANN401 (any HCL value)
    left, right = evaluate(expression.left, scope), evaluate(expression.right, scope)
    if isinstance(left, Unknown | Partial) or isinstance(right, Unknown | Partial):
        return Unknown(to_source(expression))
    try:
        return _OPERATIONS[expression.operator](left, right)
    except (TypeError, ZeroDivisionError, OverflowError):
        return Unknown(to_source(expression))


def _conditional(expression: Conditional, scope: Scope) -> Any:  # noqa: ANN401 (any HCL value)
    condition = evaluate(expression.condition, scope)
    if isinstance(condition, bool):
        return evaluate(expression.yes if condition else expression.no, scope)
    return Unknown(to_source(expression))


def _concat(*lists: list[Any]) -> list[Any]:
    return [item for part in lists for item in part]


def _merge(*maps: dict[str, Any]) -> dict[str, Any]:
    return {key: value for part in maps for key, value in part.items()}


def _format(template: str, *values: object) -> str:
    return template.replace("%s", "{}").replace("%d", "{}").format(*values)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "jsonencode": lambda value: value,
    "jsondecode": json.loads,
    "tolist": list,
    "toset": list,
    "tostring": _to_text,
    "tonumber": int,
    "tobool": bool,
    "concat": _concat,
    "merge": _merge,
    "lower": str.lower,
    "upper": str.upper,
    "length": len,
    "join": lambda separator, items: separator.join(items),
    "split": lambda separator, text: text.split(separator),
    "format": _format,
    "nonsensitive": lambda value: value,
    "sensitive": lambda value: value,
    "compact": lambda items: [item for item in items if item],
    "keys": sorted,
}


def _call(expression: Call, scope: Scope) -> Any:  # noqa: ANN401 (any HCL value)
    values = [evaluate(argument, scope) for argument in expression.arguments]
    function = _FUNCTIONS.get(expression.function)
    if function is None or any(isinstance(value, Unknown) for value in values):
        return Unknown(to_source(expression))
    try:
        return function(*values)
    except (TypeError, ValueError, IndexError, KeyError, AttributeError):
        return Unknown(to_source(expression))


def _opaque(expression: Splat | ForEach, _: Scope) -> Unknown:
    return Unknown(to_source(expression))


_EVALUATORS: dict[type, Callable[[Any, Scope], Any]] = {
    Literal: lambda expression, _: expression.value,
    Template: _template,
    Tuple: lambda expression, scope: [evaluate(item, scope) for item in expression.items],
    Object: _object,
    Name: _name,
    Attribute: _attribute,
    Index: _index,
    Splat: _opaque,
    Call: _call,
    Unary: _unary,
    Binary: _binary,
    Conditional: _conditional,
    ForEach: _opaque,
}


def to_source(expression: Expression) -> str:  # noqa: PLR0911, PLR0912, C901 (a line per kind)
    """The expression as HCL would write it, roughly; for evidence and for comparing."""
    match expression:
        case Literal(value):
            return json.dumps(value)
        case Name(name):
            return name
        case Attribute(of, name):
            return f"{to_source(of)}.{name}"
        case Index(of, key):
            return f"{to_source(of)}[{to_source(key)}]"
        case Splat(of):
            return f"{to_source(of)}.*"
        case Call(function, arguments):
            return f"{function}({', '.join(map(to_source, arguments))})"
        case Unary(operator, operand):
            return f"{operator}{to_source(operand)}"
        case Binary(operator, left, right):
            return f"{to_source(left)} {operator} {to_source(right)}"
        case Conditional(condition, yes, no):
            return f"{to_source(condition)} ? {to_source(yes)} : {to_source(no)}"
        case ForEach(text):
            return text
        case Tuple(parts):
            return f"[{', '.join(map(to_source, parts))}]"
        case Object(pairs):
            return "{" + ", ".join(f"{to_source(k)} = {to_source(v)}" for k, v in pairs) + "}"
        case Template(pieces):
            return (
                '"'
                + "".join(p if isinstance(p, str) else f"${{{to_source(p)}}}" for p in pieces)
                + '"'
            )


def body_values(body: Body, scope: Scope, line: int) -> LinedDict:
    """A body as one mapping: attributes by name, blocks as lists of mappings by type.

    A `dynamic` block becomes its content once per known item, or once where the items are unknown.
    """
    values = LinedDict(line)
    for name, (expression, at) in body.attributes.items():
        values[name] = evaluate(expression, scope)
        values.key_lines[name] = at
    for block in body.blocks:
        name = block.labels[0] if block.type == "dynamic" and block.labels else block.type
        entries = (
            _dynamic(name, block.body, scope, block.line)
            if block.type == "dynamic"
            else [body_values(block.body, scope, block.line)]
        )
        existing = values.get(name)
        if entries or existing is None:
            values[name] = [*(existing if isinstance(existing, list) else []), *entries]
            values.key_lines.setdefault(name, block.line)
        if not values[name]:
            del values[name]
    return values


def _dynamic(name: str, body: Body, scope: Scope, line: int) -> list[LinedDict]:
    content = next((block for block in body.blocks if block.type == "content"), None)
    source = body.attributes.get("for_each")
    if content is None or source is None:
        return []
    items = evaluate(source[0], scope)
    label = body.attributes.get("iterator")
    iterator = to_source(label[0]) if label else name
    if isinstance(items, list):
        pairs = list(enumerate(items))
    elif isinstance(items, dict):
        pairs = list(items.items())
    else:
        return [body_values(content.body, scope, line)]
    return [
        body_values(
            content.body, scope.with_names(**{iterator: {"key": key, "value": value}}), line
        )
        for key, value in pairs
    ]


def is_same(found: object, wanted: object) -> bool:
    """Whether a value is known and equals a JSON value; true is not 1."""
    if isinstance(found, Unknown | Partial):
        return False
    return type(found) is type(wanted) and found == wanted
