"""Sentence vectors from the static token vectors that the `wordllama` package carries.

The package's own loader asks the network for its tokenizer; its two files are read directly here.
`wordllama` and its files are under the MIT licence; see docs/explanation/support-text.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobforge.autopilots.support.terms import whole_characters
from jobforge.core.errors import Unavailable

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Matrix = NDArray[np.float32]

MAX_CHARACTERS = 20_000
"""What lies beyond this is not read: the mean of so many tokens no longer moves."""
_BATCH = 20_000
_RARITY_SAMPLE = 10_000
_MIN_FOR_THREADS = 200


@dataclass(frozen=True, slots=True)
class StaticVectors:
    """Token vectors of shape `(n_tokens, 256)` and the tokenizer they belong to."""

    table: Matrix
    tokenizer: Tokenizer

    name = "wordllama-256"

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return mean token vectors, shape `(n_texts, 256)`; an empty text gives zeros."""
        vectors = np.zeros((len(texts), self.table.shape[1]), dtype=np.float32)
        for start in range(0, len(texts), _BATCH):
            batch = [text[:MAX_CHARACTERS].split() for text in texts[start : start + _BATCH]]
            vectors[start : start + len(batch)] = self._embed_batch(batch)
        return vectors

    def learn_rarity(self, texts: Sequence[str]) -> StaticVectors:
        """Return vectors whose frequent tokens, by these texts, count less (square root of idf)."""
        sample = texts[:: 1 + len(texts) // _RARITY_SAMPLE]
        frequency = np.zeros(len(self.table), dtype=np.int64)
        for text in sample:
            kept = whole_characters(text[:MAX_CHARACTERS])
            ids = self.tokenizer.encode(kept, add_special_tokens=False).ids
            frequency[list(set(ids))] += 1
        rarity = np.sqrt(np.log1p(len(sample) / (1 + frequency))).astype(np.float32)
        return StaticVectors(table=self.table * rarity[:, None], tokenizer=self.tokenizer)

    def _embed_batch(self, texts: list[list[str]]) -> Matrix:
        """Add up word by word: each different word goes through the tokenizer once."""
        from scipy.sparse import csr_matrix

        numbers: dict[str, int] = {}
        flat = [numbers.setdefault(word, len(numbers)) for words in texts for word in words]
        if not flat:
            return np.zeros((len(texts), self.table.shape[1]), dtype=np.float32)
        sums, lengths = self._embed_words(list(numbers))
        offsets = np.concatenate(([0], np.cumsum([len(words) for words in texts])))
        ones = np.ones(len(flat), dtype=np.float32)
        counts = csr_matrix((ones, flat, offsets), shape=(len(texts), len(numbers)))
        totals = np.asarray(counts @ lengths)
        return np.asarray(counts @ sums / np.maximum(totals, 1)[:, None], dtype=np.float32)

    def _embed_words(self, words: list[str]) -> tuple[Matrix, Matrix]:
        """Return the sum of each word's token vectors and its number of tokens."""
        words = list(map(whole_characters, words))
        if len(words) < _MIN_FOR_THREADS:
            ids = [self.tokenizer.encode(word, add_special_tokens=False).ids for word in words]
        else:
            encodings = self.tokenizer.encode_batch_fast(words, add_special_tokens=False)
            ids = [encoding.ids for encoding in encodings]
        lengths = np.array([len(one) for one in ids])
        sums = np.zeros((len(words), self.table.shape[1]), dtype=np.float32)
        filled = np.flatnonzero(lengths)
        if len(filled):
            tokens = np.concatenate([np.asarray(ids[row], dtype=np.int64) for row in filled])
            starts = np.concatenate(([0], np.cumsum(lengths[filled])[:-1]))
            sums[filled] = np.add.reduceat(self.table[tokens], starts, axis=0)
        return sums, lengths.astype(np.float32)


@cache
def load_static_vectors() -> StaticVectors:
    """Read the vectors from the installed package, once per process, without the network.

    Raises:
        Unavailable: the package, or one of its two files, is not installed.
    """
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    spec = find_spec("wordllama")
    if spec is None or spec.origin is None:
        raise Unavailable("the package wordllama is not installed")
    root = Path(spec.origin).parent
    weights = root / "weights" / "l2_supercat_256.safetensors"
    rules = root / "tokenizers" / "l2_supercat_tokenizer_config.json"
    if not (weights.is_file() and rules.is_file()):
        raise Unavailable("the package wordllama has no bundled vectors")
    tokenizer = Tokenizer.from_file(str(rules))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    table = load_file(str(weights))["embedding.weight"].astype(np.float32)
    return StaticVectors(table=table, tokenizer=tokenizer)
