"""A ranking of documents by the query's words: BM25 over stems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobforge.autopilots.support.terms import hash_words, split_words

Scores = NDArray[np.float32]

_SATURATION, _LENGTH_EFFECT = 1.2, 0.75
_SUFFIXES = ("ing", "edly", "ed", "ies", "es", "s", "ly")
_MIN_STEM = 3


def stem(word: str) -> str:
    """Cut one common English ending off a word, where three letters remain."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _MIN_STEM:
            return word[: -len(suffix)]
    return word


@dataclass(frozen=True, slots=True)
class TermIndex:
    """Postings by term: documents `documents[starts[t]:starts[t + 1]]` with their weights.

    Source: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009),
    equation 3.15, with idf as in Lucene (never negative); k1 = 1.2, b = 0.75.
    """

    codes: NDArray[np.uint64]
    idf: Scores
    starts: NDArray[np.int64]
    documents: NDArray[np.int64]
    weights: Scores
    n_documents: int

    @classmethod
    def build(cls, texts: Sequence[str]) -> TermIndex:
        """Index the texts, in their order."""
        numbers: dict[str, int] = {}
        flat: list[int] = []
        lengths = np.zeros(len(texts), dtype=np.int64)
        for row, text in enumerate(texts):
            words = split_words(text)
            lengths[row] = len(words)
            flat += [numbers.setdefault(word, len(numbers)) for word in words]
        codes, of_word = np.unique(hash_words([*map(stem, numbers)]), return_inverse=True)
        rows = np.repeat(np.arange(len(texts)), lengths)
        n_rows = max(len(texts), 1)
        keys, counts = np.unique(
            of_word[np.asarray(flat, dtype=np.int64)] * n_rows + rows, return_counts=True
        )
        terms, documents = np.divmod(keys, n_rows)
        frequency = np.bincount(terms, minlength=len(codes))
        idf = np.log1p((len(texts) - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
        return cls(
            codes=codes,
            idf=idf,
            starts=np.concatenate(([0], np.cumsum(frequency))),
            documents=documents,
            weights=_weigh(counts, lengths[documents], lengths.mean() if n_rows else 1, idf[terms]),
            n_documents=len(texts),
        )

    def score(self, query: str) -> Scores:
        """Return each document's score as a share of the most the query could reach, 0 to 1."""
        scores = np.zeros(self.n_documents, dtype=np.float32)
        words = sorted({stem(word) for word in split_words(query)})
        if not words or not len(self.codes):
            return scores
        codes = hash_words(words)
        terms = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        is_known = self.codes[terms] == codes
        for term in terms[is_known].tolist():
            part = slice(self.starts[term], self.starts[term + 1])
            scores[self.documents[part]] += self.weights[part]
        rarest = np.log1p((self.n_documents + 0.5) / 0.5)
        most = self.idf[terms[is_known]].sum() + rarest * (~is_known).sum()
        return np.asarray(scores / np.float32(most * (_SATURATION + 1)))


def _weigh(
    counts: NDArray[np.int64], lengths: NDArray[np.int64], mean_length: float, idf: Scores
) -> Scores:
    relative = 1 - _LENGTH_EFFECT + _LENGTH_EFFECT * lengths / max(mean_length, 1e-9)
    saturated = counts * (_SATURATION + 1) / (counts + _SATURATION * relative)
    return np.asarray(idf * saturated, dtype=np.float32)
