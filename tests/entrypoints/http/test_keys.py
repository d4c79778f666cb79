"""API keys: random, prefixed, kept as a hash, ending, rotated without a gap, revoked at once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.application import OPERATOR

from jobforge.core.actor import Role
from jobforge.core.api_key import is_key, key_hash
from jobforge.core.errors import Conflict, InvalidInput, Missing
from jobforge.core.redaction import mask_text
from jobforge.use_cases.keep_keys import KeyWish

if TYPE_CHECKING:
    from tests.entrypoints.http.api import Api

HOUR = timedelta(hours=1)


async def test_a_key_is_256_bits_prefixed_and_nowhere_stored(api: Api) -> None:
    keys = [await api.key(Role.viewer) for _ in range(20)]

    (columns,) = await api.harness.rows(
        "SELECT string_agg(k::text, '') AS all FROM jobforge.api_keys AS k"
    )
    (audit,) = await api.harness.rows(
        "SELECT string_agg(e::text, '') AS all FROM jobforge.audit_events AS e"
    )

    assert len({key.rpartition("_")[2] for key in keys}) == 20
    for key in keys:
        assert is_key(key)
        secret = key.rpartition("_")[2]
        assert len(bytes.fromhex(secret)) == 32
        assert secret not in columns["all"] + audit["all"]
        assert key_hash(key).hex() in columns["all"]
        assert mask_text(f"sent {key} to") == "sent [masked] to"


async def test_the_last_use_is_shown(api: Api) -> None:
    client = await api.as_(Role.viewer)
    (before,) = await api.harness.app.keys.all(api.harness.tenant)

    await client.get("/v1/jobs")

    (after,) = await api.harness.app.keys.all(api.harness.tenant)
    assert before.last_used_at is None
    assert after.last_used_at is not None


async def test_an_expired_key_is_as_good_as_none(api: Api) -> None:
    client = await api.as_(Role.viewer)
    await api.harness.alter("UPDATE jobforge.api_keys SET expires_at = now()")

    assert (await client.get("/v1/jobs")).status_code == 401


async def test_both_keys_are_valid_until_the_grace_is_over(api: Api) -> None:
    old = await api.key(Role.operator, owner="ada")
    key_id = old.split("_")[1]
    keys = api.harness.app.keys

    created = await keys.rotate(key_id, HOUR, api.harness.tenant, OPERATOR)

    assert (created.record.owner, created.record.roles) == ("ada", ("operator",))
    assert created.record.replaces == key_id
    for key in (old, created.key):
        assert (await api.client(key).get("/v1/jobs")).status_code == 200
    await keys.rotate(created.record.key_id, timedelta(0), api.harness.tenant, OPERATOR)
    assert (await api.client(created.key).get("/v1/jobs")).status_code == 401
    with pytest.raises(Conflict):
        await keys.rotate(created.record.key_id, HOUR, api.harness.tenant, OPERATOR)


async def test_a_revoked_key_is_refused_from_its_next_use_on(api: Api) -> None:
    key = await api.key(Role.operator)
    client, keys = api.client(key), api.harness.app.keys
    assert (await client.get("/v1/jobs")).status_code == 200

    assert await keys.revoke(key.split("_")[1], api.harness.tenant, OPERATOR)

    assert (await client.get("/v1/jobs")).status_code == 401
    assert not await keys.revoke(key.split("_")[1], api.harness.tenant, OPERATOR)
    assert (await api.harness.events()).count("key.revoked") == 1


async def test_the_keys_of_one_tenant_are_missing_for_another(api: Api) -> None:
    key_id = (await api.key(Role.viewer)).split("_")[1]
    other = await api.harness.new_tenant("other")
    keys = api.harness.app.keys

    assert await keys.all(other) == ()
    with pytest.raises(Missing):
        await keys.revoke(key_id, other, OPERATOR)
    with pytest.raises(Missing):
        await keys.rotate(key_id, HOUR, other, OPERATOR)


@pytest.mark.parametrize(
    "wish",
    [
        KeyWish("ada", frozenset(), HOUR),
        KeyWish("", frozenset({Role.viewer}), HOUR),
        KeyWish("a\nb", frozenset({Role.viewer}), HOUR),
        KeyWish("ada", frozenset({Role.viewer}), timedelta(seconds=1)),
        KeyWish("ada", frozenset({Role.viewer}), timedelta(days=400)),
    ],
)
async def test_a_key_without_role_owner_or_end_is_not_made(api: Api, wish: KeyWish) -> None:
    with pytest.raises(InvalidInput):
        await api.harness.app.keys.create(wish, api.harness.tenant, OPERATOR)
