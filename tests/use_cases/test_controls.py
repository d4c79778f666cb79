"""Kill switches, pauses, windows and limits: kept, listed, and written into the audit log."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.application import ECHO_TYPE, OPERATOR, Harness

from jobforge.adapters.postgres.controls import ControlRows
from jobforge.core.controls import INSTALLATION, Limits, Once, Scope, Weekly
from jobforge.core.errors import AlreadyExists, Conflict, InvalidInput, Missing
from jobforge.ports.controls import WindowRecord
from jobforge.ports.records import TenantRecord

ALL = TenantRecord(INSTALLATION, "jobforge-installation")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NIGHT = Weekly((1, 2, 3, 4, 5, 6, 7), time(1), timedelta(hours=4), "Europe/Berlin")


def of_acme(app: Harness, job_type: str | None = None) -> Scope:
    return Scope(app.tenant.tenant_id, app.tenant.slug, job_type)


async def test_a_switch_is_on_until_somebody_turns_it_off_and_both_are_audited(
    app: Harness,
) -> None:
    switches = app.app.switches
    await switches.turn_on("kill", Scope(), "fire", OPERATOR)
    await switches.turn_on("pause", of_acme(app, ECHO_TYPE), "upgrade", OPERATOR)

    found = await switches.all()
    await switches.turn_off("kill", Scope(), "it is out", OPERATOR)
    await switches.turn_off("pause", of_acme(app, ECHO_TYPE), "done", OPERATOR)

    assert [(s.tenant_slug, s.kind, s.job_type, s.reason, s.actor) for s in found] == [
        ("acme", "pause", ECHO_TYPE, "upgrade", OPERATOR.name),
        ("jobforge-installation", "kill", "*", "fire", OPERATOR.name),
    ]
    assert await switches.all() == ()
    assert await app.events(ALL) == ["switch.on", "switch.off"]
    assert (await app.events())[-2:] == ["work.paused", "work.resumed"]
    verdicts = await app.app.verify_audit()
    assert {v.tenant_id for v in verdicts} == {INSTALLATION, app.tenant.tenant_id}
    assert all(verdict.is_intact for verdict in verdicts)


async def test_what_is_on_is_not_turned_on_again_and_what_is_off_not_off(app: Harness) -> None:
    switches = app.app.switches
    await switches.turn_on("pause", Scope(), "first", OPERATOR)

    with pytest.raises(Conflict, match="the pause of everything is on already"):
        await switches.turn_on("pause", Scope(), "second", OPERATOR)
    with pytest.raises(Conflict, match="the kill of everything is not on"):
        await switches.turn_off("kill", Scope(), "why", OPERATOR)
    with pytest.raises(InvalidInput, match="there is no job type"):
        await switches.turn_on("kill", Scope(job_type="autopilot.ops.aply"), "typo", OPERATOR)
    with pytest.raises(InvalidInput, match="a reason has 1 to 256"):
        await switches.turn_on("kill", Scope(), "", OPERATOR)

    assert [s.reason for s in await switches.all()] == ["first"]
    assert await app.events(ALL) == ["work.paused"]


async def test_the_installation_is_no_tenant_that_anybody_finds(app: Harness) -> None:
    for name in (str(INSTALLATION), "jobforge-installation"):
        assert await app.app.storage.find_tenant(name) is None
    assert INSTALLATION not in {t.tenant_id for t in await app.app.storage.list_tenants()}
    assert INSTALLATION not in {v.tenant_id for v in await app.app.verify_audit()}


async def test_windows_are_kept_by_name_for_a_tenant_or_for_all(app: Harness) -> None:
    windows, shop = app.app.windows, Once(NOON, NOON + timedelta(hours=2))
    await windows.add("nights", "open", Scope(), NIGHT, OPERATOR)
    await windows.add("sale", "closed", of_acme(app), shop, OPERATOR, only_actions=False)

    (night,), (sale,) = await windows.all(Scope()), await windows.all(of_acme(app))
    assert (night.times, night.only_actions, night.kind) == (NIGHT, True, "open")
    assert (sale.times, sale.only_actions, sale.kind) == (shop, False, "closed")
    with pytest.raises(AlreadyExists, match="called nights"):
        await windows.add("nights", "closed", Scope(), NIGHT, OPERATOR)
    wrong = Weekly((1,), time(1), timedelta(hours=1), "Europe/Brelin")
    with pytest.raises(InvalidInput, match="no time zone Europe"):
        await windows.add("typo", "closed", Scope(), wrong, OPERATOR)
    with pytest.raises(Missing, match="no window sale of everything"):
        await windows.remove("sale", Scope(), OPERATOR)
    await windows.remove("sale", of_acme(app), OPERATOR)

    assert await windows.all(of_acme(app)) == ()
    assert (await app.events())[-2:] == ["window.added", "window.removed"]
    assert await app.events(ALL) == ["window.added"]


def is_within(window: Weekly, moment: datetime) -> bool:
    """The same as the database says, said once more in other words."""
    wall = moment.astimezone(ZoneInfo(window.zone)).replace(tzinfo=None)
    starts = (
        datetime.combine(wall.date() - timedelta(days=ago), window.starts) for ago in range(9)
    )
    return any(
        start.isoweekday() in window.weekdays and start <= wall < start + window.duration
        for start in starts
    )


_WINDOWS = st.builds(
    Weekly,
    weekdays=st.lists(st.integers(1, 7), min_size=1, unique=True).map(lambda d: tuple(sorted(d))),
    starts=st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    duration=st.integers(1, 7 * 24 * 60).map(lambda n: timedelta(minutes=n)),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]),
)
_MOMENTS = st.datetimes(
    min_value=datetime(2026, 1, 1),  # noqa: DTZ001 (the zone comes after)
    max_value=datetime(2026, 12, 31),  # noqa: DTZ001 (the zone comes after)
    timezones=st.just(UTC),
)


async def test_the_database_and_a_calendar_agree_on_every_window(app: Harness) -> None:
    cases: list[tuple[Weekly, datetime]] = []

    @given(window=_WINDOWS, moment=_MOMENTS)
    @settings(max_examples=200, database=None)
    def draw(window: Weekly, moment: datetime) -> None:
        cases.append((window, moment))

    draw()
    # Where the clocks of Berlin jump, and the two ends of a window.
    spring = datetime(2026, 3, 29, 1, tzinfo=UTC)
    cases += [(NIGHT, spring + timedelta(minutes=n)) for n in range(-90, 300, 15)]
    holds: dict[bool, int] = {True: 0, False: 0}
    async with app.app.database.transaction(app.tenant.tenant_id) as connection:
        rows = ControlRows(connection, app.tenant.tenant_id)
        for window, moment in cases:
            await rows.insert_window(WindowRecord("w", "closed", "*", True, window, "tester", NOON))
            is_held = bool(await rows.holds(moment))
            await rows.remove_window("w")
            assert is_held == is_within(window, moment), (window, moment)
            holds[is_held] += 1

    assert min(holds.values()) > 20, "both answers were asked for"


async def test_limits_have_defaults_can_be_changed_and_say_why(app: Harness) -> None:
    assert await app.app.limits(app.tenant) == Limits(
        running_cap=200,
        rate_per_minute=None,
        daily_jobs=None,
        targets_per_action=20,
        targets_per_day=200,
    )

    changes = {"running_cap": 5, "daily_jobs": 10, "targets_per_day": None}
    changed = await app.app.limits.change(app.tenant, changes, "trial", OPERATOR)

    assert changed == Limits(running_cap=5, daily_jobs=10, targets_per_day=None)
    assert await app.app.limits(app.tenant) == changed
    (entry,) = await app.app.read_audit.newest(app.tenant, 1)
    assert entry.event == "limits.changed"
    assert '"reason":"trial"' in entry.details


@pytest.mark.parametrize(
    ("name", "value"),
    [("running_cap", 0), ("running_cap", None), ("rate_per_minute", 0), ("speed", 1)],
)
async def test_a_limit_that_is_none_is_refused(app: Harness, name: str, value: int | None) -> None:
    with pytest.raises(InvalidInput):
        await app.app.limits.change(app.tenant, {name: value}, "why", OPERATOR)

    assert await app.app.limits(app.tenant) == Limits()
