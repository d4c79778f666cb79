"""Every error a use case can raise, as one tree.

JobForgeError
├── InvalidInput            the caller must change what he sends
│   ├── PayloadInvalid
│   ├── SettingInvalid
│   ├── SourceMalformed
│   └── IdempotencyKeyReused
├── Denied                  a rule forbids it
│   ├── Unauthenticated     nobody knows who asks
│   ├── NotPermitted
│   ├── FourEyes
│   ├── FeatureFlagDisabled
│   ├── EgressDenied
│   ├── PathDenied
│   ├── PolicyTokenRefused
│   ├── KillSwitchOn
│   ├── WindowClosed
│   ├── BlastRadiusExceeded
│   └── EffectNotPlanned
├── Missing                 it does not exist, or not for this caller
│   ├── TenantUnknown
│   ├── ProjectUnknown
│   ├── DatasetMissing
│   └── ConnectionMissing
├── Conflict                it clashes with what is there
│   ├── AlreadyExists
│   ├── InFlight
│   ├── PlanStale
│   └── PlanVoid
├── Unavailable             a service does not answer; trying again may help
│   ├── RateLimited
│   └── TargetUnavailable
│       └── NotReached
└── HandlerSignal           how a handler ends without a result
    ├── ChangeUndone
    ├── HandlerFailed
    ├── NeedsPerson
    ├── Postponed
    ├── TimeLimit
    └── AttemptLost
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from jobforge.contract.errors import JobForgeError


class InvalidInput(JobForgeError):
    """The input is not valid."""

    code: ClassVar[str] = "INVALID_INPUT"


class PayloadInvalid(InvalidInput):
    """The payload does not fit its job type."""

    code: ClassVar[str] = "PAYLOAD_INVALID"


class SettingInvalid(InvalidInput):
    """A setting has a value that cannot be used."""

    code: ClassVar[str] = "SETTING_INVALID"


class SourceMalformed(InvalidInput):
    """A dataset or file does not have the form it should have."""

    code: ClassVar[str] = "SOURCE_MALFORMED"


class IdempotencyKeyReused(InvalidInput):
    """The Idempotency-Key was used before, with another request."""

    code: ClassVar[str] = "IDEMPOTENCY_KEY_REUSED"


class Denied(JobForgeError):
    """A rule forbids this."""

    code: ClassVar[str] = "DENIED"


class Unauthenticated(Denied):
    """It takes a valid API key or token."""

    code: ClassVar[str] = "UNAUTHENTICATED"


class NotPermitted(Denied):
    """None of the caller's roles may do this."""

    code: ClassVar[str] = "NOT_PERMITTED"


class FourEyes(Denied):
    """It takes a second person."""

    code: ClassVar[str] = "FOUR_EYES"


class FeatureFlagDisabled(Denied):
    """The feature is switched off."""

    code: ClassVar[str] = "FEATURE_FLAG_DISABLED"


class EgressDenied(Denied):
    """The address may not be reached from here; JOBFORGE_EGRESS_ALLOW lists what may."""

    code: ClassVar[str] = "EGRESS_DENIED"


class PathDenied(Denied):
    """The path leaves the tenant's folder."""

    code: ClassVar[str] = "PATH_DENIED"


class PolicyTokenRefused(Denied):
    """The policy token was refused."""

    code: ClassVar[str] = "POLICY_TOKEN_INVALID"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.refusal_code = code


class KillSwitchOn(Denied):
    """A kill switch is on."""

    code: ClassVar[str] = "KILL_SWITCH_ON"


class WindowClosed(Denied):
    """No change is made outside the maintenance window."""

    code: ClassVar[str] = "WINDOW_CLOSED"
    is_retryable: ClassVar[bool] = True


class BlastRadiusExceeded(Denied):
    """The action would change more targets than the tenant's limits allow."""

    code: ClassVar[str] = "BLAST_RADIUS_EXCEEDED"


class EffectNotPlanned(Denied):
    """The plan does not name this target."""

    code: ClassVar[str] = "EFFECT_NOT_PLANNED"


class Missing(JobForgeError):
    """There is no such thing."""

    code: ClassVar[str] = "NOT_FOUND"


class TenantUnknown(Missing):
    """There is no such tenant."""

    code: ClassVar[str] = "TENANT_UNKNOWN"


class ProjectUnknown(Missing):
    """There is no such project."""

    code: ClassVar[str] = "PROJECT_UNKNOWN"


class DatasetMissing(Missing):
    """There is no such dataset or file."""

    code: ClassVar[str] = "DATASET_MISSING"


class ConnectionMissing(Missing):
    """There is no such connection."""

    code: ClassVar[str] = "CONNECTION_MISSING"


class Conflict(JobForgeError):
    """This clashes with what is there already."""

    code: ClassVar[str] = "CONFLICT"


class AlreadyExists(Conflict):
    """There is one of that name already."""

    code: ClassVar[str] = "ALREADY_EXISTS"


class InFlight(Conflict):
    """A request with this Idempotency-Key is being answered."""

    code: ClassVar[str] = "IDEMPOTENCY_KEY_IN_FLIGHT"


class PlanStale(Conflict):
    """The world changed since the plan was made."""

    code: ClassVar[str] = "PLAN_STALE"

    def __init__(
        self,
        message: str | None = None,
        *,
        pointer: str | None = None,
        hint: str | None = None,
        changes: Sequence[Mapping[str, str | None]] = (),
    ) -> None:
        super().__init__(message, pointer=pointer, hint=hint)
        self.changes = tuple(changes)


class PlanVoid(Conflict):
    """The plan is not to be executed any more: a newer one took its place, or it was rejected."""

    code: ClassVar[str] = "PLAN_VOID"


class Unavailable(JobForgeError):
    """A service that is needed does not answer."""

    code: ClassVar[str] = "UNAVAILABLE"
    is_retryable: ClassVar[bool] = True


class RateLimited(Unavailable):
    """There were too many requests; try again later."""

    code: ClassVar[str] = "RATE_LIMITED"


class TargetUnavailable(Unavailable):
    """The target did not answer."""

    code: ClassVar[str] = "TARGET_UNAVAILABLE"


class NotReached(TargetUnavailable):
    """The target could not be reached; nothing was sent to it."""


class HandlerSignal(JobForgeError):
    """A handler ended without a result."""

    code: ClassVar[str] = "HANDLER_FAILED"


class HandlerFailed(HandlerSignal):
    """The handler failed."""

    code: ClassVar[str] = "HANDLER_FAILED"
    is_retryable: ClassVar[bool] = True


class ChangeUndone(HandlerSignal):
    """The change failed and was taken back."""

    code: ClassVar[str] = "CHANGE_UNDONE"


class NeedsPerson(HandlerSignal):
    """A person must look whether the change took effect; the journal has what is known."""

    code: ClassVar[str] = "NEEDS_PERSON"


class Postponed(HandlerSignal):
    """It is not yet time; the job is queued again until then."""

    code: ClassVar[str] = "POSTPONED"
    is_retryable: ClassVar[bool] = True

    def __init__(self, until: datetime) -> None:
        super().__init__(f"it is to start at {until.isoformat()}")
        self.until = until


class TimeLimit(HandlerSignal):
    """The handler took longer than its time limit."""

    code: ClassVar[str] = "TIME_LIMIT"
    is_retryable: ClassVar[bool] = True


class AttemptLost(HandlerSignal):
    """The job is not this attempt's any more: it was canceled, or another attempt began."""

    code: ClassVar[str] = "ATTEMPT_LOST"
