"""Urgency and sentiment of a text, each with the words that decided. Whole words only."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from jobforge.autopilots.support.signal_words import (
    NEGATION,
    SENTIMENT_WORDS,
    URGENCY_WORDS,
    WeightedWords,
)

Urgency = Literal["low", "medium", "high", "critical"]
Sentiment = Literal["negative", "neutral", "positive"]
Level = TypeVar("Level", bound=str)

_URGENCY_LEVELS: tuple[Urgency, ...] = ("low", "medium", "high", "critical")
_URGENCY_BORDERS = (-0.5, 1.0, 2.7)
_SENTIMENT_LEVELS: tuple[Sentiment, ...] = ("negative", "neutral", "positive")
_SENTIMENT_BORDERS = (-0.6, 0.6)
_NEGATION_REACH = 40
"""Characters before a word in which a negation still refers to it."""


@dataclass(frozen=True, slots=True)
class Signal(Generic[Level]):
    """A judgement on a scale: `score` is the sum of the words' weights, `confidence` is 0 to 1."""

    level: Level
    score: float
    confidence: float
    words: tuple[str, ...]


def judge_urgency(text: str) -> Signal[Urgency]:
    """Judge how soon a text wants an answer.

    Levels by score: low below -0.5, medium below 1, high below 2.7, else critical. Confidence grows
    with the distance from the nearest border. A text without any sign is medium.
    """
    words = _find_weights(text, URGENCY_WORDS)
    score = _add_up([weight for _, weight in words])
    level, distance = _grade(score, _URGENCY_LEVELS, _URGENCY_BORDERS)
    return Signal(level, score, _to_confidence(distance), _name(words))


def judge_sentiment(text: str) -> Signal[Sentiment]:
    """Judge the mood of a text: negative below -0.6, positive from 0.6, else neutral."""
    words = _find_weights(text, SENTIMENT_WORDS)
    score = _add_up([weight for _, weight in words])
    if words and re.search(r"!!|[?!]{3}", text):
        score = round(score + math.copysign(0.4, score), 3)
    level, distance = _grade(score, _SENTIMENT_LEVELS, _SENTIMENT_BORDERS)
    return Signal(level, score, _to_confidence(distance), _name(words))


def _add_up(weights: Sequence[float]) -> float:
    """Add up, each further sign of a direction counting less: length alone decides little."""
    total = 0.0
    for sign in (1, -1):
        same = sorted((w for w in weights if w * sign > 0), key=abs, reverse=True)
        total += sum(weight / (1 + 0.5 * place) for place, weight in enumerate(same))
    return round(total, 3)


def _grade(score: float, levels: Sequence[Level], borders: Sequence[float]) -> tuple[Level, float]:
    place = sum(score >= border for border in borders)
    return levels[place], min(abs(score - border) for border in borders)


def _to_confidence(distance: float) -> float:
    """Map the distance to the nearest border: 0.5 on it, 0.88 one weight away."""
    return round(1 / (1 + math.exp(-2 * distance)), 3)


def _name(words: Sequence[tuple[str, float]]) -> tuple[str, ...]:
    ranked = sorted(words, key=lambda pair: -abs(pair[1]))
    return tuple(dict.fromkeys(word for word, _ in ranked))


def _find_weights(text: str, words: WeightedWords) -> list[tuple[str, float]]:
    plain = text.replace("\u2019", "'")
    found: dict[str, float] = {}
    for match in words.pattern.finditer(plain):
        before = plain[max(0, match.start() - _NEGATION_REACH) : match.start()]
        word, weight = " ".join(match.group().lower().split()), words.weigh(match)
        is_negated = NEGATION.search(before) is not None
        found[f"not {word}" if is_negated else word] = -0.8 * weight if is_negated else weight
    return list(found.items())
