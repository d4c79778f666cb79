"""Checks of a pod's own settings: host namespaces, users, volumes, tokens, what it is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from jobforge.autopilots.ops.iac.kubernetes_model import Container, Manifest, items, mapping
from jobforge.autopilots.ops.iac.rule import Judgement, Rule, file_check, met, unmet
from jobforge.autopilots.ops.iac.yaml_nodes import line_of

HIGH_UID = 10_000
"""Above the ids that hosts give to people and services. Source: Kubesec, runAsUser > 10000."""
RUNTIME_SOCKETS = (
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/var/run/containerd/containerd.sock",
    "/run/containerd/containerd.sock",
)
SECCOMP_PROFILES = frozenset({"RuntimeDefault"})
"""A local profile may allow anything: nobody can tell from the manifest."""


def _host_flag(key: str, pod: Manifest) -> Judgement | None:
    spec = pod.pod_spec
    if spec is None:
        return None
    if spec.get(key) is True:
        return unmet(f"{key} is true", line_of(spec, key))
    return met(f"{key} is not set")


def _pod_security_context(pod: Manifest) -> Judgement | None:
    spec = pod.pod_spec
    if spec is None:
        return None
    if spec.get("securityContext") is not None:
        return met("securityContext is set")
    return unmet("the pod's spec has no securityContext", line_of(spec))


def _runtime_socket(pod: Manifest) -> Judgement | None:
    spec = pod.pod_spec
    if spec is None:
        return None
    for volume in items(spec.get("volumes")):
        path = str(mapping(mapping(volume).get("hostPath")).get("path") or "")
        if path in RUNTIME_SOCKETS:
            return unmet(f"volume {mapping(volume).get('name')} mounts {path}", line_of(volume))
    return met("no runtime socket is mounted")


def _token(pod: Manifest) -> Judgement | None:
    spec = pod.pod_spec
    if spec is None or isinstance((pod.pod_template or {}).get("spec"), list):
        return None
    value = spec.get("automountServiceAccountToken")
    if value is False:
        return met("automountServiceAccountToken is false")
    return unmet(f"automountServiceAccountToken is {value}", line_of(spec))


def _seccomp(pod: Manifest) -> Judgement | None:
    template, spec = pod.pod_template, pod.pod_spec
    if template is None or spec is None:
        return None
    if _has_profile(spec) or _annotated(template) or _annotated(pod.conf):
        return met("a seccomp profile is set for the pod")
    if pod.containers and all(_has_profile(c.conf) for c in pod.containers if not c.is_init):
        return met("a seccomp profile is set for every container")
    return unmet("no seccomp profile", line_of(spec))


def _has_profile(conf: Mapping[str, Any]) -> bool:
    profile = mapping(mapping(conf.get("securityContext")).get("seccompProfile"))
    return profile.get("type") in SECCOMP_PROFILES


def _annotated(conf: Mapping[str, Any]) -> bool:
    annotations = mapping(mapping(conf.get("metadata")).get("annotations"))
    value = str(annotations.get("seccomp.security.alpha.kubernetes.io/pod") or "")
    return "docker/default" in value or "runtime/default" in value


def _user_of(container: Container, spec: Mapping[str, Any]) -> tuple[object, object]:
    """What holds for the container of runAsNonRoot and runAsUser: its own, else the pod's."""
    own, pod = container.security_context, mapping(spec.get("securityContext"))
    non_root, user = "runAsNonRoot", "runAsUser"
    return own.get(non_root, pod.get(non_root)), own.get(user, pod.get(user))


def _root(pod: Manifest) -> Judgement | None:
    spec = pod.pod_spec
    if spec is None or isinstance(spec.get("containers"), Mapping):
        return None
    for container in pod.containers:
        non_root, user = _user_of(container, spec)
        # With runAsNonRoot Kubernetes refuses to start a container whose user is 0.
        is_user = isinstance(user, int) and not isinstance(user, bool) and user > 0
        if not is_user and non_root is not True:
            shown = f"runAsNonRoot is {non_root}, runAsUser is {user}"
            return unmet(f"container {container.name}: {shown}", line_of(container.conf))
    if not pod.containers:
        return unmet("no container says which user it runs as", line_of(spec))
    return met("no container runs as root")


def _low_uid(pod: Manifest) -> Judgement | None:
    spec = pod.pod_spec
    if spec is None or isinstance(spec.get("containers"), Mapping):
        return None
    if spec.get("hostUsers") is False:
        return met("the pod has a user namespace of its own")
    for container in pod.containers:
        _, user = _user_of(container, spec)
        if not isinstance(user, int) or user < HIGH_UID:
            evidence = f"container {container.name}: runAsUser is {user}"
            return unmet(evidence, line_of(container.conf))
    if not pod.containers:
        return unmet("no container says which user it runs as", line_of(spec))
    return met("every container has a high user id")


def _labels(conf: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(mapping(conf.get("metadata")).get("labels"))


def _dashboard(pod: Manifest) -> Judgement | None:
    if pod.pod_spec is None:
        return None
    marks = {"kubernetes-dashboard", "kubernetesui"}
    labels = _labels(pod.pod_template or {})
    if labels.get("app") in marks or labels.get("k8s-app") in marks:
        return unmet("labelled kubernetes-dashboard", pod.line)
    for container in pod.containers:
        image = str(container.conf.get("image") or "")
        if any(mark in image for mark in marks):
            return unmet(f"image {image}", line_of(container.conf))
    return met("not the dashboard")


def _tiller(pod: Manifest) -> Judgement | None:
    if pod.pod_spec is None:
        return None
    found = _tiller_mark(pod)
    return unmet(found, pod.line) if found else met("not Tiller")


def _tiller_mark(pod: Manifest) -> str | None:
    labels = {**_labels(pod.conf), **_labels(pod.pod_template or {})}
    if labels.get("name") == "tiller" or labels.get("app") == "helm":
        return f"labelled {dict(labels)}"
    images = (str(container.conf.get("image") or "") for container in pod.containers)
    return next((f"image {image}" for image in images if "tiller" in image), None)


def _tiller_listener(pod: Manifest) -> Judgement | None:
    if pod.pod_spec is None or _tiller_mark(pod) is None:
        return None
    for container in pod.containers:
        if any("--listen=localhost" in w or "--listen=127.0.0.1" in w for w in container.words):
            return met("listens on loopback")
    return unmet("Tiller listens for the whole cluster", pod.line)


_PARTIAL = (
    ("CKV_K8S_17", "hostPID", "process ids"),
    ("CKV_K8S_18", "hostIPC", "inter-process communication"),
    ("CKV_K8S_19", "hostNetwork", "network"),
)

RULES: tuple[Rule[Manifest], ...] = (
    *(
        Rule(
            file_check(ref, f"Pods do not share the host's {what}", "high", f"Remove {key}."),
            partial(_host_flag, key),
        )
        for ref, key, what in _PARTIAL
    ),
    Rule(file_check("CKV_K8S_29", "Pods have a security context", "low",
                    "Add a securityContext to the pod's spec."), _pod_security_context),
    Rule(file_check("CKV_K8S_27", "No container runtime's socket is mounted", "critical",
                    "Remove the hostPath volume: its holder is root on the node."),
         _runtime_socket),
    Rule(file_check("CKV_K8S_38", "Service account tokens are mounted only where needed", "low",
                    "Set automountServiceAccountToken: false."), _token),
    Rule(file_check("CKV_K8S_31", "A seccomp profile is set", "medium",
                    "Set securityContext.seccompProfile.type: RuntimeDefault."), _seccomp),
    Rule(file_check("CKV_K8S_23", "No container runs as root", "high",
                    "Set runAsNonRoot: true and runAsUser."), _root),
    Rule(file_check("CKV_K8S_40", "Containers run as a high user id", "low",
                    "Set runAsUser to 10000 or more."), _low_uid),
    Rule(file_check("CKV_K8S_33", "The Kubernetes dashboard is not deployed", "medium",
                    "Remove it, or keep it out of the cluster's reach."), _dashboard),
    Rule(file_check("CKV_K8S_34", "Tiller (Helm 2) is not deployed", "high",
                    "Move to Helm 3."), _tiller),
    Rule(file_check("CKV_K8S_45", "Tiller listens on loopback only", "high",
                    "Start it with --listen=localhost:44134, or move to Helm 3."),
         _tiller_listener),
)  # fmt: skip
