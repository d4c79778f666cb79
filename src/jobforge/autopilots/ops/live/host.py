"""Health and security of the machine the worker runs on."""

from __future__ import annotations

from collections.abc import Iterator

from jobforge.autopilots.ops.finding import Check, Finding, Severity
from jobforge.core.context import Filesystem, HostFacts

DISK_WARN, DISK_CRITICAL = 0.85, 0.95
MEMORY_WARN, MEMORY_CRITICAL = 0.10, 0.05
SWAP_WARN = 0.5
LOAD_WARN, LOAD_CRITICAL = 1.5, 3.0

SENSITIVE_PORTS = {
    2375: "Docker API without TLS",
    2379: "etcd",
    3306: "MySQL",
    5432: "PostgreSQL",
    5984: "CouchDB",
    6379: "Redis",
    9042: "Cassandra",
    9200: "Elasticsearch",
    10250: "kubelet",
    11211: "memcached",
    27017: "MongoDB",
}
READ_ONLY_KINDS = frozenset({"squashfs", "iso9660", "erofs", "overlay-ro", "cdfs", "udf"})
"""File systems that are full by nature."""

DISK = Check(
    "OPS_HOST_001", (), "File systems have room", "medium",
    "Delete or move what is not needed, or enlarge the volume.", "health", ("NIST AU-4",),
)  # fmt: skip
INODES = Check(
    "OPS_HOST_002", (), "File systems have inodes left", "medium",
    "Delete folders of many small files.", "health",
)  # fmt: skip
MEMORY = Check(
    "OPS_HOST_003", (), "Memory is available", "medium",
    "Find the process that grows; add memory or lower its limit.", "health", ("NIST SC-5",),
)  # fmt: skip
SWAP = Check(
    "OPS_HOST_004", (), "Swap is not in heavy use", "medium",
    "Add memory, or move a workload to another machine.", "health",
)  # fmt: skip
LOAD = Check(
    "OPS_HOST_005", (), "The run queue fits the processors", "medium",
    "Look at the busiest processes; spread or limit them.", "health", ("NIST SC-5",),
)  # fmt: skip
EXPOSED_PORT = Check(
    "OPS_HOST_010", (), "No data store listens on every address", "high",
    "Bind it to loopback or a private address, and require a password.", "security",
    ("NIST SC-7", "CIS 4.4"),
)  # fmt: skip
RUNS_AS_ROOT = Check(
    "OPS_HOST_011", (), "The worker does not run as root", "low",
    "Run the worker as a user of its own.", "security", ("NIST AC-6",),
)  # fmt: skip

CHECKS = (DISK, INODES, MEMORY, SWAP, LOAD, EXPOSED_PORT, RUNS_AS_ROOT)


def check_health(target: str, facts: HostFacts) -> Iterator[Finding]:
    """Room on disks, memory, swap and load (15-minute average per processor)."""
    for filesystem in facts.filesystems:
        if filesystem.kind not in READ_ONLY_KINDS:
            yield from _check_filesystem(target, filesystem)
    yield from _check_memory(target, facts)
    if facts.load_average is not None:
        per_cpu = facts.load_average[2] / max(facts.cpu_count, 1)
        if per_cpu > LOAD_WARN:
            evidence = f"15-minute load {facts.load_average[2]:.2f} on {facts.cpu_count} processors"
            severity: Severity = "high" if per_cpu > LOAD_CRITICAL else "medium"
            yield LOAD.fail(target, facts.hostname, evidence, severity=severity)


def _check_filesystem(target: str, filesystem: Filesystem) -> Iterator[Finding]:
    pairs = (
        (DISK, filesystem.used_bytes, filesystem.total_bytes, "bytes"),
        (INODES, filesystem.inodes_used, filesystem.inodes_total, "inodes"),
    )
    for check, used, total, unit in pairs:
        if not total or used is None or used / total < DISK_WARN:
            continue
        share = used / total
        evidence = f"{share:.1%} of {total:,} {unit} used"
        severity: Severity = "critical" if share >= DISK_CRITICAL else "medium"
        yield check.fail(target, filesystem.mount, evidence, severity=severity)


def _check_memory(target: str, facts: HostFacts) -> Iterator[Finding]:
    if facts.memory_total_bytes:
        share = facts.memory_available_bytes / facts.memory_total_bytes
        if share < MEMORY_WARN:
            evidence = f"{share:.1%} of {facts.memory_total_bytes:,} bytes available"
            severity: Severity = "critical" if share < MEMORY_CRITICAL else "medium"
            yield MEMORY.fail(target, facts.hostname, evidence, severity=severity)
    if facts.swap_total_bytes:
        share = facts.swap_used_bytes / facts.swap_total_bytes
        if share > SWAP_WARN:
            yield SWAP.fail(target, facts.hostname, f"{share:.1%} of swap used")


def check_security(target: str, facts: HostFacts) -> Iterator[Finding]:
    """Data stores that listen on every address, and the worker's user."""
    for socket in facts.listening:
        kind = SENSITIVE_PORTS.get(socket.port)
        if kind is not None and socket.address in {"0.0.0.0", "::", "*"}:  # noqa: S104 (compared)
            process = socket.process or "unknown process"
            evidence = f"{kind} port on {socket.address}, {process}"
            yield EXPOSED_PORT.fail(target, f"port {socket.port}", evidence)
    if facts.is_root:
        yield RUNS_AS_ROOT.fail(target, facts.hostname, "the worker's user is root")
