"""Whether a chain holds, and where it does not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias
from uuid import UUID

from jobforge.core.audit.checkpoint import Checkpoint
from jobforge.core.audit.entry import GENESIS_HASH, StoredEntry, chain, stored_body_digest

Problem = Literal[
    "changed",
    "replaced",
    "missing",
    "inserted",
    "foreign",
    "truncated",
    "rebuilt",
    "unlinked",
    "unsigned",
]
_Fault: TypeAlias = tuple[int, Problem, str]


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """What became of a chain. `entries` were found sound before anything else.

    `proven_until` is the last entry that a signed checkpoint vouches for: what comes after it is
    consistent in itself, and no more. `first_bad` and `problem` are None where the chain holds.
    """

    tenant_id: UUID
    entries: int
    last_seq: int
    last_hash: str
    proven_until: int
    first_bad: int | None = None
    problem: Problem | None = None
    message: str = "the chain holds"

    @property
    def is_intact(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.problem is None


@dataclass(frozen=True, slots=True)
class ChainEnd:
    """Where the database says that a chain ends."""

    seq: int
    hash: bytes


class ChainVerifier:
    """Takes a chain's entries one by one, in their stored order, and judges it at the end.

    Checkpoints of other tenants are ignored. Give only checkpoints whose signature holds, and
    how many were left out: a chain whose proof was spoilt does not pass for a sound one.
    """

    def __init__(
        self, tenant_id: UUID, checkpoints: Iterable[Checkpoint] = (), *, unsigned: int = 0
    ) -> None:
        own = [c for c in checkpoints if c.tenant_id == tenant_id]
        self._tenant_id = tenant_id
        self._unsigned = unsigned
        self._pruned = {c.seq: bytes.fromhex(c.hash) for c in own if c.kind == "pruned"}
        self._expected: dict[int, set[bytes]] = {}
        for checkpoint in own:
            self._expected.setdefault(checkpoint.seq, set()).add(bytes.fromhex(checkpoint.hash))
        self._seq = 0
        self._hash = GENESIS_HASH
        self._entries = 0
        self._proven_until = 0
        self._fault: _Fault | None = None

    def add(self, entry: StoredEntry) -> bool:
        """Look at the next entry; False from the first bad one on."""
        if self._fault is not None:
            return False
        if self._entries == 0:
            self._start_at(entry.seq)
        self._fault = self._judge(entry) or self._judge_checkpoint(entry)
        if self._fault is None:
            self._seq, self._hash = entry.seq, entry.hash
            self._entries += 1
        return self._fault is None

    def finish(self, end: ChainEnd | None = None) -> ChainVerdict:
        """The verdict, once the last entry was added; `end` is where the chain should end."""
        if self._entries == 0 and self._fault is None:
            self._start_at(max(self._pruned, default=0) + 1)
        fault = self._fault or self._judge_tail() or self._judge_end(end)
        fault = fault or self._judge_unsigned()
        verdict = ChainVerdict(
            tenant_id=self._tenant_id,
            entries=self._entries,
            last_seq=self._seq,
            last_hash=self._hash.hex(),
            proven_until=self._proven_until,
        )
        if fault is None:
            return verdict
        first_bad, problem, message = fault
        return replace(verdict, first_bad=first_bad, problem=problem, message=message)

    def _start_at(self, seq: int) -> None:
        """Begin after the entries that a signed pruning removed, if that is where we are."""
        if seq - 1 in self._pruned:
            self._seq, self._hash = seq - 1, self._pruned[seq - 1]
            self._proven_until = self._seq

    def _judge(self, entry: StoredEntry) -> _Fault | None:
        seq, expected = entry.seq, self._seq + 1
        if entry.tenant_id != self._tenant_id:
            return expected, "foreign", f"entry {expected} belongs to tenant {entry.tenant_id}"
        if seq > expected:
            return expected, "missing", f"entries {expected} to {seq - 1} are missing"
        if seq < expected:
            return seq, "inserted", f"entry {seq} stands after entry {self._seq}"
        if not _is_sound(entry):
            return seq, "changed", f"entry {seq} does not have the hash of what it says"
        return None if entry.prev_hash == self._hash else self._broken_link(seq)

    def _broken_link(self, seq: int) -> _Fault:
        """Two sound entries that do not fit: the earlier one was replaced, unless it is proven."""
        if self._proven_until == self._seq:
            return seq, "unlinked", f"entry {seq} does not follow from what stands before it"
        return self._seq, "replaced", f"entry {self._seq} is not the one that entry {seq} follows"

    def _judge_checkpoint(self, entry: StoredEntry) -> _Fault | None:
        expected = self._expected.get(entry.seq)
        if expected is None:
            return None
        if expected != {entry.hash}:
            message = (
                f"entry {entry.seq} is not the one that was signed: the chain was written anew "
                f"between entries {self._proven_until + 1} and {entry.seq}"
            )
            return entry.seq, "rebuilt", message
        self._proven_until = entry.seq
        return None

    def _judge_tail(self) -> _Fault | None:
        signed = max(self._expected, default=0)
        if signed <= self._seq:
            return None
        message = f"the chain ends at entry {self._seq}; entry {signed} was signed"
        return self._seq + 1, "truncated", message

    def _judge_unsigned(self) -> _Fault | None:
        if not self._unsigned:
            return None
        message = (
            f"{self._unsigned} of its checkpoints were not signed with our master key; "
            f"what is left proves the entries up to {self._proven_until}"
        )
        return self._proven_until + 1, "unsigned", message

    def _judge_end(self, end: ChainEnd | None) -> _Fault | None:
        if end is None or (end.seq, end.hash) == (self._seq, self._hash):
            return None
        if end.seq > self._seq:
            message = f"the chain ends at entry {self._seq}, its head at {end.seq}"
            return self._seq + 1, "truncated", message
        if end.seq < self._seq:
            message = f"entry {end.seq + 1} lies behind the chain's head"
            return end.seq + 1, "inserted", message
        return self._seq, "replaced", f"entry {self._seq} is not the one the chain's head names"


def verify_chain(
    tenant_id: UUID,
    entries: Iterable[StoredEntry],
    checkpoints: Iterable[Checkpoint] = (),
    end: ChainEnd | None = None,
) -> ChainVerdict:
    """Judge a whole chain, given in its stored order."""
    verifier = ChainVerifier(tenant_id, checkpoints)
    for entry in entries:
        if not verifier.add(entry):
            break
    return verifier.finish(end)


def _is_sound(entry: StoredEntry) -> bool:
    """Whether the entry has the hash of its number, its stored predecessor and what it says."""
    try:
        body = stored_body_digest(entry)
        return chain(entry.prev_hash, entry.seq, body) == entry.hash
    except (ValueError, OverflowError):
        # What cannot be hashed was never hashed: lone surrogates, a number below zero.
        return False
