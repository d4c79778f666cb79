"""From a file and a change to the new bytes, and to the effect that predicts them."""

from __future__ import annotations

import difflib
import re
from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field

from jobforge.autopilots.ops.change.json_text import patch_json
from jobforge.autopilots.ops.change.patch import MAX_OPERATIONS, PatchOperation
from jobforge.autopilots.ops.change.yaml_text import patch_yaml
from jobforge.contract.canonical import checksum_of
from jobforge.core.effects import PlannedEffect, Precondition
from jobforge.core.errors import PayloadInvalid, SourceMalformed
from jobforge.core.model import Model

MAX_FILE_BYTES = 4 * 2**20
MAX_DIFF_CHARACTERS = 200_000
YAML_SUFFIXES = frozenset({".yaml", ".yml"})

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


class FileChange(Model):
    """A JSON patch on one JSON or YAML file of the tenant's workspace."""

    adapter: Literal["file"]
    path: str = Field(min_length=1, max_length=4096)
    patch: tuple[PatchOperation, ...] = Field(min_length=1, max_length=MAX_OPERATIONS)
    document: int | None = Field(
        default=None, ge=0, description="Which document of a YAML file of several, from 0."
    )


def new_content(change: FileChange, content: bytes) -> bytes:
    """The file's bytes after the change; the same input gives the same bytes.

    Raises:
        SourceMalformed: the file is too large, not UTF-8, or not of its format.
        PayloadInvalid: the file's name is neither JSON nor YAML, or the patch does not fit.
    """
    if len(content) > MAX_FILE_BYTES:
        raise SourceMalformed(f"{change.path} has {len(content):,} bytes, over {MAX_FILE_BYTES:,}")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceMalformed(f"{change.path} is not UTF-8: {error.reason}") from None
    suffix = PurePosixPath(change.path).suffix.lower()
    if suffix == ".json":
        return patch_json(text, change.patch, path=change.path).encode()
    if suffix in YAML_SUFFIXES:
        patched = patch_yaml(text, change.patch, path=change.path, document=change.document)
        return patched.encode()
    raise PayloadInvalid(f"{change.path} is neither .json nor .yaml", pointer="/change/path")


def predict(change: FileChange, before: bytes, after: bytes) -> PlannedEffect:
    """The effect of writing `after` over `before`."""
    return PlannedEffect(
        target=change.path,
        change="update",
        before=checksum_of(before),
        after=checksum_of(after),
        diff=unified_diff(change.path, before, after),
        preconditions=(Precondition(source=f"file:{change.path}", expected=checksum_of(before)),),
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
