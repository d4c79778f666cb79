"""What a file check is made of: a check, where it applies, and the judgement it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from jobforge.autopilots.ops.finding import Check, Finding, Severity

Subject = TypeVar("Subject")


class Judgement(NamedTuple):
    """Whether the subject meets the check, what shows it, and on which line."""

    is_met: bool
    evidence: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Rule(Generic[Subject]):
    """A check and how it judges; `judge` gives None where the check does not apply."""

    check: Check
    judge: Callable[[Subject], Judgement | None]

    def apply(self, subject: Subject, path: str, resource: str, line: int | None) -> Finding | None:
        """The finding for `subject`, or None where the check does not apply."""
        judgement = self.judge(subject)
        if judgement is None:
            return None
        verdict = self.check.passed if judgement.is_met else self.check.fail
        return verdict(path, resource, judgement.evidence, line=judgement.line or line)


def met(evidence: str = "as wanted", line: int | None = None) -> Judgement:
    """The subject meets the check."""
    return Judgement(True, evidence, line)


def unmet(evidence: str, line: int | None = None) -> Judgement:
    """The subject does not meet the check."""
    return Judgement(False, evidence, line)


def file_check(
    reference: str, title: str, severity: Severity, remediation: str, *controls: str
) -> Check:
    """A check whose own id is made from the reference: `CKV_K8S_20` gives `OPS_K8S_20`."""
    own = reference.replace("CKV2_", "OPS2_").replace("CKV_", "OPS_")
    return Check(own, (reference,), title, severity, remediation, "security", controls)


def checks_of(rules: Iterable[Rule[Subject]]) -> tuple[Check, ...]:
    """The checks of these rules, in order."""
    return tuple(rule.check for rule in rules)
