"""The documented format and the independent script agree with what we write."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest

from jobforge.core.audit import (
    AuditEntry,
    ChainedEntry,
    body_digest,
    chain,
    chain_block,
    to_export_line,
)
from jobforge.testing.audit import make_chain, rebuild

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
SCRIPT = REFERENCE / "verify_audit.py"

VECTORS = json.loads(
    re.findall(
        r"<!-- vectors.*?```json\n(.*?)```", (REFERENCE / "audit.md").read_text(), re.DOTALL
    )[0]
)
ENTRIES = [
    AuditEntry(
        **vector["entry"]
        | {
            "tenant_id": UUID(vector["entry"]["tenant_id"]),
            "at": datetime.fromisoformat(vector["entry"]["at"]),
        }
    )
    for vector in VECTORS
]
MAX_LINES = 30
LINES = [to_export_line(row) for row in make_chain(5)]


@pytest.mark.parametrize("index", range(len(VECTORS)))
def test_the_documented_vectors_are_what_we_compute(index: int) -> None:
    vector = VECTORS[index]
    body_hash = body_digest(ENTRIES[index])

    entry_hash = chain(bytes.fromhex(vector["prev_hash"]), vector["seq"], body_hash)

    assert body_hash.hex() == vector["body_hash"]
    assert entry_hash.hex() == vector["hash"]


def test_the_documented_vectors_are_a_chain() -> None:
    rows = chain_block(bytes.fromhex(VECTORS[0]["prev_hash"]), 0, ENTRIES)

    assert [row.hash.hex() for row in rows] == [vector["hash"] for vector in VECTORS]


def run(lines: list[str], folder: Path, *arguments: str) -> tuple[int, str, str]:
    path = folder / "export.jsonl"
    path.write_text(
        "".join(line + "\n" for line in lines), encoding="utf-8", errors="surrogateescape"
    )
    done = subprocess.run(  # noqa: S603 (our own script)
        [sys.executable, "-I", "-S", str(SCRIPT), str(path), *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_script_agrees_with_an_untouched_export(tmp_path: Path) -> None:
    rows = chain_block(bytes(32), 0, ENTRIES)

    status, output, _ = run([to_export_line(row) for row in rows], tmp_path)

    assert status == 0
    assert output == f"2 entries hold; the head is {rows[-1].hash.hex()}\n"


def test_the_script_is_short_enough_to_read_before_trusting_it() -> None:
    assert len(SCRIPT.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize(
    "said",
    [{"details": {"number": 2.0}}, {"details": {"number": 2**53}}, {"details": []} | {"note": 1}],
    ids=["a float", "an integer that not every language reads", "a member more"],
)
def test_a_line_that_other_languages_may_read_otherwise_is_bad_whatever_its_hash(
    said: dict[str, object], tmp_path: Path
) -> None:
    line = json.loads(LINES[0]) | said
    names = sorted(line.keys() - {"seq", "prev_hash", "hash"})
    body = json.dumps({name: line[name] for name in names}, separators=(",", ":")).encode()
    line["hash"] = chain(bytes(32), 1, hashlib.sha256(body).digest()).hex()

    status, _, error = run([json.dumps(line)], tmp_path)

    assert status == 1
    assert error.startswith("line 1 is bad")


def test_the_script_can_start_after_a_pruning(tmp_path: Path) -> None:
    rows = make_chain(5)

    status, output, _ = run(LINES[2:], tmp_path, "2", rows[1].hash.hex())

    assert status == 0
    assert output.startswith("5 entries hold")


def changed(number: int, **changes: object) -> list[str]:
    line = json.loads(LINES[number - 1]) | changes
    return [*LINES[: number - 1], json.dumps(line), *LINES[number:]]


def with_text(number: int, change: Callable[[str], str]) -> list[str]:
    return [*LINES[: number - 1], change(LINES[number - 1]), *LINES[number:]]


def export(rows: list[ChainedEntry]) -> list[str]:
    return [to_export_line(row) for row in rows]


TAMPERED: dict[str, tuple[list[str], int]] = {
    **{
        f"edited {name}": (changed(3, **{name: value}), 3)
        for name, value in {
            "tenant_id": "11111111-1111-4111-8111-111111111112",
            "at": "2026-01-15T12:00:04.000000Z",
            "actor": "eve",
            "event": "job.denied",
            "subject": "job:9",
            "details": {"number": 4},
            "seq": 3.0,
            "prev_hash": "0" * 64,
            "hash": "0" * 64,
        }.items()
    },
    "a float": (changed(2, details={"number": 2.0}), 2),
    "a member more": (changed(2, note="x"), 2),
    "a member twice": (with_text(2, lambda text: text[:-1] + ', "actor": "ada"}'), 2),
    "a name twice in the details": (
        with_text(2, lambda text: text.replace('{"number": 2}', '{"number": 9, "number": 2}')),
        2,
    ),
    "details missing": (with_text(2, lambda text: text.replace('"details"', '"detail"')), 2),
    "no JSON": (with_text(4, lambda _: "{"), 4),
    "no object": (with_text(4, lambda _: "[]"), 4),
    "very deep": (with_text(4, lambda _: "[" * 100_000), 4),
    "no UTF-8": (with_text(4, lambda text: text.replace("ada", "\udcff")), 4),
    "deletion": ([*LINES[:2], *LINES[3:]], 3),
    "deletion of the first": (LINES[1:], 1),
    "insertion": ([*LINES[:3], LINES[2], *LINES[3:]], 4),
    "exchanged": ([*LINES[:2], LINES[3], LINES[2], *LINES[4:]], 3),
    "rebuilt from the middle": (
        [*LINES[:2], *export(rebuild(make_chain(5, UUID(int=9)), 0))[2:]],
        3,
    ),
}


@pytest.mark.parametrize(("lines", "bad"), TAMPERED.values(), ids=TAMPERED.keys())
def test_the_script_names_the_first_bad_line(lines: list[str], bad: int, tmp_path: Path) -> None:
    status, _, message = run(lines, tmp_path)

    assert status == 1
    assert message.startswith(f"line {bad} is bad")


def test_the_script_is_short_enough_to_read() -> None:
    code = [line for line in SCRIPT.read_text().splitlines() if line.strip()]

    assert len(code) <= 45
