"""From a translated bundle to requests as they would be stored and run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from jobforge.contract.canonical import canonical_bytes, checksum_of
from jobforge.contract.dialects import TranslatedBundle, TranslatedRequest
from jobforge.core.admission.facts import Caller
from jobforge.core.catalog import AnyJobType, JobCatalog
from jobforge.core.data_source import DataSource
from jobforge.core.errors import PayloadInvalid
from jobforge.core.model import Model
from jobforge.core.plan import Plan, PlannedRequest

Mask = Callable[[Sequence[Mapping[str, Any]]], Sequence[Mapping[str, Any]]]
"""Takes all payloads of a bundle at once: most hold no secret, and one look tells."""


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """One request with its job type and its payload in that type's own form.

    `job_type` is None where the catalogue has none of that name. `parsed` is None where the type
    rejects the payload; `fault` then says why.
    """

    index: int
    source: TranslatedRequest = field(repr=False)
    planned: PlannedRequest
    job_type: AnyJobType | None = field(repr=False)
    parsed: Model | None = field(repr=False)
    fault: PayloadInvalid | None

    @property
    def is_action(self) -> bool:
        """Whether it changes the world. The catalogue says so, never the bundle."""
        return self.job_type is not None and self.job_type.is_action

    @property
    def needs_token(self) -> bool:
        """Whether it runs only with a policy token: an action, or flagged by its producer."""
        return self.is_action or self.source.is_flagged

    @property
    def required_scopes(self) -> frozenset[str]:
        """The scopes of its type and those the request asks for."""
        own = self.job_type.scopes if self.job_type is not None else frozenset()
        return own.union(self.source.required_scopes)

    @property
    def sources(self) -> tuple[DataSource, ...]:
        """Where its rows come from; none where the payload is not valid."""
        if self.job_type is None or self.parsed is None:
            return ()
        return self.job_type.sources(self.parsed)


@dataclass(frozen=True, slots=True)
class PreparedBundle:
    """A bundle whose payloads are translated, masked, parsed and digested for one caller.

    `project_id` is the one it runs in: the caller's choice, else the bundle's own.
    """

    source: TranslatedBundle
    caller: Caller
    project_id: UUID | None
    requests: tuple[PreparedRequest, ...]

    @property
    def plan(self) -> Plan:
        """The plan of all its requests, before effects are known."""
        planned = tuple(request.planned for request in self.requests)
        return Plan.of(self.caller.tenant.id, self.project_id, planned)

    @property
    def keys(self) -> frozenset[tuple[str, str]]:
        """Every (job type, idempotency key), to look up which jobs used them."""
        return frozenset((r.source.job_type, r.source.idempotency_key) for r in self.requests)


def prepare(
    bundle: TranslatedBundle, catalog: JobCatalog, caller: Caller, *, mask: Mask
) -> PreparedBundle:
    """Translate, mask, parse and digest every payload; resolve names. Decides nothing.

    `mask` replaces secrets in a payload's texts: what is digested, stored and run is masked.
    """
    project_id = _project_of(bundle, caller)
    types = [catalog.find(request.job_type) for request in bundle.requests]
    translated = list(map(_translate, bundle.requests, types))
    masked = mask([payload for payload, _ in translated])
    requests = tuple(
        _prepare_request(
            index,
            request,
            types[index],
            tenant=_tenant_name(request, bundle, caller),
            project=_project_name(request, bundle, caller),
            translated=(masked[index], translated[index][1]),
        )
        for index, request in enumerate(bundle.requests)
    )
    return PreparedBundle(bundle, caller, project_id, requests)


def _prepare_request(
    index: int,
    source: TranslatedRequest,
    job_type: AnyJobType | None,
    *,
    tenant: str,
    project: str | None,
    translated: tuple[Mapping[str, Any], PayloadInvalid | None],
) -> PreparedRequest:
    payload, fault = translated
    text = canonical_bytes(payload)
    parsed, fault = _parse(text.decode(), job_type) if fault is None else (None, fault)
    planned = PlannedRequest(
        request_id=source.request_id,
        job_type=source.job_type,
        tenant=tenant,
        project=project,
        payload_text=text.decode(),
        payload_digest=checksum_of(text),
        idempotency_key=source.idempotency_key,
        required_scopes=source.required_scopes,
        is_flagged=source.is_flagged,
    )
    return PreparedRequest(index, source, planned, job_type, parsed, fault)


def _translate(
    source: TranslatedRequest, job_type: AnyJobType | None
) -> tuple[Mapping[str, Any], PayloadInvalid | None]:
    if job_type is None or job_type.translate is None:
        return source.payload, None
    try:
        return job_type.translate(source.payload), None
    except PayloadInvalid as fault:
        return source.payload, fault
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        # The payload's form is the producer's: one that trips a translation is a bad payload,
        # and must not take the rest of the bundle with it.
        return source.payload, PayloadInvalid(f"cannot be translated ({type(error).__name__})")


def _parse(text: str, job_type: AnyJobType | None) -> tuple[Model | None, PayloadInvalid | None]:
    if job_type is None:
        return None, None
    try:
        return job_type.parse_payload_text(text), None
    except PayloadInvalid as fault:
        return None, fault


def _project_of(bundle: TranslatedBundle, caller: Caller) -> UUID | None:
    if caller.chosen_project is not None or bundle.project is None:
        return caller.chosen_project
    return caller.find_project(bundle.project)


def _tenant_name(request: TranslatedRequest, bundle: TranslatedBundle, caller: Caller) -> str:
    """Whose request it is: the bundle's tenant comes first, a request cannot leave it."""
    name = request.tenant if caller.tenant.is_called(bundle.tenant) else bundle.tenant
    return str(caller.tenant.id) if caller.tenant.is_called(name) else name


def _project_name(
    request: TranslatedRequest, bundle: TranslatedBundle, caller: Caller
) -> str | None:
    name = request.project if request.project is not None else bundle.project
    project_id = caller.chosen_project if name is None else caller.find_project(name)
    return name if project_id is None else str(project_id)
