"""Growth: sites, experiments, content."""

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

__all__ = [
    "SEO_SCAN",
    "CrawlOptions",
    "CrawlReport",
    "PageSummary",
    "SeoCheck",
    "SeoIssue",
    "SeoItem",
    "SiteIssue",
    "check_page",
    "crawl_site",
    "list_seo_checks",
]
