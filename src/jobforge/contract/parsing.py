"""Reads JSON so that two readers of the same bytes cannot see two different documents.

What is refused here is refused before anything is hashed: duplicate keys, numbers that do not
survive a round trip, text that is not Unicode, and documents too large or too deep to be safe.
"""

from __future__ import annotations

import json
import math
import re
from typing import TypeAlias

from jobforge.contract.codes import BundleCode
from jobforge.contract.errors import ContractViolation
from jobforge.contract.limits import MAX_DEPTH, MAX_DOCUMENT_BYTES
from jobforge.contract.location import pointer_at, pointer_of_depth
from jobforge.contract.pointer import to_pointer

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKET = bytes(byte for byte in range(256) if byte not in b"[]{}")
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_SUSPECT_ESCAPE = re.compile(rb"\\u(?:[dD][89abAB]|[dD][c-fC-F]|0000)")

_FIRST_UNSAFE_INTEGER = 2**53
_FIRST_EXPONENT = 10.0**21
_LONGEST_INTEGER = len("-9007199254740991")


class _Unusable:
    """Stands where a number that must be refused was read."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class _Repeated(dict[str, JsonValue]):
    """An object that had a key twice."""

    key: str


class _Reader:
    """Collects what `json` alone would let pass; one per document."""

    def __init__(self) -> None:
        self.is_flawed = False
        self.decoder = json.JSONDecoder(
            object_pairs_hook=self.to_object,
            parse_int=self.to_integer,
            parse_float=self.to_number,
            parse_constant=self.refuse_constant,
        )

    def to_object(self, pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
        value = dict(pairs)
        if len(value) == len(pairs):
            return value
        self.is_flawed = True
        repeated = _Repeated(value)
        repeated.key = _first_repeated([key for key, _ in pairs])
        return repeated

    def to_integer(self, text: str) -> int | _Unusable:
        if len(text) <= _LONGEST_INTEGER:
            value = int(text)
            if -_FIRST_UNSAFE_INTEGER < value < _FIRST_UNSAFE_INTEGER:
                return value
        return self._refuse("an integer of 2^53 or more loses digits: send it as a string")

    def to_number(self, text: str) -> int | float | _Unusable:
        """Numbers are told apart by value, not spelling: 5.0 and 5 are the same integer."""
        value = float(text)
        if not value.is_integer():
            is_overflow = math.isinf(value)
            return self._refuse("larger than any double") if is_overflow else value
        if abs(value) < _FIRST_UNSAFE_INTEGER:
            return int(value)
        if abs(value) < _FIRST_EXPONENT:
            return self._refuse("an integer of 2^53 or more loses digits: send it as a string")
        return value

    def refuse_constant(self, text: str) -> _Unusable:
        return self._refuse(f"{text} is not JSON")

    def _refuse(self, reason: str) -> _Unusable:
        self.is_flawed = True
        return _Unusable(reason)


def parse_json(
    raw: bytes, *, max_bytes: int = MAX_DOCUMENT_BYTES, max_depth: int = MAX_DEPTH
) -> JsonValue:
    """Read one JSON document of at most `max_bytes` bytes, nested at most `max_depth` deep.

    A UTF-8 byte order mark is skipped. Integers are in (-2^53, 2^53); a number with a fraction or
    an exponent is an integer where its value is one. Reading the canonical form of the result
    gives the same result again.

    Raises:
        ContractViolation: with the code, the JSON pointer of the place and, for syntax, the line
            and column.
    """
    if len(raw) > max_bytes:
        raise ContractViolation(
            BundleCode.TOO_LARGE, f"{len(raw)} bytes; at most {max_bytes} are taken"
        )
    text = _decode(raw)
    _check_depth(raw, text, max_depth)
    reader = _Reader()
    try:
        value: JsonValue = reader.decoder.decode(text)
    except json.JSONDecodeError as error:
        raise _syntax_violation(text, error.pos, error.msg) from None
    if reader.is_flawed or _SUSPECT_ESCAPE.search(raw):
        _check_tree(value, [])
    return value


def _decode(raw: bytes) -> str:
    body = raw.removeprefix(_BYTE_ORDER_MARK)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        before = body[: error.start].decode("utf-8")
        raise _syntax_violation(
            before, len(before), "not UTF-8", hint="write the document as UTF-8"
        ) from None


def _syntax_violation(
    text: str, position: int, reason: str, *, hint: str | None = None
) -> ContractViolation:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return ContractViolation(
        BundleCode.BUNDLE_INVALID,
        f"line {line}, column {column}: {reason[:1].lower()}{reason[1:]}",
        pointer=pointer_at(text, position),
        hint=hint,
    )


def _check_depth(raw: bytes, text: str, max_depth: int) -> None:
    """Peel innermost pairs of brackets, one level a round: no recursion, all of it in C."""
    brackets = _STRING.sub(b"", raw).translate(_ONE_KIND, _NO_BRACKET)
    for _ in range(max_depth):
        peeled = brackets.replace(b"[]", b"")
        if len(peeled) == len(brackets):
            break
        brackets = peeled
    is_balanced_too_deep = b"[]" in brackets
    if is_balanced_too_deep or brackets.count(b"[") > max_depth:
        raise ContractViolation(
            BundleCode.TOO_DEEP,
            f"nested more than {max_depth} deep",
            pointer=pointer_of_depth(text, max_depth),
        )


def _first_repeated(keys: list[str]) -> str:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    raise ValueError("no key appears twice")


def _check_tree(value: object, path: list[str | int]) -> None:
    """Find the first flaw in the order of the document; the depth has been checked already.

    Raises:
        ContractViolation: for that flaw.
    """
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, dict):
        _check_object(value, path)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            if child.__class__ is not int:
                _check_tree(child, [*path, index])
    elif isinstance(value, _Unusable):
        raise _violation(BundleCode.BUNDLE_INVALID, value.reason, path)


def _check_object(value: dict[str, object], path: list[str | int]) -> None:
    if isinstance(value, _Repeated):
        _check_text(value.key, path)
        reason = "the key appears twice in one object"
        raise _violation(BundleCode.DUPLICATE_JSON_KEY, reason, [*path, value.key])
    for key, child in value.items():
        _check_text(key, path)
        _check_tree(child, [*path, key])


def _check_text(text: str, path: list[str | int]) -> None:
    if "\x00" in text:
        raise _violation(BundleCode.BUNDLE_INVALID, "a text contains U+0000", path)
    try:
        text.encode()
    except UnicodeEncodeError:
        reason = "a text has an unpaired surrogate"
        raise _violation(BundleCode.BUNDLE_INVALID, reason, path) from None


def _violation(code: BundleCode, reason: str, path: list[str | int]) -> ContractViolation:
    return ContractViolation(code, reason, pointer=to_pointer(path))
