"""The way of businesses without contracts: who has fallen silent, by BG/NBD."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from jobforge.autopilots.finops.churn.encoding import is_blank
from jobforge.autopilots.finops.churn.report_models import Assessment, AtRiskAccount, RiskReason
from jobforge.autopilots.finops.churn.retention import advice_for
from jobforge.autopilots.finops.churn.settings import Settings, level_of_rank
from jobforge.autopilots.finops.churn.summaries import list_factors, list_segments
from jobforge.autopilots.finops.money import parse_instant
from jobforge.core.context import Row
from jobforge.core.errors import InvalidInput, SourceMalformed

WEEK_DAYS = 7.0


def assess_by_purchases(rows: Sequence[Row], *, settings: Settings) -> Assessment:
    """Weigh silence by BG/NBD: 1 - P(alive), labelled uncalibrated."""
    from jobforge.autopilots.finops.churn.bg_nbd import fit_bg_nbd

    days: defaultdict[str, set[int]] = defaultdict(set)
    for at, row in enumerate(rows):
        if is_blank(row.get(settings.id_column)):
            raise SourceMalformed(f"purchase {at} has no {settings.id_column}")
        moment = parse_instant(row.get("date"), where=f"purchase {at}: date")
        days[str(row[settings.id_column])].add(moment.toordinal())
    if not days:
        raise SourceMalformed("there are no purchases")
    last = max(max(bought) for bought in days.values())
    end = settings.reference_date.toordinal() if settings.reference_date else last
    if end < last:
        raise InvalidInput("there are purchases after reference_date; leave them out")
    names = [name for name, bought in sorted(days.items()) if min(bought) < end]
    spans = [(sorted(days[name]), end) for name in names]
    frequency = [float(len(bought) - 1) for bought, _ in spans]
    recency = [(bought[-1] - bought[0]) / WEEK_DAYS for bought, _ in spans]
    age = [(stop - bought[0]) / WEEK_DAYS for bought, stop in spans]
    model = fit_bg_nbd(frequency, recency, age)
    gone = (1 - model.alive(frequency, recency, age)).tolist()
    found = tuple(
        sorted(
            (
                _silent(name, risk, end - bought[-1], len(bought))
                for name, risk, (bought, _) in zip(names, gone, spans, strict=True)
            ),
            key=lambda a: (-a.risk, a.account_id),
        )
    )
    return Assessment(
        method="bg_nbd",
        accounts=found,
        factors=list_factors(found),
        segments=list_segments(found),
        reference_date=datetime.fromordinal(end).date(),
        notes=(
            f"BG/NBD in weeks: r {model.r:.3f}, alpha {model.alpha:.3f}, "
            f"a {model.a:.3f}, b {model.b:.3f}.",
            "Customers with one purchase only are taken as alive by this model.",
        ),
    )


def _silent(name: str, risk: float, silent_days: int, purchases: int) -> AtRiskAccount:
    text = f"{purchases} purchases, then {silent_days} days of silence"
    return AtRiskAccount(
        account_id=name,
        risk=risk,
        level=level_of_rank(risk),
        segment="repeat" if purchases > 1 else "once",
        mrr=None,
        reasons=(RiskReason(factor="silence", text=text, weight=risk),),
        recommendation=advice_for("silence"),
    )
