"""Checks of a pod's containers; a manifest fails a check where any of its containers does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from jobforge.autopilots.ops.finding import Severity
from jobforge.autopilots.ops.iac.kubernetes_model import Container, Manifest, items, mapping
from jobforge.autopilots.ops.iac.rule import Judgement, Rule, file_check, met, unmet
from jobforge.autopilots.ops.iac.yaml_nodes import line_of

Test = Callable[[Container], str | None]
"""Says what is wrong with a container, or None."""

NO_PROBE_KINDS = frozenset({"Job", "CronJob"})
"""Their containers end by themselves: nothing waits for them to be ready."""


def _judge(test: Test, with_init: bool, skipped: frozenset[str], pod: Manifest) -> Judgement | None:
    containers = [c for c in pod.containers if with_init or not c.is_init]
    if pod.kind in skipped or not containers:
        return None
    for container in containers:
        wrong = test(container)
        if wrong is not None:
            return unmet(f"container {container.name}: {wrong}", line_of(container.conf))
    return met(f"{len(containers)} containers")


def _rule(  # noqa: PLR0913 (a table's columns)
    reference: str,
    title: str,
    severity: Severity,
    remediation: str,
    test: Test,
    *,
    with_init: bool = True,
    skipped: frozenset[str] = frozenset(),
) -> Rule[Manifest]:
    check = file_check(reference, title, severity, remediation)
    return Rule(check, partial(_judge, test, with_init, skipped))


def _escalation(container: Container) -> str | None:
    value = container.security_context.get("allowPrivilegeEscalation")
    return None if value is False else f"allowPrivilegeEscalation is {value}"


def _privileged(container: Container) -> str | None:
    # A string is no boolean to Kubernetes, but whoever writes "true" means it.
    value = container.security_context.get("privileged")
    return "privileged is true" if str(value).lower() == "true" else None


def _writable_root(container: Container) -> str | None:
    value = container.security_context.get("readOnlyRootFilesystem")
    return None if str(value).lower() == "true" else f"readOnlyRootFilesystem is {value}"


def _no_security_context(container: Container) -> str | None:
    return None if "securityContext" in container.conf else "no securityContext"


def _capabilities(container: Container, key: str) -> list[str]:
    capabilities = mapping(container.security_context.get("capabilities"))
    return [str(name).upper() for name in items(capabilities.get(key))]


def _added(container: Container) -> str | None:
    added = _capabilities(container, "add")
    return f"adds {', '.join(added)}" if added else None


def _sys_admin(container: Container) -> str | None:
    return "adds SYS_ADMIN" if "SYS_ADMIN" in _capabilities(container, "add") else None


def _keeps_net_raw(container: Container) -> str | None:
    dropped = _capabilities(container, "drop")
    return None if {"ALL", "NET_RAW"} & set(dropped) else f"drops only {dropped}"


def _keeps_any(container: Container) -> str | None:
    dropped = _capabilities(container, "drop")
    return None if "ALL" in dropped else f"drops only {dropped}"


def _resource(kind: str, name: str, container: Container) -> str | None:
    stated = mapping(mapping(container.conf.get("resources")).get(kind))
    return None if stated.get(name) else f"resources.{kind}.{name} is missing"


def _probe(key: str, container: Container) -> str | None:
    return None if container.conf.get(key) else f"{key} is missing"


def _image_parts(container: Container) -> tuple[str, str, str]:
    """Image name, tag and digest; tag and digest may be empty."""
    image = str(container.conf.get("image") or "")
    name, _, digest = image.partition("@")
    base, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        return name, "", digest
    return base, tag, digest


def _floating_tag(container: Container) -> str | None:
    name, tag, digest = _image_parts(container)
    if name and (digest or tag not in {"", "latest"}):
        return None
    return f"image {container.conf.get('image')}"


def _no_digest(container: Container) -> str | None:
    name, _, digest = _image_parts(container)
    return None if digest and name else f"image {container.conf.get('image')}"


def _pull_policy(container: Container) -> str | None:
    policy = container.conf.get("imagePullPolicy")
    name, tag, digest = _image_parts(container)
    # What a digest names cannot change, so it needs no pulling.
    if name and (policy == "Always" or digest):
        return None
    # Without a policy Kubernetes pulls always where the tag is `latest` or missing.
    if name and policy is None and tag in {"", "latest"}:
        return None
    return f"imagePullPolicy is {policy}"


def _host_port(container: Container) -> str | None:
    for port in items(container.conf.get("ports")):
        if isinstance(port, dict) and port.get("hostPort"):
            return f"hostPort {port['hostPort']}"
    return None


def _secret_in_environment(container: Container) -> str | None:
    for entry in items(container.conf.get("env")):
        if mapping(mapping(entry).get("valueFrom")).get("secretKeyRef"):
            return f"env {entry.get('name')} comes from a secret"
    for entry in items(container.conf.get("envFrom")):
        if mapping(entry).get("secretRef"):
            return "envFrom takes a whole secret"
    return None


def _git_sync(container: Container) -> str | None:
    image = str(container.conf.get("image") or "")
    if "git-sync" not in image and not any("git-sync" in word for word in container.words):
        return None
    names = {str(mapping(entry).get("name")) for entry in items(container.conf.get("env"))}
    unsafe = names & {"GITSYNC_GIT", "GIT_SYNC_GIT"}
    if unsafe or any(word.startswith("--git=") or word == "--git" for word in container.words):
        return "git-sync runs a git program of the caller's choice"
    return None


RULES: tuple[Rule[Manifest], ...] = (
    _rule("CKV_K8S_20", "Containers cannot gain privileges", "medium",
          "Set securityContext.allowPrivilegeEscalation: false.", _escalation),
    _rule("CKV_K8S_16", "Containers are not privileged", "critical",
          "Remove securityContext.privileged.", _privileged),
    _rule("CKV_K8S_22", "The root file system is read-only", "low",
          "Set securityContext.readOnlyRootFilesystem: true and mount an emptyDir to write to.",
          _writable_root),
    _rule("CKV_K8S_30", "Containers have a security context", "low",
          "Add a securityContext to the container.", _no_security_context),
    _rule("CKV_K8S_25", "No capability is added", "medium",
          "Remove securityContext.capabilities.add.", _added),
    _rule("CKV_K8S_39", "CAP_SYS_ADMIN is not added", "high",
          "Remove SYS_ADMIN: it is nearly root.", _sys_admin),
    _rule("CKV_K8S_28", "NET_RAW is dropped", "medium",
          "Drop ALL, or at least NET_RAW.", _keeps_net_raw),
    _rule("CKV_K8S_37", "All capabilities are dropped", "low",
          "Set securityContext.capabilities.drop: [ALL], add what is needed.", _keeps_any),
    _rule("CKV_K8S_10", "CPU is requested", "low",
          "Set resources.requests.cpu.", partial(_resource, "requests", "cpu")),
    _rule("CKV_K8S_11", "CPU is limited", "low",
          "Set resources.limits.cpu.", partial(_resource, "limits", "cpu")),
    _rule("CKV_K8S_12", "Memory is requested", "low",
          "Set resources.requests.memory.", partial(_resource, "requests", "memory")),
    _rule("CKV_K8S_13", "Memory is limited", "medium",
          "Set resources.limits.memory.", partial(_resource, "limits", "memory")),
    _rule("CKV_K8S_8", "A liveness probe is set", "low", "Add a livenessProbe.",
          partial(_probe, "livenessProbe"), with_init=False, skipped=NO_PROBE_KINDS),
    _rule("CKV_K8S_9", "A readiness probe is set", "low", "Add a readinessProbe.",
          partial(_probe, "readinessProbe"), with_init=False, skipped=NO_PROBE_KINDS),
    _rule("CKV_K8S_14", "Images have a fixed tag", "medium",
          "Name a version, better a digest.", _floating_tag),
    _rule("CKV_K8S_43", "Images are pinned by digest", "low",
          "Name the image by @sha256:….", _no_digest),
    _rule("CKV_K8S_15", "Images are pulled always", "low",
          "Set imagePullPolicy: Always, so that credentials are checked at each start.",
          _pull_policy),
    _rule("CKV_K8S_26", "No host port is bound", "medium",
          "Use a Service instead of hostPort.", _host_port),
    _rule("CKV_K8S_35", "Secrets come as files", "low",
          "Mount the secret as a volume; environments leak into logs and child processes.",
          _secret_in_environment),
    _rule("CKV_K8S_159", "git-sync runs no program of the caller's choice", "high",
          "Remove --git and GITSYNC_GIT.", _git_sync),
)  # fmt: skip
