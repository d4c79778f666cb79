"""The shape of the whole: sizes, names that match, and references that say what the code says."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from tests.entrypoints.cli.test_exit_codes import all_errors
from tests.entrypoints.cli.test_json import commands

from jobforge.autopilots.catalog import load_catalog
from jobforge.config import Flags, Settings
from jobforge.core import errors
from jobforge.entrypoints.cli.session import EXIT_CODES

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
MAX_LINES = 500

_LARGE: dict[str, str] = {}
"""Modules above the limit, each with its reason."""

_TESTED_IN = {
    "autopilot.growth.experiment_run": "growth/test_actions.py",
    "autopilot.growth.publish_content": "growth/test_actions.py",
    "autopilot.ops.alert_correlate": "ops/alerts/test_correlation.py",
    "autopilot.ops.reliability_report": "ops/reliability/test_reliability.py",
    "autopilot.ops.runbook_generate": "ops/test_golden.py",
}
"""Job types whose tests lie with those of the package that does their work."""


def modules() -> list[Path]:
    folders = ("src", "tests", "scripts", "benchmarks")
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def test_no_module_is_longer_than_one_can_keep_in_mind() -> None:
    large = {
        path.relative_to(ROOT).as_posix(): lines
        for path in modules()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_LINES
    }

    assert {name: n for name, n in large.items() if name not in _LARGE} == {}
    assert set(_LARGE) <= set(large), "what has become small needs no exception any more"


def test_every_job_type_has_a_file_a_test_and_a_page_of_its_name() -> None:
    missing = []
    for job_type in load_catalog():
        domain, verb = job_type.domain, job_type.name.rpartition(".")[2]
        tested = _TESTED_IN.get(job_type.name, f"{domain}/test_{verb}.py")
        wanted = (
            ROOT / "src" / "jobforge" / "autopilots" / domain / f"{verb}.py",
            ROOT / "tests" / "autopilots" / tested,
            REFERENCE / "job-types" / f"{domain}.{verb}.md",
        )
        assert domain in job_type.name.split(".")
        missing += [str(path.relative_to(ROOT)) for path in wanted if not path.exists()]

    assert missing == []
    assert set(_TESTED_IN) <= {job_type.name for job_type in load_catalog()}


def rows_of(page: str) -> list[list[str]]:
    """The cells of every table row of a page."""
    lines = (REFERENCE / page).read_text(encoding="utf-8").splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("|") and not line.startswith("|---")
    ]


def shown(field: FieldInfo) -> str:
    """A default as the page shows it."""
    default = field.default
    if isinstance(default, bool):
        return f"`{int(default)}`"
    if isinstance(default, float | int):
        return f"`{default:g}`"
    return {None: "unset", "": "empty"}.get(default, f"`{default}`")


def test_the_page_of_settings_says_what_the_settings_are() -> None:
    wanted = [
        [f"`JOBFORGE_{name.upper()}`", shown(field), when, field.description]
        for model, when in (
            (Flags, "at every decision"),
            (Settings, "when a process starts"),
        )
        for name, field in model.model_fields.items()
    ]

    assert rows_of("settings.md")[1:] == wanted


def test_only_one_module_reads_the_environment() -> None:
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "src").rglob("*.py")
        if re.search(r"\bos\.environ\b|\bgetenv\(", path.read_text(encoding="utf-8"))
    }

    assert readers <= {"src/jobforge/config.py"}


def test_every_command_has_its_heading_and_every_option_its_row() -> None:
    text = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    sections = {part.partition("\n")[0]: part for part in parts}

    expected = {f"jobforge {name}": command for name, command in commands()}
    assert sections.keys() - {"Exit codes"} == expected.keys()
    for heading, command in expected.items():
        section = " ".join(sections[heading].split())
        words = " ".join((command.help or "").split()).partition(" Example: ")[0]
        assert words in section, heading
        for parameter in command.params:
            if "--help" in parameter.opts or not parameter.opts[0].startswith("-"):
                continue
            names = ", ".join(f"`{n}`" for n in sorted(parameter.opts, key=len, reverse=True))
            assert f"| {names}" in section, (heading, names)
            assert getattr(parameter, "help", "") in section, (heading, names)


def test_no_option_is_described_that_does_not_exist() -> None:
    known = {opt for _, command in commands() for p in command.params for opt in p.opts}
    names = [row[0] for row in rows_of("commands.md")]
    described = {option for name in names for option in re.findall(r"`(-[\w-]+)`", name)}

    assert described
    assert described <= known


def test_every_class_of_errors_has_its_row_of_exit_codes() -> None:
    rows = {row[0].strip("`"): row[1] for row in rows_of("commands.md") if len(row) == 2}

    for kind, code in EXIT_CODES.items():
        assert rows[kind.__name__] == str(code)
    for error in all_errors():
        assert issubclass(error, tuple(EXIT_CODES)), error


def test_every_error_has_a_code_of_its_own_and_a_message() -> None:
    kinds = sorted(all_errors(), key=lambda kind: kind.__name__)

    for kind in kinds:
        assert re.fullmatch(r"[A-Z][A-Z_]+", kind.code), kind
        assert (kind.__doc__ or "").strip().endswith("."), kind
    own = [kind.__name__ for kind in kinds if kind.__module__ == errors.__name__]
    assert [name for name in own if name not in (errors.__doc__ or "")] == []


def guards() -> list[list[str]]:
    page = ROOT / "docs" / "explanation" / "guards.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("|") and not line.startswith("|---")
    ]
    return [row for row in rows if len(row) == 3 and row[0] != "promise or fault"]


def test_every_guard_and_every_test_of_the_page_of_guards_is_there() -> None:
    rows = guards()

    assert len(rows) >= 40
    for promise, guard, test in rows:
        for cell, kind in ((guard, "guard"), (test, "test")):
            names = re.findall(r"`([^`]+)`", cell)
            assert names, (promise, kind)
            for name in names:
                path, _, symbol = name.partition(":")
                assert (ROOT / path).is_file(), (promise, name)
                text = (ROOT / path).read_text(encoding="utf-8")
                assert not symbol or re.search(rf"\b{re.escape(symbol)}\b", text), (promise, name)


def test_headings_of_the_commands_follow_the_order_of_the_help() -> None:
    text = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    places = [text.index(f"\n## jobforge {name}\n") for name, _ in commands()]

    assert all(before < after for before, after in pairwise(places))
