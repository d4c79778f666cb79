"""The client library: talks to `jobforge serve`, and needs no more than httpx and pydantic."""

from jobforge.contract.bundle import JobRequestBundle
from jobforge.contract.errors import ContractViolation, JobForgeError
from jobforge.contract.results import BundleResult, ChildRun, JobAnswer
from jobforge.sdk.async_client import AsyncClient, AsyncRun
from jobforge.sdk.bundle import BundleBuilder
from jobforge.sdk.client import Client, Run
from jobforge.sdk.errors import (
    ApiError,
    Conflict,
    FourEyes,
    Invalid,
    NotFound,
    NotPermitted,
    PlanStale,
    RateLimited,
    ServerFault,
    Unauthenticated,
    Unreachable,
)
from jobforge.sdk.exchange import Retries
from jobforge.sdk.models import JobChanged, JobItem, RunItem
from jobforge.sdk.waiting import Progress, StillOpen

__all__ = [
    "ApiError",
    "AsyncClient",
    "AsyncRun",
    "BundleBuilder",
    "BundleResult",
    "ChildRun",
    "Client",
    "Conflict",
    "ContractViolation",
    "FourEyes",
    "Invalid",
    "JobAnswer",
    "JobChanged",
    "JobForgeError",
    "JobItem",
    "JobRequestBundle",
    "NotFound",
    "NotPermitted",
    "PlanStale",
    "Progress",
    "RateLimited",
    "Retries",
    "Run",
    "RunItem",
    "ServerFault",
    "StillOpen",
    "Unauthenticated",
    "Unreachable",
]
