"""Opens the application: the database, the way out, the parts, then every use case."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from jobforge.adapters.embedded.opening import open_database
from jobforge.adapters.embedded.server import default_home
from jobforge.adapters.http.address_guard import AddressGuard
from jobforge.adapters.http.client import GuardedHttpClient
from jobforge.adapters.logging import configure_logging
from jobforge.adapters.runtime.hardening import hide_from_own_children
from jobforge.adapters.system import SystemClock
from jobforge.adapters.telemetry.tracing import open_tracing
from jobforge.autopilots.catalog import load_catalog
from jobforge.bootstrap.application import Application, wire
from jobforge.bootstrap.parts import Parts, text_of
from jobforge.config import (
    Settings,
    forget_secrets,
    read_flags,
)
from jobforge.core.admission import Switches
from jobforge.core.catalog import AnyJobType
from jobforge.core.egress import EgressPolicy
from jobforge.core.errors import Unavailable
from jobforge.ports.system import Clock


def home_of(settings: Settings | None = None) -> Path:
    """Where the embedded database and the keys live."""
    return (settings or Settings()).home or default_home()


def read_switches() -> Switches:
    """The switches as admission takes them."""
    flags = read_flags()
    return Switches(
        autopilot_jobs=flags.autopilot_jobs_enabled, action_jobs=flags.action_jobs_enabled
    )


def harden_process() -> None:
    """For processes that live long and start others: nothing of them shows what they know."""
    forget_secrets()
    hide_from_own_children()


@asynccontextmanager
async def open_application(
    settings: Settings | None = None,
    *,
    extra_job_types: Iterable[AnyJobType] = (),
    switches: Callable[[], Switches] = read_switches,
    clock: Clock | None = None,
) -> AsyncIterator[Application]:
    """Start what is needed, migrate the database, wire everything; close it all at the end.

    Raises:
        Unavailable: the database does not start or answer.
        SettingInvalid: a setting cannot be used.
    """
    settings = settings or Settings()
    configure_logging()
    home = home_of(settings)
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(
            open_database(
                text_of(settings.database_url), home, app_url=text_of(settings.database_app_url)
            )
        )
        policy = EgressPolicy.parse(settings.egress_allow)
        guard = AddressGuard(policy)
        http = await stack.enter_async_context(GuardedHttpClient(guard))
        catalog = load_catalog(extra_job_types)
        tracing = stack.enter_context(open_tracing(settings.otlp_endpoint))
        clock = clock or SystemClock()
        parts = Parts(settings, home, opened, guard, http, catalog, switches, clock, tracing)
        stack.callback(parts.runner.close)
        stack.push_async_callback(parts.feed.close)
        stack.push_async_callback(_leave_checkpoints, parts)
        yield wire(parts)


async def _leave_checkpoints(parts: Parts) -> None:
    """Sign what the process appended last; what is missing in the database stands in the files."""
    with suppress(Unavailable):
        await parts.keep_checkpoints()
