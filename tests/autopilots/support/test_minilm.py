from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from importlib.metadata import distributions
from pathlib import Path

import numpy as np
import pytest

from jobforge.autopilots.support.minilm import (
    WEIGHTS_SHA256,
    MiniLm,
    find_by_content,
    load_minilm,
    read_checked,
)
from jobforge.autopilots.support.sentence_vectors import load_encoders, load_encoders_by_name
from jobforge.core.errors import Unavailable

CARRIER = Path(str(next(iter(distributions(name="wordllama"))).locate_file("wordllama")))
WIDTH = 384


def test_a_file_is_found_by_what_it_contains_not_by_its_name() -> None:
    weights = next(CARRIER.rglob("*.safetensors"))
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()

    found = find_by_content(sha256)

    assert found is not None
    assert found.samefile(weights)


def test_content_that_nothing_carries_is_not_found() -> None:
    assert find_by_content("00" * 32) is None
    assert urlsafe_b64encode(bytes(32))


def test_a_file_that_is_not_what_its_package_says_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"other weights")

    with pytest.raises(Unavailable, match="not what its package says"):
        read_checked(path, WEIGHTS_SHA256)


def test_a_model_made_with_vectors_that_are_not_here_says_so() -> None:
    with pytest.raises(Unavailable, match="nowhere-1"):
        load_encoders_by_name(["nowhere-1"])


def test_without_the_extra_there_are_the_static_vectors_alone() -> None:
    assert [encoder.name for encoder in load_encoders("static")] == ["wordllama-256"]


def test_arithmetic_of_one_layer_stack_matches_the_definition() -> None:
    """With zero projections every layer is a normalised identity: the mean is of normal tokens."""
    rng = np.random.default_rng(0)
    names = {"embeddings.word_embeddings.weight": rng.normal(size=(10, WIDTH))}
    names["embeddings.position_embeddings.weight"] = np.zeros((8, WIDTH))
    names["embeddings.token_type_embeddings.weight"] = np.zeros((2, WIDTH))
    shapes = {"intermediate.dense": (4 * WIDTH, WIDTH), "output.dense": (WIDTH, 4 * WIDTH)}
    shapes |= {f"attention.self.{n}": (WIDTH, WIDTH) for n in ("query", "key", "value")}
    shapes |= {"attention.output.dense": (WIDTH, WIDTH)}
    norms = ["embeddings.LayerNorm"]
    for layer in range(6):
        prefix = f"encoder.layer.{layer}."
        norms += [f"{prefix}attention.output.LayerNorm", f"{prefix}output.LayerNorm"]
        for name, shape in shapes.items():
            names[f"{prefix}{name}.weight"] = np.zeros(shape)
            names[f"{prefix}{name}.bias"] = np.zeros(shape[0])
    for name in norms:
        names[f"{name}.weight"], names[f"{name}.bias"] = np.ones(WIDTH), np.zeros(WIDTH)
    weights = {name: value.astype(np.float32) for name, value in names.items()}

    states = MiniLm(weights, tokenizer=None)._encode(np.array([[1, 2, 3]]))  # type: ignore[arg-type]

    assert states.shape == (1, 3, WIDTH)
    assert np.allclose(states.mean(axis=-1), 0, atol=1e-5)
    assert np.allclose(states.std(axis=-1), 1, atol=1e-3)


@pytest.mark.skipif(load_minilm() is None, reason="the extra minilm is not installed")
def test_similar_sentences_lie_closer_with_the_real_weights() -> None:
    model = load_minilm()
    assert model is not None

    near, same, far = model.embed(["I lost my card", "my card is missing", "nice weather today"])

    assert near @ same > 0.6 > near @ far
