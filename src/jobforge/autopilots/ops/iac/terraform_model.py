"""Terraform as the checks see it: resources with values filled in, module by module."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobforge.autopilots.ops.iac.hcl_parser import parse_hcl
from jobforge.autopilots.ops.iac.hcl_scanner import MalformedHcl
from jobforge.autopilots.ops.iac.hcl_syntax import Block, Body, Expression
from jobforge.autopilots.ops.iac.hcl_values import Partial, Scope, Unknown, body_values, evaluate
from jobforge.autopilots.ops.iac.yaml_nodes import LinedDict

MAX_MODULE_DEPTH = 8
MAX_INSTANCES = 200


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource; `address` is how Terraform names it, modules and keys included."""

    type: str
    name: str
    address: str
    conf: LinedDict
    path: str
    line: int

    def get(self, attribute: str) -> Any:  # noqa: ANN401 (any HCL value)
        """The value at a path with /; of repeated blocks the first. None where missing."""
        value: Any = self.conf
        for part in attribute.split("/"):
            if isinstance(value, list):
                value = value[0] if value else None
            if not isinstance(value, Mapping):
                return None if not is_unknown(value) else value
            value = value.get(part)
        return value

    def blocks(self, name: str) -> list[Mapping[str, Any]]:
        """The nested blocks of this name; a list of maps given as an attribute counts too."""
        return blocks_of(self.conf, name)


def is_unknown(value: object) -> bool:
    """Whether only an apply can tell the value."""
    return isinstance(value, Unknown | Partial)


def blocks_of(conf: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The nested blocks called `name`."""
    value = conf.get(name)
    if isinstance(value, Mapping):
        return [value]
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


@dataclass(slots=True)
class Module:
    """A folder of Terraform files."""

    blocks: list[tuple[Block, str]] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)

    def of_type(self, block_type: str) -> Iterator[tuple[Block, str]]:
        """The top-level blocks of this type, with their files."""
        return ((block, path) for block, path in self.blocks if block.type == block_type)


def read_modules(files: Mapping[str, str]) -> tuple[dict[str, Module], dict[str, str]]:
    """Modules by folder, and what is wrong by file."""
    modules: dict[str, Module] = {}
    faults: dict[str, str] = {}
    for path, text in sorted(files.items()):
        module = modules.setdefault(posixpath.dirname(path), Module())
        try:
            body = parse_hcl(text)
        except (MalformedHcl, RecursionError) as error:
            faults[path] = str(error)
            continue
        if path.endswith(".tfvars"):
            module.variables |= body_values(body, Scope(), 1)
        else:
            module.blocks += [(block, path) for block in body.blocks]
    return modules, faults


def resources_of(modules: Mapping[str, Module]) -> Iterator[Resource]:
    """Every resource of every root module; a folder that another one calls is no root."""
    called = {
        target
        for folder, module in modules.items()
        for block, _ in module.of_type("module")
        if (target := _target(folder, block.body)) in modules
    }
    for folder, module in modules.items():
        if folder not in called:
            yield from _expand(modules, folder, module.variables, "", 0)


def _target(folder: str, body: Body) -> str | None:
    source = body.attributes.get("source")
    value = evaluate(source[0], Scope()) if source else None
    if isinstance(value, str) and value.startswith("."):
        return posixpath.normpath(posixpath.join(folder, value)).removeprefix("./").strip(".")
    return None


def _expand(
    modules: Mapping[str, Module], folder: str, given: Mapping[str, Any], prefix: str, depth: int
) -> Iterator[Resource]:
    module = modules[folder]
    scope = _scope(module, given)
    for block, path in module.of_type("resource"):
        yield from _resources(block, path, prefix, scope)
    for block, _ in module.of_type("module"):
        target = _target(folder, block.body)
        if target is None or target not in modules:
            continue
        if depth >= MAX_MODULE_DEPTH or not block.labels:
            continue
        for key, inner in _instances(block.body, scope):
            values = body_values(block.body, inner, block.line)
            address = f"{prefix}module.{block.labels[0]}{key}."
            yield from _expand(modules, target, values, address, depth + 1)


def _scope(module: Module, given: Mapping[str, Any]) -> Scope:
    variables: dict[str, Any] = {}
    for block, _ in module.of_type("variable"):
        default = block.body.attributes.get("default")
        if default is not None and block.labels:
            variables[block.labels[0]] = evaluate(default[0], Scope())
    local_expressions: dict[str, Expression] = {}
    for block, _ in module.of_type("locals"):
        local_expressions |= {name: e for name, (e, _) in block.body.attributes.items()}
    scope = Scope({**variables, **given}, local_expressions)
    documents = {
        block.labels[1]: {"json": to_policy(body_values(block.body, scope, block.line))}
        for block, _ in module.of_type("data")
        if block.labels[:1] == ("aws_iam_policy_document",) and len(block.labels) > 1
    }
    return scope.with_names(data={"aws_iam_policy_document": documents})


def _resources(block: Block, path: str, prefix: str, scope: Scope) -> Iterator[Resource]:
    if len(block.labels) < 2:  # noqa: PLR2004 (type and name)
        return
    kind, name = block.labels[:2]
    for key, inner in _instances(block.body, scope):
        conf = body_values(block.body, inner, block.line)
        yield Resource(kind, name, f"{prefix}{kind}.{name}{key}", conf, path, block.line)


def _instances(body: Body, scope: Scope) -> Iterator[tuple[str, Scope]]:
    """One per `for_each` item or `count`, with its key; one without a key where not known."""
    for_each, count = body.attributes.get("for_each"), body.attributes.get("count")
    items = evaluate(for_each[0], scope) if for_each else None
    if isinstance(items, list):
        items = {str(item): item for item in items}
    if isinstance(items, dict):
        for key, value in list(items.items())[:MAX_INSTANCES]:
            yield f"[{json.dumps(key)}]", scope.with_names(each={"key": key, "value": value})
        return
    number = evaluate(count[0], scope) if count else None
    if isinstance(number, int) and not isinstance(number, bool):
        for index in range(min(number, MAX_INSTANCES)):
            yield f"[{index}]", scope.with_names(count={"index": index})
        return
    yield "", scope


def to_policy(conf: Mapping[str, Any]) -> dict[str, Any]:
    """A policy document as IAM writes it, from the blocks of `aws_iam_policy_document`."""
    return {"Statement": [_to_statement(block) for block in blocks_of(conf, "statement")]}


_KEYS = {
    "effect": "Effect", "actions": "Action", "not_actions": "NotAction",
    "resources": "Resource", "not_resources": "NotResource", "sid": "Sid",
}  # fmt: skip


def _to_statement(block: Mapping[str, Any]) -> dict[str, Any]:
    statement = {new: block[old] for old, new in _KEYS.items() if old in block}
    statement.setdefault("Effect", "Allow")
    for old, new in (("principals", "Principal"), ("not_principals", "NotPrincipal")):
        for entry in blocks_of(block, old):
            kind = str(entry.get("type"))
            identifiers = entry.get("identifiers")
            principal = statement.setdefault(new, {})
            if isinstance(principal, dict):
                principal["AWS" if kind == "*" else kind] = identifiers
    conditions = blocks_of(block, "condition")
    if conditions:
        statement["Condition"] = {
            str(entry.get("test")): {str(entry.get("variable")): entry.get("values")}
            for entry in conditions
        }
    return statement
