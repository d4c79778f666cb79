"""Reads HCL 2, the language of Terraform, with line numbers.

Own, because `python-hcl2` takes some 20 ms a file and gives no lines for attributes; this takes
under one. Source: HCL Native Syntax Specification (hashicorp/hcl, hclsyntax/spec.md).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable

from jobforge.autopilots.ops.iac.hcl_scanner import Scanner
from jobforge.autopilots.ops.iac.hcl_syntax import (
    Attribute,
    Binary,
    Block,
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

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_HEREDOC = re.compile(r"<<(-?)([^\W\d][\w-]*)[ \t\r]*\n")
_OPERATORS = re.compile(r"\|\||&&|==|!=|<=|>=|[<>+\-*/%]")
_PLAIN = re.compile(r'[^"\\$%\n]+')
_TEMPLATE_PLAIN = re.compile(r"[^$%]+")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_PRECEDENCE = {
    "||": 1, "&&": 2, "==": 3, "!=": 3, "<": 4, ">": 4, "<=": 4, ">=": 4, "+": 5, "-": 5,
    "*": 6, "/": 6, "%": 6,
}  # fmt: skip
# Terraform knows lower case only; the capitals are a Python habit whose meaning is plain.
_WORDS: dict[str, bool | None] = {
    "true": True, "false": False, "null": None, "True": True, "False": False,
}  # fmt: skip


_Parse = Callable[[], Expression]


def parse_hcl(text: str) -> Body:
    """The body of a whole file.

    Raises:
        MalformedHcl: with the line of the first fault, or nested deeper than 80.
    """
    return _Parser(text).body(closing=False)


class _Parser(Scanner):
    def body(self, *, closing: bool) -> Body:
        self.deeper()
        body = Body()
        while True:
            self.skip()
            body.end = self.position
            if self.position >= len(self.text):
                if closing:
                    raise self.fail("a block is not closed")
                break
            if closing and self.take("}"):
                break
            self._member(body)
        self.depth -= 1
        return body

    def _member(self, body: Body) -> None:
        start = self.line()
        name = self.identifier()
        if name is None:
            if not self.peek('"'):
                raise self.fail(f"unexpected {self.text[self.position : self.position + 10]!r}")
            name = self.label()
        self.skip(lines=False)
        if self.peek("=") and not self.peek("=="):
            self.position += 1
            self.skip()
            begin = self.position
            body.attributes[name] = (self.expression(), start)
            # The expression looks ahead for an operator; blanks and comments are not part of it.
            written = self.text[begin : self.end_of_last()].rstrip()
            body.spans[name] = (begin, begin + len(written))
            return
        labels: list[str] = []
        while not self.peek("{"):
            label = self.label() if self.peek('"') else self.identifier()
            if label is None:
                raise self.fail(f"expected a block after {name}")
            labels.append(label)
            self.skip(lines=False)
        self.position += 1
        inner = self.body(closing=True)
        body.blocks.append(Block(name, tuple(labels), inner, start, self.line()))

    def expression(self, minimum: int = 0) -> Expression:
        """An expression whose operators bind at least as tightly as `minimum`."""
        self.deeper()
        left = self._unary()
        while True:
            self.skip(lines=self.depth_in_brackets > 0)
            match = _OPERATORS.match(self.text, self.position)
            power = _PRECEDENCE.get(match.group(), 0) if match else 0
            if match is None or power <= minimum:
                break
            self.position = match.end()
            self.skip()
            left = Binary(match.group(), left, self.expression(power))
        if minimum == 0 and self.take("?"):
            left = self._conditional(left)
        self.depth -= 1
        return left

    def _conditional(self, condition: Expression) -> Expression:
        self.skip()
        yes = self.expression()
        self.skip()
        self.expect(":")
        self.skip()
        return Conditional(condition, yes, self.expression())

    def _unary(self) -> Expression:
        if self.peek("!") or self.peek("-"):
            operator = self.text[self.position]
            self.position += 1
            self.skip()
            return Unary(operator, self._unary())
        return self._postfix(self._primary())

    def _primary(self) -> Expression:  # noqa: PLR0911 (one per kind of expression)
        character = self.text[self.position : self.position + 1]
        if character == '"':
            self.position += 1
            return self._quoted()
        if character == "[":
            return self._bracketed(self._tuple)
        if character == "{":
            return self._bracketed(self._object)
        if character == "(":
            return self._bracketed(self._group)
        heredoc = _HEREDOC.match(self.text, self.position)
        if heredoc:
            return self._heredoc(heredoc)
        number = _NUMBER.match(self.text, self.position)
        if number:
            self.position = number.end()
            word = number.group()
            return Literal(float(word) if re.search(r"[.eE]", word) else int(word))
        return self._word()

    def _word(self) -> Expression:
        name = self.identifier()
        if name is None:
            raise self.fail(f"unexpected {self.text[self.position : self.position + 10]!r}")
        if name in _WORDS:
            return Literal(_WORDS[name])
        if self.peek("("):
            return self._bracketed(lambda: self._arguments(name))
        return Name(name)

    def _bracketed(self, parse: _Parse) -> Expression:
        self.depth_in_brackets += 1
        self.position += 1
        self.skip()
        result = parse()
        self.depth_in_brackets -= 1
        return result

    def _group(self) -> Expression:
        inner = self.expression()
        self.skip()
        self.expect(")")
        return inner

    def _arguments(self, name: str) -> Expression:
        arguments: list[Expression] = []
        while not self.take(")"):
            arguments.append(self.expression())
            self.skip()
            self.take("...")
            self.skip()
            if not self.take(",") and not self.peek(")"):
                raise self.fail(f"expected , or ) in {name}(…)")
            self.skip()
        return Call(name, tuple(arguments))

    def _tuple(self) -> Expression:
        if re.compile(r"for\s").match(self.text, self.position):
            return self._for("[", "]")
        items: list[Expression] = []
        while not self.take("]"):
            items.append(self.expression())
            self.skip()
            if not self.take(",") and not self.peek("]"):
                raise self.fail("expected , or ] in a list")
            self.skip()
        return Tuple(tuple(items))

    def _object(self) -> Expression:
        if re.compile(r"for\s").match(self.text, self.position):
            return self._for("{", "}")
        items: list[tuple[Expression, Expression]] = []
        outer, self.depth_in_brackets = self.depth_in_brackets, 0
        while not self.take("}"):
            items.append(self._entry())
            self.skip(lines=False)
            self.take(",")
            self.skip()
        self.depth_in_brackets = outer
        return Object(tuple(items))

    def _entry(self) -> tuple[Expression, Expression]:
        key = self.expression()
        if isinstance(key, Name):
            key = Literal(key.name)
        self.skip()
        if not self.take(":"):
            self.expect("=")
        self.skip()
        return key, self.expression()

    def _for(self, opening: str, closing: str) -> Expression:
        start, level = self.position, 1
        while level:
            match = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]').search(self.text, self.position)
            if match is None:
                raise self.fail("a for expression is not closed")
            self.position = match.end()
            level += {opening: 1, closing: -1}.get(match.group(), 0)
        return ForEach(self.text[start : self.position - 1].strip())

    def _postfix(self, operand: Expression) -> Expression:
        while True:
            if self.peek(".") and not self.peek(".."):
                self.position += 1
                operand = self._after_dot(operand)
            elif self.peek("["):
                operand = self._bracketed(self._index_of(operand))
            else:
                return operand

    def _after_dot(self, operand: Expression) -> Expression:
        if self.take("*"):
            return Splat(operand)
        number = re.compile(r"\d+").match(self.text, self.position)
        if number:
            self.position = number.end()
            return Index(operand, Literal(int(number.group())))
        name = self.identifier()
        if name is None:
            raise self.fail("expected a name after .")
        return Attribute(operand, name)

    def _index_of(self, operand: Expression) -> _Parse:
        def parse() -> Expression:
            if self.take("*"):
                self.skip()
                self.expect("]")
                return Splat(operand)
            key = self.expression()
            self.skip()
            self.expect("]")
            return Index(operand, key)

        return parse

    def _quoted(self) -> Expression:
        parts: list[str | Expression] = []
        while not self.take('"'):
            match = _PLAIN.match(self.text, self.position)
            if match:
                parts.append(match.group())
                self.position = match.end()
            elif self.take("\\"):
                parts.append(self._escape())
            elif not self._interpolation(parts):
                raise self.fail("a string is not closed")
        return _template(parts)

    def _escape(self) -> str:
        character = self.text[self.position : self.position + 1]
        self.position += 1
        if character in {"u", "U"}:
            size = 4 if character == "u" else 8
            digits = self.text[self.position : self.position + size]
            self.position += size
            return chr(int(digits, 16)) if re.fullmatch("[0-9a-fA-F]+", digits) else digits
        return _ESCAPES.get(character, character)

    def _interpolation(self, parts: list[str | Expression]) -> bool:
        """Take one `${…}`, `%{…}`, or a lone `$` or `%`; False at the end of line or text."""
        two = self.text[self.position : self.position + 2]
        if self.text.startswith(("$${", "%%{"), self.position):
            parts.append(self.text[self.position + 1 : self.position + 3])
            self.position += 3
        elif two == "${":
            self.position += 1
            parts.append(self._bracketed(self._interpolated))
        elif two == "%{":
            end = self.text.find("}", self.position)
            parts.append(ForEach(self.text[self.position : end + 1]))
            self.position = end + 1 if end > 0 else len(self.text)
        elif two[:1] in {"$", "%"}:
            parts.append(two[:1])
            self.position += 1
        else:
            return False
        return True

    def _interpolated(self) -> Expression:
        self.take("~")
        self.skip()
        inner = self.expression()
        self.skip()
        self.take("~")
        self.expect("}")
        return inner

    def _heredoc(self, match: re.Match[str]) -> Expression:
        end = re.compile(rf"^[ \t]*{re.escape(match.group(2))}[ \t\r]*$", re.MULTILINE)
        closing = end.search(self.text, match.end())
        if closing is None:
            raise self.fail(f"<<{match.group(2)} is not closed")
        content = self.text[match.end() : closing.start()]
        self.position = closing.end()
        return parse_template(textwrap.dedent(content) if match.group(1) else content)


def parse_template(text: str) -> Expression:
    """A template's text, as in a heredoc: no escapes, but interpolations."""
    parser = _Parser(text)
    parts: list[str | Expression] = []
    while parser.position < len(text):
        match = _TEMPLATE_PLAIN.match(text, parser.position)
        if match:
            parts.append(match.group())
            parser.position = match.end()
        else:
            parser._interpolation(parts)
    return _template(parts)


def _template(parts: list[str | Expression]) -> Expression:
    if all(isinstance(part, str) for part in parts):
        return Literal("".join(str(part) for part in parts))
    if len(parts) == 1 and not isinstance(parts[0], str):
        return parts[0]
    return Template(tuple(parts))
