"""Checks of objects that make no pods: accounts, roles, policies, services, ingresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from jobforge.autopilots.ops.iac.kubernetes_model import Manifest, items, mapping
from jobforge.autopilots.ops.iac.rule import Judgement, Rule, file_check, met, unmet
from jobforge.autopilots.ops.iac.yaml_nodes import line_of

NAMESPACED_KINDS = frozenset({
    "Pod", "Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "ReplicationController", "Job",
    "CronJob", "Service", "Secret", "ServiceAccount", "Role", "RoleBinding", "ConfigMap", "Ingress",
})  # fmt: skip
ROLES = frozenset({"Role", "ClusterRole"})
SNIPPETS = (
    "nginx.ingress.kubernetes.io/server-snippet",
    "nginx.ingress.kubernetes.io/configuration-snippet",
)


def _default_namespace(manifest: Manifest) -> Judgement | None:
    if manifest.kind not in NAMESPACED_KINDS:
        return None
    if (manifest.kind, manifest.name) in {("Service", "kubernetes"), ("ServiceAccount", "default")}:
        return met("belongs to the default namespace by nature")
    if manifest.namespace != "default":
        return met(f"namespace {manifest.namespace}")
    return unmet("namespace default", line_of(manifest.metadata, default=manifest.line))


def _default_account(manifest: Manifest) -> Judgement | None:
    if manifest.kind != "ServiceAccount":
        return None
    if (
        manifest.name == "default"
        and manifest.conf.get("automountServiceAccountToken") is not False
    ):
        return unmet("the default account mounts its token", manifest.line)
    return met("not the default account, or without token")


def _default_account_binding(manifest: Manifest) -> Judgement | None:
    if manifest.kind not in {"RoleBinding", "ClusterRoleBinding"}:
        return None
    for subject in items(manifest.conf.get("subjects")):
        entry = mapping(subject)
        if entry.get("kind") == "ServiceAccount" and entry.get("name") == "default":
            return unmet("binds a role to the default service account", line_of(subject))
    return met("does not bind the default account")


RoleTest = Callable[[list[str], list[str], list[str]], bool]
"""Judges one rule of a role by its API groups, resources and verbs."""


def _role(kinds: frozenset[str], test: RoleTest, manifest: Manifest) -> Judgement | None:
    if manifest.kind not in kinds:
        return None
    for rule in items(manifest.conf.get("rules")):
        words = [[str(w) for w in items(mapping(rule).get(key))]
                 for key in ("apiGroups", "resources", "verbs")]  # fmt: skip
        if test(*words):
            shown = "; ".join(", ".join(part) for part in words)
            return unmet(f"a rule grants {shown}", line_of(rule))
    return met("no rule grants it")


def _has_wildcard(groups: list[str], resources: list[str], verbs: list[str]) -> bool:
    return "*" in groups or "*" in resources or "*" in verbs


def _grants(
    group: str, wanted: frozenset[str], verbs_wanted: frozenset[str],
    groups: list[str], resources: list[str], verbs: list[str],
) -> bool:  # fmt: skip
    return bool(
        {group, "*"} & set(groups)
        and (wanted | {"*"}) & set(resources)
        and (verbs_wanted | {"*"}) & set(verbs)
    )


_RBAC = "rbac.authorization.k8s.io"
_CHANGE = frozenset({"create", "update", "patch"})
_grants_webhooks = partial(
    _grants,
    "admissionregistration.k8s.io",
    frozenset({"mutatingwebhookconfigurations", "validatingwebhookconfigurations"}),
    _CHANGE,
)
_grants_binding = partial(
    _grants, _RBAC, frozenset({"rolebindings", "clusterrolebindings"}), frozenset({"bind"})
)
_grants_escalation = partial(
    _grants, _RBAC, frozenset({"roles", "clusterroles"}), frozenset({"escalate"})
)


def _approves_certificates(manifest: Manifest) -> Judgement | None:
    if manifest.kind != "ClusterRole":
        return None
    signs = changes = False
    for rule in items(manifest.conf.get("rules")):
        groups, resources, verbs = (
            [str(w) for w in items(mapping(rule).get(key))]
            for key in ("apiGroups", "resources", "verbs")
        )
        group = "certificates.k8s.io"
        signs |= _grants(group, frozenset({"signers"}), frozenset({"approve"}),
                         groups, resources, verbs)  # fmt: skip
        changes |= _grants(group, frozenset({"certificatesigningrequests/approval"}),
                           frozenset({"update", "patch"}), groups, resources, verbs)  # fmt: skip
    if signs and changes:
        return unmet("may approve certificate signing requests", manifest.line)
    return met("may not approve certificate signing requests")


def _snippet(pattern: Callable[[str], bool], manifest: Manifest) -> Judgement | None:
    if manifest.kind != "Ingress":
        return None
    annotations = mapping(manifest.metadata.get("annotations"))
    for name, value in annotations.items():
        if any(snippet in name for snippet in SNIPPETS) and pattern(str(value)):
            return unmet(f"annotation {name}", line_of(annotations, name))
    return met("no such snippet")


def _tiller_service(manifest: Manifest) -> Judgement | None:
    if manifest.kind != "Service":
        return None
    selector = mapping(mapping(manifest.conf.get("spec")).get("selector"))
    labels = mapping(manifest.metadata.get("labels"))
    if "tiller" in {labels.get("name"), selector.get("name")}:
        return unmet("a service of Tiller", manifest.line)
    return met("no service of Tiller")


def _psp_flag(key: str, manifest: Manifest) -> Judgement | None:
    if manifest.kind != "PodSecurityPolicy":
        return None
    spec = mapping(manifest.conf.get("spec"))
    if spec.get(key):
        return unmet(f"{key} is true", line_of(spec, key))
    return met(f"{key} is not set")


def _psp_escalation(manifest: Manifest) -> Judgement | None:
    if manifest.kind != "PodSecurityPolicy":
        return None
    spec = mapping(manifest.conf.get("spec"))
    if spec.get("allowPrivilegeEscalation") is False:
        return met("allowPrivilegeEscalation is false")
    return unmet("allowPrivilegeEscalation is not false", line_of(spec, default=manifest.line))


def _psp_root(manifest: Manifest) -> Judgement | None:
    if manifest.kind != "PodSecurityPolicy":
        return None
    user = mapping(mapping(manifest.conf.get("spec")).get("runAsUser"))
    if user.get("rule") == "MustRunAsNonRoot":
        return met("runAsUser.rule is MustRunAsNonRoot")
    ranges = items(user.get("ranges"))
    if user.get("rule") == "MustRunAs" and ranges and all(_starts_high(item) for item in ranges):
        return met("runAsUser.ranges exclude 0")
    return unmet(f"runAsUser.rule is {user.get('rule')}", line_of(user, default=manifest.line))


def _starts_high(item: object) -> bool:
    low = mapping(item).get("min")
    return isinstance(low, int) and low > 0


def _psp_drop(names: frozenset[str], manifest: Manifest) -> Judgement | None:
    if manifest.kind != "PodSecurityPolicy":
        return None
    spec = mapping(manifest.conf.get("spec"))
    dropped = {str(name) for name in items(spec.get("requiredDropCapabilities"))}
    if dropped & names or (not names and dropped):
        return met(f"drops {', '.join(sorted(dropped))}")
    return unmet("requiredDropCapabilities lacks it", line_of(spec, default=manifest.line))


def _psp_seccomp(manifest: Manifest) -> Judgement | None:
    if manifest.kind != "PodSecurityPolicy":
        return None
    annotations = mapping(manifest.metadata.get("annotations"))
    value = str(annotations.get("seccomp.security.alpha.kubernetes.io/defaultProfileName") or "")
    if "docker/default" in value or "runtime/default" in value:
        return met(f"default profile {value}")
    return unmet("no default seccomp profile", line_of(manifest.metadata, default=manifest.line))


def _rate_limit(manifest: Manifest) -> Judgement | None:
    if manifest.kind != "AdmissionConfiguration":
        return None
    plugins = items(manifest.conf.get("plugins"))
    if any(mapping(plugin).get("name") == "EventRateLimit" for plugin in plugins):
        return met("EventRateLimit is configured")
    return unmet("EventRateLimit is not among the plugins", manifest.line)


def _is_any(_: str) -> bool:
    return True


def _is_lua(text: str) -> bool:
    return "lua_" in text or "_lua" in text or "kubernetes.io" in text


def _is_alias(text: str) -> bool:
    return "alias" in text


def _policy(ref: str, key: str, what: str) -> Rule[Manifest]:
    check = file_check(ref, f"Policies admit no pod that shares {what}", "high", f"Remove {key}.")
    return Rule(check, partial(_psp_flag, key))


_Conf = Mapping[str, Any]

RULES: tuple[Rule[Manifest], ...] = (
    Rule(file_check("CKV_K8S_21", "The default namespace is not used", "low",
                    "Set metadata.namespace."), _default_namespace),
    Rule(file_check("CKV_K8S_41", "The default service account holds no token", "low",
                    "Set automountServiceAccountToken: false on it."), _default_account),
    Rule(file_check("CKV_K8S_42", "Nothing is granted to the default service account", "medium",
                    "Make a service account of its own for the workload."),
         _default_account_binding),
    Rule(file_check("CKV_K8S_49", "Roles use no wildcard", "high",
                    "Name resources and verbs."), partial(_role, ROLES, _has_wildcard)),
    Rule(file_check("CKV_K8S_155", "Nobody controls admission webhooks", "high",
                    "Take create, update and patch on webhook configurations away."),
         partial(_role, frozenset({"ClusterRole"}), _grants_webhooks)),
    Rule(file_check("CKV_K8S_156", "Nobody approves certificate signing requests", "high",
                    "Take approve and the approval sub-resource away."), _approves_certificates),
    Rule(file_check("CKV_K8S_157", "Nobody binds roles he does not hold", "high",
                    "Take the verb bind away."), partial(_role, ROLES, _grants_binding)),
    Rule(file_check("CKV_K8S_158", "Nobody escalates roles", "high",
                    "Take the verb escalate away."), partial(_role, ROLES, _grants_escalation)),
    Rule(file_check("CKV_K8S_44", "No service leads to Tiller", "high",
                    "Delete it and move to Helm 3."), _tiller_service),
    Rule(file_check("CKV_K8S_152", "Ingress snippets run no Lua", "high",
                    "Remove the snippet; set allow-snippet-annotations: false.",
                    "CVE-2021-25742"), partial(_snippet, _is_lua)),
    Rule(file_check("CKV_K8S_153", "Ingresses have no snippets", "medium",
                    "Remove the snippet; set allow-snippet-annotations: false.",
                    "CVE-2021-25742"), partial(_snippet, _is_any)),
    Rule(file_check("CKV_K8S_154", "Ingress snippets have no alias", "high",
                    "Remove the snippet; set allow-snippet-annotations: false.",
                    "CVE-2021-25742"), partial(_snippet, _is_alias)),
    _policy("CKV_K8S_1", "hostPID", "the host's process ids"),
    _policy("CKV_K8S_2", "privileged", "the host's privileges"),
    _policy("CKV_K8S_3", "hostIPC", "the host's inter-process communication"),
    _policy("CKV_K8S_4", "hostNetwork", "the host's network"),
    _policy("CKV_K8S_24", "allowedCapabilities", "added capabilities"),
    Rule(file_check("CKV_K8S_5", "Policies forbid privilege escalation", "medium",
                    "Set allowPrivilegeEscalation: false."), _psp_escalation),
    Rule(file_check("CKV_K8S_6", "Policies admit no root container", "high",
                    "Set runAsUser.rule: MustRunAsNonRoot."), _psp_root),
    Rule(file_check("CKV_K8S_7", "Policies require that NET_RAW is dropped", "medium",
                    "Add ALL to requiredDropCapabilities."),
         partial(_psp_drop, frozenset({"ALL", "NET_RAW"}))),
    Rule(file_check("CKV_K8S_36", "Policies require that capabilities are dropped", "low",
                    "Set requiredDropCapabilities."), partial(_psp_drop, frozenset())),
    Rule(file_check("CKV_K8S_32", "Policies set a seccomp profile", "medium",
                    "Annotate with defaultProfileName runtime/default."), _psp_seccomp),
    Rule(file_check("CKV_K8S_78", "Event requests are rate-limited", "low",
                    "Add the EventRateLimit plugin."), _rate_limit),
)  # fmt: skip
