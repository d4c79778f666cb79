"""A bundle as it waits for its time: verified, its secrets masked, without any policy token."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from jobforge.contract.canonical import canonical_bytes, checksum_of
from jobforge.contract.dialects import TranslatedBundle
from jobforge.core.redaction import mask_secrets
from jobforge.core.secret_names import refuse_secret_names

_FORM: TypeAdapter[TranslatedBundle] = TypeAdapter(TranslatedBundle)


def without_secrets(bundle: TranslatedBundle) -> TranslatedBundle:
    """The bundle as it may be stored.

    Raises:
        ContractViolation: one of its names holds a secret.
    """
    refuse_secret_names(bundle)
    requests = tuple(
        replace(
            request,
            payload=mask_secrets(request.payload)[0],
            metadata=mask_secrets(request.metadata)[0],
        )
        for request in bundle.requests
    )
    metadata, _ = mask_secrets(bundle.metadata)
    return replace(bundle, requests=requests, metadata=metadata, policy_token=None)


def to_document(bundle: TranslatedBundle) -> dict[str, Any]:
    """The bundle as JSON, to be read back by `from_document`; its token stays behind."""
    document = _FORM.dump_python(bundle, mode="json", exclude={"policy_token"})
    return dict(document)


def from_document(document: object) -> TranslatedBundle:
    """The bundle that `to_document` wrote."""
    return _FORM.validate_python(document)


def to_text(bundle: TranslatedBundle) -> str:
    """The bundle as canonical JSON text."""
    return canonical_bytes(to_document(bundle)).decode()


def from_text(text: str) -> TranslatedBundle:
    """The bundle that `to_text` wrote."""
    return _FORM.validate_json(text)


def digest_of(text: str) -> str:
    """What a stored bundle is found by."""
    return checksum_of(text.encode())


def for_occurrence(bundle: TranslatedBundle, occurrence: str | None) -> TranslatedBundle:
    """The bundle with keys of its own, so that work which comes again is new work each time."""
    if occurrence is None:
        return bundle
    requests = tuple(
        replace(request, idempotency_key=f"{request.idempotency_key}@{occurrence}")
        for request in bundle.requests
    )
    return replace(bundle, requests=requests)
