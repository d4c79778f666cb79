"""What every ops check yields: a finding with its evidence, and the check that made it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "high", "medium", "low", "info"]
Status = Literal["FAILED", "PASSED"]
Category = Literal["health", "security", "cost"]

SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")
"""Worst first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's verdict on one resource.

    `path` is the file or the live target, `resource` the thing in it, `line` counts from 1 and is
    None outside files. `references` hold other tools' ids (`CKV_…`), `controls` CIS and NIST ids.
    The fingerprint ignores lines and wording, so that it survives unrelated edits.
    """

    check_id: str
    title: str
    references: tuple[str, ...]
    path: str
    resource: str
    status: Status
    severity: Severity
    line: int | None
    evidence: str
    remediation: str
    fingerprint: str
    category: Category = "security"
    controls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at, with a stable id."""

    check_id: str
    references: tuple[str, ...]
    title: str
    severity: Severity
    remediation: str = ""
    category: Category = "security"
    controls: tuple[str, ...] = ()

    def fail(
        self,
        path: str,
        resource: str,
        evidence: str,
        *,
        line: int | None = None,
        severity: Severity | None = None,
    ) -> Finding:
        """The finding that `resource` does not meet this check."""
        return self._finding("FAILED", path, resource, evidence, line, severity or self.severity)

    def passed(
        self, path: str, resource: str, evidence: str, *, line: int | None = None
    ) -> Finding:
        """The record that `resource` was looked at and meets this check."""
        return self._finding("PASSED", path, resource, evidence, line, self.severity)

    def _finding(
        self,
        status: Status,
        path: str,
        resource: str,
        evidence: str,
        line: int | None,
        severity: Severity,
    ) -> Finding:
        return Finding(
            self.check_id,
            self.title,
            self.references,
            path,
            resource,
            status,
            severity,
            line,
            evidence,
            self.remediation,
            fingerprint_of(self.check_id, path, resource),
            self.category,
            self.controls,
        )


def fingerprint_of(*parts: str) -> str:
    """16 hex digits that stand for these parts."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def worst_severity(findings: tuple[Finding, ...]) -> Severity | None:
    """The worst severity among the failed findings, or None where nothing failed."""
    failed = {finding.severity for finding in findings if finding.status == "FAILED"}
    return next((severity for severity in SEVERITIES if severity in failed), None)
