"""What an HCL file is made of: bodies, blocks and expressions, each with its line."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, bool, null or plain string."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Template:
    """A string with interpolations; parts are texts and expressions."""

    parts: tuple[str | Expression, ...]


@dataclass(frozen=True, slots=True)
class Tuple:
    """A list in brackets."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Object:
    """A map in braces."""

    items: tuple[tuple[Expression, Expression], ...]


@dataclass(frozen=True, slots=True)
class Name:
    """A variable's first word: `var`, `local`, `aws_instance`, `each`."""

    name: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """`of.name`."""

    of: Expression
    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """`of[key]`."""

    of: Expression
    key: Expression


@dataclass(frozen=True, slots=True)
class Splat:
    """`of.*` or `of[*]`, and what follows it."""

    of: Expression


@dataclass(frozen=True, slots=True)
class Call:
    """A function call."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Unary:
    """`!x` or `-x`."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """`a op b`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Conditional:
    """`condition ? yes : no`."""

    condition: Expression
    yes: Expression
    no: Expression


@dataclass(frozen=True, slots=True)
class ForEach:
    """A `for` expression, kept as text: what it gives is not judged."""

    text: str


Expression = (
    Literal
    | Template
    | Tuple
    | Object
    | Name
    | Attribute
    | Index
    | Splat
    | Call
    | Unary
    | Binary
    | Conditional
    | ForEach
)


@dataclass(slots=True)
class Body:
    """Attributes and blocks between braces, or of a whole file.

    `spans` holds where in the text each attribute's value stands, `end` where the body ends (at
    its closing brace).
    """

    attributes: dict[str, tuple[Expression, int]] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    end: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """`type "label" … { body }`; `line` counts from 1."""

    type: str
    labels: tuple[str, ...]
    body: Body
    line: int
    end_line: int
