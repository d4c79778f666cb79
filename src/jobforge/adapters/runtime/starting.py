"""`Starts`: how a running job starts further work, or that it may not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from jobforge.contract.results import BundleResult
from jobforge.core.errors import Denied
from jobforge.core.starting import BundleOrder, ModuleOrder, ModuleRun
from jobforge.ports.engine import Attempt

StartBundle = Callable[[BundleOrder, Attempt], Awaitable[BundleResult]]
StartModule = Callable[[ModuleOrder, Attempt], Awaitable[ModuleRun]]


@dataclass(frozen=True, slots=True)
class LiveStarts:
    """Starts work as the actor of one attempt."""

    attempt: Attempt
    start_bundle: StartBundle
    start_module: StartModule

    async def bundle(self, order: BundleOrder) -> BundleResult:
        """Plan or execute a bundle."""
        return await self.start_bundle(order, self.attempt)

    async def module(self, order: ModuleOrder) -> ModuleRun:
        """Run a module command."""
        return await self.start_module(order, self.attempt)


class NoStarts:
    """Starts nothing: a plan, or a handler in a process of its own."""

    async def bundle(self, order: BundleOrder) -> BundleResult:  # noqa: ARG002 (the port's signature)
        """Refuse.

        Raises:
            Denied: always.
        """
        raise Denied("no further work can be started from here")

    async def module(self, order: ModuleOrder) -> ModuleRun:  # noqa: ARG002 (the port's signature)
        """Refuse.

        Raises:
            Denied: always.
        """
        raise Denied("no module can be run from here")
