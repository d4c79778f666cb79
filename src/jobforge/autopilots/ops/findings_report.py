"""Findings as SARIF 2.1.0, as Markdown, and as one HTML page without outside parts."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence

from jobforge.autopilots.ops.finding import SEVERITIES, Finding

_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
_SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0", "info": "1.0"}


def to_sarif(findings: Sequence[Finding]) -> str:
    """The findings as a SARIF log with one run.

    Source: OASIS, Static Analysis Results Interchange Format (SARIF) 2.1.0.
    """
    rules = {finding.check_id: finding for finding in findings}
    order = {check_id: position for position, check_id in enumerate(sorted(rules))}
    driver = {
        "name": "jobforge",
        "rules": [_to_rule(rules[check_id]) for check_id in sorted(rules)],
    }
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "results": [_to_result(finding, order) for finding in findings],
            }
        ],
    }
    return json.dumps(log, indent=2, ensure_ascii=False)


def _to_rule(finding: Finding) -> dict[str, object]:
    return {
        "id": finding.check_id,
        "shortDescription": {"text": finding.title},
        "help": {"text": finding.remediation or finding.title},
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
        "properties": {
            "security-severity": _SCORES[finding.severity],
            "tags": [finding.category, *finding.references, *finding.controls],
        },
    }


def _to_result(finding: Finding, order: dict[str, int]) -> dict[str, object]:
    place: dict[str, object] = {"artifactLocation": {"uri": finding.path}}
    if finding.line is not None:
        place["region"] = {"startLine": finding.line}
    return {
        "ruleId": finding.check_id,
        "ruleIndex": order[finding.check_id],
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.resource}: {finding.evidence}"},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"jobforge/v1": finding.fingerprint},
    }


def _by_severity(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(
        findings, key=lambda f: (SEVERITIES.index(f.severity), f.check_id, f.path, f.line or 0)
    )


def to_markdown(findings: Sequence[Finding], title: str) -> str:
    """The findings as a table, worst first."""
    lines = [f"# {title}", "", f"{len(findings)} findings.", ""]
    if findings:
        lines += ["| severity | check | where | what was found | remedy |", "|---|---|---|---|---|"]
    for finding in _by_severity(findings):
        where = finding.path if finding.line is None else f"{finding.path}:{finding.line}"
        cells = (finding.severity, f"{finding.check_id} {finding.title}", f"{where} "
                 f"{finding.resource}", finding.evidence, finding.remediation)  # fmt: skip
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    flat = " ".join(text.split())
    return flat.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;padding:.4rem;"
    "text-align:left;vertical-align:top}.critical,.high{color:#a40000}.medium{color:#8a5a00}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#eee}.critical,.high{color:#f88}"
    ".medium{color:#fc6}}"
)


def to_html(findings: Sequence[Finding], title: str) -> str:
    """One page: no script, nothing loaded; every text is escaped."""
    rows = "".join(_row(finding) for finding in _by_severity(findings))
    name = html.escape(title)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{name}</title><style>{_STYLE}</style></head><body><h1>{name}</h1>"
        f"<p>{len(findings)} findings.</p><table><thead><tr><th>Severity</th><th>Check</th>"
        "<th>Where</th><th>What was found</th><th>Remedy</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></body></html>\n"
    )


def _row(finding: Finding) -> str:
    where = finding.path if finding.line is None else f"{finding.path}:{finding.line}"
    cells = (
        f"{finding.check_id} {finding.title}",
        f"{where} {finding.resource}",
        finding.evidence,
        finding.remediation,
    )
    columns = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
    return f'<tr><td class="{finding.severity}">{finding.severity}</td>{columns}</tr>'
