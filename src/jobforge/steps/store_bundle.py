"""Keep a bundle for later, so that work refers to it by its digest."""

from __future__ import annotations

from datetime import datetime

from jobforge.contract.dialects import TranslatedBundle
from jobforge.core.stored_bundle import digest_of, to_text, without_secrets
from jobforge.ports.starting import StoredBundle
from jobforge.ports.storage import TenantUnit


def to_stored(bundle: TranslatedBundle, at: datetime) -> StoredBundle:
    """The bundle as it is stored: secrets masked, its policy token left behind.

    Raises:
        ContractViolation: one of its names holds a secret.
    """
    text = to_text(without_secrets(bundle))
    return StoredBundle(digest=digest_of(text), content=text, created_at=at)


async def store_bundle(unit: TenantUnit, bundle: StoredBundle) -> None:
    """Store it, unless it is there already."""
    await unit.bundles.insert(bundle)
