"""What a change looks like to those who approve it: unified diffs without secrets."""

from __future__ import annotations

import difflib
import re

MAX_DIFF_CHARACTERS = 200_000

# Values of keys that name a secret never show in a diff; plans are read by more people than files.
_SECRET = re.compile(
    r"""(?ix)
    ( (?: [\w.-]* (?: passw(?:or)?d | passphrase | secret | token | api[_-]?key | private[_-]?key
                    | credential | connection[_-]?string ) [\w.-]* ) ["']? \s* [:=] \s* )
    ( "[^"]*" | '[^']*' | [^\s,}\]#]+ )"""
)
_KNOWN_SECRET = re.compile(
    r"sk-[A-Za-z0-9_-]{12,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,}"
    r"|(?i:bearer\s+)[A-Za-z0-9._~+/=-]{16,}|://[^/\s:@]+:[^/\s@]+@"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)


def unified_diff(path: str, before: bytes, after: bytes) -> str:
    """A unified diff with three lines of context, secrets masked, cut at 200,000 characters."""
    lines = difflib.unified_diff(
        before.decode("utf-8", "replace").splitlines(),
        after.decode("utf-8", "replace").splitlines(),
        fromfile=f"a/{path}",
        tofile=f"b/{path}",
        lineterm="",
    )
    text = mask_secrets("\n".join(lines))
    if len(text) <= MAX_DIFF_CHARACTERS:
        return text
    return f"{text[:MAX_DIFF_CHARACTERS]}\n… {len(text) - MAX_DIFF_CHARACTERS:,} characters more"


def mask_secrets(text: str) -> str:
    """Replace values that look secret by `[masked]`."""
    return _KNOWN_SECRET.sub("[masked]", _SECRET.sub(r"\1[masked]", text))
