"""Kubernetes manifests as the checks see them: resources, their pods and their containers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobforge.autopilots.ops.iac.yaml_nodes import line_of

POD_KINDS = frozenset({
    "Pod", "Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "ReplicationController", "Job",
    "CronJob", "DeploymentConfig", "PodTemplate",
})  # fmt: skip


class Container:
    """A container or init container of a pod; what the checks ask for often is worked out once."""

    __slots__ = ("conf", "is_init", "name", "security_context", "words")

    def __init__(self, conf: Mapping[str, Any], is_init: bool) -> None:
        self.conf = conf
        self.is_init = is_init
        self.name = str(conf.get("name") or conf.get("image") or "unnamed")
        self.security_context = mapping(conf.get("securityContext"))
        self.words = tuple(_words(conf))
        """Command and arguments, word by word."""


def _words(conf: Mapping[str, Any]) -> Iterator[str]:
    for key in ("command", "args"):
        value = conf.get(key)
        if isinstance(value, list):
            yield from map(str, value)
        elif isinstance(value, str):
            yield value


class Manifest:
    """One Kubernetes object; what the checks ask for often is worked out once.

    `resource` is `Kind.namespace.name`. `pod_template` is the object whose `metadata` and `spec`
    make its pods and `pod_spec` that spec, empty where malformed; both are None where it makes no
    pods.
    """

    __slots__ = (
        "conf", "containers", "kind", "line", "metadata", "name", "namespace", "pod_spec",
        "pod_template", "resource",
    )  # fmt: skip

    def __init__(self, conf: Mapping[str, Any], kind: str) -> None:
        self.conf = conf
        self.kind = kind
        self.line = line_of(conf)
        self.metadata = mapping(conf.get("metadata"))
        self.name = str(self.metadata.get("name") or self.metadata.get("generateName") or "unnamed")
        self.namespace = str(self.metadata.get("namespace") or "default")
        self.resource = f"{kind}.{self.namespace}.{self.name}"
        self.pod_template = _pod_template(conf, kind)
        self.pod_spec = (
            None if self.pod_template is None else mapping(self.pod_template.get("spec"))
        )
        self.containers = tuple(_containers(self.pod_spec or {}))


def _pod_template(conf: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    if kind not in POD_KINDS:
        return None
    spec = mapping(conf.get("spec"))
    if kind == "Pod":
        return conf
    if kind == "PodTemplate":
        return mapping(conf.get("template"))
    if kind == "CronJob":
        spec = mapping(mapping(spec.get("jobTemplate")).get("spec"))
    return mapping(spec.get("template"))


def _containers(spec: Mapping[str, Any]) -> Iterator[Container]:
    for key in ("containers", "initContainers"):
        for conf in items(spec.get(key)):
            if isinstance(conf, Mapping):
                yield Container(conf, key != "containers")


def mapping(value: object) -> Mapping[str, Any]:
    """`value` if it is a mapping, else an empty one."""
    # `dict` first: asking an abstract class costs twenty times as much.
    if isinstance(value, dict):
        return value
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> list[Any]:
    """`value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def manifests_of(documents: list[Any]) -> Iterator[Manifest]:
    """Every Kubernetes object in the documents; lists are opened."""
    for document in documents:
        if isinstance(document, list):
            yield from manifests_of(document)
        elif isinstance(document, Mapping) and "apiVersion" in document and "kind" in document:
            kind = str(document["kind"])
            if kind.endswith("List") and isinstance(document.get("items"), list):
                yield from manifests_of(document["items"])
            else:
                yield Manifest(document, kind)
