"""The brand's voice: what must not be said, what must, and claims that need proof."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from jobforge.autopilots.growth.content.text import terms
from jobforge.core.context import JobContext
from jobforge.core.errors import DatasetMissing, SourceMalformed

PROFILE_FOLDER = "profiles"
_MAX_PARENTS = 5
_NAME = re.compile(r"^[A-Za-z0-9._-]{1,100}$")
_ENDING = re.compile(r"(?<=\w\w\w\w)(?:e?ing|ed|e|s)$")
_CLAIM = re.compile(
    r"\d+(?:[.,]\d+)?\s*(?:%|percent|x\b|times\b)|\b(?:best|fastest|cheapest|leading|only|first|most|"
    r"number one|no\. ?1|guarantee[sd]?|proven|always|never|every|zero|100|unlimited|free|"
    r"increase[sd]?|double[sd]?|triple[sd]?|save[sd]?|reduce[sd]?|faster|cheaper|better than|"
    r"award|certified|clinically|risk-free)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Profile:
    """A brand: whom it speaks to, how, and with which words."""

    name: str = ""
    audience: str = ""
    pain_points: tuple[str, ...] = ()
    goals: tuple[str, ...] = ()
    tone: str | None = None
    vocabulary: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    prohibited: tuple[str, ...] = ()
    disclaimers: tuple[str, ...] = ()
    features: tuple[tuple[str, str], ...] = field(default=())


async def load_profile(name: str, context: JobContext) -> Profile:
    """Read `profiles/<name>.yaml` of the tenant's folder, and the profiles it extends.

    Raises:
        DatasetMissing: there is no such profile.
        SourceMalformed: it is not YAML, or not a profile.
    """
    merged: dict[str, Any] = {}
    following: str | None = name
    for _ in range(_MAX_PARENTS):
        if following is None:
            return to_profile(merged, name)
        raw = await _read(following, context)
        merged = _merge(raw, merged)
        parent = raw.get("extends")
        following = str(parent) if parent else None
    raise SourceMalformed(f"profile {name} extends more than {_MAX_PARENTS} others, or itself")


async def _read(name: str, context: JobContext) -> dict[str, Any]:
    from ruamel.yaml import YAML  # takes 50 ms that only a profile needs
    from ruamel.yaml.error import YAMLError

    if not _NAME.fullmatch(name):
        raise SourceMalformed(f"{name!r} is no name of a profile")
    path = f"{PROFILE_FOLDER}/{name}.yaml"
    try:
        content = await context.workspace.read(path)
    except DatasetMissing:
        raise DatasetMissing(
            f"no profile {name} in the tenant's folder",
            hint=f"put it at JOBFORGE_DATA_ROOT/<tenant>/{path}",
        ) from None
    try:
        found = YAML(typ="safe", pure=True).load(BytesIO(content))
    except YAMLError as error:
        raise SourceMalformed(f"{path}: {str(error)[:200]}") from None
    if not isinstance(found, dict):
        raise SourceMalformed(f"{path} is no mapping")
    return found


def _merge(parent: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    """The child's words win; rules and lists of both count."""
    merged = dict(parent)
    for key, value in child.items():
        there = merged.get(key)
        if isinstance(value, Mapping) and isinstance(there, Mapping):
            merged[key] = _merge(there, value)
        elif isinstance(value, list) and isinstance(there, list):
            merged[key] = [*there, *(entry for entry in value if entry not in there)]
        else:
            merged[key] = value
    return merged


def to_profile(raw: Mapping[str, Any], name: str) -> Profile:
    """A profile from its YAML; what is missing stays empty."""
    icp, voice, keywords = (_mapping(raw.get(key)) for key in ("icp", "voice", "keywords"))
    features = tuple(
        (str(entry.get("name", "")), str(entry.get("description", "")))
        for entry in raw.get("features") or () if isinstance(entry, Mapping)
    )  # fmt: skip
    return Profile(
        name=str(raw.get("name") or name),
        audience=str(icp.get("description") or ""),
        pain_points=_texts(icp.get("pain_points")),
        goals=_texts(icp.get("goals")),
        tone=str(voice["tone"]) if voice.get("tone") else None,
        vocabulary=_texts(voice.get("vocabulary")),
        keywords=(*_texts(keywords.get("primary")), *_texts(keywords.get("secondary"))),
        prohibited=(*_texts(raw.get("prohibited_claims")), *_texts(keywords.get("prohibited"))),
        disclaimers=_texts(raw.get("required_disclaimers")),
        features=features,
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(entry) for entry in value) if isinstance(value, list) else ()


def prohibited_in(text: str, prohibited: Sequence[str]) -> tuple[str, ...]:
    """The prohibited phrases that the text uses, whatever their case, spacing and ending.

    Better one sentence too many than one that was prohibited: "guarantees" counts as "guaranteed",
    and letters that only look or combine otherwise (full width, soft hyphens) count as plain ones.
    """
    lower = _plain(text)
    own = f" {_meaning(lower)} "
    found = []
    for phrase in prohibited:
        wanted = _plain(phrase)
        meaning = _meaning(wanted)
        is_literal = (
            bool(wanted) and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", lower) is not None
        )
        if is_literal or (meaning and f" {meaning} " in own):
            found.append(phrase)
    return tuple(found)


def _plain(text: str) -> str:
    """In lower case and plain letters, without what cannot be seen, one space between words."""
    normal = unicodedata.normalize("NFKC", text)
    visible = "".join(char for char in normal if unicodedata.category(char) != "Cf")
    return " ".join(visible.lower().split())


def _meaning(text: str) -> str:
    return " ".join(_ENDING.sub("", term) for term in terms(text))


def claims_in(sentences: Sequence[str]) -> tuple[str, ...]:
    """Sentences that promise a number, a superlative or an outcome."""
    return tuple(sentence for sentence in sentences if _CLAIM.search(sentence))
