"""JSON-LD, microdata and RDFa in a page, held against what Google requires for rich results.

Source: developers.google.com/search/docs/appearance/structured-data, the "required properties" of
each feature. Recommended properties are not asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from jobforge.autopilots.growth.seo.document import Document, Element, line_of
from jobforge.autopilots.growth.seo.evidence import item
from jobforge.autopilots.growth.seo.microdata import microdata_items
from jobforge.autopilots.growth.seo.model import Finding, SeoItem
from jobforge.autopilots.growth.seo.rdfa import rdfa_items

MAX_NODES = 2000
MAX_NESTING = 40
_YEAR_LENGTH = 4
_DESCRIPTION_LENGTH = range(50, 5001)

Node = Mapping[str, Any]

REQUIRED: dict[str, tuple[str, ...]] = {
    "AggregateRating": ("ratingValue", "ratingCount|reviewCount"),
    "BreadcrumbList": ("itemListElement",),
    "ClaimReview": ("claimReviewed", "reviewRating", "url"),
    "Course": ("name", "description"),
    "Dataset": ("name", "description"),
    "DiscussionForumPosting": ("author", "datePublished", "text|image|video|sharedContent"),
    "EmployerAggregateRating": ("itemReviewed", "ratingValue", "ratingCount|reviewCount"),
    "Event": ("name", "startDate", "location"),
    "FAQPage": ("mainEntity",),
    "ImageObject": ("contentUrl|url", "creator|creditText|copyrightNotice|license"),
    "ItemList": ("itemListElement",),
    "JobPosting": (
        "title",
        "description",
        "datePosted",
        "hiringOrganization",
        "jobLocation|applicantLocationRequirements",
    ),
    "LocalBusiness": ("name", "address"),
    "Movie": ("name", "image"),
    "Offer": ("price|priceSpecification", "priceCurrency|priceSpecification"),
    "AggregateOffer": ("lowPrice", "priceCurrency"),
    "Product": ("name", "review|aggregateRating|offers"),
    "ProfilePage": ("mainEntity",),
    "QAPage": ("mainEntity",),
    "Recipe": ("name", "image"),
    "Review": ("author", "reviewRating"),
    "SoftwareApplication": ("name", "offers", "aggregateRating|review"),
    "VideoObject": ("name", "thumbnailUrl", "uploadDate"),
}
_SUBTYPES = {
    "Restaurant": "LocalBusiness",
    "Store": "LocalBusiness",
    "Hotel": "LocalBusiness",
    "Dentist": "LocalBusiness",
    "MobileApplication": "SoftwareApplication",
    "WebApplication": "SoftwareApplication",
    "MusicEvent": "Event",
    "BusinessEvent": "Event",
    "SportsEvent": "Event",
    "EducationEvent": "Event",
    "ProductGroup": "Product",
}
_DATES = {
    "Event": ("startDate", "endDate"),
    "JobPosting": ("datePosted", "validThrough"),
    "VideoObject": ("uploadDate",),
    "Article": ("datePublished", "dateModified"),
    "NewsArticle": ("datePublished", "dateModified"),
    "BlogPosting": ("datePublished", "dateModified"),
    "DiscussionForumPosting": ("datePublished",),
}


def structured_data_findings(page: Document) -> Iterator[Finding]:
    """What is wrong with the JSON-LD, the microdata and the RDFa (Lite) of the page."""
    broken: list[SeoItem] = []
    missing: list[SeoItem] = []
    for script in page.all("script"):
        if (script.get("type") or "").strip().lower() != "application/ld+json":
            continue
        text = (script.text or "").strip()
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            broken.append(_item(script, f"not JSON: {str(error)[:100]}"))
            continue
        missing += [_item(script, fault) for fault in validate_structured_data(content)]
    for element, found in (*microdata_items(page), *rdfa_items(page)):
        missing += [item(element, fault) for fault in validate_structured_data(found)]
    if broken:
        yield Finding("structured-data-syntax", tuple(broken), broken[0].detail)
    if missing:
        yield Finding("structured-data", tuple(missing), missing[0].detail)


def _item(script: Element, detail: str) -> SeoItem:
    return SeoItem(detail, element='<script type="application/ld+json">', line=line_of(script))


def validate_structured_data(content: object) -> list[str]:
    """What Google requires and the JSON-LD does not say, as `Type: what`; empty when complete."""
    faults: list[str] = []
    for node in _nodes(content):
        for name in _types(node):
            known = _SUBTYPES.get(name, name)
            faults += [f"{name}: {fault}" for fault in _faults(known, node)]
    return list(dict.fromkeys(faults))


def structured_types(content: object) -> list[str]:
    """The schema.org types in the JSON-LD, in order, each once."""
    return list(dict.fromkeys(name for node in _nodes(content) for name in _types(node)))


def _nodes(content: object) -> Iterator[Node]:
    """Every object with a type, outermost first; bounded in number and depth."""
    queue: list[tuple[object, int]] = [(content, 0)]
    for _ in range(MAX_NODES):
        if not queue:
            return
        value, depth = queue.pop(0)
        if isinstance(value, Mapping):
            if "@type" in value:
                yield value
            value = list(value.values())
        if isinstance(value, list) and depth < MAX_NESTING:
            queue += [(child, depth + 1) for child in value]


def _types(node: Node) -> list[str]:
    found = node.get("@type")
    names = found if isinstance(found, list) else [found]
    return [name.rpartition("/")[2] for name in names if isinstance(name, str)]


def _faults(name: str, node: Node) -> Iterator[str]:
    for alternatives in REQUIRED.get(name, ()):
        if not any(_is_given(node.get(key)) for key in alternatives.split("|")):
            yield f"missing {alternatives.replace('|', ' or ')}"
    for key in _DATES.get(name, ()):
        value = node.get(key)
        if isinstance(value, str) and value and not _is_date(value):
            yield f"{key} is not an ISO 8601 date: {value[:40]!r}"
    yield from _nested_faults(name, node)


def _is_given(value: object) -> bool:
    return value is not None and value not in ("", [], {})


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return len(text) == _YEAR_LENGTH and text.isdigit()
    return True


def _nested_faults(name: str, node: Node) -> Iterator[str]:
    check = _NESTED.get(name)
    if check is not None:
        yield from check(node)


def _faq_faults(node: Node) -> Iterator[str]:
    for question in _objects(node.get("mainEntity")):
        yield from _question_faults(question, ("acceptedAnswer",))


def _qa_faults(node: Node) -> Iterator[str]:
    for question in _objects(node.get("mainEntity")):
        yield from _question_faults(question, ("acceptedAnswer", "suggestedAnswer"))


def _event_faults(node: Node) -> Iterator[str]:
    for place in _objects(node.get("location")):
        if "Place" in _types(place) and not _is_given(place.get("address")):
            yield "location has no address"


def _review_faults(node: Node) -> Iterator[str]:
    for rating in _objects(node.get("reviewRating")):
        if not _is_given(rating.get("ratingValue")):
            yield "reviewRating has no ratingValue"


def _dataset_faults(node: Node) -> Iterator[str]:
    length = len(str(node.get("description") or ""))
    if length and length not in _DESCRIPTION_LENGTH:
        yield f"description has {length} characters, not 50 to 5,000"


def _breadcrumb_faults(node: Node) -> Iterator[str]:
    elements = _list(node.get("itemListElement"))
    for index, element in enumerate(elements):
        if not isinstance(element, Mapping):
            continue
        target = element.get("item")
        inner = target.get("name") if isinstance(target, Mapping) else None
        if not _is_given(element.get("position")):
            yield f"itemListElement {index + 1} has no position"
        if not _is_given(element.get("name")) and not _is_given(inner):
            yield f"itemListElement {index + 1} has no name"
        if not _is_given(target) and index < len(elements) - 1:
            yield f"itemListElement {index + 1} has no item"


def _question_faults(question: Node, answers: Iterable[str]) -> Iterator[str]:
    if not _is_given(question.get("name")):
        yield "a question has no name"
    given = [answer for key in answers for answer in _objects(question.get(key))]
    if not any(_is_given(answer.get("text")) for answer in given):
        yield "a question has no answer with text"


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value] if value is not None else []


def _objects(value: object) -> list[Node]:
    return [entry for entry in _list(value) if isinstance(entry, Mapping)]


_NESTED: dict[str, Callable[[Node], Iterator[str]]] = {
    "BreadcrumbList": _breadcrumb_faults,
    "FAQPage": _faq_faults,
    "QAPage": _qa_faults,
    "Event": _event_faults,
    "Review": _review_faults,
    "ClaimReview": _review_faults,
    "Dataset": _dataset_faults,
}
