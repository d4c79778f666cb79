"""The audit log: entries, their chain, signed checkpoints, and whether a chain holds."""

from jobforge.core.audit.checkpoint import (
    Checkpoint,
    CheckpointKind,
    sign_checkpoint,
    verify_checkpoint,
)
from jobforge.core.audit.entry import (
    GENESIS_HASH,
    AuditEntry,
    ChainedEntry,
    StoredEntry,
    body_digest,
    canonical_details,
    chain,
    chain_block,
    format_time,
    stored_body_digest,
    to_export_line,
)
from jobforge.core.audit.verification import (
    ChainEnd,
    ChainVerdict,
    ChainVerifier,
    Problem,
    verify_chain,
)

__all__ = [
    "GENESIS_HASH",
    "AuditEntry",
    "ChainEnd",
    "ChainVerdict",
    "ChainVerifier",
    "ChainedEntry",
    "Checkpoint",
    "CheckpointKind",
    "Problem",
    "StoredEntry",
    "body_digest",
    "canonical_details",
    "chain",
    "chain_block",
    "format_time",
    "sign_checkpoint",
    "stored_body_digest",
    "to_export_line",
    "verify_chain",
    "verify_checkpoint",
]
