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

from jobforge.core.errors import Unavailable

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Matrix = NDArray[np.float32]

MAX_CHARACTERS = 20_000
"""What lies beyond this is not read: the mean of so many tokens no longer moves."""
_BATCH = 2_000


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
            batch = [text[:MAX_CHARACTERS] for text in texts[start : start + _BATCH]]
            vectors[start : start + len(batch)] = self._embed_batch(batch)
        return vectors

    def _embed_batch(self, texts: list[str]) -> Matrix:
        encodings = self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        ids = [encoding.ids for encoding in encodings]
        lengths = np.array([len(one) for one in ids])
        vectors = np.zeros((len(texts), self.table.shape[1]), dtype=np.float32)
        filled = np.flatnonzero(lengths)
        if len(filled):
            tokens = np.concatenate([np.asarray(ids[row], dtype=np.int64) for row in filled])
            starts = np.concatenate(([0], np.cumsum(lengths[filled])[:-1]))
            sums = np.add.reduceat(self.table[tokens], starts, axis=0)
            vectors[filled] = sums / lengths[filled, None]
        return vectors


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
