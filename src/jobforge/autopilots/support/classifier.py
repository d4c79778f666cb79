"""A text classifier that learns in seconds, knows how sure it is, and says which words decided."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jobforge.autopilots.support.calibration import Logistic, Temperature
from jobforge.autopilots.support.classifier_file import read_parts, write_parts
from jobforge.autopilots.support.scorer import Scorer, Scores, fit_scorer
from jobforge.autopilots.support.sentence_vectors import VectorChoice, load_encoders
from jobforge.core.errors import InvalidInput

Matrix = NDArray[np.float32]

MIN_LABELS = 2
SHARE_KEPT = 0.99
"""Share of the texts learned from that the threshold still takes for in scope."""
MIN_TO_REJECT = 50
"""With fewer texts, and none given as out of scope, nothing is called so: too little is known."""
NEVER = 2.0
MAX_JUDGED = 3_000
_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another label that came close."""

    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a text is about.

    `confidence` is the calibrated probability that `label` is right; `out_of_scope_score` lies in
    0 to 1, higher is further from everything learned; `reasons` are words of the text that speak
    for the label, the strongest first (none where only the meaning as a whole decided).
    """

    label: str
    confidence: float
    out_of_scope: bool
    out_of_scope_score: float
    alternatives: tuple[Alternative, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TicketClassifier:
    """A fitted classifier; make one with `fit` or `load`."""

    labels: tuple[str, ...]
    scorer: Scorer
    confidence: Logistic
    temperature: Temperature
    scope: Logistic
    scope_threshold: float

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        labels: Sequence[str],
        *,
        out_of_scope: Sequence[str] = (),
        seed: int = 0,
        vectors: VectorChoice = "auto",
    ) -> TicketClassifier:
        """Learn from labelled texts, and from texts that belong to none of the labels.

        The same input and seed give the same classifier. A label's own name counts as one more
        example of it, which is worth a point of accuracy where examples are few.

        Raises:
            InvalidInput: texts and labels differ in number, a text is none, or fewer than two
                labels are given.
        """
        names, numbers = _number_labels(texts, labels)
        judged = _choose_judged(len(texts), seed)
        rest = np.setdiff1d(np.arange(len(texts)), judged)
        scorer, left_out = fit_scorer(
            [
                *map(spell_out, names),
                *(texts[row] for row in rest),
                *(texts[row] for row in judged),
                *out_of_scope,
            ],
            _to_targets(numbers[rest], numbers[judged], len(names), len(out_of_scope)),
            encoders=load_encoders(vectors),
            n_left_out=len(judged) + len(out_of_scope),
            seed=seed,
        )
        inside, outside = left_out.split(len(judged))
        is_right = inside.classes.argmax(axis=1) == numbers[judged]
        scope, threshold = _fit_scope(inside, outside)
        return cls(
            labels=names,
            scorer=scorer,
            confidence=Logistic.fit(inside.to_confidence_signs(), is_right),
            temperature=Temperature.fit(inside.classes, numbers[judged]),
            scope=scope,
            scope_threshold=threshold,
        )

    def save(self, path: Path) -> None:
        """Write the classifier to one file, without pickle and without the sentence vectors."""
        write_parts(
            Path(path),
            labels=self.labels,
            scorer=self.scorer,
            temperature=self.temperature,
            logistics=(self.confidence, self.scope),
            scope_threshold=self.scope_threshold,
        )

    @classmethod
    def load(cls, path: Path) -> TicketClassifier:
        """Read a classifier that `save` wrote.

        Raises:
            SourceMalformed: the file is not a classifier.
            Unavailable: its sentence vectors are not installed here.
        """
        parts = read_parts(Path(path))
        return cls(
            labels=parts.labels,
            scorer=parts.scorer,
            confidence=parts.logistics[0],
            temperature=parts.temperature,
            scope=parts.logistics[1],
            scope_threshold=parts.scope_threshold,
        )

    def predict(self, texts: Sequence[str], *, n_alternatives: int = 3) -> list[Prediction]:
        """Classify texts, in their order."""
        predictions: list[Prediction] = []
        for start in range(0, len(texts), _BATCH):
            predictions += self._predict_batch(texts[start : start + _BATCH], n_alternatives)
        return predictions

    def _predict_batch(self, texts: Sequence[str], n_alternatives: int) -> list[Prediction]:
        placed = self.scorer.space.place(texts)
        scores = self.scorer.score(placed)
        order, shares = _rank(self.temperature.apply(scores.classes), n_alternatives + 1)
        sure = self.confidence.apply(scores.to_confidence_signs())
        strange = self.scope.apply(scores.to_scope_signs())
        rest = (1 - sure) / np.maximum(1 - shares[:, 0], 1e-9)
        others = np.minimum(shares[:, 1:] * rest[:, None], sure[:, None])
        reasons = self.scorer.explain(texts, placed, order)
        return [
            Prediction(
                label=self.labels[best[0]],
                confidence=confidence,
                out_of_scope=out >= self.scope_threshold,
                out_of_scope_score=out,
                alternatives=tuple(
                    Alternative(self.labels[index], share)
                    for index, share in zip(best[1:], other, strict=True)
                ),
                reasons=why,
            )
            for best, confidence, other, out, why in zip(
                order.tolist(),
                sure.tolist(),
                others.tolist(),
                strange.tolist(),
                reasons,
                strict=True,
            )
        ]


def spell_out(label: str) -> str:
    """Return a label's name as words: `card_arrival` and `cardArrival` as `card arrival`."""
    return re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)).strip().lower()


def _number_labels(
    texts: Sequence[str], labels: Sequence[str]
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    if len(texts) != len(labels):
        raise InvalidInput(f"{len(texts)} texts but {len(labels)} labels")
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise InvalidInput(f"text {place} is no text")
    names, numbers = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    if len(names) < MIN_LABELS:
        raise InvalidInput("a classifier needs texts of at least two labels")
    return tuple(names.tolist()), numbers.astype(np.int64)


def _choose_judged(n_texts: int, seed: int) -> NDArray[np.int64]:
    """Choose the texts whose scores, had they been left out, set confidence and threshold."""
    if n_texts <= MAX_JUDGED:
        return np.arange(n_texts)
    return np.sort(np.random.default_rng(seed).choice(n_texts, MAX_JUDGED, replace=False))


def _to_targets(
    first: NDArray[np.int64], second: NDArray[np.int64], n_labels: int, n_strange: int
) -> Matrix:
    """Return rows of 0 and 1: names, two groups of texts, strange texts (last column)."""
    strange = np.full(n_strange, n_labels)
    one_each = np.eye(n_labels + 1, dtype=np.float32)
    rows: Matrix = one_each[np.concatenate((np.arange(n_labels), first, second, strange))]
    return rows


def _fit_scope(inside: Scores, outside: Scores) -> tuple[Logistic, float]:
    """Learn the out-of-scope score and its threshold from texts left out."""
    signs = inside.to_scope_signs()
    if len(outside.strange):
        both = np.concatenate((signs, outside.to_scope_signs()))
        is_outside = np.arange(len(both)) >= len(signs)
        scope = Logistic.fit(both, is_outside, is_balanced=True)
    else:
        scope = Logistic.falling_with(signs)
        if len(signs) < MIN_TO_REJECT:
            return scope, NEVER
    return scope, float(np.quantile(scope.apply(signs), SHARE_KEPT))


def _rank(shares: Matrix, n_best: int) -> tuple[NDArray[np.int64], Matrix]:
    order = np.argsort(-shares, axis=1, kind="stable")[:, :n_best]
    return order, np.take_along_axis(shares, order, axis=1)
