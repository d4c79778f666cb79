"""What a handler changes the world through, with a gate before each effect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from jobforge.core.context import HttpClient, HttpRequest, HttpResponse, Workspace
from jobforge.core.effects import parse_effects
from jobforge.core.errors import EffectNotPlanned
from jobforge.ports.engine import Attempt, JobEngine

OWN_FOLDER = ".jobforge/"
"""Where actions keep journals and pre-images: what they note there changes nothing."""

_READS = frozenset({"GET", "HEAD", "OPTIONS"})

Gate = Callable[[str], Awaitable[None]]
"""Asked before a target is changed; raises where it may not be."""


def attempt_gate(attempt: Attempt, engine: JobEngine) -> Gate:
    """The gate of a running attempt: its job is still its own, nothing stops it, it keeps its plan.

    The database is asked each time, so that a switch acts between two effects.
    """
    targets = [effect.target for effect in parse_effects(attempt.effects)]
    # What lies behind a connection is named after it: `postgres:shop index …`.
    behind = [t.partition(" ")[0] for t in targets if t.startswith(("postgres:", "http:"))]
    planned = frozenset([*targets, *behind])

    async def check(target: str) -> None:
        if target not in planned:
            raise EffectNotPlanned(f"the plan does not name {target}")
        await check_stops(attempt, engine)

    return check


async def check_stops(attempt: Attempt, engine: JobEngine) -> None:
    """Raise where the attempt must stop."""
    (stop,) = await engine.find_stops([attempt])
    if stop is not None:
        raise stop.to_error()


async def closed_gate(target: str) -> None:
    """The gate of a plan.

    Raises:
        EffectNotPlanned: always.
    """
    raise EffectNotPlanned(f"a plan changes nothing, and {target} would be changed")


@dataclass(frozen=True, slots=True)
class GatedWorkspace:
    """`Workspace` whose changes pass the gate."""

    inner: Workspace
    gate: Gate

    async def read(self, path: str) -> bytes:
        """The file's bytes."""
        return await self.inner.read(path)

    async def check(self, path: str) -> None:
        """Look whether there is such a file or folder."""
        await self.inner.check(path)

    async def list(self, path: str, *, suffixes: Sequence[str] = ()) -> tuple[str, ...]:
        """Relative paths of the regular files below `path`, sorted."""
        return await self.inner.list(path, suffixes=suffixes)

    async def render_chart(self, path: str) -> str | None:
        """A Helm chart's manifests; None where helm is not installed."""
        return await self.inner.render_chart(path)

    async def replace(self, path: str, content: bytes, *, expected_checksum: str | None) -> None:
        """Write atomically if the file still has the checksum."""
        await self._pass(path)
        await self.inner.replace(path, content, expected_checksum=expected_checksum)

    async def remove(self, path: str, *, expected_checksum: str) -> None:
        """Delete the file if it still has the checksum."""
        await self._pass(path)
        await self.inner.remove(path, expected_checksum=expected_checksum)

    async def _pass(self, path: str) -> None:
        if not path.startswith(OWN_FOLDER):
            await self.gate(path)


@dataclass(frozen=True, slots=True)
class GatedHttp:
    """`HttpClient` whose requests pass the gate, unless they only read."""

    inner: HttpClient
    gate: Gate

    async def fetch(self, request: HttpRequest) -> HttpResponse:
        """Send one request."""
        if request.method.upper() not in _READS:
            await self.gate(request.url)
        return await self.inner.fetch(request)
