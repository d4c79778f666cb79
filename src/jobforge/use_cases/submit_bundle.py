"""Plan or execute a bundle as it came in."""

from __future__ import annotations

from dataclasses import dataclass

from jobforge.contract.dialects import TranslatedBundle, read_bundle
from jobforge.contract.errors import ContractViolation
from jobforge.contract.results import BundleResult
from jobforge.steps.intake import Submission
from jobforge.steps.submit_translated import SubmitTranslated


@dataclass(frozen=True, slots=True)
class SubmitBundle:
    """Takes bundles. A refused bundle and a denied request are answers, not exceptions."""

    submit: SubmitTranslated

    async def __call__(
        self, raw: bytes, submission: Submission, *, policy_token: str | None = None
    ) -> BundleResult:
        """Plan or execute a bundle as it came in."""
        try:
            bundle = read_bundle(raw)
        except ContractViolation as violation:
            return await self.submit.refuse(submission, violation)
        return await self.translated(bundle, submission, policy_token=policy_token)

    async def translated(
        self, bundle: TranslatedBundle, submission: Submission, *, policy_token: str | None = None
    ) -> BundleResult:
        """Plan or execute a bundle that was read already.

        Raises:
            Unavailable: others kept taking the same keys meanwhile.
        """
        return await self.submit(bundle, submission, policy_token=policy_token)
