"""The reference names every code, field and limit, and nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest

from jobforge.contract.bundle import BundleMetadata, JobRequest, JobRequestBundle
from jobforge.contract.codes import BundleCode, ChildCode
from jobforge.contract.event import EventEnvelope, EventSubject
from jobforge.contract.limits import MAX_DEPTH, MAX_DOCUMENT_BYTES, MAX_PAYLOAD_BYTES, MAX_REQUESTS
from jobforge.contract.report import RedactionHints, ReportArtifact, ReportEnvelope
from jobforge.contract.results import ChildStatus, Dialect

if TYPE_CHECKING:
    from pydantic import BaseModel

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def section(page: str, heading: str) -> str:
    text = (REFERENCE / page).read_text(encoding="utf-8")
    return re.split(r"^## ", text.split(f"\n## {heading}\n")[1], flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line] for line in lines]


@pytest.mark.parametrize(
    ("heading", "codes", "columns"),
    [("Codes of a bundle", BundleCode, 3), ("Codes of a child run", ChildCode, 4)],
)
def test_every_code_has_one_row_that_says_what_to_do(
    heading: str, codes: type[BundleCode] | type[ChildCode], columns: int
) -> None:
    table = rows(section("codes.md", heading))

    assert [row[0] for row in table] == [f"`{code}`" for code in codes]
    assert all(len(row) == columns and all(row) for row in table)


def test_every_child_code_says_how_the_child_ends() -> None:
    table = rows(section("codes.md", "Codes of a child run"))

    named = {status for row in table for status in row[1].split(" or ")}
    assert named <= set(get_args(ChildStatus))
    assert named == {"denied", "skipped", "error"}


@pytest.mark.parametrize(
    ("heading", "models"),
    [
        ("Bundle", [JobRequestBundle]),
        ("Request", [JobRequest]),
        ("Report", [ReportEnvelope, ReportArtifact, RedactionHints]),
        ("Event", [EventEnvelope, EventSubject]),
    ],
)
def test_every_field_is_described(heading: str, models: list[type[BaseModel]]) -> None:
    text = section("bundles.md", heading)

    fields = [name for model in models for name in model.model_fields]
    assert [name for name in fields if f"`{name}`" not in text] == []


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("Bundle", JobRequestBundle),
        ("Request", JobRequest),
        ("Report", ReportEnvelope),
        ("Event", EventEnvelope),
    ],
)
def test_the_reference_says_rightly_what_is_required(heading: str, model: type[BaseModel]) -> None:
    for row in rows(section("bundles.md", heading)):
        for name in re.findall(r"`(\w+)`", row[0]):
            required = model.model_fields[name].is_required()
            assert row[1] == ("required" if required else "optional"), name


def test_the_metadata_is_described() -> None:
    described = {row[0]: row[1] for row in rows(section("bundles.md", "Bundle"))}

    for name, field in BundleMetadata.model_fields.items():
        expected = "required" if field.is_required() else "optional"
        assert described[f"`metadata.{name}`"] == expected


def test_the_limits_are_those_of_the_code() -> None:
    text = (REFERENCE / "bundles.md").read_text(encoding="utf-8")

    assert f"{MAX_DOCUMENT_BYTES // 2**20} MiB a document" in text
    assert f"at most {MAX_PAYLOAD_BYTES // 2**10} KiB" in text
    assert f"{MAX_DEPTH} arrays and objects" in text
    assert f"1 to {MAX_REQUESTS} requests" in text


def test_every_dialect_is_described() -> None:
    text = section("dialects.md", "How a dialect is recognised")

    assert [name for name in get_args(Dialect) if f"| `{name}`" not in text] == []
