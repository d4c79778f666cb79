"""Five dialects in, one form out; recognised by structure, verified, then translated."""

from jobforge.contract.dialects.reading import read_bundle, read_report
from jobforge.contract.dialects.translated import (
    CheckedReport,
    Hints,
    Priority,
    ProducerHash,
    TranslatedBundle,
    TranslatedRequest,
)

__all__ = [
    "CheckedReport",
    "Hints",
    "Priority",
    "ProducerHash",
    "TranslatedBundle",
    "TranslatedRequest",
    "read_bundle",
    "read_report",
]
