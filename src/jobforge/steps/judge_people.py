"""Whether the permission for a plan comes from somebody else than who executes it."""

from __future__ import annotations

from jobforge.contract.codes import ChildCode
from jobforge.core.actor import Actor
from jobforge.core.authorization import require_four_eyes
from jobforge.core.errors import FourEyes
from jobforge.core.policy_token import TokenVerdict
from jobforge.ports.storage import TenantUnit


async def judge_people(unit: TenantUnit, actor: Actor, verdict: TokenVerdict) -> TokenVerdict:
    """The verdict; refused where who executes has given the permission himself.

    A permission that was given with glass broken names nobody: that is what it is for.
    """
    if actor.is_local or not verdict.is_accepted:
        return verdict
    issuers = await unit.reviews.issuers(str(verdict.jti))
    if not issuers:
        return verdict
    is_required = await unit.tenants.requires_four_eyes()
    try:
        require_four_eyes(actor, "permitted this plan", frozenset(issuers), is_required=is_required)
    except FourEyes as error:
        return TokenVerdict(None, ChildCode.FOUR_EYES, error.message, verdict.jti)
    return verdict
