"""A churn report as a page: facts, charts and tables."""

from __future__ import annotations

from jobforge.autopilots.finops.churn.report_models import ChurnRiskResult
from jobforge.autopilots.finops.report_pages import Bars, Line, Page, Table, store_pages
from jobforge.contract.manifest import ArtifactOutput
from jobforge.core.context import JobContext


async def store_report(result: ChurnRiskResult, context: JobContext) -> list[ArtifactOutput]:
    """Store the whole result as JSON, Markdown, HTML and CSV."""
    report = await context.artifacts.put(
        f"finops-churn-{context.job.job_id}.json",
        result.model_dump_json(indent=2, exclude={"outputs"}).encode(),
        kind="churn_risk_report",
        mime_type="application/json",
    )
    pages = await store_pages(context, "finops-churn", "churn_risk", _page(result))
    return [report, *pages]


def _page(result: ChurnRiskResult) -> Page:
    return Page("Churn risk", _facts(result), [*_charts(result), *_tables(result)])


def _facts(result: ChurnRiskResult) -> list[tuple[str, object]]:
    levels = result.risk_segments
    facts: list[tuple[str, object]] = [
        ("Accounts", result.total_accounts_analyzed),
        ("High, medium, low risk", f"{levels.high}, {levels.medium}, {levels.low}"),
        ("Method", result.method.replace("_", " ")),
        ("Risk is a probability", "yes" if result.is_calibrated else "no, it only ranks"),
    ]
    if result.horizon_days is not None:
        facts.append(("Horizon", f"{result.horizon_days} days"))
    if result.revenue_at_risk is not None:
        risk = result.revenue_at_risk
        facts.append(("Monthly revenue at risk", f"{risk.amount} ({risk.low} to {risk.high})"))
    if result.quality is not None:
        quality = result.quality
        since = f" from {quality.judged_from} on" if quality.judged_from else ""
        facts += [
            (f"AUC on unseen customers{since}", f"{quality.auc:.3f}"),
            ("Calibration error", f"{quality.calibration_error:.3f}"),
            ("Lift of the top decile", f"{quality.top_decile_lift:.2f}"),
        ]
    return [*facts, *(("Note", note) for note in result.notes)]


def _charts(result: ChurnRiskResult) -> list[Bars | Line]:
    factors = [(f.factor, f.weight) for f in result.risk_factors[:10]]
    charts: list[Bars | Line] = [Bars("What raises the risk", factors)]
    if result.survival:
        steps = result.survival
        first, last = f"{steps[0].time:g}", f"{steps[-1].time:g}"
        charts.append(Line("Share still there", [s.survival for s in steps], first, last))
    return charts


def _tables(result: ChurnRiskResult) -> list[Table]:
    accounts = [
        (
            account.account_id,
            f"{account.risk:.3f}",
            account.level,
            account.segment,
            account.mrr,
            "; ".join(reason.text for reason in account.reasons),
            account.recommendation,
        )
        for account in result.at_risk_accounts
    ]
    columns = ("account", "risk", "level", "segment", "mrr", "reasons", "suggestion")
    segments = [(s.segment, s.accounts, f"{s.mean_risk:.3f}") for s in result.segments]
    return [
        Table("Accounts at risk", columns, accounts),
        Table("Segments", ("segment", "accounts", "mean risk"), segments),
        *_optional_tables(result),
    ]


def _optional_tables(result: ChurnRiskResult) -> list[Table]:
    survival = [(f"{s.time:g}", f"{s.survival:.4f}", s.at_risk) for s in result.survival]
    drift = [(d.column, f"{d.stability_index:.3f}") for d in result.drift]
    tables = [
        Table("Survival", ("time", "share still there", "at risk"), survival),
        Table("Drift", ("column", "stability index"), drift),
    ]
    return [table for table in tables if table.rows]
