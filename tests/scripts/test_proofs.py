"""The two scripts that prove the gates run as anybody would run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120


@pytest.mark.parametrize("name", ["smoke_test_autopilot", "prove_autopilot_integration"])
def test_script_holds_and_leaves_nothing_behind(name: str, tmp_path: Path) -> None:
    done = _run([f"scripts/{name}.py"], temporary=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout
    assert done.stdout.endswith("All of it holds.\n")
    assert list(tmp_path.iterdir()) == []


def test_a_promise_that_does_not_hold_is_named_and_fails_the_script(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from scripts.trial import Trial, conclude\n"
        "trial = Trial(pathlib.Path('unused'))\n"
        "trial.holds('two is two', wanted=2, got=2)\n"
        "trial.holds('two is three', wanted=3, got=2)\n"
        "sys.exit(conclude(trial))"
    )

    done = _run(["-c", program], temporary=tmp_path)

    assert done.returncode == 1
    assert "ok    two is two" in done.stdout
    assert "FAIL  two is three" in done.stdout
    assert "1 did not hold" in done.stdout


def _run(words: list[str], *, temporary: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in the repository's folder, without the settings of whoever runs the tests."""
    environment = {
        name: value
        for name, value in os.environ.items()  # noqa: TID251 (what is left of it goes to the child)
        if not name.startswith("JOBFORGE_")
    }
    return subprocess.run(  # noqa: S603 (our own scripts)
        [sys.executable, *words],
        cwd=ROOT,
        env={**environment, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
