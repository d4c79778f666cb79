"""Masks secrets in anything that is stored, logged or shown, to any depth."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from jobforge.contract.pointer import to_pointer
from jobforge.core.secret_patterns import (
    MASK,
    PATTERNS,
    SecretPattern,
    can_name_secret,
    is_secret_name,
)

_Path: TypeAlias = "tuple[_Path, str | int] | None"
_CONTAINERS = (Mapping, list, tuple, set, frozenset)
# Secrets without a gap between them show one after the other; more than this is masked as a whole.
_MOST_ROUNDS = 8
_HEADER_NAMES = ("name", "key", "header", "field")


@dataclass(slots=True)
class _Task:
    """One value still to be copied into its place."""

    source: Any
    target: Any
    slot: str | int
    path: _Path
    is_secret: bool


@dataclass(slots=True)
class _Copy:
    """A copy in the making; `masked` are the pointers of what was masked, in order."""

    patterns: Sequence[SecretPattern]
    masked: list[str] = field(default_factory=list)

    def of(self, value: object) -> Any:  # noqa: ANN401 (a value of the same kind)
        holder: list[Any] = [None]
        waiting = [_Task(value, holder, 0, None, is_secret=False)]
        while waiting:
            task = waiting.pop()
            if isinstance(task.source, _CONTAINERS):
                waiting += reversed(list(self._open(task)))
            else:
                task.target[task.slot] = self._leaf(task)
        return holder[0]

    def _open(self, task: _Task) -> Iterator[_Task]:
        if isinstance(task.source, Mapping):
            yield from self._open_mapping(task)
            return
        items = list(task.source)
        task.target[task.slot] = [None] * len(items)
        for index, item in enumerate(items):
            path = (task.path, index)
            yield _Task(item, task.target[task.slot], index, path, task.is_secret)

    def _open_mapping(self, task: _Task) -> Iterator[_Task]:
        copy: dict[str, Any] = {}
        task.target[task.slot] = copy
        names_secret = _names_secret(task.source)
        for key, value in task.source.items():
            name = self._key(str(key), copy, task.path)
            copy[name] = None
            is_secret = task.is_secret or _is_secret(str(key), value)
            is_secret = is_secret or (names_secret and key == "value")
            yield _Task(value, copy, name, (task.path, name), is_secret)

    def _key(self, key: str, taken: Mapping[str, Any], path: _Path) -> str:
        name = _mask_with(self.patterns, key)
        if name == key:
            return key
        number = 2
        while name in taken:
            name, number = f"{_mask_with(self.patterns, key)} {number}", number + 1
        self.masked.append(_to_pointer((path, name)))
        return name

    def _leaf(self, task: _Task) -> Any:  # noqa: ANN401 (the value, or its mask)
        value = task.source
        if value is None or isinstance(value, bool) or (isinstance(value, str) and not value):
            return value
        if task.is_secret:
            return value if value == MASK else self._mask(MASK, task.path)
        if isinstance(value, int | float):
            return value
        text = value if isinstance(value, str) else repr(value)
        masked = _mask_with(self.patterns, text)
        return value if masked == text else self._mask(masked, task.path)

    def _mask(self, masked: str, path: _Path) -> str:
        self.masked.append(_to_pointer(path))
        return masked


def mask_text(text: str) -> str:
    """The text with every secret in it masked. Masking twice changes nothing more."""
    return _mask_with(PATTERNS, text)


def mask_secrets(value: Any) -> tuple[Any, tuple[str, ...]]:  # noqa: ANN401 (any JSON value)
    """The value with every secret masked, and the JSON pointers of what was masked.

    Masked is what looks like a secret inside a text, and every text and number under a key whose
    name says it holds one. The value is never changed: it comes back itself where it cannot hold a
    secret, else as a copy of dicts and lists. An object that is no JSON value stays as it is
    unless its `repr` shows a secret.
    """
    try:
        lowered = json.dumps(value, default=repr, ensure_ascii=False).lower()
    except (TypeError, ValueError, RecursionError):
        patterns: Sequence[SecretPattern] = PATTERNS
    else:
        patterns = [secret for secret in PATTERNS if secret.can_match(lowered)]
        if not patterns and not can_name_secret(lowered):
            return value, ()
    copy = _Copy(patterns)
    return copy.of(value), tuple(copy.masked)


def redact_event(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A structlog processor: masks the whole event. It belongs right before the renderer."""
    masked, _ = mask_secrets(event)
    return {str(key): value for key, value in masked.items()}


def _mask_with(patterns: Sequence[SecretPattern], text: str) -> str:
    for _ in range(_MOST_ROUNDS):
        masked = _mask_once(patterns, text)
        if masked == text:
            return text
        text = masked
    return MASK


def _mask_once(patterns: Sequence[SecretPattern], text: str) -> str:
    lowered = text.lower()
    for secret in patterns:
        if secret.can_match(lowered):
            text = secret.mask(text)
    return text


def _is_secret(name: str, value: object) -> bool:
    """A group called `auth` holds settings, too: its members are judged by their own names."""
    return is_secret_name(name) and not (isinstance(value, Mapping) and name.lower() == "auth")


def _names_secret(mapping: Mapping[Any, Any]) -> bool:
    """Whether it is a pair like {"name": "Authorization", "value": …}."""
    names = (mapping.get(key) for key in _HEADER_NAMES)
    return "value" in mapping and any(isinstance(n, str) and is_secret_name(n) for n in names)


def _to_pointer(path: _Path) -> str:
    parts: list[str | int] = []
    while path is not None:
        path, part = path
        parts.append(part)
    return to_pointer(reversed(parts))
