from __future__ import annotations

from typing import Any

import pytest

from jobforge.autopilots.ops.change.hcl_text import patch_hcl
from jobforge.autopilots.ops.change.patch import PatchOperation
from jobforge.core.errors import PayloadInvalid

HCL = """\
# volumes
resource "aws_ebs_volume" "data" {
  size      = 10   # GiB
  encrypted = false
  tags = {
    a = "b"
  }
}
"""


def hcl(*operations: dict[str, Any]) -> tuple[PatchOperation, ...]:
    return tuple(PatchOperation.model_validate(operation) for operation in operations)


def test_an_hcl_value_is_replaced_and_the_rest_stays() -> None:
    way = "/resource/aws_ebs_volume/data"

    patched = patch_hcl(
        HCL,
        hcl(
            {"op": "test", "path": f"{way}/encrypted", "value": False},
            {"op": "replace", "path": f"{way}/encrypted", "value": True},
            {"op": "add", "path": f"{way}/type", "value": "gp3-${x}"},
            {"op": "remove", "path": f"{way}/size"},
        ),
        path="main.tf",
    )

    assert patched == HCL.replace("= false", "= true").replace(
        "  size      = 10   # GiB\n", ""
    ).replace("  }\n}\n", '  }\n  type = "gp3-$${x}"\n}\n')


@pytest.mark.parametrize(
    ("line", "patched"),
    [
        ("  n = 1 # one", "  n = 2 # one"),
        ("  n = 1 // one", "  n = 2 // one"),
        ("  n = 1 /* one */  # two", "  n = 2 /* one */  # two"),
        ("  n = 1 + 2  # sum", "  n = 2  # sum"),
        ("  n = [1, # one\n    2]  # list", "  n = 2  # list"),
        ("  n = f(1) ? 2 : 3   ", "  n = 2   "),
    ],
)
def test_a_comment_after_an_hcl_value_stays(line: str, patched: str) -> None:
    text = 'resource "a" "b" {\n' + line + "\n}\n"

    changed = patch_hcl(
        text, hcl({"op": "replace", "path": "/resource/a/b/n", "value": 2}), path="x.tf"
    )

    assert changed == text.replace(line, patched)


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "/resource/aws_ebs_volume/other/size", "value": 1},
        {"op": "replace", "path": "/resource/aws_ebs_volume/data/none", "value": 1},
        {"op": "test", "path": "/resource/aws_ebs_volume/data/size", "value": 11},
        {"op": "copy", "from": "/a", "path": "/resource/aws_ebs_volume/data/size"},
        {"op": "add", "path": "", "value": 1},
        {"op": "add", "path": "/resource/aws_ebs_volume/data/a b", "value": 1},
    ],
)
def test_an_hcl_patch_that_does_not_fit_is_refused(operation: dict[str, Any]) -> None:
    with pytest.raises(PayloadInvalid):
        patch_hcl(HCL, hcl(operation), path="main.tf")
