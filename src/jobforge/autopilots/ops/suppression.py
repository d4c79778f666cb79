"""Leaving findings out, with a reason and an end; and comparing with an earlier scan."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from datetime import date

from pydantic import Field, model_validator

from jobforge.autopilots.ops.finding import Finding
from jobforge.autopilots.ops.rows import Row, text_of
from jobforge.core.model import Model


class Suppression(Model):
    """Findings that are known and accepted until a day."""

    check_id: str | None = Field(default=None, description="Own id or cross-reference.")
    fingerprint: str | None = Field(default=None, pattern=r"^[0-9a-f]{16}$")
    path: str | None = Field(default=None, description="A pattern with * and ?.")
    reason: str = Field(min_length=1, max_length=1000)
    expires: date

    @model_validator(mode="after")
    def _says_which(self) -> Suppression:
        if self.check_id is None and self.fingerprint is None:
            raise ValueError("a suppression names a check_id or a fingerprint")
        return self

    def covers(self, finding: Finding) -> bool:
        """Whether it is about this finding, expired or not."""
        if self.fingerprint is not None and self.fingerprint != finding.fingerprint:
            return False
        known = {finding.check_id, *finding.references}
        if self.check_id is not None and self.check_id not in known:
            return False
        return self.path is None or fnmatch.fnmatchcase(finding.path, self.path)


class SuppressedFinding(Model):
    """A finding that was left out, and why."""

    finding: Finding
    reason: str
    expires: date


def suppress(
    findings: Sequence[Finding], suppressions: Sequence[Suppression], today: date
) -> tuple[list[Finding], list[SuppressedFinding], list[str]]:
    """What stays, what is left out, and notices of suppressions that ended or cover nothing.

    A suppression holds on its last day.
    """
    kept: list[Finding] = []
    left_out: list[SuppressedFinding] = []
    used: set[int] = set()
    for finding in findings:
        covering = [n for n, rule in enumerate(suppressions) if rule.covers(finding)]
        used |= set(covering)
        live = [suppressions[n] for n in covering if suppressions[n].expires >= today]
        if live:
            left_out.append(
                SuppressedFinding(finding=finding, reason=live[0].reason, expires=live[0].expires)
            )
        else:
            kept.append(finding)
    notices = [
        f"suppression {n + 1} ended {rule.expires.isoformat()}"
        for n, rule in enumerate(suppressions)
        if rule.expires < today and n in used
    ]
    notices += [
        f"suppression {n + 1} covers nothing" for n in range(len(suppressions)) if n not in used
    ]
    return kept, left_out, notices


class BaselineDiff(Model):
    """Fingerprints against an earlier scan's."""

    new: tuple[str, ...]
    fixed: tuple[str, ...]
    unchanged: tuple[str, ...]


def compare(findings: Sequence[Finding], baseline: Sequence[Row]) -> BaselineDiff:
    """What is new, gone and the same since the baseline, whose rows have a fingerprint."""
    now = {finding.fingerprint for finding in findings}
    then = {text_of(row, "fingerprint") for row in baseline if text_of(row, "fingerprint")}
    return BaselineDiff(
        new=tuple(sorted(now - then)),
        fixed=tuple(sorted(then - now)),
        unchanged=tuple(sorted(now & then)),
    )
