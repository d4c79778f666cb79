"""The short form of `make chaos`: one fault of each kind and a few more, in some seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 240
"""It takes some 40 on a machine that does nothing else."""


@pytest.mark.timeout(SECONDS + 30)
def test_faults_of_every_kind_lose_nothing_and_do_nothing_twice() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--short", "--seed", "20261124"],
        cwd=ROOT,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.stdout, done.stderr[-2000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert (report["faults"], report["jobs"], len(report["kinds"])) == (14, 600, 9)
    assert (report["lost"], report["applied_twice"], report["nonterminal"]) == (0, 0, 0), report
    assert (report["chains_ok"], report["artifacts_ok"]) == (True, True), report
    assert report["workers_fallen"] == 0, report
    assert done.returncode == 0
