"""Checkpoints are kept in files and in the database, and the files stay short."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from tests.application import Harness, look

from jobforge.adapters.postgres import checkpoints as files
from jobforge.adapters.secrets_box import load_master_key
from jobforge.core.audit import ChainVerdict, Checkpoint, verify_checkpoint
from jobforge.core.signing import Keyring
from jobforge.ports.checkpoints import SignedHead

if TYPE_CHECKING:
    from pathlib import Path


SET_HEAD = """
    UPDATE jobforge.audit_heads AS head SET seq = last.seq, hash = last.hash
    FROM (SELECT seq, hash FROM jobforge.audit_events ORDER BY seq DESC LIMIT 1) AS last
"""


@pytest.fixture
def short_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Files are long after some ten lines already."""
    with monkeypatch.context() as patch:
        patch.setattr(files, "LONG_BYTES", 4096)
        yield


def file_of(app: Harness) -> Path:
    return app.app.home / "checkpoints" / f"{app.tenant.tenant_id}.jws"


def kept(app: Harness) -> list[Checkpoint]:
    """What stands in the tenant's file, each line signed by us."""
    ring = Keyring.of(load_master_key(None, app.app.home))
    lines = app.app.checkpoints.read(app.tenant.tenant_id)
    opened = [verify_checkpoint(line, keyring=ring) for line in lines]
    return [checkpoint for checkpoint in opened if checkpoint is not None]


async def verify(app: Harness) -> ChainVerdict:
    (verdict,) = await app.app.verify_audit(app.tenant)
    return verdict


async def submit(app: Harness, number: int) -> None:
    """Append two entries, and sign where the chain ends."""
    await app.execute(app.bundle(look(number), bundle_id=f"bundle-{number}"))
    await app.app.keep_checkpoints()


async def in_database(app: Harness) -> list[str]:
    rows = await app.rows("SELECT signed FROM jobforge.audit_checkpoints ORDER BY seq")
    return [row["signed"] for row in rows]


async def test_what_is_signed_stands_in_the_file_and_in_the_database(app: Harness) -> None:
    await submit(app, 1)
    await submit(app, 2)

    assert await in_database(app) == list(app.app.checkpoints.read(app.tenant.tenant_id))


async def test_a_worker_signs_what_it_settles(app: Harness) -> None:
    await app.run(look(1))

    assert (await verify(app)).proven_until == 4
    assert len(await in_database(app)) >= 1


async def test_without_its_file_a_chain_is_proven_by_the_database(app: Harness) -> None:
    await submit(app, 1)
    file_of(app).unlink()
    await app.alter("DELETE FROM jobforge.audit_events WHERE seq > 1", SET_HEAD)

    verdict = await verify(app)

    assert (verdict.first_bad, verdict.problem) == (2, "truncated")


async def test_a_tenant_that_is_gone_keeps_no_other_from_being_signed(app: Harness) -> None:
    gone = SignedHead(app.app.ids.uuid(), 7, "signed", is_due=False)
    here = SignedHead(app.tenant.tenant_id, 1, "signed", is_due=False)

    await app.app.storage.add_checkpoints([gone, here])

    assert await in_database(app) == ["signed"]


@pytest.mark.usefixtures("short_files")
async def test_a_file_stays_short_and_proves_as_much_as_before(app: Harness) -> None:
    for number in range(40):
        await submit(app, number)

    verdict = await verify(app)
    lines = kept(app)
    assert len(lines) < 20
    assert {line.kind for line in lines} == {"head", "verified"}
    assert (verdict.is_intact, verdict.proven_until) == (True, 81)
    await app.alter("DELETE FROM jobforge.audit_events WHERE seq > 80")
    assert (await verify(app)).problem == "truncated"


@pytest.mark.usefixtures("short_files")
async def test_lines_that_the_chain_contradicts_are_kept(app: Harness) -> None:
    for number in range(4):
        await submit(app, number)
    before = app.app.checkpoints.read(app.tenant.tenant_id)
    await app.alter("UPDATE jobforge.audit_events SET actor = 'nobody' WHERE seq = 3")

    for number in range(4, 24):
        await submit(app, number)

    lines = app.app.checkpoints.read(app.tenant.tenant_id)
    assert set(before) <= set(lines)
    assert len(lines) == 24
    assert (await verify(app)).problem == "changed"


@pytest.mark.usefixtures("short_files")
async def test_a_line_that_somebody_else_wrote_is_kept(app: Harness) -> None:
    await submit(app, 0)
    forged = app.app.checkpoints.read(app.tenant.tenant_id)[0][:-4] + "AAAA"
    with file_of(app).open("a") as file:
        file.write(f"{forged}\n")

    for number in range(1, 24):
        await submit(app, number)

    assert forged in app.app.checkpoints.read(app.tenant.tenant_id)
    assert len(kept(app)) < 20
    assert (await verify(app)).problem == "unsigned"
