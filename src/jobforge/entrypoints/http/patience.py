"""Connections that say nothing are closed: a request's head has to come within time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

if TYPE_CHECKING:
    from asyncio import Transport

HEAD_SECONDS = 10.0
"""How long a connection may take for its first request's head, and for each further one."""


class PatientProtocol(H11Protocol):
    """uvicorn's own protocol, which would wait for the first head for ever."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 (uvicorn's own)
        super().__init__(*arguments, **named)
        self._waiting: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    @override
    def handle_events(self) -> None:
        super().handle_events()
        if self._is_busy():
            self._stop_waiting()
        elif self._waiting is None and not self.transport.is_closing():
            self._wait()

    @override
    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing() and self._waiting is None:
            self._wait()

    def _is_busy(self) -> bool:
        """Whether a request is being answered; before the first one there is no cycle at all."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if not self._is_busy() and not self.transport.is_closing():
            self.transport.close()
