"""Waste in an inventory with usage: what is paid for and not used, in money."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from jobforge.autopilots.ops.finding import Check, Finding
from jobforge.autopilots.ops.rows import Row, number_of, required_text, text_of, time_of
from jobforge.core.errors import SourceMalformed

IDLE_PERCENT = 3.0
OVERSIZED_PERCENT = 20.0
UNUSED = timedelta(days=30)
CENT = Decimal("0.01")
# First generations that a cheaper and faster one replaced. Source: AWS, "Previous generation
# instances"; Google Cloud and Azure name theirs by series without such a list.
_OLD_GENERATION = re.compile(r"^(?:t1|m[1-4]|c[1-4]|r[3-4]|i2|d2|g2|cr1|hs1|x1)\.")

IDLE = Check("OPS_COST_001", (), "What runs is used", "medium",
             "Stop it, or let it scale to nothing.", "cost")  # fmt: skip
OVERSIZED = Check("OPS_COST_002", (), "Sizes fit the use", "low",
                  "Take a smaller size; `ops.recommend` says which.", "cost")  # fmt: skip
UNATTACHED = Check("OPS_COST_003", (), "Volumes and addresses are attached", "medium",
                   "Take a snapshot and delete it.", "cost")  # fmt: skip
ORPHANED = Check("OPS_COST_004", (), "Everything has an owner", "low",
                 "Find who needs it; delete it otherwise.", "cost")  # fmt: skip
OLD_GENERATION = Check("OPS_COST_005", (), "Machines are of a current generation", "low",
                       "Move to the successor of the same size.", "cost")  # fmt: skip
STALE = Check("OPS_COST_006", (), "Nothing is kept that nobody used for a month", "low",
              "Archive or delete it.", "cost")  # fmt: skip
STOPPED = Check("OPS_COST_007", (), "Nothing is stopped and still paid for", "low",
                "Delete it after a snapshot.", "cost")  # fmt: skip
CHECKS = (IDLE, OVERSIZED, UNATTACHED, ORPHANED, OLD_GENERATION, STALE, STOPPED)

_Test = Callable[["Asset"], str | None]


@dataclass(frozen=True, slots=True)
class Asset:
    """One line of the inventory; what the dataset does not say is None."""

    resource: str
    kind: str
    price: Decimal | None
    price_source: str
    use_percent: float | None
    peak_percent: float | None
    is_attached: bool | None
    state: str
    owner: str
    size: str
    last_used_at: datetime | None


def assets_of(rows: Sequence[Row]) -> tuple[Asset, ...]:
    """The inventory.

    Rows: resource; and kind, price_per_month, price_source, use_percent, peak_percent, attached,
    state, owner, size, last_used_at.

    Raises:
        SourceMalformed: a row has no resource, or a number or time that is none.
    """
    return tuple(_to_asset(row, number) for number, row in enumerate(rows))


def _to_asset(row: Row, number: int) -> Asset:
    price = text_of(row, "price_per_month", "monthly_cost", "cost")
    try:
        money = Decimal(price) if price else None
    except ArithmeticError:
        raise SourceMalformed(f"inventory row {number}: price {price!r} is no number") from None
    attached = text_of(row, "attached", "is_attached").lower()
    return Asset(
        resource=required_text(row, number, "inventory", "resource", "id", "name"),
        kind=text_of(row, "kind", "type", default="resource").lower(),
        price=money,
        price_source=text_of(row, "price_source", default="the inventory"),
        use_percent=number_of(row, number, "inventory", "use_percent", "cpu_percent"),
        peak_percent=number_of(row, number, "inventory", "peak_percent", "cpu_peak_percent"),
        is_attached=None if not attached else attached in {"true", "yes", "1"},
        state=text_of(row, "state", "status").lower(),
        owner=text_of(row, "owner", "team"),
        size=text_of(row, "size", "instance_type"),
        last_used_at=time_of(row, number, "inventory", "last_used_at"),
    )


def find_waste(assets: Sequence[Asset], now: datetime) -> Iterator[Finding]:
    """One finding per rule and asset that breaks it; the evidence says what it costs a month."""
    has_owners = any(asset.owner for asset in assets)
    for asset in assets:
        for check, share, test in _RULES:
            wrong = test(asset)
            if wrong is not None:
                yield _finding(check, asset, wrong, share)
        if has_owners and not asset.owner:
            yield _finding(ORPHANED, asset, "no owner, others have one", Decimal(0))
        if asset.last_used_at is not None and now - asset.last_used_at > UNUSED:
            days = (now - asset.last_used_at).days
            yield _finding(STALE, asset, f"last used {days} days ago", Decimal(1))


def _finding(check: Check, asset: Asset, wrong: str, share: Decimal) -> Finding:
    money = "price unknown"
    if asset.price is not None:
        waste = (asset.price * share).quantize(CENT)
        money = f"{waste} of {asset.price.quantize(CENT)} a month, price from {asset.price_source}"
    return check.fail("inventory", asset.resource, f"{wrong}; {money}")


def _idle(asset: Asset) -> str | None:
    busiest = asset.peak_percent if asset.peak_percent is not None else asset.use_percent
    if busiest is None or asset.state in {"stopped", "terminated"} or busiest >= IDLE_PERCENT:
        return None
    return f"at most {busiest:g} % used"


def _oversized(asset: Asset) -> str | None:
    peak = asset.peak_percent
    if peak is None or not IDLE_PERCENT <= peak < OVERSIZED_PERCENT:
        return None
    return f"peak use {peak:g} %"


def _unattached(asset: Asset) -> str | None:
    return f"{asset.kind} is attached to nothing" if asset.is_attached is False else None


def _old(asset: Asset) -> str | None:
    return f"size {asset.size}" if _OLD_GENERATION.match(asset.size) else None


def _stopped(asset: Asset) -> str | None:
    is_paid = asset.price is not None and asset.price > 0
    return f"state {asset.state}" if asset.state == "stopped" and is_paid else None


_RULES: tuple[tuple[Check, Decimal, _Test], ...] = (
    (IDLE, Decimal(1), _idle),
    # Half the size costs half, and halves the headroom of a peak under a fifth only to two fifths.
    (OVERSIZED, Decimal("0.5"), _oversized),
    (UNATTACHED, Decimal(1), _unattached),
    # Successors cost about a tenth less for the same size.
    (OLD_GENERATION, Decimal("0.1"), _old),
    (STOPPED, Decimal(1), _stopped),
)
