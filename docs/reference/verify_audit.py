"""Verify an exported audit chain with the standard library only.

Usage: python3 verify_audit.py FILE [SEQ HASH]   (SEQ HASH: the signed pruning to start after)
"""

import hashlib
import json
import sys
from pathlib import Path

SAID = ("tenant_id", "at", "actor", "event", "subject", "details")


def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse an object that has a name twice."""
    if len(dict(pairs)) != len(pairs):
        raise ValueError(pairs)
    return dict(pairs)


def canonical(value: object) -> str:
    """RFC 8785; entries hold no fractions and no integers of 2^53 or more."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(n)}:{canonical(value[n])}" for n in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float) or (isinstance(value, int) and abs(value) >= 2**53):
        raise ValueError(value)
    return json.dumps(value, ensure_ascii=False)


def follow(text: str, seq: int, head: str) -> str:
    """The hash of the entry in this line, if it is true and the one after `seq`."""
    line = json.loads(text, object_pairs_hook=unique)
    said = canonical({name: line.pop(name) for name in SAID}).encode()
    leaf = bytes.fromhex(head) + (seq + 1).to_bytes(8, "big") + hashlib.sha256(said).digest()
    digest = hashlib.sha256(b"\0" + leaf).hexdigest()
    if canonical(line) != canonical({"seq": seq + 1, "prev_hash": head, "hash": digest}):
        raise ValueError(line)
    return digest


if __name__ == "__main__":
    start = sys.argv[2:] or ["0", "0" * 64]
    seq, head = int(start[0]), start[1]
    with Path(sys.argv[1]).open(encoding="utf-8", errors="surrogateescape") as file:
        for number, text in enumerate(file, start=1):
            try:
                seq, head = seq + 1, follow(text, seq, head)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                sys.exit(f"line {number} is bad: it is not the entry that follows entry {seq}")
    sys.stdout.write(f"{seq} entries hold; the head is {head}\n")
