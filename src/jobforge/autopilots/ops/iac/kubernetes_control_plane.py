"""Checks of the control plane's own programs, by their flags.

Source: CIS Kubernetes Benchmark 1.8, sections 1.2 (API server), 1.3 (controller manager),
1.4 (scheduler), 2 (etcd) and 4.2 (kubelet).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from jobforge.autopilots.ops.finding import Severity
from jobforge.autopilots.ops.iac.kubernetes_model import Container, Manifest
from jobforge.autopilots.ops.iac.rule import Judgement, Rule, file_check, met, unmet
from jobforge.autopilots.ops.iac.yaml_nodes import line_of

DEFAULT_EVENT_QPS = 5

Flags = Mapping[str, str]
Test = Callable[[Flags], bool]

STRONG_CIPHERS = frozenset({
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384", "TLS_RSA_WITH_AES_128_GCM_SHA256",
})  # fmt: skip


def flags_of(container: Container) -> dict[str, str]:
    """Flags by name without dashes; a flag without a value is `true`."""
    flags: dict[str, str] = {}
    words = [word for text in container.words for word in text.split()]
    for position, word in enumerate(words):
        if not word.startswith("-"):
            continue
        name, equals, value = word.lstrip("-").partition("=")
        following = words[position + 1] if position + 1 < len(words) else "-"
        flags[name] = value if equals or following.startswith("-") else following
        if not equals and following.startswith("-"):
            flags[name] = "true"
    return flags


def _runs(container: Container, program: str) -> bool:
    names = (word.rsplit("/", 1)[-1] for text in container.words for word in text.split()[:1])
    return any(name == program for name in names)


@dataclass(frozen=True, slots=True)
class _FlagRule:
    programs: tuple[str, ...]
    flags: tuple[str, ...]
    test: Test

    def judge(self, pod: Manifest) -> Judgement | None:
        judged = False
        for container in pod.containers:
            if not any(_runs(container, program) for program in self.programs):
                continue
            judged = True
            flags = flags_of(container)
            if not self.test(flags):
                shown = ", ".join(f"--{name}={flags.get(name, '(not set)')}" for name in self.flags)
                return unmet(f"container {container.name}: {shown}", line_of(container.conf))
        return met("flags are as wanted") if judged else None


def _is(name: str, value: str, flags: Flags) -> bool:
    return flags.get(name, "").lower() == value


def _is_not(name: str, value: str, flags: Flags) -> bool:
    return flags.get(name, "").lower() != value


def _has(names: tuple[str, ...], flags: Flags) -> bool:
    return all(name in flags for name in names)


def _lacks(name: str, flags: Flags) -> bool:
    return name not in flags


def _at_least(name: str, minimum: int, flags: Flags) -> bool:
    value = flags.get(name, "")
    return value.isdigit() and int(value) >= minimum


def _lists(name: str, wanted: str, flags: Flags) -> bool:
    return wanted in flags.get(name, "").split(",")


def _lists_not(name: str, unwanted: str, flags: Flags) -> bool:
    return unwanted not in flags.get(name, "").split(",")


def _modes_include(mode: str, flags: Flags) -> bool:
    return mode in flags.get("authorization-mode", "").split(",")


def _denies_contexts(flags: Flags) -> bool:
    return _plugin_or_default("PodSecurityPolicy", flags) or _plugin_or_default(
        "SecurityContextDeny", flags
    )


def _timeout(flags: Flags) -> bool:
    value = flags.get("request-timeout")
    return value is None or bool(
        re.fullmatch(r"(\d{1,2}h)?(\d{1,2}m)?(\d{1,2}s)?", value) and value
    )


def _ciphers(flags: Flags) -> bool:
    stated = flags.get("tls-cipher-suites")
    return stated is None or set(stated.split(",")) <= STRONG_CIPHERS


def _events(flags: Flags) -> bool:
    value = flags.get("event-qps", "0")
    return value.isdigit() and int(value) <= DEFAULT_EVENT_QPS


def _collects(flags: Flags) -> bool:
    # The flag alone keeps the default of 12,500.
    name = "terminated-pod-gc-threshold"
    return flags.get(name) == "true" or _at_least(name, 1, flags)


def _is_pem_or_default(name: str, flags: Flags) -> bool:
    return name not in flags or flags[name].endswith(".pem")


def _plugin_or_default(plugin: str, flags: Flags) -> bool:
    return "enable-admission-plugins" not in flags or _lists(
        "enable-admission-plugins", plugin, flags
    )


def _rotates(flags: Flags) -> bool:
    gates = flags.get("feature-gates", "")
    return "RotateKubeletServerCertificate=false" not in gates


def _paired(first: str, second: str, flags: Flags) -> bool:
    return _has((first, second), flags)


_API = ("kube-apiserver",)
_CM = ("kube-controller-manager",)
_SCHEDULER = ("kube-scheduler",)
_ETCD = ("etcd",)
_KUBELET = ("kubelet",)
_Row = tuple[str, tuple[str, ...], str, tuple[str, ...], Test, Severity]

_TABLE: tuple[_Row, ...] = (
    ("68", _API, "Anonymous requests are refused", ("anonymous-auth",),
     partial(_is, "anonymous-auth", "false"), "high"),
    ("69", _API, "No basic authentication file", ("basic-auth-file",),
     partial(_lacks, "basic-auth-file"), "high"),
    ("70", _API, "No token authentication file", ("token-auth-file",),
     partial(_lacks, "token-auth-file"), "high"),
    ("71", _API, "Kubelets are reached over TLS", ("kubelet-https",),
     partial(_is_not, "kubelet-https", "false"), "high"),
    ("72", _API, "The API server shows kubelets a certificate",
     ("kubelet-client-certificate", "kubelet-client-key"),
     partial(_paired, "kubelet-client-certificate", "kubelet-client-key"), "medium"),
    ("73", _API, "Kubelets' certificates are checked", ("kubelet-certificate-authority",),
     partial(_has, ("kubelet-certificate-authority",)), "medium"),
    ("74", _API, "Not every request is authorised", ("authorization-mode",),
     partial(_lists_not, "authorization-mode", "AlwaysAllow"), "critical"),
    ("75", _API, "Nodes are authorised by the Node authoriser", ("authorization-mode",),
     partial(_modes_include, "Node"), "medium"),
    ("77", _API, "Requests are authorised by RBAC", ("authorization-mode",),
     partial(_modes_include, "RBAC"), "high"),
    ("79", _API, "AlwaysAdmit is not among the plugins", ("enable-admission-plugins",),
     partial(_lists_not, "enable-admission-plugins", "AlwaysAdmit"), "high"),
    ("80", _API, "AlwaysPullImages is among the plugins", ("enable-admission-plugins",),
     partial(_plugin_or_default, "AlwaysPullImages"), "low"),
    ("81", _API, "Security contexts are denied or policed", ("enable-admission-plugins",),
     _denies_contexts, "medium"),
    ("82", _API, "ServiceAccount is among the plugins", ("enable-admission-plugins",),
     partial(_plugin_or_default, "ServiceAccount"), "medium"),
    ("83", _API, "NamespaceLifecycle is among the plugins", ("enable-admission-plugins",),
     partial(_plugin_or_default, "NamespaceLifecycle"), "medium"),
    ("84", _API, "PodSecurityPolicy is among the plugins", ("enable-admission-plugins",),
     partial(_plugin_or_default, "PodSecurityPolicy"), "medium"),
    ("85", _API, "NodeRestriction is among the plugins", ("enable-admission-plugins",),
     partial(_plugin_or_default, "NodeRestriction"), "medium"),
    ("86", _API, "No insecure address is bound", ("insecure-bind-address",),
     partial(_lacks, "insecure-bind-address"), "high"),
    ("88", _API, "The insecure port is off", ("insecure-port",),
     partial(_is, "insecure-port", "0"), "high"),
    ("89", _API, "The secure port is on", ("secure-port",),
     partial(_is_not, "secure-port", "0"), "high"),
    ("90", _API, "Profiling is off", ("profiling",), partial(_is, "profiling", "false"), "low"),
    ("91", _API, "An audit log is written", ("audit-log-path",),
     partial(_has, ("audit-log-path",)), "medium"),
    ("92", _API, "Audit logs are kept for 30 days", ("audit-log-maxage",),
     partial(_at_least, "audit-log-maxage", 30), "low"),
    ("93", _API, "Ten audit logs are kept", ("audit-log-maxbackup",),
     partial(_at_least, "audit-log-maxbackup", 10), "low"),
    ("94", _API, "Audit logs grow to 100 MB", ("audit-log-maxsize",),
     partial(_at_least, "audit-log-maxsize", 100), "low"),
    ("95", _API, "The request timeout is a duration", ("request-timeout",), _timeout, "low"),
    ("96", _API, "Service account tokens are looked up", ("service-account-lookup",),
     partial(_is, "service-account-lookup", "true"), "medium"),
    ("97", _API, "Service account tokens have a key of their own", ("service-account-key-file",),
     partial(_is_pem_or_default, "service-account-key-file"), "medium"),
    ("99", _API, "The API server shows etcd a certificate", ("etcd-certfile", "etcd-keyfile"),
     partial(_paired, "etcd-certfile", "etcd-keyfile"), "high"),
    ("100", _API, "The API server serves TLS", ("tls-cert-file", "tls-private-key-file"),
     partial(_paired, "tls-cert-file", "tls-private-key-file"), "high"),
    ("102", _API, "etcd's certificate is checked", ("etcd-cafile",),
     partial(_has, ("etcd-cafile",)), "high"),
    ("104", _API, "Secrets are encrypted at rest", ("encryption-provider-config",),
     partial(_has, ("encryption-provider-config",)), "medium"),
    ("105", _API, "Only strong ciphers", ("tls-cipher-suites",), _ciphers, "low"),
    ("106", _CM, "Ended pods are removed", ("terminated-pod-gc-threshold",),
     _collects, "low"),
    ("107", _CM, "Profiling is off", ("profiling",), partial(_is, "profiling", "false"), "low"),
    ("108", _CM, "Controllers have accounts of their own", ("use-service-account-credentials",),
     partial(_is, "use-service-account-credentials", "true"), "medium"),
    ("110", _CM, "Service account tokens are signed with a key file",
     ("service-account-private-key-file",),
     partial(_is_pem_or_default, "service-account-private-key-file"), "medium"),
    ("111", _CM, "Pods are given the root certificate", ("root-ca-file",),
     partial(_is_pem_or_default, "root-ca-file"), "medium"),
    ("112", _CM + _KUBELET, "Kubelets' server certificates are rotated", ("feature-gates",),
     _rotates, "medium"),
    ("113", _CM, "Bound to loopback", ("bind-address",),
     partial(_is, "bind-address", "127.0.0.1"), "medium"),
    ("114", _SCHEDULER, "Profiling is off", ("profiling",),
     partial(_is, "profiling", "false"), "low"),
    ("115", _SCHEDULER, "Bound to loopback", ("bind-address",),
     partial(_is, "bind-address", "127.0.0.1"), "medium"),
    ("116", _ETCD, "etcd serves TLS", ("cert-file", "key-file"),
     partial(_paired, "cert-file", "key-file"), "high"),
    ("117", _ETCD, "etcd checks clients' certificates", ("client-cert-auth",),
     partial(_is, "client-cert-auth", "true"), "high"),
    ("118", _ETCD, "etcd makes no certificates for itself", ("auto-tls",),
     partial(_is_not, "auto-tls", "true"), "medium"),
    ("119", _ETCD, "etcd's peers speak TLS", ("peer-cert-file", "peer-key-file"),
     partial(_paired, "peer-cert-file", "peer-key-file"), "high"),
    ("121", _ETCD, "etcd checks peers' certificates", ("peer-client-cert-auth",),
     partial(_is, "peer-client-cert-auth", "true"), "high"),
    ("138", _KUBELET, "Anonymous requests are refused", ("anonymous-auth",),
     partial(_is, "anonymous-auth", "false"), "high"),
    ("139", _KUBELET, "Not every request is authorised", ("authorization-mode",),
     partial(_lists_not, "authorization-mode", "AlwaysAllow"), "critical"),
    ("140", _KUBELET, "Clients' certificates are checked", ("client-ca-file",),
     partial(_has, ("client-ca-file",)), "high"),
    ("141", _KUBELET, "The read-only port is off", ("read-only-port",),
     partial(_is, "read-only-port", "0"), "medium"),
    ("143", _KUBELET, "Idle streams are closed", ("streaming-connection-idle-timeout",),
     partial(_is_not, "streaming-connection-idle-timeout", "0"), "low"),
    ("144", _KUBELET, "Kernel defaults are protected", ("protect-kernel-defaults",),
     partial(_is, "protect-kernel-defaults", "true"), "medium"),
    ("145", _KUBELET, "The kubelet keeps iptables", ("make-iptables-util-chains",),
     partial(_is, "make-iptables-util-chains", "true"), "low"),
    ("146", _KUBELET, "The host's name is not overridden", ("hostname-override",),
     partial(_lacks, "hostname-override"), "low"),
    ("147", _KUBELET, "Events are captured", ("event-qps",), _events, "low"),
    ("148", _KUBELET, "The kubelet serves TLS with its own files",
     ("tls-cert-file", "tls-private-key-file"),
     partial(_paired, "tls-cert-file", "tls-private-key-file"), "high"),
    ("149", _KUBELET, "Client certificates are rotated", ("rotate-certificates",),
     partial(_is_not, "rotate-certificates", "false"), "medium"),
    ("151", _KUBELET, "Only strong ciphers", ("tls-cipher-suites",), _ciphers, "low"),
)  # fmt: skip


def _to_rule(row: _Row) -> Rule[Manifest]:
    number, programs, title, flags, test, severity = row
    names = " and ".join(f"--{flag}" for flag in flags)
    check = file_check(
        f"CKV_K8S_{number}",
        f"{programs[0]}: {title[0].lower()}{title[1:]}",
        severity,
        f"Set {names} in {programs[0]}'s manifest.",
        "CIS Kubernetes 1.8",
    )
    return Rule(check, _FlagRule(programs, flags, test).judge)


RULES: tuple[Rule[Manifest], ...] = tuple(_to_rule(row) for row in _TABLE)
