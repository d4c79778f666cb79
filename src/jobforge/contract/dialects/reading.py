"""The way in: bytes to a checked bundle or report, whichever dialect they are written in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from jobforge.contract.codes import BundleCode
from jobforge.contract.dialects import finops, growth, jobforge, ops, support
from jobforge.contract.dialects.checks import Document
from jobforge.contract.dialects.translated import CheckedReport, TranslatedBundle
from jobforge.contract.errors import ContractViolation
from jobforge.contract.parsing import parse_json

T = TypeVar("T", TranslatedBundle, CheckedReport)


@dataclass(frozen=True, slots=True)
class _Reader(Generic[T]):
    recognise: Callable[[Document], bool]
    read: Callable[[Document], T]


_BUNDLES: tuple[_Reader[TranslatedBundle], ...] = (
    _Reader(support.recognise, support.read),
    _Reader(growth.recognise, growth.read),
    _Reader(ops.recognise, ops.read),
    _Reader(finops.recognise, finops.read),
    _Reader(jobforge.recognise, jobforge.read),
)
_REPORTS: tuple[_Reader[CheckedReport], ...] = (
    _Reader(ops.recognise_report, ops.read_report),
    _Reader(support.recognise_report, support.read_report),
    _Reader(growth.recognise_report, growth.read_report),
    _Reader(finops.recognise_report, finops.read_report),
    _Reader(jobforge.recognise_report, jobforge.read_report),
)


def read_bundle(raw: bytes) -> TranslatedBundle:
    """Parse, recognise, verify and translate a bundle of any dialect.

    Raises:
        ContractViolation: the whole bundle is refused; with a code, a message and a pointer.
    """
    document = _parse_object(raw)
    found = _find(document, _BUNDLES)
    if found is not None:
        return found.read(document)
    if _is_unmarked_module_bundle(document):
        raise ContractViolation(
            BundleCode.PRODUCER_HASH_MISSING, "a module's bundle carries its producer hash"
        )
    is_report = _find(document, _REPORTS) is not None
    raise ContractViolation(
        BundleCode.DIALECT_UNKNOWN,
        "this is a report, not a bundle" if is_report else "no known form of bundle",
        hint="jobforge report check FILE" if is_report else "docs/reference/dialects.md",
    )


def read_report(raw: bytes) -> CheckedReport:
    """Parse, recognise and verify a report of any dialect.

    Raises:
        ContractViolation: the report is refused; with a code, a message and a pointer.
    """
    document = _parse_object(raw)
    found = _find(document, _REPORTS)
    if found is not None:
        return found.read(document)
    is_bundle = _find(document, _BUNDLES) is not None
    raise ContractViolation(
        BundleCode.DIALECT_UNKNOWN,
        "this is a bundle, not a report" if is_bundle else "no known form of report",
        hint="jobforge bundle plan FILE" if is_bundle else "docs/reference/dialects.md",
    )


def _parse_object(raw: bytes) -> Document:
    document = parse_json(raw)
    if not isinstance(document, dict):
        raise ContractViolation(BundleCode.BUNDLE_INVALID, "the document must be a JSON object")
    return document


def _find(document: Document, readers: tuple[_Reader[T], ...]) -> _Reader[T] | None:
    return next((reader for reader in readers if reader.recognise(document)), None)


def _is_unmarked_module_bundle(document: Document) -> bool:
    return isinstance(document.get("module_id"), str) and isinstance(document.get("requests"), list)
