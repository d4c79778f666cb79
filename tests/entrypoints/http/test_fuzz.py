"""Schemathesis against the document: no 5xx, and no answer that is not written there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.application import change, look
from tests.entrypoints.http.route_table import table
from tests.entrypoints.http.sockets import serving

from jobforge.core.actor import Role

if TYPE_CHECKING:
    from tests.entrypoints.http.api import Api

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
IN_CI, IN_SOAK = 6, 300
"""Requests for each operation, half of them against the rules."""

WITHOUT = {"watch_run"}
"""A stream has no end to wait for; its own tests look at it."""


async def fuzz(api: Api, examples: int) -> list[str]:
    """Send so many requests to every operation; what was wrong with the answers."""
    client = await api.as_(Role.admin)
    await client.post("/v1/bundles/plan", content=api.harness.bundle(change(1)))
    await client.post("/v1/bundles/execute", content=api.harness.bundle(look(1), look(2)))
    key = await api.key(Role.admin, owner="fuzz")
    schema = schemathesis.openapi.from_dict(api.app.openapi())
    faults = []
    async with serving(api) as port:
        for operation in sorted({route.operation for route in table()} - WITHOUT):
            try:
                await asyncio.to_thread(
                    send, schema.find_operation_by_id(operation), port, key, examples
                )
            except (Exception, BaseExceptionGroup) as fault:  # noqa: BLE001 (told at the end)
                faults.append(f"{operation}: {fault}")
    return faults


def send(operation: Any, port: int, key: str, examples: int) -> None:  # noqa: ANN401 (schemathesis' own)
    """Send requests that fit the document, and some that do not; check each answer."""
    cases = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def check(case: Any) -> None:  # noqa: ANN401 (schemathesis' own)
        headers = {"Authorization": f"Bearer {key}"}
        response = case.call(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30)
        case.validate_response(response, checks=CHECKS)

    check()


async def test_no_answer_is_a_5xx_or_undocumented(api: Api) -> None:
    assert await fuzz(api, IN_CI) == []


@pytest.mark.soak
async def test_no_answer_is_a_5xx_or_undocumented_for_long(api: Api) -> None:
    assert await fuzz(api, IN_SOAK) == []
