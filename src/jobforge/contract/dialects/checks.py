"""What the dialects have in common: recognising, verifying and cutting to one form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr

from jobforge.contract.codes import BundleCode
from jobforge.contract.dialects.translated import TranslatedBundle, TranslatedRequest
from jobforge.contract.errors import ContractViolation
from jobforge.contract.limits import MAX_PAYLOAD_BYTES, MAX_REQUESTS, Name
from jobforge.contract.pointer import to_pointer
from jobforge.contract.producer_json import KeyOrder, by_code_unit, has_producer_hash
from jobforge.contract.results import Dialect
from jobforge.contract.validation import validate

Document: TypeAlias = Mapping[str, Any]
RequestShape = Literal["growth", "ops", "finops", "jobforge"]

_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_SHAPES: tuple[tuple[str, RequestShape], ...] = (
    ("request", "growth"),
    ("tenant_context", "ops"),
    ("job_id", "finops"),
    ("id", "jobforge"),
)


class ModuleModel(BaseModel):
    """Part of a module's document. What we do not read is covered by its hash and left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ModuleEnvelope(ModuleModel):
    """What every document of a module says about itself."""

    module_id: Name
    tenant_id: Name
    project_id: Name
    trace_id: Name


def request_shape(document: Document) -> RequestShape | None:
    """Whose form the first request has; None where it shows no mark, or there is none."""
    requests = document.get("requests")
    first = requests[0] if isinstance(requests, list) and requests else None
    keys = first if isinstance(first, Mapping) else {}
    return next((shape for key, shape in _SHAPES if key in keys), None)


def member(document: Document, name: str) -> Document:
    """The object of this name, or an empty one where it is missing or no object."""
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}


def check_version(document: Document, supported: str, *, key: str = "schema_version") -> None:
    """Refuse a version whose rules we do not know.

    Raises:
        ContractViolation: `SCHEMA_VERSION_UNSUPPORTED`, or `BUNDLE_INVALID` where there is none.
    """
    if key not in document:
        raise ContractViolation(
            BundleCode.BUNDLE_INVALID, f"{key} is missing", pointer=to_pointer([key])
        )
    if document[key] != supported:
        raise ContractViolation(
            BundleCode.SCHEMA_VERSION_UNSUPPORTED,
            f"{key} must be {supported}",
            pointer=to_pointer([key]),
        )


def check_hash(
    claimed: object, content: Document, *, what: str, at: str, order: KeyOrder = by_code_unit
) -> str:
    """Hold a hash that the producer wrote against the content; gives the hash in lower case.

    Raises:
        ContractViolation: `PRODUCER_HASH_MISSING` or `PRODUCER_HASH_MISMATCH`.
    """
    if not isinstance(claimed, str) or not claimed:
        raise ContractViolation(
            BundleCode.PRODUCER_HASH_MISSING, f"the {what} is missing", pointer=at
        )
    if not has_producer_hash(content, claimed.lower(), order):
        raise ContractViolation(
            BundleCode.PRODUCER_HASH_MISMATCH,
            f"the {what} does not match the content: it was changed after it was written",
            pointer=at,
        )
    return claimed.lower()


def check_count(document: Document, name: str) -> None:
    """Refuse more than 100 requests before any of them is looked at.

    Raises:
        ContractViolation: `TOO_LARGE`.
    """
    requests = document.get(name)
    if isinstance(requests, list) and len(requests) > MAX_REQUESTS:
        raise ContractViolation(
            BundleCode.TOO_LARGE,
            f"{len(requests)} requests; at most {MAX_REQUESTS} are taken",
            pointer=to_pointer([name]),
        )


def check_payload_size(payload: Document, *, at: str) -> None:
    """Refuse a payload over 64 KiB.

    Raises:
        ContractViolation: `TOO_LARGE`.
    """
    size = len(_COMPACT.encode(payload).encode())
    if size > MAX_PAYLOAD_BYTES:
        raise ContractViolation(
            BundleCode.TOO_LARGE,
            f"a payload of {size} bytes; at most {MAX_PAYLOAD_BYTES} are taken",
            pointer=f"{at}/payload",
        )


def without(document: Document, *names: str) -> dict[str, Any]:
    """The document without these keys."""
    return {key: value for key, value in document.items() if key not in names}


def only(document: Document, *names: str) -> dict[str, Any]:
    """The document's values of these keys; missing ones are left out."""
    return {name: document[name] for name in names if name in document}


def full_job_type(name: str, module: str) -> str:
    """Short names are the module's own: `reconcile` means `autopilot.finops.reconcile`."""
    return name if "." in name else f"autopilot.{module}.{name}"


def number(value: object) -> float | None:
    """A hint that is a number from 0 up; anything else is no hint."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return None
    return float(value)


class Keyed(NamedTuple):
    """Where a request stands, its verified idempotency key, and an id made from that key."""

    pointer: str
    key: str
    derived_id: str


def number_keys(keys: Iterable[str], *, at: str, prefix: str) -> list[Keyed]:
    """One entry a request, in order. A key that comes again gets a number: ids are unique."""
    counts: dict[str, int] = {}
    entries = []
    for index, key in enumerate(keys):
        counts[key] = counts.get(key, 0) + 1
        again = f".{counts[key]}" if counts[key] > 1 else ""
        entries.append(Keyed(f"{at}/{index}", key, f"{prefix}-{key[:16]}{again}"))
    return entries


Bundle = TypeVar("Bundle", bound=ModuleEnvelope)
Request = TypeVar("Request", bound=ModuleModel)


@dataclass(frozen=True, slots=True)
class ModuleReader(Generic[Bundle, Request]):
    """What tells one module's bundles from another's; `read` is the way all of them go.

    `requests` and `raw_requests` give the same list, checked and as it was written; `verify_keys`
    gives one key a request, in order. A derived id is `prefix` and a part of its key.
    """

    dialect: Dialect
    model: type[Bundle]
    list_name: Literal["requests", "jobs"]
    prefix: Literal["job", "req"]
    requests: Callable[[Bundle], Sequence[Request]]
    bundle_id: Callable[[Bundle, str], str]
    verify: Callable[[Document], str]
    verify_keys: Callable[[Sequence[Document], Bundle], list[str]]
    translate: Callable[[Request, Document, Keyed, str], TranslatedRequest]

    def read(self, document: Document) -> TranslatedBundle:
        """Verify the hash and every idempotency key, then cut the bundle to the one form.

        Raises:
            ContractViolation: for whatever does not fit or does not match.
        """
        digest = self.verify(document)
        check_count(document, self.list_name)
        bundle = validate(self.model, document)
        raw: Sequence[Document] = document[self.list_name]
        keys = self.verify_keys(raw, bundle)
        places = number_keys(keys, at=f"/{self.list_name}", prefix=self.prefix)
        triples = zip(self.requests(bundle), raw, places, strict=True)
        requests = [self.translate(*triple, bundle.module_id) for triple in triples]
        bundle_id = self.bundle_id(bundle, digest)
        metadata = without(document, self.list_name)
        return _module_bundle(self.dialect, bundle_id, bundle, requests, metadata)


def _module_bundle(
    dialect: Dialect,
    bundle_id: str,
    envelope: ModuleEnvelope,
    requests: Iterable[TranslatedRequest],
    metadata: Document,
) -> TranslatedBundle:
    """A verified bundle of a module, policy tokens taken out."""
    kept, token = take_tokens(requests)
    return TranslatedBundle(
        dialect=dialect,
        bundle_id=bundle_id,
        tenant=envelope.tenant_id,
        project=envelope.project_id,
        trace_id=envelope.trace_id,
        producer_hash="verified",
        source_module=envelope.module_id,
        requests=kept,
        metadata=metadata,
        policy_token=token,
    )


def take_tokens(
    requests: Iterable[TranslatedRequest],
) -> tuple[tuple[TranslatedRequest, ...], SecretStr | None]:
    """Take `policy_token` out of the payloads; all of them must be the same one.

    Raises:
        ContractViolation: `BUNDLE_INVALID` where two payloads carry different tokens.
    """
    token: str | None = None
    kept = []
    for request in requests:
        found = request.payload.get("policy_token")
        if not isinstance(found, str):
            kept.append(request)
            continue
        if token and found and found != token:
            raise ContractViolation(
                BundleCode.BUNDLE_INVALID,
                "two payloads carry different policy tokens; a bundle has one",
                pointer=f"{request.pointer}/payload/policy_token",
            )
        token = token or found
        kept.append(replace(request, payload=without(request.payload, "policy_token")))
    return tuple(kept), SecretStr(token) if token else None
