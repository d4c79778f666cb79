"""Promise 5: the audit log tells when somebody touched it, and names the first bad entry."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from jobforge.core.audit import ChainEnd, ChainVerdict, chain, stored_body_digest
from jobforge.core.audit.checkpoint import Checkpoint, sign_checkpoint
from jobforge.core.signing import Keyring
from jobforge.testing.audit import rebuild

if TYPE_CHECKING:
    from tests.application import Harness

SCRIPT = Path(__file__).parents[2] / "docs" / "reference" / "verify_audit.py"


async def fill(app: Harness) -> None:
    """Nine entries: the tenant's own, a bundle of seven requests."""
    from tests.application import look

    await app.execute(app.bundle(*(look(number) for number in range(1, 8))))
    assert len(await app.events()) == 9


async def verify(app: Harness) -> ChainVerdict:
    (verdict,) = await app.app.verify_audit(app.tenant)
    return verdict


_SET_HEAD = """
    UPDATE jobforge.audit_heads AS head SET seq = last.seq, hash = last.hash
    FROM (SELECT seq, hash FROM jobforge.audit_events ORDER BY seq DESC LIMIT 1) AS last
"""
_TAMPERED: dict[str, tuple[list[str], int, str]] = {
    "edited": (
        ["UPDATE jobforge.audit_events SET actor = 'nobody' WHERE seq = 4"],
        4,
        "changed",
    ),
    "details edited": (
        ["UPDATE jobforge.audit_events SET details = details || ' ' WHERE seq = 4"],
        4,
        "changed",
    ),
    "deleted": (["DELETE FROM jobforge.audit_events WHERE seq = 4"], 4, "missing"),
    "deleted and closed up": (
        [
            "DELETE FROM jobforge.audit_events WHERE seq = 4",
            "UPDATE jobforge.audit_events SET seq = seq + 100 WHERE seq > 4",
            "UPDATE jobforge.audit_events SET seq = seq - 101 WHERE seq > 104",
        ],
        4,
        "changed",
    ),
    "reordered": (
        [
            "UPDATE jobforge.audit_events SET seq = 100 WHERE seq = 4",
            "UPDATE jobforge.audit_events SET seq = 4 WHERE seq = 5",
            "UPDATE jobforge.audit_events SET seq = 5 WHERE seq = 100",
        ],
        4,
        "changed",
    ),
    "inserted": (
        [
            "INSERT INTO jobforge.audit_events SELECT tenant_id, 10, at, actor, event, subject, "
            "details, prev_hash, hash FROM jobforge.audit_events WHERE seq = 9"
        ],
        10,
        "changed",
    ),
    "headless": (["DELETE FROM jobforge.audit_heads"], 1, "inserted"),
    "cut": (["DELETE FROM jobforge.audit_events WHERE seq > 6"], 7, "truncated"),
    "cut, with its head": (
        ["DELETE FROM jobforge.audit_events WHERE seq > 6", _SET_HEAD],
        7,
        "truncated",
    ),
    "emptied, with its head": (
        [
            "DELETE FROM jobforge.audit_events",
            "UPDATE jobforge.audit_heads SET seq = 0, hash = decode(repeat('00', 32), 'hex')",
        ],
        1,
        "truncated",
    ),
}


@pytest.mark.parametrize("how", _TAMPERED)
async def test_the_first_bad_entry_is_named(app: Harness, how: str) -> None:
    statements, first_bad, problem = _TAMPERED[how]
    await fill(app)
    before = await verify(app)

    await app.alter(*statements)

    verdict = await verify(app)
    assert (before.is_intact, before.entries, before.proven_until) == (True, 9, 9)
    assert (verdict.is_intact, verdict.first_bad, verdict.problem) == (False, first_bad, problem)


async def test_a_chain_written_anew_by_someone_who_knows_the_format_is_not_the_signed_one(
    app: Harness,
) -> None:
    await fill(app)
    await verify(app)
    entries = list(reversed(await app.app.read_audit.newest(app.tenant, 100)))
    entries[3] = replace(entries[3], actor="nobody")
    from jobforge.core.audit import ChainedEntry

    chained = [ChainedEntry(**{name: getattr(e, name) for name in _FIELDS}) for e in entries]
    rebuilt = rebuild(chained, 3)
    async with app.owner() as owner:
        for entry in rebuilt[3:]:
            await owner.execute(_REWRITE, entry.seq, entry.actor, entry.prev_hash, entry.hash)
        await owner.execute(_SET_HEAD)

    verdict = await verify(app)

    assert (verdict.first_bad, verdict.problem) == (9, "rebuilt")


_FIELDS = (
    "tenant_id", "seq", "at", "actor", "event", "subject", "details", "prev_hash", "hash",
)  # fmt: skip
_REWRITE = """
    UPDATE jobforge.audit_events SET actor = $2, prev_hash = $3, hash = $4 WHERE seq = $1
"""


async def test_a_checkpoint_that_somebody_else_signed_spoils_the_proof(app: Harness) -> None:
    await fill(app)
    await verify(app)
    forged = sign_checkpoint(
        Checkpoint(tenant_id=app.tenant.tenant_id, seq=99, hash="0" * 64, at=app.app.clock.now()),
        keyring=Keyring.of(b"the key of somebody who is not us, 32 bytes"),
    )
    (file,) = (app.app.home / "checkpoints").glob("*.jws")
    with file.open("a") as stream:
        stream.write(forged + "\n")

    verdict = await verify(app)

    assert (verdict.is_intact, verdict.problem, verdict.first_bad) == (False, "unsigned", 10)
    assert "1 of its checkpoints" in verdict.message


async def test_a_checkpoint_that_a_power_cut_left_unfinished_is_passed_over(app: Harness) -> None:
    await fill(app)
    await verify(app)
    (file,) = (app.app.home / "checkpoints").glob("*.jws")
    whole = file.read_text()
    for kept in (10, 60, len(whole.rstrip()) - 5):
        file.write_text(whole + whole.strip()[:kept])

        await app.execute(app.bundle(bundle_id=f"b-{kept}"))

        verdict = await verify(app)
        assert verdict.is_intact
        assert verdict.proven_until == verdict.last_seq


async def test_a_chain_that_went_with_its_tenant_is_noticed(app: Harness) -> None:
    await fill(app)
    await verify(app)
    await app.alter(
        *(
            f"DELETE FROM jobforge.{table}"  # noqa: S608 (names of ours)
            for table in (
                "jobs", "idempotency_keys", "artifact_chunks", "artifacts", "plans", "bundle_runs",
                "audit_checkpoints", "audit_events", "audit_heads", "tenant_slots", "tenants",
            )
        )
    )  # fmt: skip

    verdicts = await app.app.verify_audit()

    assert [(v.tenant_id, v.first_bad, v.problem) for v in verdicts] == [
        (app.tenant.tenant_id, 1, "truncated")
    ]


async def test_the_chains_of_all_tenants_are_verified_each_by_itself(app: Harness) -> None:
    await fill(app)
    other = await app.new_tenant("other")
    async with app.owner() as owner:
        await owner.execute(
            "UPDATE jobforge.audit_events SET actor = 'nobody' WHERE tenant_id = $1",
            other.tenant_id,
        )

    verdicts = {v.tenant_id: v.is_intact for v in await app.app.verify_audit()}

    assert verdicts == {app.tenant.tenant_id: True, other.tenant_id: False}


async def test_entries_of_concurrent_transactions_make_one_chain(app: Harness) -> None:
    import asyncio

    from tests.application import look

    await asyncio.gather(*(app.execute(app.bundle(look(n), bundle_id=f"b-{n}")) for n in range(20)))

    verdict = await verify(app)
    assert (verdict.is_intact, verdict.entries) == (True, 41)


async def test_an_export_is_verified_by_the_script_of_the_documents(
    app: Harness, tmp_path: Path
) -> None:
    await fill(app)
    lines = [line async for line in app.app.read_audit.export(app.tenant)]
    sound, bad = tmp_path / "sound.jsonl", tmp_path / "bad.jsonl"
    sound.write_text("\n".join(lines) + "\n")
    lines[3] = lines[3].replace('"local:tester"', '"local:nobody"')
    bad.write_text("\n".join(lines) + "\n")

    holds, fails = (
        subprocess.run([sys.executable, SCRIPT, file], capture_output=True, text=True, check=False)  # noqa: S603, ASYNC221 (our own script, which only reads)
        for file in (sound, bad)
    )

    assert (holds.returncode, holds.stdout[:15]) == (0, "9 entries hold;")
    assert fails.returncode == 1
    assert "line 4 is bad" in fails.stderr


async def test_the_function_in_the_database_chains_as_the_documents_say(app: Harness) -> None:
    await fill(app)
    entries = list(reversed(await app.app.read_audit.newest(app.tenant, 100)))

    for entry in entries:
        assert chain(entry.prev_hash, entry.seq, stored_body_digest(entry)) == entry.hash
    async with app.app.storage.transaction(app.tenant.tenant_id) as unit:
        head = await unit.audit.head()
    assert ChainEnd(head.seq, head.hash) == ChainEnd(entries[-1].seq, entries[-1].hash)
    assert UUID(str(entries[0].tenant_id)) == app.tenant.tenant_id


async def test_head_and_entries_are_read_of_one_moment(app: Harness) -> None:
    await fill(app)

    async with app.app.storage.snapshot(app.tenant.tenant_id) as unit:
        head = await unit.audit.head()
        await fill_more(app)
        seen = [entry.seq async for entry in unit.audit.entries()]

    assert head.seq == seen[-1] == 9


async def fill_more(app: Harness) -> None:
    from tests.application import look

    await app.execute(app.bundle(look(100)))
