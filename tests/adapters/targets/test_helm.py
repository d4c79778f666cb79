"""Rendering charts with a program that stands in for helm: it shows what it was given."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobforge.adapters.targets.helm import render_chart
from jobforge.adapters.targets.workspace import TenantWorkspace
from jobforge.core.errors import SourceMalformed

SHOWS = '#!/bin/sh\necho "$1 $2"; cd "$3" && cat Chart.yaml && ls templates; env | sort\n'
FAILS = "#!/bin/sh\necho 'Error: values.yaml: token: sk-abcdefghijklmnop' >&2; exit 1\n"


def chart(root: Path) -> TenantWorkspace:
    (root / "shop/templates").mkdir(parents=True)
    (root / "shop/Chart.yaml").write_text("name: shop\n")
    (root / "shop/templates/web.yaml").write_text("kind: {{ .Values.kind }}\n")
    (root / "shop/templates/out.yaml").symlink_to("/etc/passwd")
    return TenantWorkspace(root)


def program(folder: Path, text: str) -> str:
    path = folder / "helm"
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


async def test_helm_sees_the_charts_own_files_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBFORGE_POLICY_TOKEN_SECRET", "canary")
    workspace = chart(tmp_path / "data")

    shown = await render_chart(workspace, "shop", program=program(tmp_path, SHOWS))

    assert shown is not None
    assert shown.startswith("template scan\nname: shop\nweb.yaml\n")
    assert "out.yaml" not in shown
    assert "canary" not in shown


async def test_a_chart_that_helm_refuses_says_so_without_secrets(tmp_path: Path) -> None:
    workspace = chart(tmp_path / "data")

    with pytest.raises(SourceMalformed, match="helm does not render shop") as caught:
        await render_chart(workspace, "shop", program=program(tmp_path, FAILS))

    assert "sk-abcdef" not in caught.value.message
