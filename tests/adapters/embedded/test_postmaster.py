"""Watching a process: with a pidfd, and where the system has none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobforge.adapters.embedded.postmaster import Postmaster
from jobforge.adapters.embedded.probe import postmaster_of


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    # A shell's background job hands on that it ignores SIGINT.
    command = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_DFL); print(flush=True)"
    words = [sys.executable, "-c", command + "; time.sleep(60)"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as child:  # noqa: S603 (our own interpreter)
        assert child.stdout is not None
        child.stdout.readline()
        yield child
        child.kill()


@pytest.fixture(params=["child, pidfd", "child, polled", "adopted, pidfd", "adopted, polled"])
def watched(
    request: pytest.FixtureRequest,
    process: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Postmaster]:
    if "polled" in request.param:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    postmaster = Postmaster(process.pid, process if "child" in request.param else None)
    yield postmaster
    postmaster.close()


def test_a_living_process_is_waited_for_until_the_time_is_up(watched: Postmaster) -> None:
    began = time.monotonic()

    is_dead = watched.wait_for_death(0.1)

    assert not is_dead
    assert time.monotonic() - began >= 0.1


def test_a_killed_process_is_noticed(watched: Postmaster, process: subprocess.Popen[bytes]) -> None:
    process.kill()

    assert watched.wait_for_death(5)
    assert not watched.is_alive()


def test_a_word_in_the_pipe_ends_the_wait(watched: Postmaster) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"x")

    is_dead = watched.wait_for_death(None, wake=reading)

    assert not is_dead
    os.close(reading)
    os.close(writing)


def test_stopping_asks_first_and_ends_it(
    watched: Postmaster, process: subprocess.Popen[bytes]
) -> None:
    watched.stop()

    assert process.wait(5) == -signal.SIGINT


def test_where_nothing_listens_nobody_answers(tmp_path: Path) -> None:
    assert postmaster_of(tmp_path / ".s.PGSQL.5432") is None
