"""From findings to ready changes; a change of a file is tried before it is offered.

A patch that does not apply, or after which the scan still finds the fault or finds a new one, is
no ready change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from jobforge.autopilots.ops.change.file_change import FileChange
from jobforge.autopilots.ops.change.file_patch import HCL_SUFFIXES, YAML_SUFFIXES, new_content
from jobforge.autopilots.ops.iac.scanner import scan_texts
from jobforge.autopilots.ops.iac.terraform import attribute_values
from jobforge.autopilots.ops.remedies.kubernetes import OF_CONTAINER, OF_POD, patch_manifest
from jobforge.autopilots.ops.remedies.postgres import CONNECTION, operation_for
from jobforge.autopilots.ops.rows import Row, text_of
from jobforge.contract.errors import JobForgeError

MAX_CHANGES = 100
"""Of one recommendation; the rest is mended by the next scan."""

_RESOURCE = re.compile(r"([a-z0-9_]+)\.([A-Za-z_][\w-]*)")


def is_mendable(row: Row) -> bool:
    """Whether a ready change may exist for this finding in a file."""
    known = {*OF_CONTAINER, *OF_POD, *attribute_values()}
    return not known.isdisjoint(_references(row))


def ready_changes(rows: Sequence[Row], files: Mapping[str, bytes]) -> tuple[dict[str, Any], ...]:
    """The changes that mend these findings of one check, as far as they are known."""
    found: list[dict[str, Any]] = []
    current = dict(files)
    for row in rows[:MAX_CHANGES]:
        change = _live(row) or _in_file(row, current)
        if change is not None and change not in found:
            found.append(change)
    return tuple(found)


def _references(row: Row) -> list[str]:
    given = row.get("references") or ()
    return [str(item) for item in given] if isinstance(given, list | tuple) else (
        re.findall(r"CKV2?_[A-Z0-9_]+", str(given))
    )  # fmt: skip


def _live(row: Row) -> dict[str, Any] | None:
    path = text_of(row, "path")
    if not path.startswith(CONNECTION):
        return None
    operation = operation_for(text_of(row, "check_id"), text_of(row, "resource"))
    if operation is None:
        return None
    name = path.removeprefix(CONNECTION)
    return {"adapter": "postgres", "connection": name, "operation": operation}


def _in_file(row: Row, files: dict[str, bytes]) -> dict[str, Any] | None:
    """A change that was tried; `files` then has what it makes, for the next one of that file."""
    path = text_of(row, "path")
    if path not in files:
        return None
    for reference in _references(row):
        try:
            change = _propose(row, reference, files[path].decode())
            if change is None:
                continue
            mended = new_content(FileChange.model_validate_json(json.dumps(change)), files[path])
        except (JobForgeError, UnicodeDecodeError):
            continue
        if _is_better(path, files[path], mended, text_of(row, "check_id"), row):
            files[path] = mended
            return change
    return None


def _propose(row: Row, reference: str, text: str) -> dict[str, Any] | None:
    path, resource = text_of(row, "path"), text_of(row, "resource")
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in YAML_SUFFIXES and reference in {*OF_CONTAINER, *OF_POD}:
        return patch_manifest(text, path, resource, reference)
    known = attribute_values().get(reference)
    match = _RESOURCE.fullmatch(resource)
    if suffix not in HCL_SUFFIXES or known is None or match is None:
        return None
    attribute, value = known
    place = f"/resource/{match[1]}/{match[2]}/{attribute}"
    return {
        "adapter": "file",
        "path": path,
        "patch": [{"op": "add", "path": place, "value": value}],
    }


def _is_better(path: str, before: bytes, after: bytes, check_id: str, row: Row) -> bool:
    """Whether the fault is gone and no other came."""
    old, new = (
        {
            (finding.check_id, finding.resource)
            for finding in scan_texts({path: content.decode()})
            if finding.status == "FAILED"
        }
        for content in (before, after)
    )
    fault = (check_id, text_of(row, "resource"))
    return fault in old and fault not in new and new <= old
