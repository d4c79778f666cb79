"""Where log lines go: to stderr, masked, as JSON unless a person is watching."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, Literal, TextIO

import structlog

from jobforge.core.redaction import redact_event

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

Level = Literal["debug", "info", "warning", "error"]

_KEPT_LINE_ENDS = frozenset({"exception", "stack"})
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160))}
_CONTROLS_BUT_LINES = {code: text for code, text in _CONTROLS.items() if chr(code) not in "\n\t"}


def configure_logging(
    *, level: Level = "info", stream: TextIO | None = None, as_json: bool | None = None
) -> None:
    """Send every line, of JobForge and of its libraries, to `stream` (stderr by default).

    `as_json` None means: JSON unless the stream is a terminal. Libraries are heard from warnings
    on. Secrets are masked last, so that those in exceptions and in bound values are, too.
    """
    target = sys.stderr if stream is None else stream
    is_json = not target.isatty() if as_json is None else as_json
    minimum = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*_collecting(), *_writing(is_json)],
        wrapper_class=structlog.make_filtering_bound_logger(minimum),
        logger_factory=structlog.PrintLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
    _hear_libraries(target, is_json, max(minimum, logging.WARNING))


def _collecting() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]


def _writing(is_json: bool) -> list[Processor]:
    if is_json:
        # What is masked is the representation, so that is what must be written.
        return [redact_event, structlog.processors.JSONRenderer(default=repr, ensure_ascii=False)]
    # Exceptions are masked text by now; a richer formatter would print local variables unmasked.
    console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return [redact_event, _without_controls, console]


def _without_controls(_logger: object, _method: str, event: EventDict) -> EventDict:
    """What a tenant wrote must not steer the operator's terminal."""
    return {str(_printable("", key)): _printable(key, value) for key, value in event.items()}


def _printable(key: str, value: Any) -> Any:  # noqa: ANN401 (whatever was logged)
    table = _CONTROLS_BUT_LINES if key in _KEPT_LINE_ENDS else _CONTROLS
    return value.translate(table) if isinstance(value, str) else value


def _hear_libraries(target: TextIO, is_json: bool, minimum: int) -> None:
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *_collecting()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_writing(is_json),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(minimum)
