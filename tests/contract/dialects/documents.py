"""Where things stand in the documents of each dialect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.contract.producers import SEALS, Json, encode

from jobforge.contract.dialects import read_bundle
from jobforge.contract.errors import ContractViolation

MODULES = ("ops", "older-growth", "support", "growth", "finops")
LIST_NAME = {"support": "jobs"}
HASH_AT = {
    "ops": "/canonicalization/hash",
    "older-growth": "/canonicalization/hash",
    "support": "/hash/canonical_json_hash",
    "growth": "/canonical_hash",
    "finops": "/canonicalization/canonical_hash",
}
KEY_AT = {
    "ops": "/requests/0/metadata/idempotency_key",
    "older-growth": "/requests/0/metadata/idempotency_key",
    "support": "/jobs/0/idempotency_key",
    "growth": "/requests/0/idempotency_key",
    "finops": "/requests/0/idempotency_key",
}


def refusal_of(document: object) -> ContractViolation:
    with pytest.raises(ContractViolation) as caught:
        read_bundle(encode(document))
    return caught.value


def at(document: Any, pointer: str) -> Any:  # noqa: ANN401 (any place in any document)
    for part in pointer.split("/")[1:]:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def parent_of(document: Json, pointer: str) -> tuple[Any, Any]:
    """The container of a place, and the index or key of the place in it."""
    above, _, name = pointer.rpartition("/")
    holder = at(document, above)
    return holder, int(name) if isinstance(holder, list) else name


def first_request(name: str, document: Json) -> Json:
    request: Json = document[LIST_NAME.get(name, "requests")][0]
    inner: Json = request.get("request", request)
    return inner


def seal_of(name: str) -> Callable[..., Json]:
    """What writes keys and hash again; JobForge's own form has neither."""
    return SEALS.get(name, lambda document: document)
