"""Secrets written into text files. Evidence shows where, never what."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from jobforge.autopilots.ops.finding import Check, Finding

MIN_ENTROPY_BITS = 3.2
"""Per character. Random base64 of 20 characters lies above 3.8, words and paths below 3."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    check: Check
    expression: re.Pattern[str]
    needs_entropy: bool = False


def _check(number: int, reference: str, what: str) -> Check:
    return Check(
        f"OPS_SECRET_{number:03}", (reference,) if reference else (), f"No {what} in files",
        "critical", "Revoke it, take it out of the history, and use a secret store.", "security",
        ("NIST IA-5(7)", "CIS 16.4"),
    )  # fmt: skip


_PATTERNS = (
    _Pattern(_check(1, "CKV_SECRET_2", "AWS access key"),
             re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])")),
    _Pattern(_check(2, "CKV_SECRET_13", "private key"),
             re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----")),
    _Pattern(_check(3, "CKV_SECRET_43", "GitHub token"),
             re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})")),
    _Pattern(_check(4, "CKV_SECRET_14", "Slack token"),
             re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}")),
    _Pattern(_check(5, "CKV_SECRET_17", "Stripe key"),
             re.compile(r"\b[rs]k_live_[A-Za-z0-9]{16,}")),
    _Pattern(_check(6, "", "Google API key"), re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b")),
    _Pattern(_check(7, "CKV_SECRET_9", "JSON web token"),
             re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}")),
    _Pattern(_check(8, "CKV_SECRET_4", "password in an address"),
             re.compile(r"\b[a-z][a-z0-9+.-]{1,15}://[^/\s:@'\"$<{]{1,64}:[^/\s:@'\"$<{*]{6,}@[\w.-]+")),
    _Pattern(_check(9, "", "API key of a language model"),
             re.compile(r"\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{24,}")),
    _Pattern(_check(10, "CKV_SECRET_6", "secret with a telling name"),
             re.compile(r"""(?ix)\b[\w.-]*(?:password|passwd|secret|api[_-]?key|access[_-]?token
                        |auth[_-]?token|private[_-]?token)[\w.-]*["']?\s*[:=]\s*
                        ["']([A-Za-z0-9/+=_~!@\#%^*-]{16,})["']"""), needs_entropy=True),
)  # fmt: skip
CHECKS: tuple[Check, ...] = tuple(pattern.check for pattern in _PATTERNS)
_HINT = re.compile(
    r"AKIA|ASIA|PRIVATE KEY|gh[pousr]_|github_pat_|xox[abprs]-|k_live_|AIza|eyJ|://|sk-"
    r"|(?i:passw|secret|api[_-]?key|token)"
)


def entropy_bits(text: str) -> float:
    """Shannon entropy per character, in bits; 0 for an empty text."""
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts)


def check_secrets(path: str, text: str) -> Iterator[Finding]:
    """One finding per line and kind of secret; a file without any gives nothing."""
    if not _HINT.search(text):
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > 10_000 or not _HINT.search(line):  # noqa: PLR2004 (a minified file)
            continue
        for pattern in _PATTERNS:
            found = pattern.expression.search(line)
            if found is None or not _is_likely(found, pattern.needs_entropy):
                continue
            evidence = f"line {number} holds {len(found.group())} characters of it"
            yield pattern.check.fail(path, f"{path}:{number}", evidence, line=number)


def _is_likely(found: re.Match[str], needs_entropy: bool) -> bool:
    text = found.group(found.lastindex or 0)
    if re.search(r"(?i)example|changeme|placeholder|dummy|your[_-]|xxxx|\*\*\*\*", text):
        # AWS's own documentation key is a secret by its form: scanners are tried with it.
        return bool(re.match("AKIA|ASIA", text))
    return not needs_entropy or entropy_bits(text) >= MIN_ENTROPY_BITS
