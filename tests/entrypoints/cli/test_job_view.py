"""What a person sees of a single job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.entrypoints.cli.conftest import CommandLine


def test_a_fault_of_a_payload_is_shown_with_its_place(cli: CommandLine) -> None:
    payload = json.dumps({"job_id": "x"})

    said = cli("job", "run", "jobforge.undo", "--payload", "-", "--tenant", "acme", given=payload)

    assert said.code == 3
    assert "PAYLOAD_INVALID at /job_id: " in said.out
