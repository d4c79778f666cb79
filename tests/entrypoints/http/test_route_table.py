"""Every route, as no one, as every role, and as another tenant: generated from the route table."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.entrypoints.http.api import NOBODY, Api, body_of
from tests.entrypoints.http.route_table import PUBLIC, Listed, documented, table

from jobforge.core.actor import Role
from jobforge.core.authorization import ROLES_OF

ROUTES = table()

OWN = {"revoke_token"}
"""What works on a number that the tenant need not know: it writes into its own rows alone."""


def test_every_route_asks_for_exactly_one_command_or_is_public() -> None:
    open_to_all = {route.operation for route in ROUTES if route.command is None}

    assert open_to_all == PUBLIC
    assert len({route.operation for route in ROUTES}) == len(ROUTES)
    assert all(route.operation for route in ROUTES)


async def test_the_document_has_every_route_and_no_other(api: Api) -> None:
    listed = {(route.method, route.path) for route in ROUTES}

    assert documented(api.app) == listed


async def test_no_one_gets_nowhere_but_to_what_is_public(api: Api) -> None:
    strangers = [
        api.client(),
        api.client("jfk_000000000000_" + "0" * 64),
        api.client("nonsense"),
        api.client("jfk_"),
    ]

    for route in ROUTES:
        for stranger in strangers:
            answer = await ask(stranger, route)
            assert answer.status_code in ({401} if route.command else {200, 404}), route
            if route.command:
                assert body_of(answer)["code"] == "UNAUTHENTICATED"
                assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_may_exactly_what_the_matrix_says(api: Api, role: Role) -> None:
    client = await api.as_(role)

    for route in ROUTES:
        if route.command is None:
            continue
        answer = await ask(client, route)
        is_refused = answer.status_code == 403 and body_of(answer)["code"] == "NOT_PERMITTED"
        assert is_refused == (role not in ROLES_OF[route.command]), (route, answer.text)
        assert answer.status_code < 500, (route, answer.text)


async def test_another_tenants_admin_finds_nothing(api: Api) -> None:
    other = await api.as_(Role.admin, tenant=await api.harness.new_tenant("other"))
    before = await api.harness.events()

    for route in ROUTES:
        answer = await ask(other, route)
        assert answer.status_code < 500, (route, answer.text)
        assert str(api.harness.tenant.tenant_id) not in answer.text, route
        if "{" in route.path and route.command is not None and route.operation not in OWN:
            assert answer.status_code in {404, 422}, (route, answer.text)
    assert await api.harness.events() == before


async def test_every_role_gets_the_same_refusal_as_long_as_the_key_is_dead(api: Api) -> None:
    (key,) = [await api.key(Role.admin)]
    (record,) = await api.harness.app.keys.all(api.harness.tenant)
    client = api.client(key)
    assert (await client.get("/v1/runs")).status_code == 200

    await api.harness.alter(
        f"UPDATE jobforge.api_keys SET revoked_at = now() WHERE key_id = '{record.key_id}'"  # noqa: S608 (a test's own id)
    )

    for route in ROUTES:
        if route.command is not None:
            assert (await ask(client, route)).status_code == 401, route


async def ask(client: Any, route: Listed) -> Any:  # noqa: ANN401 (an httpx client and its answer)
    """Ask a route about something that nobody has."""
    body = json.dumps({}) if route.method in {"POST", "PUT", "PATCH"} else None
    headers = {"Content-Type": "application/json"} if body else {}
    return await client.request(
        route.method, route.fill(str(NOBODY)), content=body, headers=headers
    )
