"""One audit entry: what it says, its leaf in the chain, and its line in an export.

The leaf format with test vectors is in `docs/reference/audit.md`; a change here breaks every
chain that was ever written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID

from jobforge.contract.canonical import canonical_bytes, plain_text

GENESIS_HASH = bytes(32)
"""What the first entry of a chain has for its predecessor's hash."""

_LEAF = b"\x00"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One decision or change of state. `at` is aware UTC; `details` are already redacted.

    Raises:
        ValueError: an instant that is not UTC, or a value that has no one canonical spelling in
            every language: a float, an integer of 2^53 or more, a text with a lone surrogate or
            with U+0000 (which PostgreSQL cannot store).
    """

    tenant_id: UUID
    at: datetime
    actor: str
    event: str
    subject: str
    details: Mapping[str, Any] = field(default_factory=dict)
    details_text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.at.utcoffset() != timedelta(0):
            raise ValueError("an audit entry's time is in UTC")
        text = plain_text(self.details)
        said = (self.actor, self.event, self.subject)
        # An escape in the text may stand for U+0000: only then it is worth a closer look.
        if text is None or "\\u0000" in text or "\x00" in "".join(said):
            text = canonical_bytes(self.details).decode()
            _refuse_ambiguous([*said, self.details])
        object.__setattr__(self, "details_text", text)


class StoredEntry(Protocol):
    """An entry as it was stored, which may have been tampered with since."""

    @property
    def tenant_id(self) -> UUID:
        """Whose chain it stands in."""
        ...

    @property
    def seq(self) -> int:
        """Its number in the chain, from 1."""
        ...

    @property
    def at(self) -> datetime:
        """When it happened."""
        ...

    @property
    def actor(self) -> str:
        """Who did it."""
        ...

    @property
    def event(self) -> str:
        """What happened."""
        ...

    @property
    def subject(self) -> str:
        """To what."""
        ...

    @property
    def details(self) -> str:
        """The canonical JSON text of its details."""
        ...

    @property
    def prev_hash(self) -> bytes:
        """The hash of its predecessor."""
        ...

    @property
    def hash(self) -> bytes:
        """Its own hash."""
        ...


@dataclass(frozen=True, slots=True)
class ChainedEntry:
    """A `StoredEntry` in memory."""

    tenant_id: UUID
    seq: int
    at: datetime
    actor: str
    event: str
    subject: str
    details: str
    prev_hash: bytes
    hash: bytes


@lru_cache(maxsize=256)  # the entries of a bundle have one time
def format_time(at: datetime) -> str:
    """UTC with exactly six fractional digits and `Z`."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def canonical_details(entry: AuditEntry) -> str:
    """The details in their canonical form: the text that is stored."""
    return entry.details_text


def body_digest(entry: AuditEntry) -> bytes:
    """SHA-256 (32 bytes) over the canonical form of everything the entry says."""
    return _body_digest(entry, entry.details_text)


def stored_body_digest(entry: StoredEntry) -> bytes:
    """The same of an entry as it was stored; any change to its text shows, even of spelling.

    Raises:
        ValueError: a text with a lone surrogate.
    """
    return _body_digest(entry, entry.details)


def chain(prev_hash: bytes, seq: int, body_hash: bytes) -> bytes:
    """The hash of the entry at `seq`, over its predecessor's hash, its number and its body."""
    return hashlib.sha256(_LEAF + prev_hash + seq.to_bytes(8, "big") + body_hash).digest()


def chain_block(
    prev_hash: bytes, last_seq: int, entries: Iterable[AuditEntry]
) -> tuple[ChainedEntry, ...]:
    """Append a block of entries after `last_seq`, whose hash is `prev_hash`."""
    chained: list[ChainedEntry] = []
    for seq, entry in enumerate(entries, start=last_seq + 1):
        entry_hash = chain(prev_hash, seq, body_digest(entry))
        chained.append(
            ChainedEntry(
                tenant_id=entry.tenant_id,
                seq=seq,
                at=entry.at,
                actor=entry.actor,
                event=entry.event,
                subject=entry.subject,
                details=entry.details_text,
                prev_hash=prev_hash,
                hash=entry_hash,
            )
        )
        prev_hash = entry_hash
    return tuple(chained)


def to_export_line(entry: StoredEntry) -> str:
    """One line of an export, without its end of line; `verify_audit.py` verifies such lines."""
    line = {
        "seq": entry.seq,
        "tenant_id": str(entry.tenant_id),
        "at": format_time(entry.at),
        "actor": entry.actor,
        "event": entry.event,
        "subject": entry.subject,
        "details": json.loads(entry.details),
        "prev_hash": entry.prev_hash.hex(),
        "hash": entry.hash.hex(),
    }
    return json.dumps(line)


class _Said(Protocol):
    """What an entry says besides its details."""

    @property
    def tenant_id(self) -> UUID: ...

    @property
    def at(self) -> datetime: ...

    @property
    def actor(self) -> str: ...

    @property
    def event(self) -> str: ...

    @property
    def subject(self) -> str: ...


@lru_cache(maxsize=256)
def _canonical_text(text: str) -> bytes:
    """Actors and events are few and come again and again."""
    return canonical_bytes(text)


def _body_digest(entry: _Said, details: str) -> bytes:
    """RFC 8785 of the six members, put together in the order of their names."""
    body = b'{"actor":%b,"at":"%b","details":%b,"event":%b,"subject":%b,"tenant_id":"%b"}' % (
        _canonical_text(entry.actor),
        format_time(entry.at).encode(),
        details.encode(),
        _canonical_text(entry.event),
        canonical_bytes(entry.subject),
        str(entry.tenant_id).encode(),
    )
    return hashlib.sha256(body).digest()


def _refuse_ambiguous(value: object) -> None:
    """Refuse what `canonical_bytes` would take, but other readers may read otherwise."""
    match value:
        case str():
            if "\x00" in value:
                raise ValueError("an audit entry holds no U+0000")
        case list() | tuple():
            for item in value:
                _refuse_ambiguous(item)
        case Mapping():
            for key, item in value.items():
                _refuse_ambiguous(key)
                _refuse_ambiguous(item)
        case float():
            raise ValueError("an audit entry holds no float: write it as a text")
        case _:
            pass
