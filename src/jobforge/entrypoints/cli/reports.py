"""`jobforge report`: check a module's report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobforge.contract.dialects import CheckedReport, read_report
from jobforge.contract.errors import JobForgeError
from jobforge.entrypoints.cli.bundles import read_input
from jobforge.entrypoints.cli.options import AsJson
from jobforge.entrypoints.cli.session import exit_code_of, out, print_json, show_error

app = typer.Typer(help="Check module reports.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """Check module reports."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The report; - reads it.")],
    as_json: AsJson = False,
) -> None:
    """Check a report's form and its producer's hash. A fault names its JSON pointer."""
    try:
        report = read_report(read_input(file))
    except JobForgeError as error:
        show_error(error, as_json=as_json)
        raise typer.Exit(exit_code_of(error)) from None
    document = _to_json(report)
    if as_json:
        print_json(document)
        return
    for name, value in document.items():
        out.print(f"{name:20} {value}", markup=False)


def _to_json(report: CheckedReport) -> dict[str, object]:
    return {
        "ok": True,
        "dialect": report.dialect,
        "report_id": report.report_id,
        "report_type": report.report_type,
        "tenant": report.tenant,
        "project": report.project,
        "trace_id": report.trace_id,
        "producer_hash": report.producer_hash,
        "findings": report.findings,
        "recommendations": report.recommendations,
        "requested_job_types": list(report.requested_job_types),
    }
