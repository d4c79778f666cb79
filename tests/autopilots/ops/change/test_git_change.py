from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.adapters.targets.git_server import git, make_repository
from tests.autopilots.ops.change.world import payload, states, with_git

from jobforge.autopilots.ops.apply import apply, plan, undo, verify
from jobforge.core.errors import DatasetMissing, PayloadInvalid, PlanStale

FILES = {
    "deploy/web.yaml": b"kind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2} # two\n",
    "infra/main.tf": b'resource "a" "b" {\n  n = 1 # one\n}\n',
}
PATCHES: list[dict[str, Any]] = [
    {
        "path": "deploy/web.yaml",
        "resource": {"kind": "Deployment", "name": "web"},
        "patch": [{"op": "replace", "path": "/spec/replicas", "value": 3}],
    },
    {"path": "infra/main.tf", "patch": [{"op": "replace", "path": "/resource/a/b/n", "value": 2}]},
]


def change(**more: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON value)
    return {
        "adapter": "git",
        "repository": "shop",
        "branch": "jobforge/rec-7",
        "message": "Scale web",
        "files": PATCHES,
    } | more


async def test_a_new_branch_gets_one_commit_with_the_trailer(tmp_path: Path) -> None:
    first = make_repository(tmp_path / "shop", FILES)
    context = with_git(tmp_path)

    effects = await plan(payload(change()), context)
    result = await apply(payload(change()), effects, context)
    await verify(payload(change()), effects, context)

    (effect,) = effects
    assert (effect.change, effect.before) == ("create", None)
    assert effect.preconditions[0].expected == first
    assert "-spec: {replicas: 2} # two\n+spec: {replicas: 3} # two" in effect.diff
    assert "+  n = 2 # one" in effect.diff
    assert result.changes_made[0].is_as_predicted
    assert git(tmp_path / "shop", "log", "--format=%s|%P", "main..jobforge/rec-7") == (
        f"Scale web|{first}"
    )
    assert git(tmp_path / "shop", "log", "-1", "--format=%(trailers)", "jobforge/rec-7") == (
        "JobForge-Recommendation: rec-7\nJobForge-Job: 22222222-2222-4222-8222-222222222222"
    )
    assert git(tmp_path / "shop", "status", "--porcelain") == ""


async def test_undo_leaves_every_branch_where_it_was(tmp_path: Path) -> None:
    make_repository(tmp_path / "shop", FILES)
    git(tmp_path / "shop", "branch", "old")
    before = git(tmp_path / "shop", "for-each-ref")
    both = payload(change(), change(branch="old"))
    context = with_git(tmp_path)
    effects = await plan(both, context)

    await apply(both, effects, context)
    between = git(tmp_path / "shop", "for-each-ref")
    await undo(both, effects, context)

    assert [effect.change for effect in effects] == ["create", "update"]
    assert between != before
    assert git(tmp_path / "shop", "for-each-ref") == before


async def test_a_base_that_moved_since_the_plan_is_refused(tmp_path: Path) -> None:
    first = make_repository(tmp_path / "shop", FILES)
    context = with_git(tmp_path)
    effects = await plan(payload(change()), context)
    git(tmp_path / "shop", "commit", "--quiet", "--allow-empty", "-m", "more")
    moved = git(tmp_path / "shop", "rev-parse", "main")

    with pytest.raises(PlanStale, match=f"None -> {moved}"):
        await apply(payload(change()), effects, context)

    assert first != moved
    assert git(tmp_path / "shop", "branch", "--list", "jobforge/*") == ""


async def test_somebody_elses_commit_on_the_branch_is_never_taken_back(tmp_path: Path) -> None:
    make_repository(tmp_path / "shop", FILES)
    context = with_git(tmp_path)
    effects = await plan(payload(change()), context)
    await apply(payload(change()), effects, context)
    git(tmp_path / "shop", "worktree", "add", "--quiet", "../side", "jobforge/rec-7")
    git(tmp_path / "side", "commit", "--quiet", "--allow-empty", "-m", "theirs")
    theirs = git(tmp_path / "side", "rev-parse", "HEAD")

    with pytest.raises(PlanStale, match="changed since"):
        await undo(payload(change()), effects, context)

    assert git(tmp_path / "shop", "rev-parse", "jobforge/rec-7") == theirs


async def test_a_branch_that_is_as_wanted_needs_nothing(tmp_path: Path) -> None:
    make_repository(tmp_path / "shop", FILES)
    context = with_git(tmp_path)
    effects = await plan(payload(change()), context)
    await apply(payload(change()), effects, context)

    again = await plan(payload(change()), context)
    repeated = await apply(payload(change()), effects, context)

    assert again == ()
    assert repeated.applied
    assert (await states(context)).count((0, "begun")) == 1


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"base": "absent", "branch": "new"}, PayloadInvalid),
        ({"repository": "absent"}, DatasetMissing),
        ({"files": [{"path": "absent.yaml", "patch": PATCHES[1]["patch"]}]}, DatasetMissing),
    ],
)
async def test_what_is_not_there_is_named(
    tmp_path: Path, more: dict[str, Any], error: type[Exception]
) -> None:
    make_repository(tmp_path / "shop", FILES)

    with pytest.raises(error):
        await plan(payload(change(**more)), with_git(tmp_path))


@pytest.mark.parametrize("name", ["-x", "a..b", "a.lock", "a b", "/a", "a/", "a/.b", "", "a~1"])
def test_what_is_no_branch_is_refused(name: str) -> None:
    with pytest.raises(PayloadInvalid):
        payload(change(branch=name))


async def test_two_changes_of_one_branch_are_refused(tmp_path: Path) -> None:
    make_repository(tmp_path / "shop", FILES)

    with pytest.raises(PayloadInvalid, match="two changes have the target git:shop"):
        await plan(payload(change(), change()), with_git(tmp_path))
