"""The routes as they are: what each one asks permission for, found in the application itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi.routing import APIRoute

from jobforge.core.authorization import Command
from jobforge.entrypoints.http.access import Permit
from jobforge.entrypoints.http.app import ROUTERS

if TYPE_CHECKING:
    from fastapi import FastAPI

PUBLIC = {"is_live", "is_ready", "explain_error"}
"""All that anybody may ask."""


@dataclass(frozen=True)
class Listed:
    """A route: how it is asked, and which command it is."""

    method: str
    path: str
    operation: str
    command: Command | None

    def fill(self, value: str) -> str:
        """The path with every parameter filled in."""
        parts = [value if part.startswith("{") else part for part in self.path.split("/")]
        return "/".join(parts)


def table() -> list[Listed]:
    """Every route of every router."""
    return [listed for router in ROUTERS for listed in _of(router.routes)]


def _of(routes: Sequence[object]) -> Iterator[Listed]:
    for route in routes:
        assert isinstance(route, APIRoute), route
        permits = [
            dependency.call.command
            for dependency in route.dependant.dependencies
            if isinstance(dependency.call, Permit)
        ]
        assert len(permits) <= 1, route.path
        for method in sorted(route.methods or ()):
            command = permits[0] if permits else None
            yield Listed(method, route.path, route.operation_id or "", command)


def documented(app: FastAPI) -> set[tuple[str, str]]:
    """Every operation of the OpenAPI document."""
    return {
        (method.upper(), path)
        for path, operations in app.openapi()["paths"].items()
        for method in operations
    }
