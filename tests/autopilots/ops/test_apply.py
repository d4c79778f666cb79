"""Tests of `autopilot.ops.apply`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobforge.autopilots.ops import APPLY
from jobforge.autopilots.ops.apply import apply, plan, undo, verify
from jobforge.autopilots.ops.change.file_change import pre_image_path
from jobforge.autopilots.ops.change.json_text import patch_json
from jobforge.autopilots.ops.change.patch import PatchOperation
from jobforge.autopilots.ops.change.request import ApplyPayload
from jobforge.autopilots.ops.change.rollout import waves_of
from jobforge.autopilots.ops.change.yaml_text import patch_yaml
from jobforge.core.errors import (
    DatasetMissing,
    HandlerFailed,
    PathDenied,
    PayloadInvalid,
    PlanStale,
    SourceMalformed,
)
from jobforge.testing.context import MemoryContext

DEPLOYMENT = b"""\
# The web tier.
apiVersion: apps/v1
kind: Deployment
metadata:
    name: 'web'   # kept
spec:
    replicas: 2
    template:
        containers:
          - name: "web"
            image: web:1.2   # pinned

          - {name: sidecar, image: side:1}
"""


def payload(path: str = "web.yaml", **changes: Any) -> ApplyPayload:  # noqa: ANN401 (any JSON value)
    patch = changes.pop("patch", [{"op": "replace", "path": "/spec/replicas", "value": 3}])
    change = {"adapter": "file", "path": path, "patch": patch} | changes.pop("change", {})
    return APPLY.parse_payload({"recommendation_id": "rec-1", "change": change} | changes)


def context_with(**files: bytes) -> MemoryContext:
    context = MemoryContext()
    context.workspace.files = {name.replace("_", "."): data for name, data in files.items()}
    return context


def test_a_yaml_patch_keeps_comments_order_and_indentation() -> None:
    patched = patch_yaml(DEPLOYMENT.decode(), payload_patch(), path="web.yaml")

    assert patched == DEPLOYMENT.decode().replace("replicas: 2", "replicas: 3")


def payload_patch(path: str = "/spec/replicas", value: object = 3) -> tuple[PatchOperation, ...]:
    return (PatchOperation(op="replace", path=path, value=value),)


async def test_a_plan_shows_the_diff_and_the_precondition_and_writes_nothing() -> None:
    context = context_with(web_yaml=DEPLOYMENT)

    (effect,) = await plan(payload(), context)

    assert "-    replicas: 2\n+    replicas: 3" in effect.diff
    assert effect.preconditions[0].source == "file:web.yaml"
    assert effect.preconditions[0].expected == effect.before != effect.after
    assert context.workspace.files == {"web.yaml": DEPLOYMENT}
    assert context.artifacts.stored == {}


async def states(context: MemoryContext) -> list[tuple[int | None, str]]:
    return [(entry.step, entry.state) for entry in await context.journal.entries()]


async def test_apply_writes_the_planned_bytes_and_undo_restores_every_byte() -> None:
    context = context_with(web_yaml=DEPLOYMENT)
    effects = await plan(payload(), context)

    result = await apply(payload(), effects, context)
    await verify(payload(), effects, context)
    changed = context.workspace.files["web.yaml"]
    await undo(payload(), effects, context)

    assert result.applied is True
    assert result.changes_made[0].is_as_predicted is True
    assert changed != DEPLOYMENT
    assert context.workspace.files["web.yaml"] == DEPLOYMENT
    assert await states(context) == [
        (0, "begun"),
        (0, "done"),
        (None, "verified"),
        (None, "rolling_back"),
        (0, "undo_begun"),
        (0, "undone"),
        (None, "rolled_back"),
    ]


async def test_no_artifact_holds_a_secret_of_the_file() -> None:
    secret = b"password: hunter2-hunter2\n"
    context = context_with(web_yaml=DEPLOYMENT + secret)
    effects = await plan(payload(), context)

    await apply(payload(), effects, context)

    stored = b"".join(context.artifacts.stored.values())
    kept = context.workspace.files[pre_image_path(effects[0])]
    assert str(effects[0].before).encode() in stored
    assert b"hunter2" not in stored
    assert secret in kept


async def test_a_file_that_changed_since_the_plan_is_refused_with_old_and_new() -> None:
    context = context_with(web_yaml=DEPLOYMENT)
    effects = await plan(payload(), context)
    context.workspace.files["web.yaml"] = DEPLOYMENT + b"# edited\n"

    with pytest.raises(PlanStale, match=rf"{effects[0].before} -> sha256:"):
        await apply(payload(), effects, context)

    assert context.workspace.files["web.yaml"].endswith(b"# edited\n")


async def test_other_bytes_than_the_planned_ones_are_never_written() -> None:
    context = context_with(web_yaml=DEPLOYMENT)
    effects = await plan(payload(), context)
    other = payload(patch=[{"op": "replace", "path": "/spec/replicas", "value": 99}])

    with pytest.raises(PlanStale):
        await apply(other, effects, context)

    assert context.workspace.files["web.yaml"] == DEPLOYMENT


async def test_a_repetition_after_a_crash_does_not_apply_twice() -> None:
    append = payload(patch=[{"op": "add", "path": "/spec/list/-", "value": 1}])
    context = context_with(web_yaml=b"spec:\n  list: [0]\n")
    effects = await plan(append, context)
    await apply(append, effects, context)
    once = context.workspace.files["web.yaml"]

    result = await apply(append, effects, context)

    assert result.applied is True
    assert context.workspace.files["web.yaml"] == once


async def test_undo_does_not_overwrite_a_later_edit() -> None:
    context = context_with(web_yaml=DEPLOYMENT)
    effects = await plan(payload(), context)
    await apply(payload(), effects, context)
    context.workspace.files["web.yaml"] += b"# mine\n"

    with pytest.raises(PlanStale):
        await undo(payload(), effects, context)

    assert context.workspace.files["web.yaml"].endswith(b"# mine\n")


async def test_undo_without_a_true_pre_image_fails_and_writes_nothing() -> None:
    context = context_with(web_yaml=DEPLOYMENT)
    effects = await plan(payload(), context)
    await apply(payload(), effects, context)
    changed = context.workspace.files["web.yaml"]

    context.workspace.files[pre_image_path(effects[0])] = b"damaged"
    with pytest.raises(HandlerFailed, match="damaged"):
        await undo(payload(), effects, context)
    del context.workspace.files[pre_image_path(effects[0])]
    with pytest.raises(HandlerFailed, match="no pre-image"):
        await undo(payload(), effects, context)

    assert context.workspace.files["web.yaml"] == changed


async def test_verify_notices_a_target_that_is_not_as_planned() -> None:
    context = context_with(web_yaml=DEPLOYMENT)
    effects = await plan(payload(), context)

    with pytest.raises(HandlerFailed):
        await verify(payload(), effects, context)


async def test_a_change_that_is_there_already_plans_nothing() -> None:
    same = payload(patch=[{"op": "replace", "path": "/spec/replicas", "value": 2}])
    context = context_with(web_yaml=DEPLOYMENT)

    effects = await plan(same, context)
    result = await apply(same, effects, context)

    assert effects == ()
    assert (result.applied, result.rollback_point) == (False, None)
    assert "already" in result.reason


async def test_a_payload_without_a_change_applies_nothing_and_says_so() -> None:
    context = MemoryContext()
    bare = APPLY.parse_payload({"recommendation_id": "rec-1", "policy_token": "t"})

    result = await apply(bare, await plan(bare, context), context)

    assert result.model_dump() == {
        "recommendation_id": "rec-1", "applied": False, "reason": "the payload names no change",
        "changes_made": (), "rollback_point": None,
    }  # fmt: skip


async def test_secrets_do_not_show_in_a_diff() -> None:
    content = b"db_password: hunter2hunter2\nreplicas: 2\nurl: postgres://u:pw123456@h/x\n"
    context = context_with(web_yaml=content)
    change = payload(patch=[{"op": "replace", "path": "/replicas", "value": 3}])

    (effect,) = await plan(change, context)

    assert "hunter2" not in effect.diff
    assert "pw123456" not in effect.diff
    assert "+replicas: 3" in effect.diff


@pytest.mark.parametrize(
    ("path", "content", "error"),
    [
        ("missing.yaml", None, DatasetMissing),
        ("../other/web.yaml", None, PathDenied),
        ("/etc/passwd.yaml", None, PathDenied),
        ("web.toml", b"a = 1", PayloadInvalid),
        ("web.json", b"{", SourceMalformed),
        ("web.json", b'{"a": 1, "a": 2}', SourceMalformed),
        ("web.json", b'{"a": NaN}', SourceMalformed),
        ("web.json", b"\xff", SourceMalformed),
        ("web.yaml", b"a: [", SourceMalformed),
        ("web.yaml", b"a: 1\na: 2\n", SourceMalformed),
        ("web.yaml", b"a: &a [1]\n" + b"b: *a\n" * 1, PayloadInvalid),
        ("web.yaml", b"- " * 3000, SourceMalformed),
        ("web.json", b"[" * 200_000, SourceMalformed),
        ("web.json", b" " * (4 * 2**20 + 1), SourceMalformed),
        ("web.yaml", b"a: 1\n---\nb: 2\n", PayloadInvalid),
    ],
)
async def test_input_that_does_not_fit_is_an_error(
    path: str, content: bytes | None, error: type[Exception]
) -> None:
    context = MemoryContext()
    if content is not None:
        context.workspace.files[path] = content

    with pytest.raises(error):
        await plan(payload(path), context)


async def test_a_yaml_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 20)}]" for i in range(1, 40)]
    context = context_with(web_yaml="\n".join(lines).encode())

    with pytest.raises(SourceMalformed, match="aliases"):
        await plan(payload(), context)


async def test_a_failing_operation_is_named_by_its_pointer() -> None:
    patch = [
        {"op": "test", "path": "/spec/replicas", "value": 2},
        {"op": "remove", "path": "/spec/nothing"},
    ]

    with pytest.raises(PayloadInvalid) as caught:
        await plan(payload(patch=patch), context_with(web_yaml=DEPLOYMENT))

    assert caught.value.pointer == "/change/patch/1"


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "/a"},
        {"op": "move", "path": "/a"},
        {"op": "append", "path": "/a", "value": 1},
        {"op": "add", "path": "a", "value": 1},
    ],
)
def test_an_operation_that_rfc_6902_does_not_know_is_refused(operation: dict[str, Any]) -> None:
    with pytest.raises(PayloadInvalid):
        payload(patch=[operation])


def test_one_document_of_several_is_changed_and_the_others_stay() -> None:
    text = "# one\nkind: A\nn: 1\n---\n# two\nkind: B\nn: 1   # old\n"

    patched = patch_yaml(text, payload_patch("/n", 2), path="x.yaml", document=1)

    assert patched == text.replace("n: 1   # old", "n: 2   # old")


def test_lines_the_writer_would_normalise_stay_as_they_were() -> None:
    text = "list:   [1,2,   3]\nodd:    'x'\nkeep:\n      deep:   1\nreplicas: 2\n"

    patched = patch_yaml(text, payload_patch("/replicas", 5), path="x.yaml")

    assert patched == text.replace("replicas: 2", "replicas: 5")


@pytest.mark.parametrize(
    "text",
    [
        '{"b":1.10,"a":{"n":2}}',
        '{"b": 1e3, "a": {"n": 2}}\n',
        '{\n  "b": 1.0,\n  "a": {\n    "n": 2\n  }\n}\n',
        '{\n\t"b": [],\n\t"a": {\n\t\t"n": 2\n\t}\n}',
        '{\r\n  "b": "\\u00e9",\r\n  "a": {\r\n    "n": 2\r\n  }\r\n}\r\n',
    ],
)
def test_a_json_patch_keeps_the_layout_and_the_spelling_of_numbers(text: str) -> None:
    patched = patch_json(text, payload_patch("/a/n", 7), path="x.json")

    assert patched == text.replace('"n":2', '"n":7').replace('"n": 2', '"n": 7')


_json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@example({}, {"\ue000": None})
@example({"\ue000": "\ue000\ue000"}, "\ue000")
@given(st.dictionaries(st.text(max_size=4), _json_values, max_size=4), _json_values)
def test_a_json_file_reads_as_the_patched_document(document: dict[str, Any], value: object) -> None:
    text = json.dumps(document, indent=2)
    add = (PatchOperation(op="add", path="/added", value=value),)

    assert json.loads(patch_json(text, add, path="x.json")) == document | {"added": value}


MANIFEST = b"""\
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {replicas: 1}
---
# the other
kind: Deployment
metadata: {name: cart, namespace: shop}
spec: {replicas: 1}
"""


async def test_a_manifest_is_found_by_kind_and_name() -> None:
    context = context_with(shop_yaml=MANIFEST)
    selector = {"kind": "Deployment", "name": "cart"}
    change = {"adapter": "kubernetes", "resource": selector}

    (effect,) = await plan(payload("shop.yaml", change=change), context)

    assert effect.diff.count("\n-") == 1
    assert effect.diff.index("the other") < effect.diff.index("replicas: 3")
    missing = {"adapter": "kubernetes", "resource": selector | {"namespace": "x"}}
    with pytest.raises(PayloadInvalid):
        await plan(payload("shop.yaml", change=missing), context)
    with pytest.raises(PayloadInvalid):
        payload("shop.yaml", change={"adapter": "kubernetes"})


def many(names: list[str], **more: Any) -> ApplyPayload:  # noqa: ANN401 (any JSON value)
    patch = [{"op": "replace", "path": "/n", "value": 2}]
    changes = [{"adapter": "file", "path": name, "patch": patch} for name in names]
    return APPLY.parse_payload({"recommendation_id": "r", "changes": changes} | more)


def files(names: list[str]) -> MemoryContext:
    context = MemoryContext()
    context.workspace.files = {name: b"n: 1\n" + name.encode() + b": x\n" for name in names}
    return context


async def test_several_files_are_written_all_or_none() -> None:
    names = ["a.yaml", "b.yaml", "c.yaml"]
    context = files(names)
    before = dict(context.workspace.files)
    effects = await plan(many(names), context)
    context.workspace.files["c.yaml"] += b"# edited\n"

    with pytest.raises(PlanStale):
        await apply(many(names), effects, context)

    assert {name: context.workspace.files[name] for name in names[:2]} == {
        name: before[name] for name in names[:2]
    }
    assert context.workspace.files["c.yaml"].endswith(b"# edited\n")
    assert await states(context) == [(None, "rolling_back"), (None, "rolled_back")]


async def test_a_gradual_rollout_goes_in_doubling_waves() -> None:
    names = [f"{n}.yaml" for n in range(8)]
    context = files(names)

    effects = await plan(many(names), context)
    result = await apply(many(names, apply_strategy="gradual"), effects, context)

    assert [len(wave) for wave in waves_of(names, is_gradual=True)] == [1, 2, 4, 1]
    assert "in 4 waves" in result.reason
    assert all(change.is_as_predicted for change in result.changes_made)


async def test_more_targets_than_the_cap_are_shown_and_refused() -> None:
    names = ["a.yaml", "b.yaml"]
    context = files(names)
    before = dict(context.workspace.files)

    effects = await plan(many(names, max_targets=1), context)

    assert "at most 1 targets" in effects[0].preconditions[-1].expected
    with pytest.raises(HandlerFailed, match="the cap is 1"):
        await apply(many(names, max_targets=1), effects, context)
    assert context.workspace.files == before


async def test_two_changes_of_one_file_are_one_effect() -> None:
    context = files(["a.yaml"])
    patch = [{"op": "add", "path": "/m", "value": 1}]
    two = many(["a.yaml"], change={"adapter": "file", "path": "a.yaml", "patch": patch})

    effects = await plan(two, context)
    await apply(two, effects, context)

    assert len(effects) == 1
    assert context.workspace.files["a.yaml"] == b"n: 2\na.yaml: x\nm: 1\n"


def test_several_changes_without_a_way_back_are_refused() -> None:
    with pytest.raises(PayloadInvalid):
        many(["a.yaml", "b.yaml"], rollback_plan={"enabled": False})
