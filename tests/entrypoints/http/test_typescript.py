"""A TypeScript client's types are made of the OpenAPI document, and a program over them compiles.

The compiler is not Python's to install: `make typescript` fetches it and runs this; without it the
test is skipped.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.entrypoints.http.api import Api

EXAMPLE = Path(__file__).parents[3] / "examples" / "typescript"
TOOLS = EXAMPLE / "node_modules" / ".bin"

pytestmark = pytest.mark.skipif(
    not (TOOLS / "tsc").exists(), reason="no TypeScript compiler: make typescript"
)


def run(folder: Path, tool: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 (our own words)
        [TOOLS / tool, *words], cwd=folder, capture_output=True, text=True, check=False
    )


async def test_a_typescript_program_over_the_types_compiles(api: Api, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(api.app.openapi()))
    shutil.copy(EXAMPLE / "client.ts", tmp_path)
    strict = ("--strict", "--noEmit", "--target", "es2022", "--lib", "es2022,dom")

    made = run(tmp_path, "openapi-typescript", "openapi.json", "-o", "jobforge.d.ts")
    compiled = run(tmp_path, "tsc", *strict, "client.ts")
    (tmp_path / "wrong.ts").write_text(
        (tmp_path / "client.ts").read_text().replace("run.status", "run.state")
    )
    wrong = run(tmp_path, "tsc", *strict, "wrong.ts")

    assert made.returncode == 0, made.stderr
    assert compiled.returncode == 0, compiled.stdout
    assert wrong.returncode != 0
    assert "state" in wrong.stdout
