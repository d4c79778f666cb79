from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.autopilots.ops.change.world import Pager, next_attempt, payload, states, with_pager

from jobforge.autopilots.ops.apply import apply, plan, undo, verify
from jobforge.core.errors import (
    ChangeUndone,
    HandlerFailed,
    NeedsPerson,
    NotReached,
    TargetUnavailable,
)
from jobforge.testing.context import MemoryContext

CHECK = {"path": "/state", "pointer": "/on", "value": True}


def change(**more: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON value)
    return {"adapter": "http", "connection": "pager", "path": "/on"} | more


async def begin(context: MemoryContext, given: dict[str, Any]) -> None:
    """One of several attempts."""
    wanted = payload(given)
    await apply(wanted, await plan_once(given, context), next_attempt(context, number=1))


async def plan_once(given: dict[str, Any], context: MemoryContext) -> Any:  # noqa: ANN401 (effects)
    """The effects as they were planned, before anything happened."""
    off = with_pager(Pager())
    return await plan(payload(given), replace(off, job=context.job))


async def test_a_call_is_sent_once_with_its_key_and_its_body_is_shown_masked() -> None:
    pager = Pager()
    context = with_pager(pager)
    wanted = payload(change(body={"token": "abcdef-123456", "service": "web"}))

    effects = await plan(wanted, context)
    result = await apply(wanted, effects, context)
    await verify(wanted, effects, context)

    assert pager.applied == ["22222222-2222-4222-8222-222222222222-0"]
    assert "[masked]" in effects[0].diff
    assert "abcdef" not in effects[0].diff
    assert '"service": "web"' in effects[0].diff
    assert result.changes_made[0].is_as_predicted


async def test_a_call_whose_check_holds_already_is_not_planned() -> None:
    assert await plan(payload(change(check=CHECK)), with_pager(Pager(is_on=True))) == ()


async def test_no_answer_needs_a_person_and_nothing_is_sent_again() -> None:
    pager = Pager(fault=TargetUnavailable("no answer"))
    context = with_pager(pager)
    with pytest.raises(TargetUnavailable):
        await begin(context, change())
    pager.fault = None

    with pytest.raises(NeedsPerson, match="its end is not known"):
        await apply(payload(change()), await plan_once(change(), context), next_attempt(context))

    assert len(pager.applied) == 1
    assert await states(context) == [(0, "begun"), (0, "needs_person")]


async def test_an_endpoint_that_honours_keys_is_asked_again_with_the_same_key() -> None:
    pager = Pager(fault=TargetUnavailable("no answer"))
    context = with_pager(pager, honours_keys=True)
    with pytest.raises(TargetUnavailable):
        await begin(context, change())
    pager.fault = None

    await apply(payload(change()), await plan_once(change(), context), next_attempt(context))

    assert len(set(pager.applied)) == 1
    assert (await states(context))[-1] == (0, "done")


async def test_a_check_tells_that_a_call_without_answer_was_done() -> None:
    pager = Pager(fault=TargetUnavailable("no answer"))
    context = with_pager(pager)
    given = change(check=CHECK)
    with pytest.raises(TargetUnavailable):
        await begin(context, given)
    pager.fault = None

    await apply(payload(given), await plan_once(given, context), next_attempt(context))
    await verify(payload(given), await plan_once(given, context), context)

    assert len(pager.applied) == 1
    assert (await states(context))[-1] == (None, "verified")


async def test_what_was_never_sent_may_be_sent_again() -> None:
    pager = Pager(status=500, fault=NotReached("refused"))
    context = with_pager(pager)
    with pytest.raises(NotReached):
        await begin(context, change())
    pager.status, pager.fault = 200, None

    await apply(payload(change()), await plan_once(change(), context), next_attempt(context))

    assert await states(context) == [
        (0, "begun"), (0, "refused"), (None, "rolling_back"), (None, "rolled_back"),
        (0, "begun"), (0, "done"),
    ]  # fmt: skip


async def test_a_refusal_undoes_the_rest_and_is_final() -> None:
    pager = Pager(status=409)
    context = with_pager(pager)
    context.workspace.files = {"a.yaml": b"n: 1\n"}
    patch = [{"op": "replace", "path": "/n", "value": 2}]
    file = {"adapter": "file", "path": "a.yaml", "patch": patch}
    wanted = payload(change(), file)
    effects = await plan(wanted, context)

    with pytest.raises(ChangeUndone, match="answered 409: said the pager"):
        await apply(wanted, effects, next_attempt(context, number=1))

    assert pager.applied == []
    assert context.workspace.files["a.yaml"] == b"n: 1\n"


async def test_a_call_with_an_undo_is_taken_back_by_it() -> None:
    pager = Pager()
    context = with_pager(pager)
    wanted = payload(change(check=CHECK, undo={"method": "DELETE", "path": "/off"}))
    effects = await plan(wanted, context)
    await apply(wanted, effects, context)

    await undo(wanted, effects, context)

    assert pager.is_on is False
    assert pager.applied[-1].endswith("-0-undo")


async def test_a_call_without_an_undo_needs_a_person_to_take_it_back() -> None:
    context = with_pager(Pager())
    effects = await plan(payload(change()), context)
    await apply(payload(change()), effects, context)

    with pytest.raises(NeedsPerson, match="but for http:pager POST /on"):
        await undo(payload(change()), effects, context)


async def test_an_answer_without_effect_needs_a_person() -> None:
    context = with_pager(Pager())
    given = change(path="/elsewhere", check=CHECK)
    effects = await plan(payload(given), context)

    with pytest.raises((HandlerFailed, NeedsPerson)):
        await apply(payload(given), effects, context)

    assert (await states(context))[-1] == (None, "needs_person")
