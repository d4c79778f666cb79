"""Patches of manifests for findings that one value mends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobforge.autopilots.ops.change.yaml_text import parse_yaml
from jobforge.autopilots.ops.iac.kubernetes_model import items, mapping

Operation = dict[str, Any]

# What to set, below each container or below the pod's spec.
OF_CONTAINER: dict[str, tuple[str, Any]] = {
    "CKV_K8S_20": ("securityContext/allowPrivilegeEscalation", False),
    "CKV_K8S_16": ("securityContext/privileged", False),
    "CKV_K8S_22": ("securityContext/readOnlyRootFilesystem", True),
    "CKV_K8S_28": ("securityContext/capabilities/drop", ["ALL"]),
    "CKV_K8S_37": ("securityContext/capabilities/drop", ["ALL"]),
    "CKV_K8S_15": ("imagePullPolicy", "Always"),
}
OF_POD: dict[str, tuple[str, Any]] = {
    "CKV_K8S_17": ("hostPID", False),
    "CKV_K8S_18": ("hostIPC", False),
    "CKV_K8S_19": ("hostNetwork", False),
    "CKV_K8S_23": ("securityContext/runAsNonRoot", True),
    "CKV_K8S_31": ("securityContext/seccompProfile/type", "RuntimeDefault"),
    "CKV_K8S_38": ("automountServiceAccountToken", False),
}
_FINE_WITHOUT = frozenset({"privileged", "hostPID", "hostIPC", "hostNetwork"})
"""What is off where nothing is said."""
_POD_SPECS = {
    "Pod": "/spec",
    "CronJob": "/spec/jobTemplate/spec/template/spec",
    "PodTemplate": "/template/spec",
}
_USUAL_SPEC = "/spec/template/spec"


def patch_manifest(text: str, path: str, resource: str, reference: str) -> dict[str, Any] | None:
    """A change of the object `Kind.namespace.name` that meets the check, or None.

    Raises:
        SourceMalformed: the text is no YAML.
    """
    kind, _, rest = resource.partition(".")
    namespace, _, name = rest.partition(".")
    found = [
        document
        for document in parse_yaml(text, path=path)
        if isinstance(document, dict) and _is_object(document, kind, namespace, name)
    ]
    if len(found) != 1:
        return None
    patch = list(_operations(found[0], kind, reference))
    selector = {"kind": kind, "name": name, "namespace": namespace}
    return {"adapter": "kubernetes", "path": path, "resource": selector, "patch": patch} if (
        patch
    ) else None  # fmt: skip


def _is_object(document: Mapping[str, Any], kind: str, namespace: str, name: str) -> bool:
    metadata = mapping(document.get("metadata"))
    return (
        document.get("kind") == kind
        and metadata.get("name") == name
        and metadata.get("namespace", "default") == namespace
    )


def _operations(document: Mapping[str, Any], kind: str, reference: str) -> Iterator[Operation]:
    place = _POD_SPECS.get(kind, _USUAL_SPEC)
    spec: Any = document
    for part in place.split("/")[1:]:
        spec = mapping(mapping(spec).get(part))
    if reference in OF_POD:
        yield from _set(spec, place, *OF_POD[reference])
    if reference in OF_CONTAINER:
        for key in ("containers", "initContainers"):
            for number, container in enumerate(items(spec.get(key))):
                below = f"{place}/{key}/{number}"
                yield from _set(mapping(container), below, *OF_CONTAINER[reference])


def _set(holder: Mapping[str, Any], place: str, attribute: str, value: Any) -> Iterator[Operation]:  # noqa: ANN401 (any JSON value)
    """Set one value; what is missing on the way is added with it."""
    *way, last = attribute.split("/")
    if last in _FINE_WITHOUT and way and way[0] not in holder:
        return
    for position, part in enumerate(way):
        if part not in holder:
            inner: Any = {last: value}
            for outer in reversed(way[position + 1 :]):
                inner = {outer: inner}
            yield {"op": "add", "path": f"{place}/{part}", "value": inner}
            return
        holder, place = mapping(holder[part]), f"{place}/{part}"
    is_lax = last not in _FINE_WITHOUT or last in holder
    if is_lax and holder.get(last) != value:
        yield {"op": "add", "path": f"{place}/{last}", "value": value}
