"""From a file and a change to the new bytes, and to the effect that predicts them."""

from __future__ import annotations

import difflib
import re
from pathlib import PurePosixPath
from typing import Any, Literal

from pydantic import Field, model_validator

from jobforge.autopilots.ops.change.hcl_text import patch_hcl
from jobforge.autopilots.ops.change.json_text import patch_json
from jobforge.autopilots.ops.change.patch import MAX_OPERATIONS, PatchOperation
from jobforge.autopilots.ops.change.yaml_text import parse_yaml, patch_yaml
from jobforge.contract.canonical import checksum_of
from jobforge.core.effects import PlannedEffect, Precondition
from jobforge.core.errors import PayloadInvalid, SourceMalformed
from jobforge.core.model import Model

MAX_FILE_BYTES = 4 * 2**20
MAX_DIFF_CHARACTERS = 200_000
YAML_SUFFIXES = frozenset({".yaml", ".yml"})
HCL_SUFFIXES = frozenset({".tf", ".hcl", ".tfvars"})

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


class ManifestSelector(Model):
    """Which object of a Kubernetes manifest file is meant."""

    kind: str = Field(min_length=1, max_length=256)
    name: str = Field(min_length=1, max_length=253)
    namespace: str | None = None


class FileChange(Model):
    """A JSON patch on one JSON, YAML or HCL file of the tenant's workspace.

    With the adapter `kubernetes` the file is a manifest and `resource` picks the object in it.
    """

    adapter: Literal["file", "kubernetes"]
    path: str = Field(min_length=1, max_length=4096)
    resource: ManifestSelector | None = Field(
        default=None, description="Needed by the adapter kubernetes, and only by it."
    )
    patch: tuple[PatchOperation, ...] = Field(min_length=1, max_length=MAX_OPERATIONS)
    document: int | None = Field(
        default=None, ge=0, description="Which document of a YAML file of several, from 0."
    )

    @model_validator(mode="after")
    def _names_what_it_means(self) -> FileChange:
        if (self.adapter == "kubernetes") != (self.resource is not None):
            raise ValueError("resource goes with the adapter kubernetes")
        return self


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
        document = change.document
        if change.resource is not None:
            document = _find_resource(text, change.resource, path=change.path)
        return patch_yaml(text, change.patch, path=change.path, document=document).encode()
    if suffix in HCL_SUFFIXES:
        return patch_hcl(text, change.patch, path=change.path).encode()
    raise PayloadInvalid(
        f"{change.path} is none of .json, .yaml, .tf and .hcl", pointer="/change/path"
    )


def _find_resource(text: str, wanted: ManifestSelector, *, path: str) -> int:
    """The number of the document that holds the object.

    Raises:
        PayloadInvalid: none does, or several do.
    """
    found = [
        number
        for number, document in enumerate(parse_yaml(text, path=path))
        if isinstance(document, dict) and _is_wanted(document, wanted)
    ]
    if len(found) != 1:
        raise PayloadInvalid(
            f"{path} holds {len(found)} objects {wanted.kind} {wanted.name}",
            pointer="/change/resource",
        )
    return found[0]


def _is_wanted(document: dict[str, Any], wanted: ManifestSelector) -> bool:
    metadata = document.get("metadata")
    if document.get("kind") != wanted.kind or not isinstance(metadata, dict):
        return False
    in_namespace = wanted.namespace in {None, metadata.get("namespace", "default")}
    return metadata.get("name") == wanted.name and in_namespace


def predict(path: str, before: bytes, after: bytes) -> PlannedEffect:
    """The effect of writing `after` over `before`."""
    return PlannedEffect(
        target=path,
        change="update",
        before=checksum_of(before),
        after=checksum_of(after),
        diff=unified_diff(path, before, after),
        preconditions=(Precondition(source=f"file:{path}", expected=checksum_of(before)),),
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
