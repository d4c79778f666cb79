"""Terraform plans as JSON (`terraform show -json`), turned into resources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobforge.autopilots.ops.iac.hcl_values import Unknown
from jobforge.autopilots.ops.iac.terraform_model import Resource
from jobforge.autopilots.ops.iac.yaml_nodes import LinedDict


def is_plan(document: object) -> bool:
    """Whether the document is a plan."""
    return isinstance(document, Mapping) and "terraform_version" in document and (
        "planned_values" in document or "resource_changes" in document
    )  # fmt: skip


def plan_resources(path: str, document: Mapping[str, Any]) -> Iterator[Resource]:
    """The resources as they will be; values known only after an apply are `Unknown`.

    Source: Terraform, JSON Output Format, "Change Representation".
    """
    for change in document.get("resource_changes") or ():
        if not isinstance(change, Mapping) or change.get("mode", "managed") != "managed":
            continue
        detail = change.get("change") if isinstance(change.get("change"), Mapping) else {}
        after = detail.get("after") if isinstance(detail, Mapping) else None
        if not isinstance(after, Mapping):
            continue
        unknown = detail.get("after_unknown") if isinstance(detail, Mapping) else None
        conf = _merge(after, unknown if isinstance(unknown, Mapping) else {})
        kind, name = str(change.get("type")), str(change.get("name"))
        yield Resource(kind, name, str(change.get("address")), conf, path, 1)


def _merge(after: Mapping[str, Any], unknown: Mapping[str, Any]) -> LinedDict:
    conf = LinedDict(1)
    for key, value in after.items():
        conf[key] = _convert(value, unknown.get(key))
    for key, flag in unknown.items():
        if flag is True and conf.get(key) is None:
            conf[key] = Unknown(key)
    return conf


def _convert(value: object, unknown: object) -> object:
    if isinstance(value, Mapping):
        return _merge(value, unknown if isinstance(unknown, Mapping) else {})
    if isinstance(value, list):
        flags = unknown if isinstance(unknown, list) else []
        return [
            _convert(item, flags[i] if i < len(flags) else None) for i, item in enumerate(value)
        ]
    return value
