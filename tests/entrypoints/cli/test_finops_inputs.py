"""One bundle over every kind of file that finops takes, compared with golden cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.entrypoints.cli.bundles import bundle
from tests.entrypoints.cli.finops_inputs import requests, write_inputs

if TYPE_CHECKING:
    from tests.entrypoints.cli.conftest import CommandLine

GOLDEN = Path(__file__).parents[2] / "autopilots" / "finops" / "golden"
TYPES = {"reconcile": "autopilot.finops.reconcile", "anomaly_scan": "autopilot.finops.anomaly_scan"}


def job_type_of(name: str) -> str:
    return next(full for start, full in TYPES.items() if name.startswith(start))


def test_a_bundle_over_all_inputs_ends_in_the_golden_results(cli: CommandLine) -> None:
    write_inputs(cli.workspace)
    asked = [
        {"id": name, "job_type": job_type_of(name), "payload": payload, "idempotency_key": name}
        for name, payload in requests().items()
    ]

    done = cli.execute(cli.write("b.json", bundle(cli.tenant_id, *asked)))

    assert (done.code, done.json["summary"]["executed"]) == (0, len(asked))
    for child in done.json["child_runs"]:
        job = cli("job", "show", child["job_id"], "--tenant", "acme", "--json").json
        found: dict[str, Any] = dict(job["data"])
        outputs = found.pop("outputs")
        golden = json.loads((GOLDEN / f"{child['request_id']}.json").read_text())
        assert found == golden, child["request_id"]
        assert {Path(output["name"]).suffix for output in outputs} == {
            ".json", ".md", ".html", ".csv",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "path", "change", "message"),
    [
        ("reconcile_mt940", "statement.sta", ("1526,72", "1526,73"), "closing balance"),
        ("reconcile_camt053", "statement.xml", ("1446.72", "1446.73"), "closing balance"),
        ("reconcile_stripe_export", "stripe.csv", ("charge,", "charge;"), "for 9 columns"),
        ("reconcile_cloud_bill", "bill.csv", ("103.00", "1O3.00"), "1O3.00"),
        ("anomaly_scan_focus_1_0", "bill.csv", (",", ";"), "is the delimiter right"),
        ("anomaly_scan_focus_1_2", "bill.csv", (",USD,", ",XXQ,"), "mix currencies"),
    ],
)
def test_a_file_that_cannot_be_right_ends_its_job_with_the_reason(
    cli: CommandLine, name: str, path: str, change: tuple[str, str], message: str
) -> None:
    write_inputs(cli.workspace)
    file = cli.workspace / path
    count = 1 if change[0] in ("103.00", ",USD,") else -1
    file.write_text(file.read_text().replace(*change, count))
    payload = cli.write("payload.json", requests()[name])

    words = ("--payload", payload, "--tenant", "acme", "--json")
    said = cli("job", "run", job_type_of(name), *words)

    assert said.code == 4
    assert said.json["status"] == "error"
    assert message in said.json["error"]["message"]
