"""The steps a runbook is made of, by what is wrong. Commands use placeholders in angle brackets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Platform = Literal["kubernetes", "systemd", "postgresql", "any"]


@dataclass(frozen=True, slots=True)
class StepTemplate:
    """One step. A step that only reads is safe to automate; `rollback` undoes one that changes."""

    title: str
    command: str
    expected: str
    verification: str
    reads_only: bool
    rollback: str = ""
    why_manual: str = ""


@dataclass(frozen=True, slots=True)
class Playbook:
    """Steps for one kind of trouble, recognised by words in what is known of it."""

    kind: str
    pattern: re.Pattern[str]
    steps: tuple[StepTemplate, ...]


def _read(title: str, command: str, expected: str) -> StepTemplate:
    return StepTemplate(title, command, expected, "The output is as described.", True)


def _change(title: str, command: str, expected: str, rollback: str, why: str) -> StepTemplate:
    verification = "Repeat the first step: the value moves back within five minutes."
    return StepTemplate(title, command, expected, verification, False, rollback, why)


_WHERE = _read(
    "Look at the service's pods",
    "kubectl -n <namespace> get pods -l app=<service> -o wide",
    "Every pod Running and ready; note restarts and nodes.",
)
_RECENT = _read(
    "List what changed lately",
    "kubectl -n <namespace> rollout history deployment/<service>",
    "Revisions with their cause; compare the last one's time with the onset.",
)
_BACK = _change(
    "Go back to the last good revision",
    "kubectl -n <namespace> rollout undo deployment/<service>",
    "`deployment.apps/<service> rolled back`",
    "kubectl -n <namespace> rollout undo deployment/<service> --to-revision=<revision>",
    "Reverts other people's work in the same revision: a person decides.",
)
_LOGS = _read(
    "Read the last errors",
    "kubectl -n <namespace> logs deployment/<service> --since=30m | grep -iE 'error|panic|fatal'",
    "Lines that name the failing call; none is a finding, too.",
)

PLAYBOOKS: tuple[Playbook, ...] = (
    Playbook("cpu", re.compile(r"(?i)\bcpu|throttl|load average"), (
        _read("Measure processor use", "kubectl -n <namespace> top pods -l app=<service>",
              "Use per pod; above the limit means throttling."),
        _RECENT,
        _change("Add replicas", "kubectl -n <namespace> scale deployment/<service> --replicas=<n>",
                "New pods become ready within two minutes.",
                "kubectl -n <namespace> scale deployment/<service> --replicas=<previous>",
                "Costs money and may move the load to a database: a person decides."),
        _BACK,
    )),
    Playbook("memory", re.compile(r"(?i)memor|oom|heap|leak"), (
        _read("Measure memory", "kubectl -n <namespace> top pods -l app=<service>",
              "Use per pod against its limit; a steady climb is a leak."),
        _read("Look for kills",
              "kubectl -n <namespace> get events --field-selector reason=OOMKilling",
              "Times of kills by the kernel."),
        _change("Restart one pod after the other",
                "kubectl -n <namespace> rollout restart deployment/<service>",
                "Pods are replaced one by one; use falls.",
                "A restart needs no undoing; note the time.",
                "Loses what the process holds in memory: a person decides."),
        _BACK,
    )),
    Playbook("disk", re.compile(r"(?i)disk|filesystem|file system|inode|volume|space"), (
        _read("Measure file systems", "df -h && df -i", "No file system above 85 %."),
        _read("Find what grows", "du -xh --max-depth=2 <mount> | sort -h | tail -20",
              "The largest folders."),
        _change("Shorten the journal", "journalctl --vacuum-time=7d", "`Vacuuming done, freed …`",
                "Deleted logs do not come back: copy them first if they matter.",
                "Deletes data: a person decides."),
    )),
    Playbook("database", re.compile(
        r"(?i)postgres|database|connections? (?:exhausted|refused)|\bsql\b|deadlock|\block"), (
        _read("See who is connected",
              "psql -c \"select state, count(*) from pg_stat_activity group by 1\"",
              "Connections by state; many `idle in transaction` point at a client."),
        _read("See who blocks whom",
              "psql -c \"select pid, pg_blocking_pids(pid) from pg_stat_activity "
              "where cardinality(pg_blocking_pids(pid)) > 0\"",
              "No rows, or the blocking process ids."),
        _change("End a blocking session", "psql -c \"select pg_terminate_backend(<pid>)\"",
                "`t`", "The client repeats its transaction; nothing to undo here.",
                "Rolls back somebody's transaction: a person decides."),
    )),
    Playbook("certificate", re.compile(r"(?i)certificate|tls|ssl|expired|x509"), (
        _read("Look at the certificate",
              "openssl s_client -connect <host>:443 -servername <host> </dev/null | "
              "openssl x509 -noout -dates -issuer",
              "notAfter in the future; the issuer you expect."),
        _change("Renew it", "cmctl renew -n <namespace> <certificate>",
                "A new secret within a few minutes.",
                "kubectl -n <namespace> apply -f <previous-secret>.yaml",
                "May hit the authority's rate limit: a person decides."),
    )),
    Playbook("errors", re.compile(r"(?i)error|5xx|\b50[0-9]\b|exception|fail|availability"), (
        _LOGS, _RECENT, _BACK,
    )),
    Playbook("latency", re.compile(r"(?i)latenc|slow|timeout|response time|p9[59]"), (
        _read("Measure by endpoint",
              "kubectl -n <namespace> logs deployment/<service> --since=30m | "
              "grep -oE 'duration=[0-9.]+' | sort -t= -k2 -n | tail",
              "The slowest requests; do they share an endpoint or a callee?"),
        _WHERE, _RECENT, _BACK,
    )),
    Playbook("queue", re.compile(r"(?i)queue|backlog|lag|consumer"), (
        _read("Measure the backlog",
              "kubectl -n <namespace> exec deploy/<service> -- <queue-status>",
              "Messages waiting, and whether they grow."),
        _change("Add consumers", "kubectl -n <namespace> scale deployment/<service> --replicas=<n>",
                "The backlog falls.",
                "kubectl -n <namespace> scale deployment/<service> --replicas=<previous>",
                "May overload what the consumers call: a person decides."),
    )),
    Playbook("dns", re.compile(r"(?i)\bdns\b|resolve|nxdomain|name resolution"), (
        _read("Ask for the name", "dig +short <host>", "The addresses you expect."),
        _read("Look at the resolver", "kubectl -n kube-system get pods -l k8s-app=kube-dns",
              "Every pod Running."),
    )),
)  # fmt: skip
GENERAL = Playbook("general", re.compile(""), (_WHERE, _LOGS, _RECENT, _BACK))


def choose_playbooks(texts: Sequence[str]) -> tuple[Playbook, ...]:
    """Playbooks whose words occur, most mentions first; the general one where none does."""
    joined = "\n".join(texts)
    counted = [(len(book.pattern.findall(joined)), book) for book in PLAYBOOKS]
    found = [(count, book) for count, book in counted if count]
    ordered = sorted(found, key=lambda pair: -pair[0])
    return tuple(book for _, book in ordered[:3]) or (GENERAL,)
