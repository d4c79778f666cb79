"""Admission: which requests of a bundle may run, and why the others may not."""

from jobforge.core.admission.decision import Admission, Decision, Refusal
from jobforge.core.admission.facts import (
    AdmissionFacts,
    Caller,
    CallerTenant,
    EarlierJob,
    Finding,
    OnPolicyFailure,
    Switches,
)
from jobforge.core.admission.judging import admit, binding_for, candidates, refuse
from jobforge.core.admission.prepared import PreparedBundle, PreparedRequest, prepare

__all__ = [
    "Admission",
    "AdmissionFacts",
    "Caller",
    "CallerTenant",
    "Decision",
    "EarlierJob",
    "Finding",
    "OnPolicyFailure",
    "PreparedBundle",
    "PreparedRequest",
    "Refusal",
    "Switches",
    "admit",
    "binding_for",
    "candidates",
    "prepare",
    "refuse",
]
