"""Two submit the same bundle at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.application import OPERATOR, Harness, change, look
from typing_extensions import override

from jobforge.contract.dialects import TranslatedBundle
from jobforge.contract.results import BundleResult
from jobforge.steps.intake import Intake, Submission, TakeIn
from jobforge.use_cases.submit_bundle import SubmitBundle


@dataclass(frozen=True, slots=True)
class Overtaken(TakeIn):
    """Takes in as ever, but the first time somebody else is faster before it goes on."""

    rival: list[tuple[Harness, bytes, str]]
    results: list[BundleResult]

    @override
    async def __call__(self, bundle: TranslatedBundle, submission: Submission) -> Intake:
        intake = await super(Overtaken, self).__call__(bundle, submission)
        if self.rival:
            app, raw, token = self.rival.pop()
            self.results.append(await app.execute(raw, token=token))
        return intake


async def test_who_is_overtaken_with_the_same_bundle_and_token_learns_of_the_earlier_jobs(
    app: Harness,
) -> None:
    raw = app.bundle(change(), look())
    token = (await app.issue(raw)).token
    usual = app.app.submit_bundle.submit
    overtaken = Overtaken(
        usual.take_in.storage,
        usual.take_in.catalog,
        usual.take_in.contexts,
        usual.take_in.switches,
        rival=[(app, raw, token)],
        results=[],
    )
    submit = SubmitBundle(replace(usual, take_in=overtaken))

    result = await submit(raw, Submission(app.tenant, OPERATOR, "execute"), policy_token=token)

    (rival,) = overtaken.results
    assert [child.status for child in rival.child_runs] == ["queued", "queued"]
    assert [child.code for child in result.child_runs] == ["ALREADY_SUBMITTED"] * 2
    assert [c.job_id for c in result.child_runs] == [c.job_id for c in rival.child_runs]
