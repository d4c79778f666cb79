"""The API over the whole application, in this process, and the people who use it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from tests.application import OPERATOR, Harness, Json

from jobforge.core.actor import Role
from jobforge.entrypoints.http.app import create_app
from jobforge.ports.records import TenantRecord
from jobforge.use_cases.keep_keys import KeyWish

if TYPE_CHECKING:
    from fastapi import FastAPI

NOBODY = UUID("00000000-0000-4000-8000-000000000000")


@dataclass(frozen=True)
class Api:
    """An API of its own, and a client for whoever asks."""

    harness: Harness
    app: FastAPI
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    @classmethod
    def over(cls, harness: Harness) -> Api:
        """The API of an open application."""
        return cls(harness, create_app(harness.app))

    async def key(
        self,
        *roles: Role,
        owner: str = "ada",
        tenant: TenantRecord | None = None,
        lifetime: timedelta = timedelta(hours=1),
        project_id: UUID | None = None,
    ) -> str:
        """A new key."""
        wish = KeyWish(owner, frozenset(roles), lifetime, project_id)
        created = await self.harness.app.keys.create(wish, tenant or self.harness.tenant, OPERATOR)
        return created.key

    def client(self, key: str | None = None) -> httpx.AsyncClient:
        """A client with this key."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers)
        self.clients.append(client)
        return client

    async def as_(
        self,
        *roles: Role,
        owner: str = "ada",
        tenant: TenantRecord | None = None,
        project_id: UUID | None = None,
    ) -> httpx.AsyncClient:
        """A client of somebody with these roles."""
        return self.client(
            await self.key(*roles, owner=owner, tenant=tenant, project_id=project_id)
        )


def body_of(response: httpx.Response) -> Json:
    """The answer's JSON object."""
    document: Json = json.loads(response.content)
    return document


def without(response: httpx.Response, *texts: object) -> tuple[int, str, Mapping[str, Any]]:
    """What an answer shows, with what was asked for taken out."""
    body = response.text
    for text in texts:
        body = body.replace(str(text), "ID")
    ignored = {"ratelimit", "date", "content-length", "etag"}
    shown = {name: value for name, value in response.headers.items() if name not in ignored}
    return response.status_code, body, shown
