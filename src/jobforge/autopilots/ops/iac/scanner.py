"""Scanning files: which checks a file gets, and what cannot be read."""

from __future__ import annotations

import json
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from jobforge.autopilots.ops.finding import Check, Finding
from jobforge.autopilots.ops.iac import (
    compose,
    dockerfile,
    github_actions,
    kubernetes,
    secrets,
    terraform,
)
from jobforge.autopilots.ops.iac.rule import checks_of
from jobforge.autopilots.ops.iac.terraform_plan import is_plan, plan_resources
from jobforge.autopilots.ops.iac.yaml_nodes import MalformedText, read_documents

MAX_FILE_BYTES = 4 * 2**20
SKIPPED_FOLDERS = frozenset(
    {".git", ".hg", ".svn", ".terraform", "node_modules", ".venv", ".jobforge"}
)
YAML_SUFFIXES = frozenset({".yaml", ".yml"})
TERRAFORM_SUFFIXES = frozenset({".tf", ".tfvars"})
BINARY_SUFFIXES = frozenset({
    ".png", ".jpg", ".jpeg", ".gif", ".ico", ".pdf", ".zip", ".gz", ".tar", ".tgz", ".jar", ".so",
    ".whl", ".woff", ".woff2", ".ttf", ".mp4", ".parquet", ".exe", ".bin", ".pyc", ".class",
})  # fmt: skip

UNREADABLE = Check(
    "OPS_FILE_001", (), "The file can be read", "low",
    "Correct the file; nothing in it was judged.", "security",
)  # fmt: skip
TEMPLATE = Check(
    "OPS_FILE_002", (), "The file is no unrendered template", "info",
    "Render it first, say with `helm template`; nothing in it was judged.", "security",
)  # fmt: skip


def list_checks() -> list[Check]:
    """Every file check, by family and number."""
    return [
        UNREADABLE,
        TEMPLATE,
        *checks_of(kubernetes.RULES),
        *dockerfile.CHECKS,
        *compose.CHECKS,
        *github_actions.CHECKS,
        *secrets.CHECKS,
        *terraform.checks(),
    ]


def scan_files(
    paths: Iterable[str | Path], *, checks: Iterable[str] | None = None
) -> list[Finding]:
    """Judge files and folders; passed checks are in the result, too.

    Folders are walked in order; links are not followed, nor are version control and package
    folders. What cannot be read (no regular file, no permission, too large) is a finding.
    `checks` names own ids or cross-references; None means all. `Finding.path` begins with the
    path as given. No path, or empty folders, give an empty list.

    Raises:
        FileNotFoundError: a path does not exist.
    """
    files: dict[str, str] = {}
    faults: list[Finding] = []
    for path in _walk(paths):
        text = _read(path)
        if isinstance(text, str):
            files[str(path)] = text
        elif text is not None:
            faults.append(text)
    return [*faults, *scan_texts(files, checks=checks)]


def _walk(paths: Iterable[str | Path]) -> Iterator[Path]:
    for given in paths:
        root = Path(given)
        if root.is_dir():
            yield from _walk_folder(root)
        elif root.exists():
            yield root
        else:
            raise FileNotFoundError(f"there is no {given}")


def _walk_folder(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.is_symlink():
            continue
        if entry.is_dir():
            if entry.name not in SKIPPED_FOLDERS:
                yield from _walk_folder(entry)
        elif entry.is_file() and entry.suffix.lower() not in BINARY_SUFFIXES:
            yield entry


def _read(path: Path) -> str | Finding | None:
    """The text; a finding where the file cannot be read; None where it is no text."""
    name = str(path)
    if not path.is_file():
        return UNREADABLE.fail(name, name, "no regular file")
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        return UNREADABLE.fail(name, name, error.strerror or "cannot be opened")
    if len(content) > MAX_FILE_BYTES:
        return UNREADABLE.fail(name, name, f"over {MAX_FILE_BYTES:,} bytes")
    return to_text(content)


def to_text(content: bytes) -> str | None:
    """Decode by the mark at the start, else as UTF-8; None where it is no text."""
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    return None if b"\0" in content[:8192] else content.decode("utf-8-sig", "replace")


def scan_texts(files: Mapping[str, str], *, checks: Iterable[str] | None = None) -> list[Finding]:
    """Judge texts by path, as `scan_files` does; the paths decide what a text is."""
    wanted = None if checks is None else frozenset(checks)
    found: list[Finding] = []
    configurations: dict[str, str] = {}
    for path, text in files.items():
        if PurePosixPath(path).suffix.lower() in TERRAFORM_SUFFIXES:
            configurations[path] = text
        else:
            found += _scan_text(path, text)
        found += secrets.check_secrets(path, text)
    judged, faults = terraform.check_terraform(configurations)
    found += judged
    found += (UNREADABLE.fail(path, path, fault) for path, fault in faults.items())
    if wanted is None:
        return found
    return [f for f in found if f.check_id in wanted or wanted.intersection(f.references)]


def _scan_text(path: str, text: str) -> Iterator[Finding]:
    pure = PurePosixPath(path.replace("\\", "/"))
    suffix = pure.suffix.lower()
    if pure.name.lower().startswith("dockerfile") or suffix == ".dockerfile":
        yield from dockerfile.check_dockerfile(path, text)
    elif suffix in YAML_SUFFIXES:
        yield from _scan_yaml(path, text)
    elif suffix == ".json":
        yield from _scan_json(path, text)


def _scan_yaml(path: str, text: str) -> Iterator[Finding]:
    try:
        documents = read_documents(text)
    except MalformedText as error:
        check = TEMPLATE if "{{" in text else UNREADABLE
        yield check.fail(path, path, str(error))
        return
    if kubernetes.is_kubernetes(documents):
        yield from kubernetes.check_kubernetes(path, documents)
    elif github_actions.is_workflow(path, documents):
        yield from github_actions.check_workflow(path, documents)
    elif compose.is_compose(documents):
        yield from compose.check_compose(path, documents)


def _scan_json(path: str, text: str) -> Iterator[Finding]:
    if '"kind"' not in text and '"terraform_version"' not in text:
        return
    try:
        document: Any = json.loads(text)
        documents = [document] if is_plan(document) else read_documents(text)
    except (ValueError, RecursionError) as error:
        yield UNREADABLE.fail(path, path, str(error))
        return
    if is_plan(document):
        yield from terraform.check_resources(plan_resources(path, document))
    else:
        yield from kubernetes.check_kubernetes(path, documents)
