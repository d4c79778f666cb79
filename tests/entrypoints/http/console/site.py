"""The console over the whole application, in this process, and the people who look at it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
from fastapi.routing import APIRoute
from tests.application import OPERATOR, Harness

from jobforge.core.actor import Role
from jobforge.core.authorization import Command
from jobforge.entrypoints.http.app import create_app
from jobforge.entrypoints.http.console.access import Look
from jobforge.entrypoints.http.console.mount import ROUTERS, mount_console
from jobforge.ports.records import TenantRecord
from jobforge.use_cases.keep_keys import KeyWish

if TYPE_CHECKING:
    from fastapi import FastAPI

PUBLIC = {"sign_in", "sign_in_with_key"}
"""All that anybody may ask."""

_TOKEN = re.compile(r'name="csrftoken" value="([^"]+)"')


@dataclass(frozen=True)
class Site:
    """A console of its own, and a browser for whoever looks."""

    harness: Harness
    app: FastAPI
    visitors: list[Visitor] = field(default_factory=list)

    @classmethod
    def over(cls, harness: Harness) -> Site:
        """The console of an open application."""
        app = create_app(harness.app)
        mount_console(app, harness.app)
        return cls(harness, app)

    async def key(
        self,
        *roles: Role,
        owner: str = "ada",
        tenant: TenantRecord | None = None,
        project_id: UUID | None = None,
    ) -> str:
        """A new key."""
        wish = KeyWish(owner, frozenset(roles), timedelta(hours=1), project_id)
        created = await self.harness.app.keys.create(wish, tenant or self.harness.tenant, OPERATOR)
        return created.key

    def stranger(self) -> Visitor:
        """Somebody who is not signed in."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        visitor = Visitor(httpx.AsyncClient(transport=transport, base_url="https://console"))
        self.visitors.append(visitor)
        return visitor

    async def as_(
        self,
        *roles: Role,
        owner: str = "ada",
        tenant: TenantRecord | None = None,
        project_id: UUID | None = None,
    ) -> Visitor:
        """Somebody with these roles, signed in."""
        visitor = self.stranger()
        key = await self.key(*roles, owner=owner, tenant=tenant, project_id=project_id)
        answer = await visitor.sign_in(key)
        assert answer.status_code == 303
        return visitor


@dataclass(frozen=True)
class Visitor:
    """Somebody with a browser that runs no scripts."""

    client: httpx.AsyncClient

    async def get(self, path: str) -> httpx.Response:
        """Look at a page."""
        return await self.client.get(f"/console{path}")

    async def page(self, path: str) -> str:
        """The text of a page that is there."""
        answer = await self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[-800:])
        return answer.text

    async def token(self) -> str:
        """What the forms of this browser carry."""
        found = _TOKEN.search((await self.get("/sign-in")).text)
        assert found is not None
        return found[1]

    async def post(self, path: str, **fields: str) -> httpx.Response:
        """Send a form."""
        fields["csrftoken"] = await self.token()
        return await self.client.post(f"/console{path}", data=fields)

    async def sign_in(self, key: str) -> httpx.Response:
        """Begin a session."""
        return await self.post("/sign-in", key=key)

    async def drop(self, bundle: bytes) -> httpx.Response:
        """Drop a bundle on the page of bundles; where it leads."""
        token = await self.token()
        return await self.client.post(
            "/console/bundles",
            params={"csrftoken": token},
            files={"bundle": ("bundle.json", bundle, "application/json")},
        )


@dataclass(frozen=True)
class Listed:
    """A page or a form: how it is asked, and which command it is."""

    method: str
    path: str
    name: str
    command: Command | None

    def fill(self, value: str) -> str:
        """The path with every parameter filled in."""
        parts = [
            ("0" if part == "{number}" else value) if part.startswith("{") else part
            for part in self.path.split("/")
        ]
        return "/".join(parts)


def table() -> list[Listed]:
    """Every page and form of every router."""
    return [listed for router in ROUTERS for listed in _of(router.routes)]


def _of(routes: Sequence[object]) -> Iterator[Listed]:
    for route in routes:
        assert isinstance(route, APIRoute), route
        looks = [
            dependency.call.command
            for dependency in route.dependant.dependencies
            if isinstance(dependency.call, Look)
        ]
        assert len(looks) <= 1, route.path
        for method in sorted(route.methods or ()):
            yield Listed(method, route.path, route.name, looks[0] if looks else None)
