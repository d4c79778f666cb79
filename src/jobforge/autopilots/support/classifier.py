"""A text classifier that learns in seconds, knows how sure it is, and says which words decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobforge.autopilots.support.calibration import Logistic, Temperature
from jobforge.autopilots.support.kernel_ridge import (
    RidgeFit,
    fit_kernel_ridge,
    fit_landmark_ridge,
)
from jobforge.autopilots.support.model_file import load_arrays, save_arrays
from jobforge.autopilots.support.sentence_vectors import (
    VectorChoice,
    load_encoders,
    load_encoders_by_name,
)
from jobforge.autopilots.support.terms import TermWeights, hash_words, split_words
from jobforge.autopilots.support.text_space import (
    CHARACTER_WEIGHT,
    Texts,
    TextSpace,
    compare,
    compare_vectors,
)
from jobforge.core.errors import InvalidInput

Matrix = NDArray[np.float32]
Rows = NDArray[np.int64]

MIN_LABELS = 2
PENALTY = 0.2
MAX_EXACT_ROWS = 12_000
N_LANDMARKS = 6_000
IN_SCOPE_SHARE_KEPT = 0.95
_BATCH = 1_000
_FILE_KIND = "ticket-classifier"
_ARRAYS = ("anchor_weights", "word_weights", "character_weights", "bias")
_MAX_REASONS = 3
_TELLS_NOTHING = frozenset(
    {
        "a",
        "all",
        "am",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "he",
        "her",
        "his",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "just",
        "me",
        "my",
        "no",
        "not",
        "of",
        "on",
        "or",
        "our",
        "out",
        "she",
        "should",
        "so",
        "some",
        "than",
        "that",
        "the",
        "their",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "to",
        "too",
        "up",
        "us",
        "very",
        "was",
        "we",
        "were",
        "what",
        "which",
        "who",
        "will",
        "with",
        "would",
        "you",
        "your",
    }
)


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another label that came close."""

    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a text is about.

    `confidence` is the calibrated probability of `label`; `out_of_scope_score` lies in 0 to 1,
    higher is further from everything learned; `reasons` are words of the text that speak for the
    label, the strongest first (none where only the meaning as a whole decided).
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
    space: TextSpace
    anchors: tuple[Matrix, ...]
    anchor_weights: Matrix
    word_weights: Matrix
    character_weights: Matrix
    bias: Matrix
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

        The same input and seed give the same classifier. Labels need at least one text each, and
        there must be two labels.

        Raises:
            InvalidInput: texts and labels differ in number, or fewer than two labels are given.
        """
        names, targets = _to_targets(texts, labels, len(out_of_scope))
        space, placed = TextSpace.learn([*texts, *out_of_scope], load_encoders(vectors))
        bias = targets[: len(texts)].mean(axis=0)
        rows, fit = _solve(placed, targets - bias, seed)
        kept = placed.take(rows)
        left_out = fit.left_out + bias
        numbers = targets[: len(texts)].argmax(axis=1)
        temperature = Temperature.fit(left_out[: len(texts)], numbers)
        scope, threshold = _fit_scope(left_out, len(texts))
        return cls(
            labels=names,
            space=space,
            anchors=kept.vectors,
            anchor_weights=fit.weights,
            word_weights=np.asarray(kept.words.T @ fit.weights),
            character_weights=np.asarray(
                kept.characters.T @ fit.weights * np.float32(CHARACTER_WEIGHT)
            ),
            bias=bias,
            temperature=temperature,
            scope=scope,
            scope_threshold=threshold,
        )

    def save(self, path: Path) -> None:
        """Write the classifier to one file, without pickle and without the sentence vectors."""
        save_arrays(path, _to_arrays(self), _to_header(self))

    @classmethod
    def load(cls, path: Path) -> TicketClassifier:
        """Read a classifier that `save` wrote.

        Raises:
            SourceMalformed: the file is not a classifier.
            Unavailable: its sentence vectors are not installed here.
        """
        arrays, header = load_arrays(path, kind=_FILE_KIND)
        return _from_arrays(arrays, header)

    def predict(self, texts: Sequence[str], *, n_alternatives: int = 3) -> list[Prediction]:
        """Classify texts, in their order."""
        predictions: list[Prediction] = []
        for start in range(0, len(texts), _BATCH):
            predictions += self._predict_batch(texts[start : start + _BATCH], n_alternatives)
        return predictions

    def _predict_batch(self, texts: Sequence[str], n_alternatives: int) -> list[Prediction]:
        placed = self.space.place(texts)
        scores = self._score(placed)
        probabilities = self.temperature.apply(scores)
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, : n_alternatives + 1]
        ranked = np.take_along_axis(probabilities, order, axis=1).tolist()
        strange = self.scope.apply(scope_signs(scores)).tolist()
        reasons = self._find_reasons(texts, placed, order)
        return [
            Prediction(
                label=self.labels[best[0]],
                confidence=confidences[0],
                out_of_scope=out >= self.scope_threshold,
                out_of_scope_score=out,
                alternatives=tuple(
                    Alternative(self.labels[index], confidence)
                    for index, confidence in zip(best[1:], confidences[1:], strict=True)
                ),
                reasons=why,
            )
            for best, confidences, out, why in zip(
                order.tolist(), ranked, strange, reasons, strict=True
            )
        ]

    def _score(self, placed: Texts) -> Matrix:
        scores = compare_vectors(placed.vectors, self.anchors) @ self.anchor_weights
        scores += placed.words @ self.word_weights
        scores += placed.characters @ self.character_weights
        return np.asarray(scores + self.bias)

    def _find_reasons(
        self, texts: Sequence[str], placed: Texts, order: Rows
    ) -> list[tuple[str, ...]]:
        """Name the words that pull a text's score towards its best label, away from the second."""
        matrix = placed.words
        rows = np.repeat(np.arange(len(texts)), np.diff(matrix.indptr))
        second = order[:, min(1, order.shape[1] - 1)]
        towards = self.word_weights[matrix.indices, order[rows, 0]]
        away = self.word_weights[matrix.indices, second[rows]]
        pull = matrix.data * (towards - away)
        names = self._name_columns(texts)
        found: list[list[str]] = [[] for _ in texts]
        for entry in np.lexsort((-pull, rows)).tolist():
            name = names.get(int(matrix.indices[entry]))
            reasons = found[rows[entry]]
            if name and pull[entry] > 0 and len(reasons) < _MAX_REASONS:
                reasons.append(name)
        return [tuple(reasons) for reasons in found]

    def _name_columns(self, texts: Sequence[str]) -> dict[int, str]:
        words = sorted(
            {
                word
                for text in texts
                for word in split_words(text)
                if len(word) > 1 and word not in _TELLS_NOTHING
            }
        )
        columns, is_known = self.space.words.find_columns(hash_words(words))
        return {
            int(column): word
            for word, column, known in zip(words, columns, is_known, strict=True)
            if known
        }


def scope_signs(scores: Matrix) -> NDArray[np.float64]:
    """Return what tells a strange text: best score, lead over the second, and the sum of all."""
    top = -np.partition(-scores, 1, axis=1)[:, :2]
    return np.column_stack((top[:, 0], top[:, 0] - top[:, 1], top[:, 1])).astype(np.float64)


def _to_targets(
    texts: Sequence[str], labels: Sequence[str], n_outside: int
) -> tuple[tuple[str, ...], Matrix]:
    """Return the sorted label names and one row of 0 and 1 per text; strange texts get zeros."""
    if len(texts) != len(labels):
        raise InvalidInput(f"{len(texts)} texts but {len(labels)} labels")
    names = tuple(sorted({str(label) for label in labels}))
    if len(names) < MIN_LABELS:
        raise InvalidInput("a classifier needs texts of at least two labels")
    position = {name: index for index, name in enumerate(names)}
    targets = np.zeros((len(texts) + n_outside, len(names)), dtype=np.float32)
    targets[np.arange(len(texts)), [position[str(label)] for label in labels]] = 1
    return names, targets


def _solve(placed: Texts, targets: Matrix, seed: int) -> tuple[Rows, RidgeFit]:
    """Fit on all rows, or on seeded landmarks where all would be too many; name the rows kept."""
    if len(placed) <= MAX_EXACT_ROWS:
        rows = np.arange(len(placed))
        return rows, fit_kernel_ridge(compare(placed, placed), targets, penalty=PENALTY)
    drawn = np.random.default_rng(seed).choice(len(placed), N_LANDMARKS, replace=False)
    rows = np.sort(drawn)
    cross = compare(placed, placed.take(rows))
    return rows, fit_landmark_ridge(cross, cross[rows], targets, penalty=PENALTY)


def _fit_scope(left_out: Matrix, n_inside: int) -> tuple[Logistic, float]:
    """Learn the out-of-scope score and its threshold from scores of rows left out.

    Without strange examples the score falls with the best class score, and the threshold keeps
    `IN_SCOPE_SHARE_KEPT` of the texts learned from.
    """
    signs = scope_signs(left_out)
    is_outside = np.arange(len(signs)) >= n_inside
    if is_outside.any():
        scope = Logistic.fit(signs, is_outside)
        return scope, 0.5
    scope = Logistic.falling_with_first(signs)
    return scope, float(np.quantile(scope.apply(signs), IN_SCOPE_SHARE_KEPT))


def _to_header(model: TicketClassifier) -> dict[str, Any]:
    return {
        "kind": _FILE_KIND,
        "version": 1,
        "labels": model.labels,
        "encoders": [encoder.name for encoder in model.space.encoders],
        "temperature": model.temperature.factor,
        "scope_bias": model.scope.bias,
        "scope_threshold": model.scope_threshold,
    }


def _to_arrays(model: TicketClassifier) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {name: getattr(model, name) for name in _ARRAYS}
    arrays |= {"scope_mean": model.scope.mean, "scope_scale": model.scope.scale}
    arrays["scope_weights"] = model.scope.weights
    for name, terms in (("words", model.space.words), ("characters", model.space.characters)):
        arrays |= {f"{name}_codes": terms.codes, f"{name}_idf": terms.idf}
    for place, (anchors, centre) in enumerate(zip(model.anchors, model.space.centres, strict=True)):
        arrays |= {f"anchors_{place}": anchors, f"centre_{place}": centre}
    return arrays


def _from_arrays(arrays: dict[str, NDArray[Any]], header: dict[str, Any]) -> TicketClassifier:
    names = header["encoders"]
    space = TextSpace(
        words=TermWeights(arrays["words_codes"], arrays["words_idf"]),
        characters=TermWeights(arrays["characters_codes"], arrays["characters_idf"]),
        centres=tuple(arrays[f"centre_{place}"] for place in range(len(names))),
        encoders=load_encoders_by_name(names),
    )
    scope = Logistic(
        mean=arrays["scope_mean"],
        scale=arrays["scope_scale"],
        weights=arrays["scope_weights"],
        bias=header["scope_bias"],
    )
    return TicketClassifier(
        labels=tuple(header["labels"]),
        space=space,
        anchors=tuple(arrays[f"anchors_{place}"] for place in range(len(names))),
        temperature=Temperature(header["temperature"]),
        scope=scope,
        scope_threshold=header["scope_threshold"],
        **{name: arrays[name] for name in _ARRAYS},
    )
