"""Names of a bundle are stored, logged and shown as they are, so none of them may hold a secret."""

from __future__ import annotations

from collections.abc import Iterator

from jobforge.contract.codes import BundleCode
from jobforge.contract.dialects import TranslatedBundle
from jobforge.contract.errors import ContractViolation
from jobforge.core.redaction import mask_text

_HINT = "names are stored and shown; credentials belong in connections, which payloads name"


def refuse_secret_names(bundle: TranslatedBundle) -> None:
    """Look through every name of the bundle and its requests.

    Payloads are masked and run; a name that were masked would be another name.

    Raises:
        ContractViolation: one holds what looks like a secret; the message does not repeat it.
    """
    together = "\n".join(name for _, name in _names(bundle))
    if mask_text(together) == together:
        return
    for pointer, name in _names(bundle):
        if mask_text(name) != name:
            message = "a name holds what looks like a secret"
            raise ContractViolation(BundleCode.BUNDLE_INVALID, message, pointer=pointer, hint=_HINT)


def _names(bundle: TranslatedBundle) -> Iterator[tuple[str, str]]:
    yield "/bundle_id", bundle.bundle_id
    yield "/trace_id", bundle.trace_id
    yield "/tenant_id", bundle.tenant
    yield "/project_id", bundle.project or ""
    for request in bundle.requests:
        yield request.pointer, request.request_id
        yield request.pointer, request.job_type
        yield request.pointer, request.idempotency_key
        yield request.pointer, request.tenant
        yield request.pointer, request.project or ""
        for scope in request.required_scopes:
            yield request.pointer, scope
