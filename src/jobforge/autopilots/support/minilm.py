"""Sentence vectors from all-MiniLM-L6-v2, computed with numpy alone.

The weights are never part of this project. Whichever installed package carries them is found by the
SHA-256 that its RECORD states, and the content is hashed again when read.
Source of the arithmetic: Devlin et al., BERT (2019), section 3; Wang et al., MiniLM (2020); the
model's card (mean of the token vectors, at most 256 tokens, unit length).
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobforge.autopilots.support.terms import whole_characters
from jobforge.core.errors import Unavailable

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Matrix = NDArray[np.float32]

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
MAX_CHARACTERS = 5_000
_MAX_TOKENS = 256
_N_LAYERS, _N_HEADS, _WIDTH = 6, 12, 384
_TOKENS_A_BATCH = 2_048
_EPSILON = np.float32(1e-12)


@dataclass(frozen=True, slots=True)
class MiniLm:
    """The model's weights by name, and its tokenizer."""

    weights: dict[str, Matrix]
    tokenizer: Tokenizer

    name = "all-MiniLM-L6-v2"

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return unit vectors, shape `(n_texts, 384)`; about 100 short texts a second and core."""
        cut = [whole_characters(text[:MAX_CHARACTERS]) for text in texts]
        encodings = self.tokenizer.encode_batch(cut)
        ids = [encoding.ids for encoding in encodings]
        by_length: defaultdict[int, list[int]] = defaultdict(list)
        for row, one in enumerate(ids):
            by_length[len(one)].append(row)
        vectors = np.zeros((len(texts), _WIDTH), dtype=np.float32)
        for length, rows in by_length.items():
            size = max(1, _TOKENS_A_BATCH // length)
            for start in range(0, len(rows), size):
                batch = rows[start : start + size]
                vectors[batch] = self._encode(np.array([ids[row] for row in batch])).mean(axis=1)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))

    def _encode(self, ids: NDArray[np.int64]) -> Matrix:
        """Return token vectors of shape `(n_texts, n_tokens, 384)` for texts of equal length."""
        words = self.weights["embeddings.word_embeddings.weight"][ids]
        places = self.weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        kind = self.weights["embeddings.token_type_embeddings.weight"][0]
        states = self._normalise(words + places + kind, "embeddings.LayerNorm")
        for layer in range(_N_LAYERS):
            states = self._attend(states, f"encoder.layer.{layer}.attention")
            states = self._transform(states, f"encoder.layer.{layer}")
        return states

    def _attend(self, states: Matrix, name: str) -> Matrix:
        n_texts, n_tokens, _ = states.shape
        query, key, value = (
            self._project(states, f"{name}.self.{part}")
            .reshape(n_texts, n_tokens, _N_HEADS, -1)
            .transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        attention = query @ key.transpose(0, 1, 3, 2)
        attention *= np.float32(1 / np.sqrt(_WIDTH // _N_HEADS))
        attention -= attention.max(axis=-1, keepdims=True)
        np.exp(attention, out=attention)
        attention /= attention.sum(axis=-1, keepdims=True)
        heads: Matrix = np.asarray(attention @ value, dtype=np.float32)
        mixed = heads.transpose(0, 2, 1, 3).reshape(n_texts, n_tokens, _WIDTH)
        added = states + self._project(mixed, f"{name}.output.dense")
        return self._normalise(added, f"{name}.output.LayerNorm")

    def _transform(self, states: Matrix, name: str) -> Matrix:
        from scipy.special import erf

        wide = self._project(states, f"{name}.intermediate.dense")
        wide *= np.float32(0.5) * (1 + erf(wide * np.float32(1 / np.sqrt(2))))
        added = states + self._project(wide, f"{name}.output.dense")
        return self._normalise(added, f"{name}.output.LayerNorm")

    def _project(self, states: Matrix, name: str) -> Matrix:
        flat = states.reshape(-1, states.shape[-1]) @ self.weights[f"{name}.weight"].T
        flat += self.weights[f"{name}.bias"]
        return np.asarray(flat.reshape(*states.shape[:-1], -1))

    def _normalise(self, states: Matrix, name: str) -> Matrix:
        centred = states - states.mean(axis=-1, keepdims=True)
        centred /= np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + _EPSILON)
        centred *= self.weights[f"{name}.weight"]
        centred += self.weights[f"{name}.bias"]
        return np.asarray(centred)


@cache
def load_minilm() -> MiniLm | None:
    """Read the model where some installed package carries it; None where none does.

    Raises:
        Unavailable: a file is not what its package says it is.
    """
    weights, rules = find_by_content(WEIGHTS_SHA256), find_by_content(TOKENIZER_SHA256)
    if weights is None or rules is None:
        return None
    from safetensors.numpy import load
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(read_checked(rules, TOKENIZER_SHA256).decode())
    tokenizer.no_padding()
    tokenizer.enable_truncation(_MAX_TOKENS)
    tensors = load(read_checked(weights, WEIGHTS_SHA256))
    return MiniLm(
        weights={
            name.removeprefix("bert."): np.asarray(tensor, dtype=np.float32)
            for name, tensor in tensors.items()
            if tensor.dtype.kind == "f"
        },
        tokenizer=tokenizer,
    )


def find_by_content(sha256: str) -> Path | None:
    """Return an installed file of this content, by what the packages' RECORD files state.

    Source: PyPA, Recording installed projects, RECORD (urlsafe base64 without padding).
    """
    stated = "sha256=" + urlsafe_b64encode(bytes.fromhex(sha256)).decode().rstrip("=")
    for distribution in distributions():
        if stated not in (distribution.read_text("RECORD") or ""):
            continue
        for file in distribution.files or ():
            if file.hash is not None and f"{file.hash.mode}={file.hash.value}" == stated:
                return Path(str(file.locate()))
    return None


def read_checked(path: Path, sha256: str) -> bytes:
    """Return a file's content.

    Raises:
        Unavailable: its SHA-256 is another one.
    """
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Unavailable(f"{path.name} is not what its package says it is")
    return content
