"""Writes bundles and reports of each dialect the way its producer does.

Nothing here uses the code under test: numbers, key order and hashes are worked out again.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.contract.producers.finops import (
    finops_bundle,
    finops_report,
    finops_request,
    seal_finops,
)
from tests.contract.producers.growth import (
    growth_bundle,
    growth_report,
    growth_wrapper,
    seal_growth,
)
from tests.contract.producers.javascript import Json, compare_code_units, compare_locale, js_json
from tests.contract.producers.jobforge import (
    PROJECT,
    TENANT,
    canonical_bundle,
    canonical_report,
    canonical_request,
    older_canonical_bundle,
)
from tests.contract.producers.ops import (
    older_growth_bundle,
    ops_bundle,
    ops_report,
    ops_request,
    seal_ops,
)
from tests.contract.producers.support import (
    seal_support,
    support_bundle,
    support_job,
    support_report,
)

__all__ = [
    "BUNDLES",
    "PROJECT",
    "REPORTS",
    "SEALS",
    "TENANT",
    "Json",
    "canonical_bundle",
    "canonical_report",
    "canonical_request",
    "compare_code_units",
    "compare_locale",
    "encode",
    "finops_bundle",
    "finops_report",
    "finops_request",
    "growth_bundle",
    "growth_report",
    "growth_wrapper",
    "js_json",
    "older_canonical_bundle",
    "older_growth_bundle",
    "ops_bundle",
    "ops_report",
    "ops_request",
    "seal_finops",
    "seal_growth",
    "seal_ops",
    "seal_support",
    "support_bundle",
    "support_job",
    "support_report",
]

BUNDLES: dict[str, Callable[[], Json]] = {
    "jobforge": canonical_bundle,
    "jobforge-older": older_canonical_bundle,
    "ops": ops_bundle,
    "older-growth": older_growth_bundle,
    "support": support_bundle,
    "growth": growth_bundle,
    "finops": finops_bundle,
}
REPORTS: dict[str, Callable[[], Json]] = {
    "jobforge": canonical_report,
    "ops": ops_report,
    "support": support_report,
    "growth": growth_report,
    "finops": finops_report,
}


SEALS: dict[str, Callable[..., Json]] = {
    "ops": seal_ops,
    "older-growth": seal_ops,
    "support": seal_support,
    "growth": seal_growth,
    "finops": seal_finops,
}


def encode(document: object) -> bytes:
    """As a file: indented, in the order of making."""
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
