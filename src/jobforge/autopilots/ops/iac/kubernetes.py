"""Checks of Kubernetes manifests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jobforge.autopilots.ops.finding import Finding
from jobforge.autopilots.ops.iac import (
    kubernetes_containers,
    kubernetes_control_plane,
    kubernetes_objects,
    kubernetes_pods,
)
from jobforge.autopilots.ops.iac.kubernetes_model import Manifest, manifests_of

_POD_RULES = kubernetes_containers.RULES + kubernetes_pods.RULES
_PROGRAM_RULES = kubernetes_control_plane.RULES
_OBJECT_RULES = kubernetes_objects.RULES
RULES = _POD_RULES + _PROGRAM_RULES + _OBJECT_RULES
_PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd", "kubelet")


def is_kubernetes(documents: list[Any]) -> bool:
    """Whether any document is a Kubernetes object."""
    return next(manifests_of(documents), None) is not None


def check_kubernetes(path: str, documents: list[Any]) -> Iterator[Finding]:
    """Judge every object in the documents by every rule that applies."""
    for manifest in manifests_of(documents):
        for rule in _rules_for(manifest):
            finding = rule.apply(manifest, path, manifest.resource, manifest.line)
            if finding is not None:
                yield finding


def _rules_for(manifest: Manifest) -> Iterator[Any]:
    yield from _OBJECT_RULES
    if manifest.pod_template is not None:
        yield from _POD_RULES
        words = " ".join(word for container in manifest.containers for word in container.words)
        if any(program in words for program in _PROGRAMS):
            yield from _PROGRAM_RULES
