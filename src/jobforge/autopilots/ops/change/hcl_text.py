"""Patching the text of an HCL file: only the values named are written, all else stays."""

from __future__ import annotations

import json
import re
from typing import Any

from jobforge.autopilots.ops.change.patch import PatchOperation
from jobforge.autopilots.ops.iac.hcl_parser import parse_hcl
from jobforge.autopilots.ops.iac.hcl_scanner import MalformedHcl
from jobforge.autopilots.ops.iac.hcl_syntax import Body
from jobforge.autopilots.ops.iac.hcl_values import Scope, evaluate, is_same
from jobforge.core.errors import PayloadInvalid, SourceMalformed


def patch_hcl(text: str, patch: tuple[PatchOperation, ...], *, path: str) -> str:
    """The text after the patch.

    A path leads through block types and labels to an attribute:
    `/resource/aws_ebs_volume/data/encrypted`; of unlabelled blocks of one type the first is meant.
    `add` and `replace` set an attribute to a JSON value, `remove` deletes its line, `test` compares
    a value that needs no apply to know.

    Raises:
        SourceMalformed: the text is no HCL.
        PayloadInvalid: the path leads nowhere, a test fails, or the operation is move or copy.
    """
    for position, operation in enumerate(patch):
        try:
            text = _apply(text, operation, path)
        except LookupError as error:
            raise PayloadInvalid(
                f"{operation.op} {operation.path}: {error.args[0]}",
                pointer=f"/change/patch/{position}",
            ) from None
    return text


def _apply(text: str, operation: PatchOperation, path: str) -> str:
    try:
        top = parse_hcl(text)
    except MalformedHcl as error:
        raise SourceMalformed(f"{path} is not valid HCL: {error}") from None
    *way, name = _parts(operation.path)
    body = _walk(top, way)
    span = body.spans.get(name)
    match operation.op:
        case "add" if span is None:
            return _insert(text, body, name, operation.value, is_top=not way)
        case "add" | "replace" if span is not None:
            return text[: span[0]] + to_hcl(operation.value) + text[span[1] :]
        case "remove" if span is not None:
            return _delete(text, span)
        case "test" if span is not None:
            found = evaluate(body.attributes[name][0], Scope())
            if not is_same(found, operation.value):
                raise LookupError(f"the value is {found!r}")
            return text
        case "move" | "copy":
            raise LookupError("HCL files take add, replace, remove and test only")
        case _:
            raise LookupError("there is no such attribute")


def _parts(pointer: str) -> list[str]:
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    if not parts:
        raise LookupError("the whole file is no attribute")
    return parts


def _walk(body: Body, way: list[str]) -> Body:
    while way:
        for block in body.blocks:
            names = [block.type, *block.labels]
            if way[: len(names)] == names:
                body, way = block.body, way[len(names) :]
                break
        else:
            raise LookupError(f"there is no block {' '.join(way)}")
    return body


def _insert(text: str, body: Body, name: str, value: object, *, is_top: bool) -> str:
    if not re.fullmatch(r"[^\W\d][\w-]*", name):
        raise LookupError(f"{name!r} is no attribute name")
    line = f"{name} = {to_hcl(value)}\n"
    if is_top:
        return text + ("" if text.endswith("\n") or not text else "\n") + line
    begin = text.rfind("\n", 0, body.end) + 1
    closing = text[begin : body.end]
    if closing.strip():
        return f"{text[: body.end].rstrip()}\n  {line}{text[body.end :]}"
    return f"{text[:begin]}{closing}  {line}{text[begin:]}"


def _delete(text: str, span: tuple[int, int]) -> str:
    begin = text.rfind("\n", 0, span[0]) + 1
    newline = text.find("\n", span[1])
    end = len(text) if newline < 0 else newline + 1
    head = text[begin : span[0]]
    rest = text[span[1] : end].strip()
    if not re.fullmatch(r"\s*[\w-]+\s*=\s*", head) or (rest and not rest.startswith(("#", "//"))):
        raise LookupError("the attribute shares its line with others")
    return text[:begin] + text[end:]


def to_hcl(value: Any) -> str:  # noqa: ANN401 (any JSON value)
    """A JSON value as HCL writes it; interpolation signs in strings are escaped."""
    if isinstance(value, str):
        quoted = json.dumps(value, ensure_ascii=False)
        return quoted.replace("${", "$${").replace("%{", "%%{")
    if isinstance(value, list):
        return f"[{', '.join(map(to_hcl, value))}]"
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)} = {to_hcl(item)}" for key, item in value.items())
        return "{ " + ", ".join(pairs) + " }" if value else "{}"
    return json.dumps(value)
