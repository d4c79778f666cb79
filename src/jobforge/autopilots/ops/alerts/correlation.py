"""Which alerts belong together, why, and how likely that would come about by chance."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rapidfuzz import fuzz, utils

from jobforge.autopilots.ops.alerts.model import Alert
from jobforge.autopilots.ops.chance import poisson_tail

RULES = ("same_service", "topology", "similar_text")
SIMILAR_TEXT = 75.0
"""Of 100, by token sets; below this two titles share words by chance."""
MAX_HOPS = 2
MAX_ALERTS = 20_000


@dataclass(frozen=True, slots=True)
class Link:
    """Two alerts that are close in time, and by which rules they belong together."""

    one: str
    other: str
    rules: tuple[str, ...]
    gap: timedelta
    reason: str


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """Alerts that belong together; `confidence` is 1 - the probability of that by chance."""

    alert_ids: tuple[str, ...]
    services: tuple[str, ...]
    first_at: datetime
    last_at: datetime
    probable_cause: str
    cause_reason: str
    confidence: float
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class _Matcher:
    window: timedelta
    rules: frozenset[str]
    distance: Mapping[tuple[str, str], int]

    def link(self, one: Alert, other: Alert) -> Link | None:
        gap = abs(other.started_at - one.started_at)
        if gap > self.window:
            return None
        found = self.criteria(one, other)
        if not found:
            return None
        rules, reasons = zip(*found, strict=True)
        minutes = gap.total_seconds() / 60
        reason = f"{minutes:.1f} min apart: {'; '.join(reasons)}"
        return Link(one.alert_id, other.alert_id, rules, gap, reason)

    def criteria(self, one: Alert, other: Alert) -> list[tuple[str, str]]:
        """The rules that hold for the pair whatever its times."""
        found: list[tuple[str, str]] = []
        if "same_service" in self.rules and one.service == other.service:
            found.append(("same_service", f"both on {one.service}"))
        hops = self.distance.get((one.service, other.service))
        if "topology" in self.rules and hops:
            found.append(("topology", f"{one.service} and {other.service} are {hops} calls apart"))
        if "similar_text" in self.rules and one.title and other.title:
            likeness = fuzz.token_set_ratio(one.title, other.title, processor=utils.default_process)
            if likeness >= SIMILAR_TEXT:
                found.append(("similar_text", f"titles alike by {likeness:.0f} of 100"))
        return found


def correlate_alerts(
    alerts: Sequence[Alert],
    *,
    calls: Iterable[tuple[str, str]] = (),
    window: timedelta = timedelta(minutes=10),
    disabled_rules: Iterable[str] = (),
) -> tuple[AlertGroup, ...]:
    """Group alerts that are linked directly or through others; single alerts form no group.

    Two alerts are linked when they start within `window` of each other *and* a rule holds: the same
    service, services at most two calls apart, or titles alike. A late alert joins through the
    latest member, so a group may last longer than the window. Largest group first, then earliest.
    """
    pairs = list(calls)
    matcher = _Matcher(window, frozenset(RULES) - set(disabled_rules), _distances(pairs))
    ordered = sorted(alerts, key=lambda alert: (alert.started_at, alert.alert_id))
    links = _links(ordered, matcher)
    groups = [
        _to_group(members, links, matcher, pairs, ordered)
        for members in _components(ordered, links)
    ]
    return tuple(sorted(groups, key=lambda g: (-len(g.alert_ids), g.first_at, g.alert_ids)))


def _distances(calls: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    near: defaultdict[str, set[str]] = defaultdict(set)
    for caller, callee in calls:
        near[caller].add(callee)
        near[callee].add(caller)
    distance: dict[tuple[str, str], int] = {}
    for start in sorted(near):
        waiting = deque([(start, 0)])
        seen = {start}
        while waiting:
            service, hops = waiting.popleft()
            if hops:
                distance[start, service] = hops
            if hops < MAX_HOPS:
                fresh = near[service] - seen
                seen |= fresh
                waiting += [(name, hops + 1) for name in sorted(fresh)]
    return distance


def _links(ordered: Sequence[Alert], matcher: _Matcher) -> list[Link]:
    links: list[Link] = []
    first = 0
    for position, alert in enumerate(ordered):
        while alert.started_at - ordered[first].started_at > matcher.window:
            first += 1
        for earlier in ordered[first:position]:
            link = matcher.link(earlier, alert)
            if link is not None:
                links.append(link)
    return links


def _components(ordered: Sequence[Alert], links: Sequence[Link]) -> list[list[Alert]]:
    near: defaultdict[str, list[str]] = defaultdict(list)
    for link in links:
        near[link.one].append(link.other)
        near[link.other].append(link.one)
    by_id = {alert.alert_id: alert for alert in ordered}
    seen: set[str] = set()
    groups = []
    for alert in ordered:
        if alert.alert_id in seen or alert.alert_id not in near:
            continue
        found, waiting = [], [alert.alert_id]
        seen.add(alert.alert_id)
        while waiting:
            current = waiting.pop()
            found.append(by_id[current])
            fresh = [name for name in near[current] if name not in seen]
            seen |= set(fresh)
            waiting += fresh
        groups.append(sorted(found, key=lambda a: (a.started_at, a.alert_id)))
    return groups


def _to_group(
    members: list[Alert], links: Sequence[Link], matcher: _Matcher,
    calls: Sequence[tuple[str, str]], everything: Sequence[Alert],
) -> AlertGroup:  # fmt: skip
    ids = {alert.alert_id for alert in members}
    cause, reason = _probable_cause(members, calls)
    return AlertGroup(
        alert_ids=tuple(alert.alert_id for alert in members),
        services=tuple(dict.fromkeys(alert.service for alert in members)),
        first_at=members[0].started_at,
        last_at=members[-1].started_at,
        probable_cause=cause,
        cause_reason=reason,
        confidence=_confidence(members, matcher, everything),
        links=tuple(link for link in links if link.one in ids and link.other in ids),
    )


def _confidence(members: list[Alert], matcher: _Matcher, everything: Sequence[Alert]) -> float:
    """1 - the probability that so many alerts come so close together by chance.

    Of all alerts that a rule relates to a member, wherever they lie in time, a share would fall in
    a stretch as long as the group's if they came evenly; the Poisson tail tells how surprising the
    group's size is.
    """
    ids = {alert.alert_id for alert in members}
    related = sum(
        alert.alert_id in ids or any(matcher.criteria(alert, member) for member in members)
        for alert in everything
    )
    window = matcher.window.total_seconds()
    span = (everything[-1].started_at - everything[0].started_at).total_seconds() + window
    stretch = (members[-1].started_at - members[0].started_at).total_seconds() + window
    return round(1.0 - poisson_tail(len(members), related * stretch / span), 3)


def _probable_cause(members: list[Alert], calls: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """The service that the others' calls lead to; among equals the one that fired first."""
    services = list(dict.fromkeys(alert.service for alert in members))
    below = {service: _reached_from(service, calls) for service in services}
    depth = {
        service: sum(service in below[other] for other in services if other != service)
        for service in services
    }
    first = {
        service: min(alert.started_at for alert in members if alert.service == service)
        for service in services
    }
    cause = min(services, key=lambda service: (-depth[service], first[service], service))
    if depth[cause]:
        return cause, f"{depth[cause]} of the other services depend on it"
    return cause, f"its alert came first, {first[cause].isoformat()}"


def _reached_from(service: str, calls: Sequence[tuple[str, str]]) -> frozenset[str]:
    seen: set[str] = set()
    waiting = [service]
    while waiting:
        current = waiting.pop()
        fresh = {callee for caller, callee in calls if caller == current} - seen - {service}
        seen |= fresh
        waiting += sorted(fresh)
    return frozenset(seen)
