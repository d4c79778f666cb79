"""Verify an exported audit chain: python3 verify_audit.py FILE [SEQ HASH of a signed pruning]."""

import hashlib
import json
import sys
from pathlib import Path


def _ordered(pairs: list[tuple[str, object]]) -> dict[str, object]:  # as RFC 8785 says, none twice
    if len(dict(pairs)) < len(pairs):
        raise ValueError(pairs)
    return dict(sorted(pairs, key=lambda pair: pair[0].encode("utf-16-be")))


whole = range(1 - 2**53, 2**53)  # what all languages read alike; int() refuses fractions, too
rules = {"object_pairs_hook": _ordered, "parse_int": lambda n: whole[whole.index(int(n))]}
seq, head = (int(sys.argv[2]), sys.argv[3]) if sys.argv[2:] else (0, "0" * 64)
for number, text in enumerate(Path(sys.argv[1]).open("rb"), 1):  # noqa: SIM115 (it ends with us)
    try:
        line = json.loads(text.decode(), parse_float=int, parse_constant=int, **rules)
        said = {n: line.pop(n) for n in ("actor", "at", "details", "event", "subject", "tenant_id")}
        body = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
        leaf = bytes.fromhex(head) + (seq + 1).to_bytes(8, "big") + hashlib.sha256(body).digest()
        digest = hashlib.sha256(b"\0" + leaf).hexdigest()
        if repr(line) != repr({"hash": digest, "prev_hash": head, "seq": seq + 1}):
            raise ValueError(line)  # noqa: TRY301 (as whatever else is wrong with it)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sys.exit(f"line {number} is bad: it is not the entry that follows entry {seq}")
    seq, head = seq + 1, digest
sys.stdout.write(f"{seq} entries hold; the head is {head}\n")
