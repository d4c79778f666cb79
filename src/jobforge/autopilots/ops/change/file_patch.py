"""A patch on one file, wherever the file lies: from its bytes and the patch to the new bytes."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from pydantic import Field

from jobforge.autopilots.ops.change.hcl_text import patch_hcl
from jobforge.autopilots.ops.change.json_text import patch_json
from jobforge.autopilots.ops.change.patch import MAX_OPERATIONS, PatchOperation
from jobforge.autopilots.ops.change.yaml_text import parse_yaml, patch_yaml
from jobforge.core.errors import PayloadInvalid, SourceMalformed
from jobforge.core.model import Model

MAX_FILE_BYTES = 4 * 2**20
YAML_SUFFIXES = frozenset({".yaml", ".yml"})
HCL_SUFFIXES = frozenset({".tf", ".hcl", ".tfvars"})


class ManifestSelector(Model):
    """Which object of a Kubernetes manifest file is meant."""

    kind: str = Field(min_length=1, max_length=256)
    name: str = Field(min_length=1, max_length=253)
    namespace: str | None = None


class FilePatch(Model):
    """A JSON patch on one JSON, YAML or HCL file; `resource` picks an object of a manifest."""

    path: str = Field(min_length=1, max_length=4096)
    resource: ManifestSelector | None = None
    patch: tuple[PatchOperation, ...] = Field(min_length=1, max_length=MAX_OPERATIONS)
    document: int | None = Field(
        default=None, ge=0, description="Which document of a YAML file of several, from 0."
    )


def new_content(change: FilePatch, content: bytes) -> bytes:
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
