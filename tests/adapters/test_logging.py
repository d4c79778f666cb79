from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from typing_extensions import override

from jobforge.adapters.logging import configure_logging

SECRET = "sk-jobforge-abc123xyz"  # noqa: S105 (a made-up one that must not show)


LOCAL = "value of a local variable"


class Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


class TalkativeObject:
    """Its text says more than its representation."""

    @override
    def __str__(self) -> str:
        return SECRET


class SecretObject:
    @override
    def __repr__(self) -> str:
        return f"SecretObject({SECRET})"


def fail(message: str) -> None:
    local = LOCAL.upper().lower()
    assert local
    raise ValueError(message)


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_without_a_terminal_each_line_is_one_json_document() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)

    structlog.get_logger().info("job.started", job_id="j1", note="two\nlines é")

    (line,) = lines(stream)
    assert line["event"] == "job.started"
    assert line["level"] == "info"
    assert line["job_id"] == "j1"
    assert line["note"] == "two\nlines é"
    assert line["timestamp"].endswith("Z")


def test_on_a_terminal_lines_are_for_people() -> None:
    stream = Terminal()
    configure_logging(stream=stream)

    structlog.get_logger().info("job.started", job_id="j1")

    assert "job.started" in stream.getvalue()
    with pytest.raises(json.JSONDecodeError):
        json.loads(stream.getvalue())


def test_the_form_can_be_forced() -> None:
    stream = Terminal()
    configure_logging(stream=stream, as_json=True)

    structlog.get_logger().info("job.started")

    assert lines(stream)[0]["event"] == "job.started"


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_no_secret_shows_wherever_it_comes_from(stream: io.StringIO) -> None:
    configure_logging(stream=stream)
    log = structlog.get_logger()
    structlog.contextvars.bind_contextvars(trace=f"key {SECRET}")

    log.bind(bound=SECRET).info(
        f"message {SECRET}",
        password="hunter2",  # noqa: S106 (a made-up one that must not show)
        nested={"headers": [{"authorization": "Bearer abcdef123456"}]},
        things=[SecretObject(), TalkativeObject()],
        thing=TalkativeObject(),
    )
    logging.getLogger("library").warning("connecting with %s", SECRET)
    try:
        fail(f"cannot use {SECRET}")
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed")
    structlog.contextvars.clear_contextvars()

    written = stream.getvalue()
    assert written.count("cannot use") >= 2
    for secret in (SECRET, "hunter2", "abcdef123456"):
        assert secret not in written


def test_local_variables_of_an_exception_are_not_printed() -> None:
    stream = Terminal()
    configure_logging(stream=stream)

    try:
        fail("wrong")
    except ValueError:
        structlog.get_logger().exception("failed")

    assert LOCAL not in stream.getvalue()
    assert "ValueError: wrong" in stream.getvalue()


def test_a_tenants_text_does_not_steer_the_terminal() -> None:
    stream = Terminal()
    configure_logging(stream=stream)

    structlog.get_logger().info("subject \x1b]0;owned\x07", ticket="a\r\nFAKE line \x9b31m")

    assert "\x1b]0;owned" not in stream.getvalue()
    assert "\x9b" not in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 1


def test_lines_below_the_level_are_left_out() -> None:
    stream = io.StringIO()
    configure_logging(level="warning", stream=stream)

    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")

    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_libraries_are_heard_from_warnings_on_in_the_same_form() -> None:
    stream = io.StringIO()
    configure_logging(level="debug", stream=stream)

    logging.getLogger("asyncpg").info("quiet")
    logging.getLogger("asyncpg").warning("loud %d", 3)

    (line,) = lines(stream)
    assert (line["event"], line["level"], line["logger"]) == ("loud 3", "warning", "asyncpg")


def test_configuring_twice_does_not_write_twice() -> None:
    stream = io.StringIO()
    configure_logging(stream=stream)
    configure_logging(stream=stream)

    logging.getLogger("library").warning("once")

    assert len(lines(stream)) == 1
