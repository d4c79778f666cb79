"""One job as a bundle of one, so that it passes the same gates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from jobforge.contract.dialects import Hints, TranslatedBundle, TranslatedRequest

REQUEST_ID = "job"


def key_for_token(jti: UUID) -> str:
    """The idempotency key of a single job: a policy token names the one run it is for.

    It is part of the plan's digest, so that it must be the same when the token is issued and
    when it is used.
    """
    return f"job-run:{jti}"


def to_bundle(
    job_type: str, payload: Mapping[str, Any], *, tenant: str, key: str
) -> TranslatedBundle:
    """The bundle of one request; a policy token inside the payload is taken out."""
    kept = {name: value for name, value in payload.items() if name != "policy_token"}
    request = TranslatedRequest(
        request_id=REQUEST_ID,
        job_type=job_type,
        tenant=tenant,
        project=None,
        payload=kept,
        idempotency_key=key,
        required_scopes=(),
        is_flagged=False,
        hints=Hints(),
        pointer="",
    )
    return TranslatedBundle(
        dialect="jobforge",
        bundle_id=key,
        tenant=tenant,
        project=None,
        trace_id=key,
        producer_hash="absent",
        source_module="jobforge",
        requests=(request,),
        metadata={},
        origin="single_job",
    )
