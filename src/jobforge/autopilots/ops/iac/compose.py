"""Checks of Compose files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobforge.autopilots.ops.finding import Check, Finding
from jobforge.autopilots.ops.iac.kubernetes_model import items, mapping
from jobforge.autopilots.ops.iac.kubernetes_pods import RUNTIME_SOCKETS
from jobforge.autopilots.ops.iac.yaml_nodes import line_of

PRIVILEGED = Check("OPS_COMPOSE_001", (), "Services are not privileged", "critical",
                   "Remove privileged.", "security", ("CIS Docker 5.5",))  # fmt: skip
HOST_NAMESPACE = Check("OPS_COMPOSE_002", (), "Services do not share the host's namespaces", "high",
                       "Remove network_mode, pid or ipc: host.", "security",
                       ("CIS Docker 5.10", "CIS Docker 5.16"))  # fmt: skip
SOCKET = Check("OPS_COMPOSE_003", (), "No service holds the container runtime's socket", "critical",
               "Remove the volume: its holder is root on the host.", "security",
               ("CIS Docker 5.32",))  # fmt: skip
CAPABILITIES = Check("OPS_COMPOSE_004", (), "No dangerous capability is added", "high",
                     "Remove it from cap_add.", "security", ("CIS Docker 5.4",))  # fmt: skip
FLOATING_TAG = Check("OPS_COMPOSE_005", (), "Images have a fixed tag", "medium",
                     "Name a version, better a digest.")  # fmt: skip
OPEN_PORT = Check("OPS_COMPOSE_006", (), "Data stores are not published on every address", "high",
                  "Write 127.0.0.1:PORT:PORT, or remove the port.", "security",
                  ("CIS Docker 5.14",))  # fmt: skip
NO_LIMIT = Check("OPS_COMPOSE_007", (), "Memory is limited", "low",
                 "Set mem_limit, or deploy.resources.limits.memory.", "health",
                 ("CIS Docker 5.11",))  # fmt: skip
UNCONFINED = Check("OPS_COMPOSE_008", (), "Security profiles are on", "high",
                   "Remove seccomp:unconfined and apparmor:unconfined.", "security",
                   ("CIS Docker 5.22",))  # fmt: skip
ROOT = Check("OPS_COMPOSE_009", (), "Services do not run as root", "medium",
             "Set user to an ordinary one.", "security", ("CIS Docker 4.1",))  # fmt: skip
CHECKS = (PRIVILEGED, HOST_NAMESPACE, SOCKET, CAPABILITIES, FLOATING_TAG, OPEN_PORT, NO_LIMIT,
          UNCONFINED, ROOT)  # fmt: skip

DANGEROUS = frozenset(
    {"ALL", "SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "NET_ADMIN", "DAC_READ_SEARCH"}
)
STORE_PORTS = frozenset({"5432", "3306", "6379", "27017", "9200", "11211", "2375", "5984", "9042"})
Service = Mapping[str, Any]


def is_compose(documents: list[Any]) -> bool:
    """Whether the file is a Compose file: `services`, and no kind of another tool."""
    first = documents[0] if documents else None
    return isinstance(first, Mapping) and isinstance(first.get("services"), Mapping) and (
        "kind" not in first
    )  # fmt: skip


def check_compose(path: str, documents: list[Any]) -> Iterator[Finding]:
    """Judge every service."""
    for name, conf in mapping(documents[0]).get("services", {}).items():
        if not isinstance(conf, Mapping):
            continue
        for check, wrong in _faults(conf):
            yield check.fail(path, f"service {name}", wrong, line=line_of(conf))


def _faults(service: Service) -> Iterator[tuple[Check, str]]:
    if service.get("privileged") is True:
        yield PRIVILEGED, "privileged is true"
    for key in ("network_mode", "pid", "ipc"):
        if service.get(key) == "host":
            yield HOST_NAMESPACE, f"{key} is host"
    added = {str(name).removeprefix("CAP_") for name in items(service.get("cap_add"))} & DANGEROUS
    if added:
        yield CAPABILITIES, f"adds {', '.join(sorted(added))}"
    if any("unconfined" in str(option) for option in items(service.get("security_opt"))):
        yield UNCONFINED, f"security_opt {service.get('security_opt')}"
    if str(service.get("user", "")).partition(":")[0] in {"root", "0"}:
        yield ROOT, f"user is {service.get('user')}"
    yield from _volume_and_image_faults(service)


def _volume_and_image_faults(service: Service) -> Iterator[tuple[Check, str]]:
    for volume in items(service.get("volumes")):
        source = str(volume.get("source") if isinstance(volume, Mapping) else volume)
        if source.partition(":")[0] in RUNTIME_SOCKETS:
            yield SOCKET, f"mounts {source}"
    image = str(service.get("image") or "")
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
    if image and "@" not in image and "$" not in image and tag in {"", "latest"}:
        yield FLOATING_TAG, f"image {image}"
    for port in items(service.get("ports")):
        if _publishes_store(port):
            yield OPEN_PORT, f"port {port}"
    limits = mapping(mapping(mapping(service.get("deploy")).get("resources")).get("limits"))
    if not service.get("mem_limit") and not limits.get("memory"):
        yield NO_LIMIT, "no memory limit"


def _publishes_store(port: object) -> bool:
    if isinstance(port, Mapping):
        host = str(port.get("host_ip") or "")
        return str(port.get("target")) in STORE_PORTS and "published" in port and not host
    parts = str(port).partition("/")[0].rsplit(":", 2)
    has_address = len(parts) == 3  # noqa: PLR2004 (address:host port:container port)
    is_open = len(parts) == 2 or (has_address and parts[0] in {"0.0.0.0", "[::]", "::"})  # noqa: PLR2004, S104 (compared)
    return is_open and parts[-1] in STORE_PORTS
