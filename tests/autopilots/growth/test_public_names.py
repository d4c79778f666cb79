"""The names that other people import from the growth domain."""

from __future__ import annotations

import subprocess
import sys

from jobforge.autopilots import growth

PUBLIC = {
    "CONTENT_DRAFT", "EXPERIMENT_PROPOSE", "EXPERIMENT_READOUT", "EXPERIMENT_RUN", "FUNNEL_ANALYZE",
    "PUBLISH_CONTENT", "SEO_SCAN", "Comparison", "CrawlOptions", "CrawlReport", "FunnelResult",
    "MidExperimentPower", "PageSummary", "SeoCheck", "SeoIssue", "SeoItem", "SiteIssue",
    "StepResult",
    "analyze_funnel", "benjamini_hochberg", "check_page", "compare_means", "compare_means_cuped",
    "compare_proportions", "compare_proportions_cuped", "compare_ratios", "compare_ratios_cuped",
    "crawl_site", "holm", "list_seo_checks", "mid_experiment_power", "minimum_detectable_effect",
    "power_proportions", "sample_size_means", "sample_size_proportions", "srm_p_value",
}  # fmt: skip
HEAVY = ("numpy", "scipy", "sklearn", "duckdb", "ruamel")


def test_the_public_names_are_pinned() -> None:
    assert set(growth.__all__) == PUBLIC
    assert all(hasattr(growth, name) for name in PUBLIC)


def test_importing_the_domain_loads_no_heavy_library() -> None:
    code = "import sys, jobforge.autopilots.growth; print(*sorted(sys.modules))"

    loaded = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert not [name for name in HEAVY if name in loaded]
