"""Growth: sites, experiments, content."""

from jobforge.autopilots.growth.content_draft import CONTENT_DRAFT
from jobforge.autopilots.growth.experiment_propose import EXPERIMENT_PROPOSE
from jobforge.autopilots.growth.experiment_readout import EXPERIMENT_READOUT
from jobforge.autopilots.growth.experiment_run import EXPERIMENT_RUN
from jobforge.autopilots.growth.funnel.analysis import analyze_funnel
from jobforge.autopilots.growth.funnel.model import FunnelResult, StepResult
from jobforge.autopilots.growth.funnel_analyze import FUNNEL_ANALYZE
from jobforge.autopilots.growth.publish_content import PUBLISH_CONTENT
from jobforge.autopilots.growth.seo.catalog import SeoCheck, list_seo_checks
from jobforge.autopilots.growth.seo.check import check_page
from jobforge.autopilots.growth.seo.crawl_options import CrawlOptions
from jobforge.autopilots.growth.seo.crawl_site import crawl_site
from jobforge.autopilots.growth.seo.model import (
    CrawlReport,
    PageSummary,
    SeoIssue,
    SeoItem,
    SiteIssue,
)
from jobforge.autopilots.growth.seo_scan import SEO_SCAN
from jobforge.autopilots.growth.statistics.compare import (
    Comparison,
    compare_means,
    compare_means_cuped,
    compare_proportions,
    compare_proportions_cuped,
    compare_ratios,
    compare_ratios_cuped,
)
from jobforge.autopilots.growth.statistics.many import benjamini_hochberg, holm, srm_p_value
from jobforge.autopilots.growth.statistics.power import (
    MidExperimentPower,
    mid_experiment_power,
    minimum_detectable_effect,
    power_proportions,
    sample_size_means,
    sample_size_proportions,
)

__all__ = [
    "CONTENT_DRAFT",
    "EXPERIMENT_PROPOSE",
    "EXPERIMENT_READOUT",
    "EXPERIMENT_RUN",
    "FUNNEL_ANALYZE",
    "PUBLISH_CONTENT",
    "SEO_SCAN",
    "Comparison",
    "CrawlOptions",
    "CrawlReport",
    "FunnelResult",
    "MidExperimentPower",
    "PageSummary",
    "SeoCheck",
    "SeoIssue",
    "SeoItem",
    "SiteIssue",
    "StepResult",
    "analyze_funnel",
    "benjamini_hochberg",
    "check_page",
    "compare_means",
    "compare_means_cuped",
    "compare_proportions",
    "compare_proportions_cuped",
    "compare_ratios",
    "compare_ratios_cuped",
    "crawl_site",
    "holm",
    "list_seo_checks",
    "mid_experiment_power",
    "minimum_detectable_effect",
    "power_proportions",
    "sample_size_means",
    "sample_size_proportions",
    "srm_p_value",
]
