"""Rendering a Helm chart of the tenant's folder, where helm is installed."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from jobforge.core.errors import SourceMalformed
from jobforge.core.redaction import mask_text

TIMEOUT_SECONDS = 60
RELEASE = "scan"


class Files(Protocol):
    """The regular files of a folder; links are none of them."""

    async def read(self, path: str) -> bytes:
        """A file's bytes."""
        ...

    async def list(self, path: str) -> tuple[str, ...]:
        """Relative paths of the regular files below `path`."""
        ...


async def render_chart(files: Files, path: str, *, program: str | None = None) -> str | None:
    """The chart's manifests with its default values; None where helm is not installed.

    Helm sees a copy of the chart's regular files, so that no link leads it elsewhere, an empty home
    and no cluster.

    Raises:
        SourceMalformed: helm refuses the chart, or takes too long.
    """
    helm = program or shutil.which("helm")
    if helm is None:
        return None
    with tempfile.TemporaryDirectory(prefix="jobforge-helm-") as folder:
        chart = Path(folder) / "chart"
        for name in await files.list(path):
            place = chart / Path(name).relative_to(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(await files.read(name))
        return await _run(helm, chart, Path(folder), path)


async def _run(helm: str, chart: Path, home: Path, path: str) -> str:
    process = await asyncio.create_subprocess_exec(
        helm,
        "template",
        RELEASE,
        str(chart),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.defpath, "HOME": str(home), "KUBECONFIG": os.devnull},
        cwd=home,
    )
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            written, said = await process.communicate()
    except TimeoutError:
        raise SourceMalformed(f"helm did not render {path} within {TIMEOUT_SECONDS} s") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
    if process.returncode:
        line = said.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise SourceMalformed(f"helm does not render {path}: {mask_text(' '.join(line))}")
    return written.decode("utf-8", "replace")
